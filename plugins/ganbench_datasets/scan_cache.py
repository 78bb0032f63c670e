"""What a scan of a large dataset found, kept in the cache: the next run need not decode everything again.

A scan is found by what the file system says of the files, and believed when a sample of the content is what it was as well: a file system
may be coarse in its times, and another Pillow may decode other pixels.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from ganbench import ContentHasher, DataError, Source, cache_directory, keep_in_cache

_VERSION = 2
_SAMPLE = 64
"""Images that are read again before a scan is believed."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """What is known of a split after every image was read once."""

    content_hash: str
    failures: tuple[tuple[int, str], ...] = ()
    """Number and reason of each file that cannot be decoded."""
    num_enlarged: int = 0
    sample: str = ""
    """What :func:`hash_sample` said of the split."""


def scan_key(*parts: object) -> str:
    """Return the name of a scan: sha256 over everything that its result depends on."""
    return hashlib.sha256(json.dumps([_VERSION, *parts], default=str).encode()).hexdigest()


def load_scan(key: str) -> Scan | None:
    """Return what was kept under a key; None where there is nothing or it is damaged."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads(_path(key).read_text())
        failures = tuple((int(index), str(reason)) for index, reason in kept["failures"])
        return Scan(
            content_hash=str(kept["content_hash"]), failures=failures, num_enlarged=int(kept["num_enlarged"]), sample=str(kept["sample"])
        )
    return None


def hash_sample(source: Source) -> str:
    """Return the hash of a few images that lie evenly in a split; empty where one cannot be read."""
    count = min(_SAMPLE, source.num_samples)
    indices = torch.linspace(0, source.num_samples - 1, count, dtype=torch.float64).long()
    hasher = ContentHasher(source.space)
    try:
        for index in indices.tolist():  # one at a time: they may be large
            hasher.update(source.read(torch.tensor([index])))
    except DataError:
        return ""
    return hasher.finish()


def keep_scan(key: str, scan: Scan) -> None:
    """Keep a result; a cache that cannot be written costs only the time of the next scan."""
    try:
        keep_in_cache(_path(key), json.dumps(asdict(scan)).encode())
    except OSError as error:
        _log.warning("the scan of the dataset is not kept: %s", error)


def _path(key: str) -> Path:
    return cache_directory() / "scans" / f"{key}.json"
