"""Small random rotations, scalings, shifts and mirror images for the training of the classifiers.

Shapes: N images, C channels, H = W = resolution.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from ganbench_extractors.recipes import ClassifierRecipe


def augment(images: Tensor, recipe: ClassifierRecipe, generator: Generator) -> Tensor:
    """Move each image a little; what comes in at the border repeats the border.

    Args:
        images: ``[N, C, H, W]`` float.
        recipe: how far.
        generator: where the random numbers come from.

    Returns:
        ``[N, C, H, W]`` float.
    """
    grid = F.affine_grid(random_affine(len(images), recipe, generator), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def random_affine(count: int, recipe: ClassifierRecipe, generator: Generator) -> Tensor:
    """Return ``[count, 2, 3]`` float: rotation times scale, mirrored or not, and the shift in units of half an image."""
    uniform = torch.rand(count, 5, generator=generator) * 2 - 1  # angle, scale, x, y, mirror
    angle = uniform[:, 0] * math.radians(recipe.rotation_degrees)
    scale = 1 + uniform[:, 1] * recipe.scaling
    mirror = torch.where((uniform[:, 4] < 0) & recipe.flip, -1.0, 1.0)
    cosine, sine = scale * angle.cos(), scale * angle.sin()
    x, y = (2 * recipe.shift * uniform[:, 2:4]).unbind(1)
    return torch.stack([torch.stack([mirror * cosine, -sine, x], 1), torch.stack([mirror * sine, cosine, y], 1)], 1)
