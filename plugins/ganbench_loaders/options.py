"""What the user may say to the loaders."""

from __future__ import annotations

from dataclasses import dataclass

from ganbench import Settings, setting


@dataclass(frozen=True, kw_only=True, slots=True)
class InstalledOptions:
    """Options of ``architecture``."""

    config: str = ""
    """What says how it was built: the generator.json of an export, or the config.toml of a run."""
    name: str = ""
    """The architecture, where no file says it."""
    options: tuple[str, ...] = ()
    """Options of the architecture, KEY=VALUE with commas between; above those of a file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StyleGAN2ADAOptions(Settings):
    """Options of ``stylegan2-ada``; a pickle says the first two itself, a state dict does not."""

    mapping_rate: float = setting(0.01, above=0)
    """Learning rate of the layers to w as a factor, by which their weights are scaled."""
    clamp: float | None = setting(256.0, above=0)
    """Activations are kept in [-clamp, clamp]; unset: no limit."""
    truncation: float = setting(1.0, least=0, most=1)
    """Images have w at so much of its distance from the mean w; 1 for no truncation."""
