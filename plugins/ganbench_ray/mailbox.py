"""Between the driver and its cells: a Ray actor beside the driver. It is sent there as it is, and imports nothing of ganbench.

Each attempt at a cell has a lease, and asks twice a second whether it still holds it. An attempt whose lease was taken back, or that finds
no mailbox any more because the driver has died, ends itself.
"""

from __future__ import annotations

from typing import Any


class Mailbox:
    """Progress on its way to the driver, and wishes on their way to the cells."""

    def __init__(self) -> None:
        self._taken_back: set[str] = set()
        self._begun: set[str] = set()
        self._progress: dict[str, dict[str, Any]] = {}
        self._stops = 0

    def report(self, lease: str, progress: dict[str, Any] | None) -> int | None:
        """Tell how far an attempt is; return how often the user has asked to stop, or None where the lease was taken back."""
        if lease in self._taken_back:
            return None
        self._begun.add(lease)
        if progress is not None:
            self._progress[lease] = progress
        return self._stops

    def stop(self) -> set[str]:
        """Ask every attempt to stop; return the leases of those that have begun."""
        self._stops += 1
        return self._begun

    def take_back(self, lease: str) -> None:
        """End a lease: whatever still runs under it is nobody's."""
        self._taken_back.add(lease)
        self._progress.pop(lease, None)

    def collect(self) -> dict[str, dict[str, Any]]:
        """Return the progress since the last call, by lease."""
        collected, self._progress = self._progress, {}
        return collected
