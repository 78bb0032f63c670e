"""PacGAN's table 1 (Lin et al. 2018, https://arxiv.org/abs/1712.04086) as a reproduction. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench import Settings, hookimpl, setting
from ganbench_reproduce import ReproductionSpec

SMALLEST_EPOCH = 4
"""Batches: a captured step is tried out on so many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PacGANOptions(Settings):
    """Which cells, and the protocol; the defaults are the source's (fjxmlzn/PacGAN, synthetic_data_experiments, both config.py)."""

    data: tuple[Literal["ring", "grid"], ...] = ("ring", "grid")
    """Mixtures: 8 Gaussians on a circle, 25 on a square grid."""
    packings: tuple[int, ...] = (1, 2)
    """Samples that the discriminator judges at once; 1 is the plain GAN. Published are 1 to 4."""
    epochs: int = setting(400, least=1)
    """How many epochs the whole budget has."""
    num_samples: int = setting(100_000, least=1)
    """Training points, drawn once."""
    batch_size: int = setting(100, least=1)
    """Packs in a step, real and generated alike."""
    generator_width: int = setting(400, least=1)
    """Units of each of the generator's four hidden layers."""
    discriminator_width: int = setting(200, least=1)
    """Maxout units of each of the discriminator's three hidden layers."""
    maxout_pieces: int = setting(5, least=1)
    """Linear pieces of a maxout unit."""
    learning_rate: float = setting(1e-4, above=0)
    """Adam's, of both networks."""
    beta1: float = setting(0.8, least=0, below=1)
    """Adam's, of both networks."""
    runner: Literal["auto", "eager", "cuda_graph"] = "auto"
    """How a step is executed; auto is a CUDA graph on a GPU."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if not self.data or len(set(self.data)) < len(self.data):
            raise ValueError(f"data must be ring, grid or both, each once (got {','.join(self.data) or 'none'})")
        if not self.packings or len(set(self.packings)) < len(self.packings) or min(self.packings) < 1:
            raise ValueError(f"packings must be numbers of 1 or more, each once (got {','.join(map(str, self.packings)) or 'none'})")
        if self.num_samples % self.batch_size or self.num_samples < SMALLEST_EPOCH * self.batch_size:
            got = f"{self.num_samples} and {self.batch_size}"
            raise ValueError(f"num_samples must be a multiple of batch_size, {SMALLEST_EPOCH} batches or more (got {got})")
        if self.batch_size < 2:
            raise ValueError(f"batch_size must be 2 or more, because the generator normalises by batch (got {self.batch_size})")


@hookimpl
def ganbench_register() -> list[ReproductionSpec]:
    """Return the table."""
    return [
        ReproductionSpec(
            name="pacgan-table1",
            summary="modes, high-quality samples and reverse KL of GAN and PacGAN2 on the 2D ring and grid",
            factory="ganbench_pacgan.table1:build",
            options=PacGANOptions,
            paper="Lin, Khetan, Fanti and Oh 2018, https://arxiv.org/abs/1712.04086, table 1; fjxmlzn/PacGAN synthetic_data_experiments",
            sources=("ganbench_toy",),
        )
    ]
