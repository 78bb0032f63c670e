"""Where the weights of the 2015 Inception network come from: a path, the cache, or a checked download.

The file is torch-fidelity's port of the TensorFlow graph that Heusel et al. (2017) used. The eight hexadecimal digits in its name are the
beginning of its sha256; all 64 are checked here.
"""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import urllib.request
from pathlib import Path

from ganbench import ExtractorContext, WeightsError, cache_directory, keep_in_cache

logger = logging.getLogger("ganbench.download")

URL = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
FILE = "weights-inception-2015-12-05-6726825d.pth"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
TIMEOUT_SECONDS = 30


def find_weights(context: ExtractorContext) -> Path:
    """Return the weights file: the one that was named (any file of the format), else the published one.

    Raises:
        WeightsError: there is none; says where to get and put it.
    """
    if context.weights is not None:
        return _named(context.weights)
    for path in (cached_path(), _hub_path()):
        if os.path.isfile(path):
            return require_published(path, SHA256)
    if context.download:
        return _download()
    raise WeightsError("the Inception weights are not there and downloading is off", hint=_where_to_put())


def cached_path() -> Path:
    """Return where the published file belongs."""
    return cache_directory() / "weights" / FILE


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


def _named(path: Path) -> Path:
    file = path / FILE if os.path.isdir(path) else path
    if not os.path.isfile(file):
        raise WeightsError(f"no such weights file: {file}", hint=f"get it from {URL}")
    return file


def _hub_path() -> Path:
    """Return where torch-fidelity itself would have put the file."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / FILE


def require_published(path: Path, sha256: str) -> Path:
    """Return a file that is the published one.

    Raises:
        WeightsError: it is not.
    """
    found = sha256_of(path)
    if found != sha256:
        hint = "delete the file to get it again, or name another with --extractor-weights"
        raise WeightsError(f"the weights {path} are damaged or others: sha256 must be {sha256} (got {found})", hint=hint)
    return path


def _download() -> Path:
    """Fetch the published file into the cache.

    Raises:
        WeightsError: the network or the disk refused, or something else arrived.
    """
    path = cached_path()
    logger.info("downloading the Inception weights (91 MiB) from %s", URL)
    try:
        with urllib.request.urlopen(URL, timeout=TIMEOUT_SECONDS) as response:
            data = response.read()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise WeightsError(f"the Inception weights cannot be downloaded ({reason})", hint=_where_to_put()) from error
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        raise WeightsError(f"the download of the Inception weights is damaged: sha256 must be {SHA256} (got {found})", hint=_where_to_put())
    try:
        keep_in_cache(path, data)
    except OSError as error:
        raise WeightsError(f"the Inception weights cannot be kept in {path.parent}: {error.strerror}", hint="set GANBENCH_CACHE") from error
    return path


def _where_to_put() -> str:
    return f"get {URL} and put it at {cached_path()} or name it with --extractor-weights"
