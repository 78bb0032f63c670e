"""Suns over horizons."""

from __future__ import annotations

import torch

from ganbench import ArraySource, DataContext, Dataset, NoOptions
from ganbench_spaces.images import ImageSpace


def build(options: NoOptions, context: DataContext) -> Dataset:
    """Return 256 images: a sky, a darker ground, and a disc between them."""
    space = ImageSpace(3, 16, 24)
    random = torch.Generator().manual_seed(0)
    y, x = torch.arange(16.0)[:, None], torch.arange(24.0)
    images = []
    for place, height in torch.rand(256, 2, generator=random).tolist():
        sun = ((x - 4 - 16 * place).square() + (y - 9).square() < 16) & (y < 8 + 4 * height)
        image = torch.stack([torch.where(y < 8 + 4 * height, sky, 40.0).expand(16, 24) for sky in (90.0, 120.0, 200.0)])
        images.append(torch.where(sun, torch.tensor([250.0, 200.0, 60.0])[:, None, None], image).to(torch.uint8))
    return Dataset(name="sunsets", train=ArraySource(torch.stack(images), space=space))
