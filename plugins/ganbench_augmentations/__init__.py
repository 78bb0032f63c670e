"""First-party augmentations of what the discriminator sees. Registration only: the arithmetic is imported when a run needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench import AugmentationSpec, Settings, hookimpl, setting

PARTS = ("color", "translation", "cutout")


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffAugmentOptions(Settings):
    """Options of DiffAugment; the defaults are what its authors use for little data."""

    policy: str = "color,translation,cutout"
    """Any of color, translation and cutout, in the order in which they are applied."""
    translation_ratio: float = setting(0.125, above=0, most=1)
    """The largest shift, as a fraction of the resolution."""
    cutout_ratio: float = setting(0.5, above=0, most=1)
    """Side of the square that is cut out, as a fraction of the resolution."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        parts = self.parts
        if not parts or len(set(parts)) != len(parts) or not set(parts) <= set(PARTS):
            raise ValueError(f"policy must be some of {', '.join(PARTS)}, each once, with commas between them (got {self.policy!r})")

    @property
    def parts(self) -> tuple[str, ...]:
        """The policy's parts in order."""
        return tuple(part.strip() for part in self.policy.split(",") if part.strip())


@dataclass(frozen=True, kw_only=True, slots=True)
class ADAOptions(Settings):
    """Options of ADA; the defaults are its authors'."""

    pipeline: Literal["b", "bg", "bgc"] = "bgc"
    """Pixel blits (mirroring, quarter turns, whole shifts), with g also scaling, rotation, stretching and any shift, with c colours."""
    strength: float = setting(0.0, least=0, most=1)
    """The probability of each kind at first."""
    target: float | None = setting(0.6, above=-1, below=1)
    """The mean sign of real logits above which the probability rises, and below which it falls; unset: it does not follow them."""
    every: int = setting(4, least=1)
    """Updates of the discriminator between two changes."""
    rise_kimg: float = setting(500.0, above=0)
    """Thousands of real images in which the probability can rise from 0 to 1."""
    final_strength: float | None = setting(None, least=0, most=1)
    """With target=none, the probability moves to this along half a cosine; unset: it stays."""
    ramp_kimg: float = setting(20_000.0, above=0)
    """Thousands of real images until it is there."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if self.target is not None and self.final_strength is not None:
            raise ValueError(f"target must be none where final_strength is {self.final_strength:g} (got {self.target:g})")


@hookimpl
def ganbench_register() -> list[AugmentationSpec]:
    """Return both."""
    return [
        AugmentationSpec(
            name="diffaugment",
            summary="DiffAugment: random colour, translation and cutout, for training on little data",
            factory="ganbench_augmentations.diffaugment:build",
            options=DiffAugmentOptions,
            paper="Zhao et al. 2020, https://arxiv.org/abs/2006.10738",
            sources=("ganbench_schedules",),
        ),
        AugmentationSpec(
            name="ada",
            summary="ADA: many transformations, with a probability that follows the discriminator's overfitting",
            factory="ganbench_augmentations.ada:build",
            options=ADAOptions,
            paper="Karras et al. 2020, https://arxiv.org/abs/2006.06676",
            sources=("ganbench_schedules",),
        ),
    ]
