"""STL-10 (Coates et al., 2011), read by torchvision from the published binary files.

GANs are trained on its 100,000 unlabelled images at 48x48 since SNGAN (Miyato et al., 2018, https://arxiv.org/abs/1802.05957).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.datasets import STL10

from ganbench import DataContext, DataError, Dataset
from ganbench_datasets.archive import locate
from ganbench_datasets.fit import resize_to
from ganbench_datasets.location import one_line, require_checksum
from ganbench_datasets.options import Stl10Options
from ganbench_spaces.images import image_source


def build(options: Stl10Options, context: DataContext) -> Dataset:
    """Return STL-10; the test split is the labelled 8,000, without their labels where the train split has none."""
    root = locate("stl10", STL10, context)
    folder = root / STL10.base_folder
    for file, md5 in [*STL10.train_list, *STL10.test_list]:
        require_checksum(folder / file, md5)
    labelled = options.split == "train"
    try:
        train, test = (STL10(root, split=split) for split in (options.split, "test"))
    except (ValueError, RuntimeError, OSError) as error:
        raise DataError(f"{folder} does not hold STL-10 ({one_line(error)})", hint="delete it, then get it again") from error
    names = tuple(getattr(train, "classes", ())) if labelled else ()
    return Dataset(
        name="stl10" if labelled else "stl10-unlabeled",
        train=image_source(_images(train, options), _labels(train) if labelled else None),
        test=image_source(_images(test, options), _labels(test) if labelled else None),
        num_classes=10 if labelled else 0,
        class_names=names,
        notes=(f"found in {folder}",),
    )


def _images(loaded: STL10, options: Stl10Options) -> Tensor:
    return resize_to(torch.from_numpy(loaded.data), options.resolution)


def _labels(loaded: STL10) -> Tensor:
    return torch.from_numpy(loaded.labels).to(torch.int64)
