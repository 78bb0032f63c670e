"""An example of a ganbench plugin: one architecture and one loss. Registration only: nothing here imports torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ganbench import ArchitectureSpec, LossSpec, hookimpl

RESIZE = "Odena et al. 2016, Deconvolution and checkerboard artifacts, https://doi.org/10.23915/distill.00003"
DRAGAN = "Kodali et al. 2017, On convergence and stability of GANs, https://arxiv.org/abs/1705.07215"


@dataclass(frozen=True, kw_only=True, slots=True)
class ResizeOptions:
    """Options of both networks."""

    latent_dim: int = 64
    """Length of z, drawn from N(0, 1)."""
    width: int = 16
    """Channels at the full resolution; doubled with each halving, up to 8 times."""

    def __post_init__(self) -> None:
        for name in ("latent_dim", "width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more (got {getattr(self, name)})")


@dataclass(frozen=True, kw_only=True, slots=True)
class DraganOptions:
    """Options of the loss; the defaults are the paper's."""

    gp_weight: float = 10.0
    """lambda: weight of the gradient penalty around real images."""
    perturbation: float = 0.5
    """Size of the noise that is added to real images, in standard deviations of the batch."""

    def __post_init__(self) -> None:
        for name in ("gp_weight", "perturbation"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0 (got {getattr(self, name)})")


@hookimpl
def ganbench_register() -> Iterator[ArchitectureSpec | LossSpec]:
    """Register both."""
    yield ArchitectureSpec(
        name="resize-gan", summary="resize-convolution GAN", paper=RESIZE, factory="ganbench_example.resize:build", options=ResizeOptions
    )
    yield LossSpec(name="dragan", summary="local penalty", paper=DRAGAN, factory="ganbench_example.dragan:build", options=DraganOptions)
