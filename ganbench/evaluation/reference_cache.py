"""What was once computed of the real images: feature sets and floors, kept under everything that they depend on.

A file is the sha256 of what follows, then safetensors. It is verified when read: a damaged entry is computed again, and a cache that cannot
be written costs only time. Each says so in one log line.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import torch
from torch import Tensor

from ganbench import cache as safetensors
from ganbench.cache import keep
from ganbench.evaluation.protocol import SampleSet
from ganbench.evaluation.statistics import FeatureStatistics
from ganbench.record.record import Key

logger = logging.getLogger(__name__)

FORMAT = 3
"""Part of every key; counted up when the content of an entry changes its meaning."""
_DIGEST_BYTES = 32
_STATISTICS = "statistics."


class ReferenceCache:
    """Entries of tensors under keys.

    Args:
        directory: the cache's folder; entries lie in ``references`` below it. It need not exist, nor be writable.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "references"
        self._writable = True

    def load(self, key: Key) -> dict[str, Tensor] | None:
        """Return an entry's tensors, or None where there is none that can be trusted."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            logger.warning("cannot read the cached reference %s (%s); computing it again", path, error.strerror)
            return None
        digest, payload = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        try:
            if hashlib.sha256(payload).digest() != digest:
                raise ValueError("its checksum does not match")
            return safetensors.load(payload)
        except ValueError as error:
            logger.warning("the cached reference %s is damaged (%s); computing it again", path, error)
            return None

    def store(self, key: Key, tensors: dict[str, Tensor]) -> None:
        """Keep tensors under a key; where that fails, warn once and go on."""
        if not self._writable:
            return
        payload = safetensors.save(tensors)
        try:
            keep(self._path(key), hashlib.sha256(payload).digest() + payload)
        except OSError as error:
            self._writable = False
            logger.warning("the cache %s cannot be written (%s); references are computed anew in each run", self._directory, error.strerror)

    def _path(self, key: Key) -> Path:
        fields = Key.of(**dict(key.fields), format=FORMAT)
        return self._directory / f"{hashlib.sha256(repr(fields.fields).encode()).hexdigest()[:40]}.tensors"


def feature_set_to_tensors(features: SampleSet) -> dict[str, Tensor]:
    """Return a feature set as tensors for the cache; images, labels and the spread are not among them."""
    tensors = {"dims": torch.tensor([features.statistics.dims], dtype=torch.int64)}
    if features.statistics.count:
        tensors.update({_STATISTICS + name: tensor for name, tensor in features.statistics.to_tensors().items()})
    for name, tensor in (("features", features.features), ("logits", features.logits), ("mode_counts", features.mode_counts)):
        if tensor is not None:
            tensors[name] = tensor
    return tensors


def feature_set_from_tensors(tensors: dict[str, Tensor], *, device: str | torch.device = "cpu") -> SampleSet:
    """Rebuild what :func:`feature_set_to_tensors` gave.

    Args:
        tensors: the entry.
        device: where the statistics are kept.

    Raises:
        ValueError: these are not the tensors of a feature set.
    """
    statistics = {name.removeprefix(_STATISTICS): tensor for name, tensor in tensors.items() if name.startswith(_STATISTICS)}
    if not statistics and "dims" not in tensors:
        raise ValueError(f"these are not the tensors of a feature set (got {sorted(tensors)}); delete the cached file")
    return SampleSet(
        statistics=FeatureStatistics.from_tensors(statistics, device=device) if statistics else FeatureStatistics(int(tensors["dims"])),
        features=tensors.get("features"),
        logits=tensors.get("logits"),
        mode_counts=tensors.get("mode_counts"),
    )
