"""Holding out a test split where a dataset comes in one piece."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganbench import DataError

_SEED = 0


def hold_out(num_images: int, test_fraction: float) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return train and test indices, each in ascending order.

    Args:
        num_images: images in all.
        test_fraction: at least 0, below 1; the count is rounded. The choice has a fixed seed: every run holds out the same images.

    Raises:
        ganbench.errors.DataError: nothing would be left to train on.
    """
    num_test = round(num_images * test_fraction)
    if num_test >= num_images:
        raise DataError(f"test_fraction={test_fraction} holds out all of {num_images} images", hint="use a smaller one, or 0")
    if not num_test:
        return np.arange(num_images, dtype=np.int32), np.empty(0, dtype=np.int32)
    order = np.random.RandomState(_SEED).permutation(num_images).astype(np.int32)
    return np.sort(order[num_test:]), np.sort(order[:num_test])
