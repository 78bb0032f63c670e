"""What was once computed of the real samples: sample sets and floors, kept under everything that they depend on.

A file is the sha256 of what follows, then safetensors. It is verified when read: a damaged entry is computed again, and a cache that cannot
be written costs only time. Each says so in one log line.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ganbench.cache import keep_in_cache
from ganbench.evaluation.protocol import SampleSet
from ganbench.evaluation.statistics import FeatureStatistics
from ganbench.reading import read_file
from ganbench.record.record import Key
from ganbench.tensor_bytes import tensors_from_bytes, tensors_to_bytes

logger = logging.getLogger(__name__)

_FORMAT = 3
"""Part of every key; counted up when the content of an entry changes its meaning."""
_DIGEST_BYTES = 32
_STATISTICS = "statistics."


class ReferenceCache:
    """Entries of tensors under keys.

    Args:
        directory: the cache's folder; entries lie in ``references`` below it. It need not exist, nor be writable.
        code_of: returns a hash of the sources of an extractor or a metric, so that what other code computed is not believed.
    """

    def __init__(self, directory: Path, code_of: Callable[[object], str] = lambda one: "") -> None:
        self._directory, self.code_of = directory / "references", code_of
        self._writable = True

    def load(self, key: Key) -> dict[str, Tensor] | None:
        """Return an entry's tensors, or None where there is none that can be trusted."""
        path = self._path(key)
        try:
            data = read_file(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            logger.warning("cannot read the cached reference %s (%s); computing it again", path, error.strerror)
            return None
        digest, payload = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        try:
            if hashlib.sha256(payload).digest() != digest:
                raise ValueError("its checksum does not match")
            return tensors_from_bytes(payload)
        except ValueError as error:
            logger.warning("the cached reference %s is damaged (%s); computing it again", path, error)
            return None

    def store(self, key: Key, tensors: dict[str, Tensor]) -> None:
        """Keep tensors under a key; where that fails, warn once and go on."""
        if not self._writable:
            return
        payload = tensors_to_bytes(tensors)
        try:
            keep_in_cache(self._path(key), hashlib.sha256(payload).digest() + payload)
        except OSError as error:
            self._writable = False
            logger.warning("the cache %s cannot be written (%s); references are computed anew in each run", self._directory, error.strerror)

    def _path(self, key: Key) -> Path:
        fields = Key.of(**dict(key.fields), format=_FORMAT)
        return self._directory / f"{hashlib.sha256(repr(fields.fields).encode()).hexdigest()[:40]}.tensors"


def sample_set_to_tensors(found: SampleSet) -> dict[str, Tensor]:
    """Return a sample set as tensors for the cache; samples, labels and the spread are not among them."""
    tensors = {"dims": torch.tensor([found.statistics.dims], dtype=torch.int64)}
    if found.statistics.count:
        tensors.update({_STATISTICS + name: tensor for name, tensor in found.statistics.to_tensors().items()})
    for name, tensor in (("features", found.features), ("logits", found.logits), ("mode_counts", found.mode_counts)):
        if tensor is not None:
            tensors[name] = tensor
    return tensors


def sample_set_from_tensors(tensors: dict[str, Tensor], *, device: str | torch.device = "cpu") -> SampleSet:
    """Rebuild what :func:`sample_set_to_tensors` gave.

    Args:
        tensors: the entry.
        device: where the statistics are kept.

    Raises:
        ValueError: these are not the tensors of a sample set.
    """
    statistics = {name.removeprefix(_STATISTICS): tensor for name, tensor in tensors.items() if name.startswith(_STATISTICS)}
    if not statistics and "dims" not in tensors:
        raise ValueError(f"these are not the tensors of a sample set (got {sorted(tensors)}); delete the cached file")
    return SampleSet(
        statistics=FeatureStatistics.from_tensors(statistics, device=device) if statistics else FeatureStatistics(int(tensors["dims"])),
        features=tensors.get("features"),
        logits=tensors.get("logits"),
        mode_counts=tensors.get("mode_counts"),
    )
