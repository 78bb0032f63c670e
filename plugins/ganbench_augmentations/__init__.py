"""First-party augmentations of what the discriminator sees. Registration only: the arithmetic is imported when a run needs it."""

from __future__ import annotations

from dataclasses import dataclass

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


@hookimpl
def ganbench_register() -> list[AugmentationSpec]:
    """Return DiffAugment."""
    return [
        AugmentationSpec(
            name="diffaugment",
            summary="DiffAugment: random colour, translation and cutout, for training on little data",
            factory="ganbench_augmentations.diffaugment:build",
            options=DiffAugmentOptions,
            paper="Zhao et al. 2020, https://arxiv.org/abs/2006.10738",
        )
    ]
