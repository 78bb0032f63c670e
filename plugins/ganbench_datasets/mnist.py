"""MNIST (LeCun et al., 1998) and Fashion-MNIST (Xiao et al., 2017), read by torchvision from the published idx files.

The files may be compressed, as published and as Debian packages them, or not, as torchvision leaves them. A compressed file is checked by
torchvision's checksum. Debian's files hold the same data under another gzip header, so what they unpack to is checked instead.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tempfile
import zlib
from pathlib import Path

import torch
from torchvision.datasets import MNIST, FashionMNIST

from ganbench import ArraySource, DataContext, DataError, Dataset
from ganbench_datasets.fit import pad_to, resize_to
from ganbench_datasets.location import candidate_folders, download, one_line, require_checksum
from ganbench_datasets.options import MnistOptions
from ganbench_spaces.images import image_source

_UNPACKED_SHA256 = {
    "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",  # Fashion-MNIST, train-images
    "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",  # train-labels
    "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",  # t10k-images
    "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",  # t10k-labels
}
"""What the published files unpack to, for copies that were packed again."""


def build_mnist(options: MnistOptions, context: DataContext) -> Dataset:
    """Return MNIST."""
    return _build("mnist", MNIST, options, context)


def build_fashion_mnist(options: MnistOptions, context: DataContext) -> Dataset:
    """Return Fashion-MNIST."""
    return _build("fashion-mnist", FashionMNIST, options, context)


def _build(name: str, kind: type[MNIST], options: MnistOptions, context: DataContext) -> Dataset:
    folder = _find(name, kind, context)
    with tempfile.TemporaryDirectory(prefix="ganbench-") as scratch:
        raw = Path(scratch) / kind.__name__ / "raw"
        raw.mkdir(parents=True)
        for file, md5 in kind.resources:
            _place(folder / file, md5, raw)
        splits = [_split(kind, Path(scratch), folder, options, train=train) for train in (True, False)]
    return Dataset(
        name=name,
        train=splits[0],
        test=splits[1],
        num_classes=10,
        class_names=tuple(c.partition(" - ")[0] for c in kind.classes),
        notes=(f"found in {folder}",),
    )


def _find(name: str, kind: type[MNIST], context: DataContext) -> Path:
    """Return the first folder that holds all four files, or download them."""
    files = [file for file, _ in kind.resources]
    for root in candidate_folders(name, context):
        for folder in (root, root / "raw", root / kind.__name__ / "raw"):
            if all(os.path.isfile(folder / file) or os.path.isfile((folder / file).with_suffix("")) for file in files):
                return folder
    root = download(name, files, context, lambda folder: kind(folder, download=True))
    return root / kind.__name__ / "raw"


def _place(published: Path, md5: str, raw: Path) -> None:
    """Make one uncompressed file available where torchvision looks for it."""
    plain = published.with_suffix("")
    target = raw / plain.name
    if not os.path.isfile(published):
        target.symlink_to(plain.absolute())
        return
    try:
        with gzip.open(published) as packed, target.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{published} cannot be unpacked ({one_line(error)})", hint="delete it, then get it again") from error
    if hashlib.sha256(target.read_bytes()).hexdigest() not in _UNPACKED_SHA256:
        require_checksum(published, md5)


def _split(kind: type[MNIST], root: Path, folder: Path, options: MnistOptions, *, train: bool) -> ArraySource:
    try:
        loaded = kind(root, train=train)
        images, labels = loaded.data[:, None], loaded.targets.to(torch.int64)
        resized = pad_to(images, options.resolution) if options.fit == "pad" else resize_to(images, options.resolution)
        return image_source(resized, labels)
    except (AssertionError, ValueError, RuntimeError, IndexError, KeyError, OSError) as error:
        which = "train" if train else "t10k"
        raise DataError(
            f"{folder}/{which}-* is not a set of idx files ({one_line(error)})", hint="delete them, then get them again"
        ) from error
