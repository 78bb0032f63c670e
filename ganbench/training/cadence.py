"""When something is due, as a pure function of the images seen, so that a resumed run does it at the same moments."""

from __future__ import annotations


class Cadence:
    """Due whenever a multiple of ``every_images`` is reached or passed, and at the end.

    Args:
        every_images: the distance.
        total_images: the end of the run.
    """

    def __init__(self, every_images: float, total_images: int) -> None:
        self._every = max(float(every_images), 1.0)
        self._total = total_images

    def is_due(self, before: int, after: int) -> bool:
        """Tell whether the step from ``before`` to ``after`` images reached the next moment."""
        if after >= self._total > before:
            return True
        # The last multiple and the end may fall together but for rounding; the end then stands for both.
        return after < self._total and int(after / self._every + 1e-9) > int(before / self._every + 1e-9)
