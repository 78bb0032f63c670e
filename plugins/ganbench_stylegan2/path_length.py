"""How far an image moves when its style does (Karras et al. 2020, https://arxiv.org/abs/1912.04958, section 3.2).

Shapes: N images, M layers, L the length of w, C, H, W an image.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def path_lengths(images: Tensor, styles: Tensor, noise: Tensor) -> Tensor:
    """Return ``||J^T y||`` for each image, ``[N]``, with its own graph; J is the derivative of an image with respect to its style.

    Args:
        images: ``[N, C, H, W]``, made of the styles.
        styles: ``[N, M, L]``; the squared length is a sum over L and a mean over M.
        noise: of the images' shape, from N(0, 1); divided by the root of H times W it is y.
    """
    y = noise / math.sqrt(images.shape[2] * images.shape[3])
    (gradient,) = torch.autograd.grad((images.float() * y).sum(), styles, create_graph=True)
    return gradient.square().sum(dim=2).mean(dim=1).sqrt()
