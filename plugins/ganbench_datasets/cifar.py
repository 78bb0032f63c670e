"""CIFAR-10 and CIFAR-100 (Krizhevsky, 2009), read by torchvision from the published python batches.

Every file is checked by torchvision's checksum before it is unpickled.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torchvision.datasets import CIFAR10, CIFAR100

from ganbench import ArraySource, DataContext, Dataset
from ganbench_datasets.archive import locate
from ganbench_datasets.fit import resize_to
from ganbench_datasets.location import require_checksum
from ganbench_datasets.options import CifarOptions
from ganbench_spaces.images import image_source


def build_cifar10(options: CifarOptions, context: DataContext) -> Dataset:
    """Return CIFAR-10."""
    return _build("cifar10", CIFAR10, options, context)


def build_cifar100(options: CifarOptions, context: DataContext) -> Dataset:
    """Return CIFAR-100 with its 100 fine labels."""
    return _build("cifar100", CIFAR100, options, context)


def _build(name: str, kind: type[CIFAR10], options: CifarOptions, context: DataContext) -> Dataset:
    root = locate(name, kind, context)
    meta = (kind.meta["filename"], kind.meta["md5"])
    for file, md5 in [*kind.train_list, *kind.test_list, meta]:
        require_checksum(root / kind.base_folder / file, md5)
    loaded = kind(root, train=True)
    return Dataset(
        name=name,
        train=_source(loaded, options),
        test=_source(kind(root, train=False), options),
        num_classes=len(loaded.classes),
        class_names=tuple(loaded.classes),
        notes=(f"found in {Path(root) / kind.base_folder}",),
    )


def _source(loaded: CIFAR10, options: CifarOptions) -> ArraySource:
    images = torch.from_numpy(np.ascontiguousarray(loaded.data)).permute(0, 3, 1, 2)
    return image_source(resize_to(images, options.resolution), torch.tensor(loaded.targets, dtype=torch.int64))
