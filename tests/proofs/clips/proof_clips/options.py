"""Options of the moving squares."""

from __future__ import annotations

from dataclasses import dataclass

from ganbench import Settings, setting


@dataclass(frozen=True, kw_only=True, slots=True)
class SquareOptions(Settings):
    """Options of the dataset."""

    num_samples: int = setting(64, least=2)
    """Clips in the train split."""
    frames: int = setting(4, least=2)
    """Frames of a clip."""
    height: int = setting(6, least=6)
    """Height of a frame, in pixels."""
    width: int = setting(8, least=8)
    """Width of a frame, in pixels."""
