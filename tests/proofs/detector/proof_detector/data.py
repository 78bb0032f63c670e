"""Handwritten digits, one of which is normal."""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits

from ganbench import DataContext, Dataset, NoOptions
from ganbench_spaces.images import image_source


def build(options: NoOptions, context: DataContext) -> Dataset:
    """Return zeros without labels to train on, and held-out digits labelled 0 (normal) and 1 (anomaly)."""
    digits = load_digits()
    images = (torch.from_numpy(digits.images) * 15.9375).to(torch.uint8)[:, None]  # [N, 1, 8, 8], from 0..16
    classes = torch.from_numpy(digits.target)
    normal, others = images[classes == 0], images[classes > 0]
    held_out = torch.cat([normal[128:], others[:100]])
    labels = (torch.arange(len(held_out)) >= len(normal) - 128).long()
    return Dataset(name="one-digit", train=image_source(normal[:128]), test=image_source(held_out, labels))
