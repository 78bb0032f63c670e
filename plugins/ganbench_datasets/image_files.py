"""A split that consists of image files: decoded once where it fits, decoded by the sampler's workers where it does not.

Shapes: N images, n in a piece, C channels, H, W height and width.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import PIL
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganbench import ContentHasher, DataError, Source, default_workers, read_ahead
from ganbench_datasets.decode import Decoder, UndecodableError
from ganbench_datasets.file_list import FileList, LeftOut, shown
from ganbench_datasets.scan_cache import Scan, hash_sample, keep_scan, load_scan, scan_key
from ganbench_spaces.images import ImageSpace, image_source

_PIECE = 64
_PIECE_BYTES = 2**20  # workers hand pieces over through shared memory, of which a container has little
_WORTH_WORKERS = 1000  # files; below this, starting processes takes longer than decoding
_log = logging.getLogger(__name__)

Ids = NDArray[np.int32]


@dataclass(slots=True)
class FileSource:
    """A split that streams: files are opened when they are read."""

    files: FileList
    ids: Ids
    """Which of the files, in order."""
    decoder: Decoder
    classes: Ids | None
    """The class of each of the files, or None."""
    content_hash: str
    is_resident: bool = False

    @property
    def space(self) -> ImageSpace:
        """What a file becomes."""
        return self.decoder.space

    @property
    def num_samples(self) -> int:
        """N."""
        return len(self.ids)

    @property
    def labels(self) -> Tensor | None:
        """``[N]`` int64, or None."""
        return _labels(self.classes, self.ids)

    def read(self, indices: Tensor) -> Tensor:
        """Decode ``[n, C, H, W]`` uint8.

        Raises:
            ganbench.errors.DataError: a file that was good when it was scanned and is not now, by name.
        """
        pixels = np.empty((len(indices), *self.decoder.space.size), dtype=np.uint8)
        for out, position in zip(pixels, indices.tolist(), strict=True):
            path = self.files.path(int(self.ids[position]))
            try:
                out[:] = self.decoder.decode(path)[0]
            except UndecodableError as reason:
                raise DataError(f"{shown(path)} cannot be read any more ({reason})", hint="put it back, or start a new run") from reason
        return torch.from_numpy(pixels)


@dataclass(slots=True)
class _Piece:
    """What a scan says of a few files."""

    pixels: Tensor  # [n, C, H, W] uint8, of the good ones
    failures: list[tuple[int, str]]
    passing: bool
    """Whether a failure says nothing of its file."""
    num_enlarged: int


@dataclass(frozen=True, slots=True)
class _DecodePiece:
    """Decodes files and says which cannot be; runs in a worker."""

    files: FileList
    decoder: Decoder
    fail_hint: str | None

    def __call__(self, ids: Tensor) -> _Piece:
        pixels = np.empty((len(ids), *self.decoder.space.size), dtype=np.uint8)
        failures: list[tuple[int, str]] = []
        num_good = num_enlarged = 0
        passing = False
        for index in ids.tolist():
            try:
                pixels[num_good], enlarged = self.decoder.decode(self.files.path(index))
            except UndecodableError as reason:
                self._note(failures, index, str(reason))
                passing |= reason.passing
                continue
            num_good += 1
            num_enlarged += enlarged
        return _Piece(torch.from_numpy(pixels[:num_good]), failures, passing, num_enlarged)

    def _note(self, failures: list[tuple[int, str]], index: int, reason: str) -> None:
        if self.fail_hint is not None:
            raise DataError(f"{shown(self.files.path(index))} cannot be decoded ({reason})", hint=self.fail_hint)
        failures.append((index, reason))


@dataclass(slots=True)
class SplitBuilder:
    """Makes the splits of one list of files."""

    files: FileList
    decoder: Decoder
    classes: Ids | None
    resident_limit_mib: float
    fail_hint: str | None = None
    """What to do about a file that cannot be decoded, which is then an error; None to leave such files out."""
    damaged: LeftOut = field(default_factory=lambda: LeftOut("they cannot be decoded"))
    num_enlarged: int = 0
    _passing: bool = False

    def build(self, ids: Ids) -> Source:
        """Return the split of the good files among ``ids``.

        Raises:
            ganbench.errors.DataError: none is good, or one is not and that is an error.
        """
        num_bytes = len(ids) * int(np.prod(self.decoder.space.size))
        source = self._resident(ids) if num_bytes <= self.resident_limit_mib * 2**20 else self._streamed(ids)
        if source is None:
            first = self.damaged.examples[0]
            raise DataError(f"{shown(self.files.root)}: none of {len(ids)} image files can be decoded, first {first}")
        return source

    def notes(self) -> list[str]:
        """Return one line for what was left out or enlarged."""
        size = f"{self.decoder.height}x{self.decoder.width}"
        enlarged = [f"{self.num_enlarged} images are smaller than {size} and were enlarged"] if self.num_enlarged else []
        return [*([self.damaged.note()] if self.damaged.count else []), *enlarged]

    def _resident(self, ids: Ids) -> Source | None:
        images = torch.empty((len(ids), *self.decoder.space.size), dtype=torch.uint8)
        filled = 0

        def keep(pixels: Tensor) -> None:
            nonlocal filled
            images[filled : filled + len(pixels)] = pixels
            filled += len(pixels)

        bad = self._account(self._scan(ids, keep))
        return image_source(images[:filled], _labels(self.classes, _without(ids, bad))) if filled else None

    def _streamed(self, ids: Ids) -> Source | None:
        classes = "" if self.classes is None else _digest(self.classes)
        key = scan_key("files", PIL.__version__, self.files.digest, _digest(ids), self.decoder, classes)
        scan = load_scan(key)
        if scan is not None and not (scan.failures and self.fail_hint is not None):
            source = self._as_scanned(ids, scan)
            if scan.sample and scan.sample == hash_sample(source):
                self._account(scan)
                return source
        _log.info("decoding %d images once to check them and to hash their content; the result is kept in the cache", len(ids))
        hasher = ContentHasher(self.decoder.space)
        scan = self._scan(ids, hasher.update)
        source = self._as_scanned(ids, scan)
        self._account(scan)
        if not source.num_samples:
            return None
        source.content_hash = hasher.finish(source.labels)
        if not self._passing:
            keep_scan(key, replace(scan, content_hash=source.content_hash, sample=hash_sample(source)))
        return source

    def _as_scanned(self, ids: Ids, scan: Scan) -> FileSource:
        good = _without(ids, [index for index, _ in scan.failures])
        return FileSource(self.files, good, self.decoder, self.classes, scan.content_hash)

    def _scan(self, ids: Ids, consume: Callable[[Tensor], None]) -> Scan:
        """Decode every image once; the content hash is left to whoever consumes them."""
        failures: list[tuple[int, str]] = []
        num_enlarged = 0
        workers = default_workers() if len(ids) >= _WORTH_WORKERS else 0
        pieces = _pieces(ids, max(1, min(_PIECE, _PIECE_BYTES // int(np.prod(self.decoder.space.size)))))
        for piece in read_ahead(_DecodePiece(self.files, self.decoder, self.fail_hint), pieces, workers=workers):
            consume(piece.pixels)
            failures += piece.failures
            num_enlarged += piece.num_enlarged
            self._passing |= piece.passing
        return Scan(content_hash="", failures=tuple(failures), num_enlarged=num_enlarged)

    def _account(self, scan: Scan) -> list[int]:
        for index, reason in scan.failures:
            self.damaged.add(self.files.name(index), reason)
        self.num_enlarged += scan.num_enlarged
        return [index for index, _ in scan.failures]


def _pieces(ids: Ids, size: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size].astype(np.int64)


def _digest(ids: Ids) -> str:
    return hashlib.sha256(ids.tobytes()).hexdigest()


def _without(ids: Ids, bad: list[int]) -> Ids:
    return ids[~np.isin(ids, np.array(bad, dtype=ids.dtype))] if bad else ids


def _labels(classes: Ids | None, ids: Ids) -> Tensor | None:
    return None if classes is None else torch.from_numpy(classes[ids].astype(np.int64))
