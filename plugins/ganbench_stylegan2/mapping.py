"""From z to w (Karras et al. 2019, https://arxiv.org/abs/1812.04948, section 2, with StyleGAN2-ADA's embedding of labels).

Shapes: N images, L the length of z and w, K classes.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ganbench_stylegan2.layers import Dense


def on_sphere(x: Tensor) -> Tensor:
    """Return ``[N, L]`` with a mean square of 1 over L."""
    return x * (x.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()


class Mapping(nn.Module):
    """Latents, a label's embedding beside them, and layers with leaky ReLU.

    Args:
        latent_dim: length of z; 0 for labels alone.
        style_dim: L.
        num_classes: K; 0 for no labels.
        num_layers: how many.
        rate: learning rate of the layers as a factor; that of the embedding is 1.
    """

    def __init__(self, latent_dim: int, style_dim: int, num_classes: int, num_layers: int, rate: float) -> None:
        super().__init__()
        self.embedding = Dense(num_classes, style_dim) if num_classes else None
        first = latent_dim + (style_dim if num_classes else 0)
        sizes = [first, *[style_dim] * num_layers]
        self.layers = nn.Sequential(*(Dense(a, b, active=True, rate=rate) for a, b in pairwise(sizes)))
        self.num_classes = num_classes

    def forward(self, latents: Tensor | None, labels: Tensor | None) -> Tensor:
        """Return w ``[N, L]``."""
        parts = [] if latents is None else [on_sphere(latents.float())]
        if self.embedding is not None:
            assert labels is not None
            classes = torch.arange(self.num_classes, device=labels.device)
            parts.append(on_sphere(self.embedding((labels[:, None] == classes).float())))
        w: Tensor = self.layers(torch.cat(parts, dim=1))
        return w
