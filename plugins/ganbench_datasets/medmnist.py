"""MedMNIST v2 (Yang et al., 2023, https://doi.org/10.1038/s41597-022-01721-8): small medical images, one .npz file a set.

Names, channels, sizes and classes are those of MedMNIST/MedMNIST, medmnist/info.py. Trained on is the published train split, held out the
published test split; the validation split is left alone. A set is found in the data root or the cache and never downloaded. ChestMNIST has
14 labels an image that each hold or not, and the sets in three dimensions hold volumes: both are refused by name. RetinaMNIST's five grades
are five classes here, whatever their order says.

Shapes: N images, C channels, 28 x 28 pixels as published, K classes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ganbench import ArraySource, DataContext, DataError, Dataset
from ganbench_datasets.fit import pad_to, resize_to
from ganbench_datasets.location import candidate_folders
from ganbench_datasets.npz_archive import member_header, open_archive, read_member
from ganbench_datasets.options import MedMnistOptions
from ganbench_spaces.images import image_source

ADDRESS = "https://zenodo.org/record/6496656"
"""Where the files are published, as medmnist/info.py says."""
SIZE = 28


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is published of a set."""

    channels: int
    train: int
    test: int
    classes: tuple[str, ...]


_ORGANS = (
    *("bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right", "liver", "lung-left", "lung-right", "pancreas"),
    "spleen",
)
FACTS = {
    "pathmnist": _Facts(
        3,
        89_996,
        7_180,
        (
            *("adipose", "background", "debris", "lymphocytes", "mucus", "smooth muscle", "normal colon mucosa"),
            *("cancer-associated stroma", "colorectal adenocarcinoma epithelium"),
        ),
    ),
    "dermamnist": _Facts(
        3,
        7_007,
        2_005,
        (
            *("actinic keratoses and intraepithelial carcinoma", "basal cell carcinoma", "benign keratosis-like lesions"),
            *("dermatofibroma", "melanoma", "melanocytic nevi", "vascular lesions"),
        ),
    ),
    "octmnist": _Facts(1, 97_477, 1_000, ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal")),
    "pneumoniamnist": _Facts(1, 4_708, 624, ("normal", "pneumonia")),
    "retinamnist": _Facts(3, 1_080, 400, ("0", "1", "2", "3", "4")),
    "breastmnist": _Facts(1, 546, 156, ("malignant", "normal, benign")),
    "bloodmnist": _Facts(
        3,
        11_959,
        3_421,
        (
            *("basophil", "eosinophil", "erythroblast", "immature granulocytes", "lymphocyte", "monocyte", "neutrophil"),
            "platelet",
        ),
    ),
    "tissuemnist": _Facts(
        1,
        165_466,
        47_280,
        (
            *("Collecting Duct, Connecting Tubule", "Distal Convoluted Tubule", "Glomerular endothelial cells"),
            *("Interstitial endothelial cells", "Leukocytes", "Podocytes", "Proximal Tubule Segments", "Thick Ascending Limb"),
        ),
    ),
    "organamnist": _Facts(1, 34_581, 17_778, _ORGANS),
    "organcmnist": _Facts(1, 13_000, 8_268, _ORGANS),
    "organsmnist": _Facts(1, 13_940, 8_829, _ORGANS),
}


def build(options: MedMnistOptions, context: DataContext) -> Dataset:
    """Return a set.

    Raises:
        ganbench.errors.DataError: its file is nowhere, damaged, or does not hold what is published of it.
    """
    facts, path = FACTS[options.of], _find(options.of, context)
    with path.open("rb") as file:
        arrays = open_archive(path, file)
        train, test = (_split(path, arrays, split, facts, options) for split in ("train", "test"))
    notes = [f"found in {path.parent}"]
    if (train.num_samples, test.num_samples) != (facts.train, facts.test):
        notes.append(
            f"{train.num_samples:,} train and {test.num_samples:,} test images, where {facts.train:,} and {facts.test:,} are published"
        )
    return Dataset(name=options.of, train=train, test=test, num_classes=len(facts.classes), class_names=facts.classes, notes=tuple(notes))


def _find(name: str, context: DataContext) -> Path:
    for folder in candidate_folders("medmnist", context):
        if os.path.isfile(folder / f"{name}.npz"):
            return folder / f"{name}.npz"
    root = context.data_root or candidate_folders("medmnist", context)[-1]
    raise DataError(
        f"{name}.npz is not on this machine and is not downloaded",
        hint=f"get it from {ADDRESS} and put it into {root} (or name another folder by --data-root or GANBENCH_DATA)",
    )


def _split(path: Path, arrays: np.lib.npyio.NpzFile, split: str, facts: _Facts, options: MedMnistOptions) -> ArraySource:
    for key in (f"{split}_images", f"{split}_labels"):
        if key not in arrays:
            raise DataError(f"{path} has no array {key!r} and is no set of MedMNIST", hint=f"get it from {ADDRESS}")
    header = member_header(path, arrays, f"{split}_images")
    size = (SIZE, SIZE) if facts.channels == 1 else (SIZE, SIZE, facts.channels)
    if header.dtype != np.uint8 or header.shape[1:] != size or not header.shape[0]:
        wanted = f"uint8 [N, {', '.join(map(str, size))}], N of 1 or more"
        raise DataError(f"{path}: {split}_images must be {wanted} (got {header.dtype} {list(header.shape)})", hint=f"get it from {ADDRESS}")
    labels = _labels(path, split, read_member(path, arrays, f"{split}_labels"), header.shape[0], len(facts.classes))
    images = torch.from_numpy(read_member(path, arrays, f"{split}_images")).reshape(-1, SIZE, SIZE, facts.channels).permute(0, 3, 1, 2)
    return image_source(pad_to(images, options.resolution) if options.fit == "pad" else resize_to(images, options.resolution), labels)


def _labels(path: Path, split: str, labels: NDArray[Any], count: int, num_classes: int) -> torch.Tensor:
    """Return ``[N]`` int64; published is one column of them."""
    if labels.ndim == 2 and labels.shape[1] > 1:
        raise DataError(f"{path}: {split}_labels has {labels.shape[1]} labels for each image, and one class is wanted")
    if labels.dtype.kind not in "iu" or labels.shape not in ((count,), (count, 1)):
        raise DataError(f"{path}: {split}_labels must be {count} integers, one for each image (got {labels.dtype} {list(labels.shape)})")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= num_classes:
        wrong = low if low < 0 else high
        raise DataError(f"{path}: {split}_labels must be classes from 0 to {num_classes - 1} (got {wrong}); is this another set's file?")
    return torch.from_numpy(labels.astype(np.int64).reshape(-1))
