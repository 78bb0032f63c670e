"""Encoder and decoder of a variational autoencoder, and what it says of held-out samples.

Shapes: N samples of a batch, D pixels of a sample, L the length of z, K draws of z.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from ganbench import BuildContext, Latents, Networks
from ganbench_autoencoders.options import VAEOptions

NUM_DRAWS = 50
"""K of both bounds."""
_SEED = 0
"""Of the draws, which are the same for every sample, run and batch size."""


def levels_of(samples: Tensor, pixels: str) -> Tensor:
    """Return ``[N, D]`` in [0, 1] of samples in [-1, 1]."""
    levels = ((samples.flatten(1).float() + 1) / 2).clamp(0, 1)
    return (levels > 0.5).float() if pixels == "static" else levels


def log_weights(modules: Mapping[str, nn.Module], levels: Tensor, noise: Tensor) -> Tensor:
    """Return log p(x, z) - log q(z | x) in nats, ``[N]``.

    Args:
        modules: both networks.
        levels: ``[N, D]``.
        noise: ``[L]`` or ``[N, L]``, standard normal.
    """
    mean, log_std = modules["encoder"](levels).float().chunk(2, dim=1)
    latents = mean + log_std.exp() * noise
    logits = modules["decoder"](latents).float()
    likelihood = -cross_entropy(logits, levels, reduction="none").sum(1)
    return likelihood + (0.5 * (noise.square() - latents.square()) + log_std).sum(1)


def divergence_of(mean: Tensor, log_std: Tensor) -> Tensor:
    """Return the mean divergence of codes from N(0, 1) in nats; both are ``[N, L]``."""
    return (0.5 * (mean.square() + (2 * log_std).exp() - 1) - log_std).sum(1).mean()


def score_bound(modules: Mapping[str, nn.Module], samples: Tensor, *, pixels: str, latent_dim: int, weighted: bool) -> Tensor:
    """Return a lower bound of log p(x) of each sample, ``[N]``; it depends on the sample alone.

    Args:
        modules: both networks.
        samples: ``[N, *size]``.
        pixels: see :class:`VAEOptions`.
        latent_dim: L.
        weighted: whether it is the importance-weighted bound of K draws, or the mean of K one-draw bounds.
    """
    random = torch.Generator().manual_seed(_SEED)
    draws = torch.randn(NUM_DRAWS, latent_dim, generator=random).to(samples.device)
    levels = levels_of(samples, pixels)
    found = torch.stack([log_weights(modules, levels, noise).double() for noise in draws])
    return found.logsumexp(0) - math.log(NUM_DRAWS) if weighted else found.mean(0)


def score_reconstruction(modules: Mapping[str, nn.Module], samples: Tensor, *, pixels: str) -> Tensor:
    """Return the mean squared error of each sample's reconstruction from the mean of its posterior, ``[N]``, of levels in [0, 1]."""
    levels = levels_of(samples, pixels)
    mean, _ = modules["encoder"](levels).float().chunk(2, dim=1)
    return (modules["decoder"](mean).float().sigmoid() - levels).square().mean(1)


def build_vae(options: VAEOptions, context: BuildContext) -> Networks:
    """Build both networks, a hidden layer each, for samples of any size."""
    size, width, length = context.space.size, options.width, options.latent_dim
    count = math.prod(size)
    encoder = nn.Sequential(nn.Linear(count, width), nn.ReLU(), nn.Linear(width, 2 * length))
    decoder = nn.Sequential(nn.Linear(length, width), nn.ReLU(), nn.Linear(width, count))

    def generate(modules: Mapping[str, nn.Module], latents: Tensor, labels: Tensor | None) -> Tensor:
        """Return the decoder's means, and no draws from them."""
        return (2 * modules["decoder"](latents).sigmoid() - 1).unflatten(1, size)

    bound = partial(score_bound, pixels=options.pixels, latent_dim=length)
    scorers = {
        f"elbo_{options.pixels}": partial(bound, weighted=False),
        f"iwae_{NUM_DRAWS}_{options.pixels}": partial(bound, weighted=True),
        "anomaly": partial(score_reconstruction, pixels=options.pixels),
    }
    modules: dict[str, nn.Module] = {"encoder": encoder, "decoder": decoder}
    return Networks(modules=modules, inputs=Latents(length), averaged=("decoder",), generate=generate, scorers=scorers)
