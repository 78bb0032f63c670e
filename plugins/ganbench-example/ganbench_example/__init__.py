"""An example of a ganbench plugin: one architecture and one loss. Registration only: nothing here imports torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ganbench import ArchitectureSpec, LossSpec, Settings, hookimpl, setting

RESIZE = "Odena et al. 2016, Deconvolution and checkerboard artifacts, https://doi.org/10.23915/distill.00003"
DRAGAN = "Kodali et al. 2017, On convergence and stability of GANs, https://arxiv.org/abs/1705.07215"


@dataclass(frozen=True, kw_only=True, slots=True)
class ResizeOptions(Settings):
    """Options of both networks."""

    latent_dim: int = setting(64, least=1)
    """Length of z, drawn from N(0, 1)."""
    width: int = setting(16, least=1)
    """Channels at the full resolution; doubled with each halving, up to 8 times."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DraganOptions(Settings):
    """Options of the loss; the defaults are the paper's."""

    gp_weight: float = setting(10.0, above=0)
    """lambda: weight of the gradient penalty around real images."""
    perturbation: float = setting(0.5, above=0)
    """Size of the noise that is added to real images, in standard deviations of the batch."""


@hookimpl
def ganbench_register() -> Iterator[ArchitectureSpec | LossSpec]:
    """Register both."""
    yield ArchitectureSpec(
        name="resize-gan", summary="resize-convolution GAN", paper=RESIZE, factory="ganbench_example.resize:build", options=ResizeOptions
    )
    yield LossSpec(name="dragan", summary="local penalty", paper=DRAGAN, factory="ganbench_example.dragan:build", options=DraganOptions)
