"""``sounds``: any folder of WAV and FLAC files; ``sc09``: spoken digits of Speech Commands, from their folder.

Every file is used or accounted for; a file that cannot be read is an error unless the user wants it left out.

Shapes: N sounds, T samples of a sound.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganbench import DataContext, DataError, Dataset
from ganbench_sound.espeak import WORDS
from ganbench_sound.files import SUFFIXES, fit, read_sound, to_stored
from ganbench_sound.options import CutOptions, SoundsOptions
from ganbench_sound.space import sound_source
from ganbench_sound.wav import UndecodableError

_SEED = 0
_EXAMPLES = 5
_LISTS = {"validation_list.txt": "validation", "testing_list.txt": "test"}
_log = logging.getLogger(__name__)


def build(options: SoundsOptions, context: DataContext) -> Dataset:
    """Return the sounds below ``options.path``.

    Raises:
        ganbench.DataError: no such folder, no sound in it, or one that cannot be read.
    """
    root = Path(os.path.expanduser(options.path))
    if not os.path.isdir(root):
        raise DataError(f"sounds: path must be a folder (got {options.path!r})", hint="give it with -o path=DIR")
    files, others = list_sounds(root)
    if not files:
        raise DataError(f"sounds: no WAV or FLAC file below {root} ({others} other files)", hint="names end in .wav or .flac")
    names = sorted({file.relative_to(root).parts[0] for file in files if len(file.relative_to(root).parts) > 1}) if options.labels else []
    if options.labels and (outside := next((file for file in files if file.parent == root), None)) is not None:
        raise DataError(f"sounds: {outside.name} lies outside of the class folders", hint="move it into one, or use -o labels=false")
    classes = [names.index(file.relative_to(root).parts[0]) for file in files] if options.labels else None
    train, test = _hold_out(len(files), options.test_fraction)
    reader = Reader(options, context.resident_limit_mib, skip=options.on_error == "skip")
    parts = [reader.read([files[i] for i in ids], None if classes is None else [classes[i] for i in ids]) for ids in (train, test) if ids]
    notes = [f"{others} other files are left out"] if others else []
    notes += reader.notes()
    for note in notes:
        _log.warning("sounds %s: %s", root, note)
    sources = [sound_source(sounds, labels, rate=options.rate) for sounds, labels in parts]
    return Dataset(
        name=f"sounds:{root.resolve().name.encode(errors='replace').decode()}",
        train=sources[0],
        test=sources[1] if len(sources) > 1 else None,
        num_classes=len(names),
        class_names=tuple(names),
        notes=tuple(notes),
    )


def list_sounds(root: Path) -> tuple[list[Path], int]:
    """Return the WAV and FLAC files below a folder in the order of their names, and how many others there are; nothing that is hidden."""
    found: list[Path] = []
    others = 0
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(name for name in names if not name.startswith(".")):
            path = Path(folder, name)
            if path.suffix.lower() in SUFFIXES and os.path.isfile(path):
                found.append(path)
            else:
                others += 1
    return sorted(found, key=lambda path: os.fsencode(path.relative_to(root))), others


def _hold_out(count: int, fraction: float) -> tuple[list[int], list[int]]:
    """Return train and test files, by a fixed seed; the slices of a file are in one split.

    Raises:
        DataError: nothing would be left to train on.
    """
    num_test = round(count * fraction)
    if num_test >= count:
        raise DataError(f"test_fraction={fraction} holds out all of {count} files", hint="use a smaller one, or 0")
    order = np.random.RandomState(_SEED).permutation(count).tolist() if num_test else list(range(count))
    return sorted(order[num_test:]), sorted(order[:num_test])


class Reader:
    """Reads the files of a dataset, and remembers those that it could not.

    Args:
        options: rate, length and rule.
        limit_mib: of a split in memory.
        skip: whether a file that cannot be read is left out.
    """

    def __init__(self, options: CutOptions, limit_mib: float, *, skip: bool) -> None:
        self._options, self._limit, self._skip = options, limit_mib * 2**20, skip
        self._damaged: list[str] = []

    def read(self, files: Sequence[Path], classes: Sequence[int] | None) -> tuple[Tensor, Tensor | None]:
        """Return the sounds of some files, ``[N, 1, T]`` int16, with a label for each where there are classes.

        Raises:
            DataError: a file cannot be read, none can, or they do not fit into memory.
        """
        options, parts, labels, used = self._options, [], [], 0
        for index, file in enumerate(files):
            try:
                sounds = to_stored(fit(read_sound(file, options.rate), options.length, options.fit))
            except UndecodableError as reason:
                if not self._skip:
                    raise DataError(f"{file} cannot be decoded ({reason})", hint="mend or remove it") from None
                self._damaged.append(f"{file.name} ({reason})")
                continue
            parts.append(sounds)
            labels += [] if classes is None else [classes[index]] * len(sounds)
            used += sounds.numel() * 2
            if used > self._limit:
                raise DataError(
                    f"{len(files)} files are more than the {self._limit / 2**20:.0f} MiB that a split may have in memory",
                    hint="use fewer files or a lower rate, or raise data.resident_limit_mib",
                )
        if not parts:
            raise DataError(f"none of {len(files)} sound files can be decoded, first {self._damaged[0]}", hint="mend them")
        return torch.cat(parts), None if classes is None else torch.tensor(labels)

    def notes(self) -> list[str]:
        """Return one line for the files that were left out."""
        if not self._damaged:
            return []
        more = f" and {len(self._damaged) - _EXAMPLES} more" if len(self._damaged) > _EXAMPLES else ""
        return [f"{len(self._damaged)} files left out, they cannot be decoded: {', '.join(self._damaged[:_EXAMPLES])}{more}"]


def build_sc09(options: CutOptions, context: DataContext) -> Dataset:
    """Return the ten digits of Speech Commands (Warden 2018, https://arxiv.org/abs/1804.03209) from a folder ``sc09`` of the data root.

    Raises:
        ganbench.DataError: it is not there, or a file of it cannot be read.
    """
    roots = [] if context.data_root is None else [context.data_root / "sc09", context.data_root]
    for root in roots:
        if splits := _sc09_files(root):
            break
    else:
        where = context.data_root or "a folder that you name by --data-root or GANBENCH_DATA"
        raise DataError(
            "sc09 is not on this machine, and is not downloaded here",
            hint=f"unpack Speech Commands, or WaveGAN's sc09.tar.gz, to sc09 in {where}: sc09/zero/*.wav, or sc09/train/Zero_*.wav",
        )
    reader = Reader(options, context.resident_limit_mib, skip=False)
    sources = []
    for split in ("train", "test"):
        files = sorted(splits[split], key=lambda one: (one[1], one[0].name))  # the same order in either layout
        sounds, labels = reader.read([file for file, _ in files], [digit for _, digit in files])
        sources.append(sound_source(sounds, labels, rate=options.rate))
    left = len(splits.get("validation", []))
    notes = (f"read from {root}", *((f"{left} sounds of the validation split are not used",) if left else ()))
    return Dataset(name="sc09", train=sources[0], test=sources[1], num_classes=10, class_names=WORDS, notes=notes)


def _sc09_files(root: Path) -> dict[str, list[tuple[Path, int]]]:
    """Return the files of each split with their digits, in WaveGAN's layout or that of Speech Commands; nothing where neither is whole."""
    found: dict[str, list[tuple[Path, int]]] = {"train": [], "test": [], "validation": []}
    if os.path.isdir(root / "train") and os.path.isdir(root / "test"):
        for split, folder in (("train", "train"), ("test", "test"), ("validation", "valid")):
            found[split] = list(_digits((root / folder).glob("*.wav"), lambda path: path.name.partition("_")[0]))
    elif all(os.path.isfile(root / name) for name in _LISTS):
        listed = {line.strip(): split for name, split in _LISTS.items() for line in (root / name).read_text().splitlines()}
        for word in WORDS:
            for path, digit in _digits((root / word).glob("*.wav"), lambda path: path.parent.name):
                found[listed.get(f"{word}/{path.name}", "train")].append((path, digit))
    return found if found["train"] and found["test"] else {}


def _digits(paths: Iterable[Path], word_of: Callable[[Path], str]) -> Iterable[tuple[Path, int]]:
    for path in sorted(paths):
        if (word := word_of(path).lower()) in WORDS:
            yield path, WORDS.index(word)
