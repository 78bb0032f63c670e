"""Any directory tree of images: what fits is decoded once and kept, what does not streams.

Every file is used or accounted for: what is left out is named in the dataset's notes and in a warning.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganbench import DataContext, DataError, Dataset
from ganbench_datasets.decode import SUFFIXES, Decoder
from ganbench_datasets.file_list import FileList, list_images, shown
from ganbench_datasets.holdout import hold_out
from ganbench_datasets.image_files import Ids, SplitBuilder
from ganbench_datasets.options import FolderOptions

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Classes:
    """Which class each file is of."""

    names: tuple[str, ...]
    of_file: Ids


def build(options: FolderOptions, context: DataContext) -> Dataset:
    """Return the images below ``options.path``.

    Raises:
        ganbench.errors.DataError: no such directory, no image in it, or an image outside of the class folders.
    """
    root = Path(options.path).expanduser()
    if not os.path.isdir(root):
        raise DataError(f"folder: path must be a directory (got {options.path!r})", hint="give it with -o path=DIR")
    listing = list_images(root)
    files = listing.files
    if not len(files):
        known = " ".join(sorted(s.decode() for s in SUFFIXES))
        others = f"{listing.not_images.count} other files, {listing.unreachable.count} that cannot be reached"
        raise DataError(f"folder: no image below {root} ({others})", hint=f"images end in {known}")
    classes = _classes(files) if options.labels else None
    builder = SplitBuilder(
        files,
        _decoder(options),
        None if classes is None else classes.of_file,
        context.resident_limit_mib,
        fail_hint="mend or remove it, or use -o on_error=skip" if options.on_error == "fail" else None,
    )
    train, test = hold_out(len(files), options.test_fraction)
    splits = builder.build(train), builder.build(test) if len(test) else None
    notes = (*listing.notes(), *builder.notes())
    for note in notes:
        _log.warning("folder %s: %s", root, note)
    names = () if classes is None else classes.names
    return Dataset(
        name=f"folder:{shown(os.fsencode(root.resolve().name))}",
        train=splits[0],
        test=splits[1],
        num_classes=len(names),
        class_names=names,
        notes=notes,
    )


def _decoder(options: FolderOptions) -> Decoder:
    height, width = options.height_and_width()
    return Decoder(height=height, width=width, channels=int(options.channels), crop=options.crop, background=options.background)


def _classes(files: FileList) -> _Classes:
    """Number the first-level folders in the order of their names."""
    numbers: dict[bytes, int] = {}
    of_file = np.empty(len(files), dtype=np.int32)
    for index in range(len(files)):
        folder, slash, _ = files.name(index).partition(b"/")
        if not slash:
            name = shown(folder)
            raise DataError(f"folder: {name} lies outside of the class folders", hint="move it into one, or use -o labels=false")
        of_file[index] = numbers.setdefault(folder, len(numbers))
    return _Classes(tuple(name.decode(errors="backslashreplace") for name in numbers), of_file)
