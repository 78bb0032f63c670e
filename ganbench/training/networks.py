"""What an architecture plugin's factory returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from ganbench.training.objective import Term, WeightTerm

if TYPE_CHECKING:
    from ganbench.data.source import Dataset, Targets


@dataclass(frozen=True, kw_only=True, slots=True)
class Translation:
    """What a network that turns images into images is evaluated on, in the place of latents."""

    inputs: Callable[[Dataset, int, torch.Generator], Tensor]
    """(dataset, count, random) to the generator's inputs ``[count, ...]`` float32 on the CPU."""
    reference: Callable[[Dataset], Dataset]
    """The dataset whose train split the generator's images are compared with."""
    targets: Callable[[Dataset, int, torch.Generator], Targets] | None = None
    """Of pairs: what is asked for of the inputs that :attr:`inputs` returns for the same arguments; None where there is no right answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Networks:
    """A generator and a discriminator, initialised by their factory.

    ``generator(latents [N, latent_dim] float32, labels [N] int64 | None) -> images [N, C, H, W] in [-1, 1]``;
    ``discriminator(images, labels | None) -> logits [N]`` or ``[N, ...]`` for patches, without a sigmoid, or a
    :class:`~ganbench.Judgement`.

    A network with a method ``set_reference(inputs, labels)`` is given one fixed batch before the first step, real images for the
    discriminator and latents for the generator, and keeps it in buffers (virtual batch norm). A module whose output for a sample depends on
    the rest of the batch says so, unless it is a batch norm: ``couples_samples = "minibatch discrimination"``, a few words for the refusal
    of penalties on single samples.
    """

    generator: nn.Module
    discriminator: nn.Module
    latent_dim: int
    """Length of z; 0 for a translation."""
    latents: Literal["normal", "uniform"] = "normal"
    """Distribution of z: N(0, 1), or U(-1, 1)."""
    conditional: bool = False
    """Whether both networks want labels."""
    terms: tuple[Term, ...] = ()
    """Terms of the losses that belong to these networks, such as the class loss of a discriminator that classifies."""
    weight_terms: tuple[WeightTerm, ...] = ()
    extra: Mapping[str, nn.Module] = field(default_factory=dict)
    """Further networks, for an algorithm of the plugin's own."""
    translation: Translation | None = None
    """Given for networks that turn images into images."""


def draw_latents(networks: Networks, count: int, random: torch.Generator, *, truncation: float = 0.0) -> Tensor:
    """Return latents ``[count, latent_dim]`` float32 on the generator's device.

    Args:
        networks: their distribution.
        count: how many.
        random: the stream.
        truncation: above 0, components of normal latents beyond it are drawn again (Brock et al. 2019, section 3.1); only on the CPU.
    """
    size = (count, networks.latent_dim)
    if networks.latents == "uniform":
        return torch.rand(size, device=random.device, generator=random) * 2 - 1
    latents = torch.randn(size, device=random.device, generator=random)
    while truncation > 0 and bool((beyond := latents.abs() > truncation).any()):
        latents[beyond] = torch.randn(int(beyond.sum()), generator=random)
    return latents
