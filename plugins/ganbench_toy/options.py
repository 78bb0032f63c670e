"""The options of each dataset; the text under a field is its help. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench import Settings, setting


@dataclass(frozen=True, kw_only=True, slots=True)
class RingOptions(Settings):
    """Options of ``ring8``."""

    definition: Literal["pacgan", "wgan-gp", "unrolled"] = "pacgan"
    """pacgan: radius 1, std 0.01; wgan-gp: radius 2, std 0.02, both divided by 1.414; unrolled: radius 2, std 0.02."""
    num_samples: int = setting(100_000, least=2)
    """Points to train on, drawn once."""
    seed: int = setting(0, least=0, most=2**63 - 1)
    """Seed of the points, the same for every run unless it is set."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GridOptions(Settings):
    """Options of ``grid25``."""

    definition: Literal["pacgan", "wgan-gp"] = "pacgan"
    """pacgan: {-4, -2, 0, 2, 4} squared, std 0.05; wgan-gp: the same divided by 2.828."""
    num_samples: int = setting(100_000, least=2)
    """Points to train on, drawn once."""
    seed: int = setting(0, least=0, most=2**63 - 1)
    """Seed of the points, the same for every run unless it is set."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SwissRollOptions(Settings):
    """Options of ``swissroll``."""

    definition: Literal["wgan-gp", "ffjord"] = "wgan-gp"
    """wgan-gp: noise 0.25, divided by 7.5; ffjord: noise 1, divided by 5."""
    num_samples: int = setting(100_000, least=2)
    """Points to train on, drawn once."""
    seed: int = setting(0, least=0, most=2**63 - 1)
    """Seed of the points, the same for every run unless it is set."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpiralOptions(Settings):
    """Options of ``spiral``."""

    definition: Literal["ffjord", "fuel"] = "ffjord"
    """ffjord: two arms of one and a half turns with noise; fuel: one arm of one turn without."""
    num_samples: int = setting(100_000, least=2)
    """Points to train on, drawn once."""
    seed: int = setting(0, least=0, most=2**63 - 1)
    """Seed of the points, the same for every run unless it is set."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnPointsOptions(Settings):
    """Options of ``points``."""

    path: str = setting(part="place")
    """A CSV file of two columns of numbers, x and y; a first line of names is left out."""
    scale: Literal["fit", "none"] = "fit"
    """fit: less the mean of the train split, divided by its root mean square distance from that; none: as in the file."""
    test_fraction: float = setting(0.1, above=0, below=1)
    """Part of the points that is held out, at least one, chosen by a fixed seed."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if not self.path:
            raise ValueError("path must name a CSV file of two columns (got ''); give it with -o dataset.path=FILE")
