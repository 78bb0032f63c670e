"""Optical recognition of handwritten digits (Alpaydin and Kaynak, 1998), the copy that scikit-learn ships: always offline.

1,797 images of 8x8 pixels with 17 levels. The split is ours: 1,437 to train, 360 to test, stratified by class under a fixed seed.
"""

from __future__ import annotations

import functools
import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from ganbench import DataContext, Dataset
from ganbench_datasets.options import DigitsOptions
from ganbench_spaces.images import image_source

NUM_TEST = 360
SPLIT_SEED = 0
_LEVELS = 16
CLASS_NAMES = tuple("0123456789")


def build(options: DigitsOptions, context: DataContext) -> Dataset:
    """Return the digits at the resolution that is asked for."""
    table = _shipped()
    images = enlarge(torch.from_numpy(table[:, :-1]).reshape(-1, 8, 8) / _LEVELS, options.resolution)
    target = table[:, -1].astype(np.int64)
    labels = torch.from_numpy(target)
    train, test = (torch.from_numpy(part) for part in stratified_split(target, NUM_TEST, SPLIT_SEED))
    return Dataset(
        name="digits",
        train=image_source(images[train], labels[train]),
        test=image_source(images[test], labels[test]),
        num_classes=10,
        class_names=CLASS_NAMES,
    )


@functools.cache
def _shipped() -> NDArray[np.float64]:
    """Return ``[1797, 65]``: pixels and class; from scikit-learn's file, but not by it: its import takes longer than a short run."""
    found = find_spec("sklearn")
    path = Path(found.origin if found and found.origin else "sklearn").parent / "datasets" / "data" / "digits.csv.gz"
    if os.path.isfile(path):
        return np.loadtxt(path, delimiter=",")
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return np.hstack([bunch.data, bunch.target[:, None]])


def enlarge(images: Tensor, resolution: int) -> Tensor:
    """Enlarge grey images bicubically.

    Args:
        images: ``[N, 8, 8]`` float64 in [0, 1]: the weights of the default are dyadic, so that every machine rounds alike.
        resolution: height and width wanted.

    Returns:
        ``[N, 1, resolution, resolution]`` uint8 in [0, 255].
    """
    larger = images[:, None]
    if resolution != images.shape[-1]:
        larger = interpolate(larger, size=(resolution, resolution), mode="bicubic", align_corners=False)
    return larger.clamp(0, 1).mul(255).round().to(torch.uint8)


def stratified_split(labels: NDArray[np.int64], num_test: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split indices so that each class has its share of the test images, by largest remainder.

    Args:
        labels: ``[N]``.
        num_test: images in the test split.
        seed: of numpy's legacy generator, whose stream is frozen for good.

    Returns:
        Train and test indices, each in ascending order.
    """
    random = np.random.RandomState(seed)
    counts = np.bincount(labels)
    shares = counts * num_test / len(labels)
    quotas = shares.astype(np.int64)
    quotas[np.argsort(quotas - shares, kind="stable")[: num_test - quotas.sum()]] += 1
    test = np.concatenate([random.permutation(np.flatnonzero(labels == c))[:quota] for c, quota in enumerate(quotas)])
    return np.setdiff1d(np.arange(len(labels)), test), np.sort(test)
