"""What the user may say to the loaders."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class InstalledOptions:
    """Options of ``architecture``."""

    config: str = ""
    """What says how it was built: the generator.json of an export, or the config.toml of a run."""
    name: str = ""
    """The architecture, where no file says it."""
    options: tuple[str, ...] = ()
    """Options of the architecture, KEY=VALUE with commas between; above those of a file."""
