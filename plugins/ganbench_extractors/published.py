"""Published files of weights: named by the user or found in a cache, checked by their sha256, and fitted to their network."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ganbench import ExtractorContext, WeightsError, cache_directory


@dataclass(frozen=True, slots=True)
class PublishedWeights:
    """One file that somebody has published."""

    file: str
    """Its name."""
    url: str
    sha256: str

    @property
    def cached(self) -> Path:
        """Where it belongs in ganbench's cache."""
        return cache_directory() / "weights" / self.file

    @property
    def where_to_put(self) -> str:
        """What to do where it is missing."""
        return f"get {self.url} and put it at {self.cached} or name it with --extractor-weights"

    @property
    def in_hub(self) -> Path:
        """Where torch.hub would have put it; torch itself is only asked where it is imported, which takes seconds."""
        torch = sys.modules.get("torch")
        if torch is not None:
            return Path(torch.hub.get_dir()) / "checkpoints" / self.file
        home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
        return Path(home).expanduser() / "hub" / "checkpoints" / self.file

    def find(self, context: ExtractorContext, *places: Path) -> Path | None:
        """Return the file that was named, whatever is in it, or the published one from the first of the places that has a file.

        Raises:
            WeightsError: the named file is not there, or what lies in a place is another one.
        """
        if context.weights is not None:
            file = context.weights / self.file if os.path.isdir(context.weights) else context.weights
            if not os.path.isfile(file):
                raise WeightsError(f"no such weights file: {file}", hint=f"get it from {self.url}")
            return file
        return next((self._checked(path) for path in places if os.path.isfile(path)), None)

    def require(self, context: ExtractorContext, network: str, *places: Path) -> Path:
        """Return what :meth:`find` finds; nothing is downloaded.

        Raises:
            WeightsError: as there, or there is none; says where to get and put it.
        """
        path = self.find(context, *places)
        if path is None:
            raise WeightsError(f"the {network} weights are not there", hint=self.where_to_put)
        return path

    def _checked(self, path: Path) -> Path:
        found = sha256_of(path)
        if found != self.sha256:
            hint = "delete the file to get it again, or name another with --extractor-weights"
            raise WeightsError(f"the weights {path} are damaged or others: sha256 must be {self.sha256} (got {found})", hint=hint)
        return path


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file of weights in hexadecimal.

    Raises:
        WeightsError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        raise WeightsError(f"cannot read the weights {path}: {error.strerror}") from error
    return digest.hexdigest()


@contextlib.contextmanager
def fitting(path: Path, network: str, hint: str) -> Iterator[None]:
    """Say in one line that the tensors of a file, which the block loads, do not fit a network.

    Raises:
        WeightsError: they are of another one.
    """
    try:
        yield
    except RuntimeError as error:
        first = " ".join(str(error).split(":", 1)[-1].split())[:120]
        raise WeightsError(f"{path} does not fit {network}: {first}", hint=hint) from error
