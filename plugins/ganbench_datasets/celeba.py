"""CelebA (Liu et al., 2015), aligned and cropped, in the published partition; files and checksums by torchvision.

Images are cut to the central 178x178 and resized, as pytorch/examples' DCGAN does.
"""

from __future__ import annotations

import logging
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from torchvision.datasets import CelebA

from ganbench import DataContext, DataError, Dataset
from ganbench_datasets.decode import Decoder
from ganbench_datasets.file_list import FileList
from ganbench_datasets.image_files import Ids, SplitBuilder
from ganbench_datasets.location import candidate_folders, download, download_folder, one_line, require_checksum
from ganbench_datasets.options import CelebaOptions

_IMAGES = "img_align_celeba"
_UNPACK_AGAIN = f"unpack {_IMAGES}.zip again"
_log = logging.getLogger(__name__)


def build(options: CelebaOptions, context: DataContext) -> Dataset:
    """Return CelebA's train and test partitions, without labels."""
    root = _find(context)
    folder = root / CelebA.base_folder
    for _, md5, file in _tables():
        require_checksum(folder / file, md5)
    try:
        names = [CelebA(root, split=split).filename for split in ("train", "test")]
    except (ValueError, RuntimeError, OSError, IndexError) as error:
        raise DataError(f"{folder} does not hold CelebA ({one_line(error)})", hint="delete it, then get it again") from error
    archive = folder / f"{_IMAGES}.zip"
    try:
        files, splits = _files(folder / _IMAGES, names)
    except DataError as error:
        if not os.path.isfile(archive):
            raise
        _log.warning("%s, which was half unpacked: unpacking %s again", error.what, archive)
        _unpack(archive)
        files, splits = _files(folder / _IMAGES, names)
    builder = SplitBuilder(
        files,
        Decoder(height=options.resolution, width=options.resolution, channels=3),
        None,
        context.resident_limit_mib,
        fail_hint=_UNPACK_AGAIN,
    )
    train, test = (builder.build(ids) for ids in splits)
    return Dataset(
        name="celeba",
        train=train,
        test=test,
        notes=(f"found in {folder}", *builder.notes()),
    )


def _tables() -> list[tuple[Any, ...]]:
    """Return (id, MD5, name) of the text files that torchvision wants."""
    return [entry for entry in CelebA.file_list if not entry[2].endswith(".zip")]


def _find(context: DataContext) -> Path:
    """Return the folder that holds ``celeba/``, unpacking the archive of images where only that is there."""
    for root in candidate_folders("celeba", context):
        folder = root / CelebA.base_folder
        if os.path.isdir(folder / _IMAGES):
            return root
        archive = folder / f"{_IMAGES}.zip"
        if os.path.isfile(archive):
            _unpack(archive)
            return root
    base = CelebA.base_folder
    files = [f"{base}/{entry[2]}" for entry in CelebA.file_list]
    return download("celeba", files, context, lambda folder: CelebA(folder, download=True))


def _unpack(archive: Path) -> None:
    """Unpack the images beside the archive, each of them whole or not at all: a process may end on the way."""
    require_checksum(archive, next(md5 for _, md5, file in CelebA.file_list if file == archive.name))
    try:
        with zipfile.ZipFile(archive) as packed, tempfile.TemporaryDirectory(prefix=".unpacking-", dir=archive.parent) as scratch:
            packed.extractall(scratch)
            (archive.parent / _IMAGES).mkdir(exist_ok=True)
            for path in (Path(scratch) / _IMAGES).iterdir():
                path.replace(archive.parent / _IMAGES / path.name)
    except Exception as error:  # zipfile, zlib and the file system each have their own
        where = f"copy {archive.parent} to {download_folder('celeba')}, or unpack it by hand"
        raise DataError(f"{archive} cannot be unpacked where it lies ({one_line(error)})", hint=where) from error


def _files(folder: Path, splits: list[list[str]]) -> tuple[FileList, list[Ids]]:
    files, ids = FileList(os.fsencode(folder)), []
    for names in splits:
        ids.append(np.arange(len(files), len(files) + len(names), dtype=np.int32))
        for name in names:
            try:
                files.add(os.fsencode(name), (folder / name).stat())
            except OSError as error:
                raise DataError(f"{folder / name} is missing", hint=_UNPACK_AGAIN) from error
    return files, ids
