"""The files below a directory, in a fixed order and in little memory: one blob of names, a few bytes beside it for each.

The order is that of the sorted relative paths, folder by folder, byte by byte: the same on every machine.
"""

from __future__ import annotations

import hashlib
import os
import stat
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ganbench_datasets.decode import SUFFIXES

_EXAMPLES = 5


def shown(name: bytes) -> str:
    """Return a name for a message; bytes that are not UTF-8 are replaced, so that the message can be written anywhere."""
    return name.decode(errors="replace")


@dataclass(slots=True)
class FileList:
    """Paths relative to a root, held compactly.

    ``digest`` is over the root and (path, size, times, inode) of each file. An equal one means that nothing was touched, as far as the file
    system says: a program can set the time of a modification as it likes, but not that of the last change of the inode.
    """

    root: bytes
    _names: bytearray = field(default_factory=bytearray, repr=False)
    _ends: array[int] = field(default_factory=lambda: array("q", [0]), repr=False)
    _digest: hashlib._Hash = field(default_factory=hashlib.sha256, repr=False)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, name: bytes, status: os.stat_result) -> None:
        """Append a file."""
        self._names += name
        self._ends.append(len(self._names))
        facts = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        self._digest.update(b"%s\0%d\0%d\0%d\0%d\0" % (name, *facts))

    def name(self, index: int) -> bytes:
        """Return the path relative to the root."""
        return bytes(self._names[self._ends[index] : self._ends[index + 1]])

    def path(self, index: int) -> bytes:
        """Return the path to open."""
        return os.path.join(self.root, self.name(index))  # noqa: PTH118 - bytes

    @property
    def digest(self) -> str:
        """sha256 over the root, and names, sizes, times and inodes."""
        whole = self._digest.copy()
        whole.update(os.path.realpath(self.root))
        return whole.hexdigest()


@dataclass(slots=True)
class LeftOut:
    """Files of one kind that are not used: a count and the first names."""

    reason: str
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, name: bytes, detail: str = "") -> None:
        """Count one more."""
        self.count += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(shown(name) + (f" ({detail})" if detail else ""))

    def note(self) -> str:
        """Return one line for the dataset's notes."""
        more = f" and {self.count - len(self.examples)} more" if self.count > len(self.examples) else ""
        return f"{self.count} {'file' if self.count == 1 else 'files'} left out, {self.reason}: {', '.join(self.examples)}{more}"


@dataclass(slots=True)
class Listing:
    """What a walk found."""

    files: FileList
    not_images: LeftOut = field(default_factory=lambda: LeftOut("not images by their names"))
    not_files: LeftOut = field(default_factory=lambda: LeftOut("pipes and devices"))
    unreachable: LeftOut = field(default_factory=lambda: LeftOut("links that lead nowhere, links back to a folder above, or no permission"))

    def notes(self) -> list[str]:
        """Return one line for each kind of file that was left out."""
        return [kind.note() for kind in (self.not_images, self.not_files, self.unreachable) if kind.count]


def list_images(root: Path) -> Listing:
    """Walk a directory tree; hidden names are passed over, links are followed but never in a circle."""
    listing = Listing(FileList(os.fsencode(root)))
    status = root.stat()
    for name, found in _walk(listing, b"", frozenset([(status.st_dev, status.st_ino)])):
        if os.path.splitext(name)[1].lower() in SUFFIXES:  # noqa: PTH122 - bytes
            listing.files.add(name, found)
        else:
            listing.not_images.add(name)
    return listing


def _walk(listing: Listing, folder: bytes, above: frozenset[tuple[int, int]]) -> Iterator[tuple[bytes, os.stat_result]]:
    """Yield the regular files below ``folder``; ``above`` are the folders on the way, by device and inode."""
    try:
        names = os.listdir(os.path.join(listing.files.root, folder))  # noqa: PTH118, PTH208 - bytes, and one compact list
    except OSError:
        listing.unreachable.add(folder)
        return
    names.sort(reverse=True)
    while names:  # taken off the end, so that memory falls while the list of files grows
        base = names.pop()
        if base.startswith(b"."):
            continue
        name = os.path.join(folder, base)  # noqa: PTH118 - bytes
        try:
            status = os.stat(os.path.join(listing.files.root, name))  # noqa: PTH118 - bytes
        except OSError:
            listing.unreachable.add(name)
            continue
        if stat.S_ISREG(status.st_mode):
            yield name, status
        elif stat.S_ISDIR(status.st_mode):
            here = (status.st_dev, status.st_ino)
            if here in above:
                listing.unreachable.add(name)
            else:
                yield from _walk(listing, name, above | {here})
        else:
            listing.not_files.add(name)
