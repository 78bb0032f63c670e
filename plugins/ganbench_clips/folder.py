"""``clips``: a folder of folders of frames, or of animated pictures; split by sequence.

Each folder that holds pictures is a sequence of their frames, in the order of the numbers in their names; each animated GIF, WebP or PNG is
one too. A sequence gives as many clips as it has room for, one behind the other. Every file is used or accounted for.

Shapes: n clips of a sequence, C channels, T frames, R height and width.
"""

from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageSequence
from torch import Tensor

from ganbench import DataContext, DataError, Dataset, read_file
from ganbench_clips.options import ClipsOptions
from ganbench_clips.space import clip_source

_STILL = (".png", ".jpg", ".jpeg", ".bmp")
_ANIMATED = (".gif", ".webp", ".apng")
_SEED = 0
_EXAMPLES = 5
_log = logging.getLogger(__name__)


class UnusableError(Exception):
    """Why a sequence gives no clip, in a few words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameSequence:
    """Where the frames of a sequence come from."""

    place: Path
    """A folder of frames, or one animated file."""
    files: tuple[Path, ...]
    """The frames in their order; the animated file alone."""


def build(options: ClipsOptions, context: DataContext) -> Dataset:
    """Return the clips below ``options.path``.

    Raises:
        ganbench.DataError: no such folder, no clip in it, a sequence that cannot be used, or more than fits into memory.
    """
    root = Path(os.path.expanduser(options.path))
    if not os.path.isdir(root):
        raise DataError(f"clips: path must be a folder (got {options.path!r})", hint="give it with -o path=DIR")
    sequences, others = list_sequences(root)
    if not sequences:
        raise DataError(
            f"clips: no folder of frames and no animated picture below {root} ({others} other files)",
            hint="frames are .png, .jpg or .bmp files in a folder for each sequence; animations end in .gif or .webp",
        )
    names = sorted({one.place.relative_to(root).parts[0] for one in sequences}) if options.labels else []
    if options.labels and (outside := next((one for one in sequences if len(one.place.relative_to(root).parts) < 2), None)) is not None:
        where = outside.place.relative_to(root)
        raise DataError(f"clips: {where} lies outside of the class folders", hint="move it into one, or use -o labels=false")
    reader = Reader(options, context.resident_limit_mib)
    splits = []
    for part in hold_out(sequences, options.test_fraction):
        classes = [names.index(one.place.relative_to(root).parts[0]) for one in part] if options.labels else None
        splits.append(clip_source(*reader.read(part, classes)) if part else None)
    notes = [f"{others} other files are left out"] if others else []
    notes += reader.notes()
    for note in notes:
        _log.warning("clips %s: %s", root, note)
    train, test = splits
    assert train is not None
    return Dataset(
        name=f"clips:{root.resolve().name.encode(errors='replace').decode()}:{options.frames}x{options.stride}",
        train=train,
        test=test,
        num_classes=len(names),
        class_names=tuple(names),
        notes=tuple(notes),
    )


def list_sequences(root: Path) -> tuple[list[FrameSequence], int]:
    """Return the sequences below a folder in the order of their names, and how many files are of none; nothing that is hidden."""
    found: list[FrameSequence] = []
    others = 0
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files = [Path(folder, name) for name in names if not name.startswith(".") and os.path.isfile(Path(folder, name))]
        still = [file for file in files if file.suffix.lower() in _STILL]
        animated = [file for file in files if file.suffix.lower() in _ANIMATED]
        if still:
            found.append(FrameSequence(place=Path(folder), files=tuple(sorted(still, key=_in_order))))
        found += [FrameSequence(place=file, files=(file,)) for file in animated]
        others += len(files) - len(still) - len(animated)
    return sorted(found, key=lambda one: os.fsencode(one.place.relative_to(root))), others


def _in_order(file: Path) -> tuple[list[tuple[int, str]], str]:
    """Return a key by which ``frame-2`` stands before ``frame-10``."""
    pieces = re.split(r"(\d+)", file.name)
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in pieces], file.name


def hold_out(sequences: Sequence[FrameSequence], fraction: float) -> tuple[list[FrameSequence], list[FrameSequence]]:
    """Return train and test sequences, by a fixed seed.

    Raises:
        DataError: nothing would be left to train on.
    """
    count = round(len(sequences) * fraction)
    if count >= len(sequences):
        raise DataError(f"test_fraction={fraction} holds out all of {len(sequences)} sequences", hint="use a smaller one, or 0")
    chosen = set(np.random.RandomState(_SEED).permutation(len(sequences))[:count].tolist()) if count else set()
    sides: tuple[list[FrameSequence], list[FrameSequence]] = ([], [])
    for place, one in enumerate(sequences):
        sides[place in chosen].append(one)
    return sides


class Reader:
    """Reads sequences, and remembers those that it could not use.

    Args:
        options: the form of a clip.
        limit_mib: of a split in memory.
    """

    def __init__(self, options: ClipsOptions, limit_mib: float) -> None:
        self._options, self._limit = options, limit_mib * 2**20
        self._unusable: list[str] = []

    def read(self, sequences: Sequence[FrameSequence], classes: Sequence[int] | None) -> tuple[Tensor, Tensor | None]:
        """Return the clips of some sequences, ``[N, C, T, R, R]`` uint8, with a label for each where there are classes.

        Raises:
            DataError: a sequence cannot be used, none can, or they do not fit into memory.
        """
        parts, labels, used = [], [], 0
        for index, one in enumerate(sequences):
            try:
                clips = read_clips(one, self._options)
            except UnusableError as reason:
                if self._options.on_error == "fail":
                    raise DataError(f"{one.place} gives no clip: {reason}", hint="mend or remove it, or use -o on_error=skip") from None
                self._unusable.append(f"{one.place.name} ({reason})")
                continue
            parts.append(clips)
            labels += [] if classes is None else [classes[index]] * len(clips)
            used += clips.numel()
            if used > self._limit:
                raise DataError(
                    f"{len(sequences)} sequences are more than the {self._limit / 2**20:.0f} MiB that a split may have in memory",
                    hint="use fewer or a lower resolution, or raise data.resident_limit_mib",
                )
        if not parts:
            raise DataError(f"none of {len(sequences)} sequences gives a clip, first {self._unusable[0]}", hint="mend them")
        return torch.cat(parts), None if classes is None else torch.tensor(labels)

    def notes(self) -> list[str]:
        """Return one line for the sequences that were left out."""
        if not self._unusable:
            return []
        more = f" and {len(self._unusable) - _EXAMPLES} more" if len(self._unusable) > _EXAMPLES else ""
        return [f"{len(self._unusable)} sequences left out: {', '.join(self._unusable[:_EXAMPLES])}{more}"]


def read_clips(one: FrameSequence, options: ClipsOptions) -> Tensor:
    """Return the clips of a sequence, ``[n, C, T, R, R]`` uint8.

    Raises:
        UnusableError: too short, frames of several sizes, or a file that cannot be decoded.
    """
    frames = []
    size: tuple[int, int] | None = None
    for place, (name, picture) in enumerate(_frames(one)):
        if size is not None and picture.size != size:
            (width, height), (other_width, other_height) = size, picture.size
            raise UnusableError(f"its frames are {width}x{height} pixels, and {name} is {other_width}x{other_height}")
        size = picture.size
        if place % options.stride == 0:
            frames.append(_fitted(picture, options))
    count = len(frames) // options.frames
    if not count:
        every = f" at stride {options.stride}" if options.stride > 1 else ""
        raise UnusableError(f"it has {len(frames)} frame{'s' * (len(frames) != 1)}{every}, and a clip has {options.frames}")
    pixels = torch.from_numpy(np.stack(frames[: count * options.frames]))  # [n * T, R, R, C]
    return pixels.view(count, options.frames, *pixels.shape[1:]).permute(0, 4, 1, 2, 3).contiguous()


def _frames(one: FrameSequence) -> Iterator[tuple[str, Image.Image]]:
    """Yield the frames of a sequence, each with what a message calls it.

    Raises:
        UnusableError: a file cannot be decoded.
    """
    for file in one.files:
        try:
            with Image.open(io.BytesIO(read_file(file))) as picture:
                for number, frame in enumerate(ImageSequence.Iterator(picture)):
                    yield (file.name if len(one.files) > 1 else f"frame {number}"), frame.convert("RGB")
                    if len(one.files) > 1:
                        break
        except UnusableError:
            raise
        except OSError as error:
            raise UnusableError(f"{file.name} cannot be read ({error.strerror or 'it is no picture, or is cut off'})") from None
        except Exception as error:  # whatever the bytes make of the decoder
            raise UnusableError(f"{file.name} cannot be decoded ({type(error).__name__})") from None


def _fitted(picture: Image.Image, options: ClipsOptions) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return the middle square of a frame as ``[R, R, C]``."""
    side = min(picture.size)
    left, top = ((length - side) // 2 for length in picture.size)
    square = picture.crop((left, top, left + side, top + side))
    if side != options.resolution:
        square = square.resize((options.resolution, options.resolution), Image.Resampling.BILINEAR)
    pixels = np.asarray(square.convert("L" if options.grey else "RGB"))
    return pixels[:, :, None] if options.grey else pixels
