"""Finding a dataset that is published as one archive: unpacked in a candidate folder, packed in one, or on the network."""

from __future__ import annotations

import os
import tarfile
import tempfile
from pathlib import Path
from typing import Protocol

from ganbench import DataContext, DataError
from ganbench_datasets.location import candidate_folders, download, download_folder, one_line, require_checksum


class Archived(Protocol):
    """What torchvision's classes for such datasets state."""

    base_folder: str
    filename: str
    tgz_md5: str
    url: str


def locate(name: str, kind: type[Archived], context: DataContext) -> Path:
    """Return the folder that holds ``kind.base_folder``.

    An archive that was put there by hand is checked and unpacked into the cache.

    Raises:
        DataError: damaged, or nowhere and not to be had.
    """
    folders = candidate_folders(name, context)
    for folder in folders:
        if os.path.isdir(folder / kind.base_folder):
            return folder
    for folder in folders:
        if os.path.isfile(folder / kind.filename):
            return _unpack(folder / kind.filename, kind.tgz_md5, download_folder(name))
    files = (kind.filename,)
    return download(name, files, context, lambda folder: _fetch(kind, folder))


def _fetch(kind: type[Archived], folder: Path) -> None:
    from torchvision.datasets.utils import download_url

    download_url(kind.url, str(folder), filename=kind.filename, md5=kind.tgz_md5)
    _extract(folder / kind.filename, folder)


def _extract(archive: Path, target: Path) -> None:
    """Unpack an archive whole or not at all: a folder that is there is believed to hold everything."""
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=target) as scratch:
        with tarfile.open(archive) as packed:
            if hasattr(tarfile, "data_filter"):  # nothing leaves the folder, whatever the archive says
                packed.extractall(scratch, filter="data")
            else:
                packed.extractall(scratch)
        for path in Path(scratch).iterdir():
            path.rename(target / path.name)


def _unpack(archive: Path, md5: str, target: Path) -> Path:
    require_checksum(archive, md5)
    try:
        target.mkdir(parents=True, exist_ok=True)
        _extract(archive, target)
    except Exception as error:  # tarfile, zlib and the file system each have their own
        raise DataError(
            f"{archive} cannot be unpacked into {target} ({one_line(error)})", hint="unpack it by hand next to itself"
        ) from error
    return target
