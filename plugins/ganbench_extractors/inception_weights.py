"""Where the weights of the 2015 Inception network come from: a path, the cache, or a checked download.

The file is torch-fidelity's port of the TensorFlow graph that Heusel et al. (2017) used. The eight hexadecimal digits in its name are the
beginning of its sha256; all 64 are checked here.
"""

from __future__ import annotations

import hashlib
import http.client
import logging
import urllib.request
from pathlib import Path

from ganbench import ExtractorContext, WeightsError, keep_in_cache
from ganbench_extractors.published import PublishedWeights

logger = logging.getLogger("ganbench.download")

URL = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
FILE = "weights-inception-2015-12-05-6726825d.pth"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
PUBLISHED = PublishedWeights(FILE, URL, SHA256)
TIMEOUT_SECONDS = 30


def find_weights(context: ExtractorContext) -> Path:
    """Return the weights file: the one that was named (any file of the format), else the published one.

    Raises:
        WeightsError: there is none; says where to get and put it.
    """
    path = PUBLISHED.find(context, PUBLISHED.cached, PUBLISHED.in_hub)  # torch-fidelity itself puts it into the hub's folder
    if path is not None:
        return path
    if context.download:
        return _download()
    raise WeightsError("the Inception weights are not there and downloading is off", hint=PUBLISHED.where_to_put)


def _download() -> Path:
    """Fetch the published file into the cache.

    Raises:
        WeightsError: the network or the disk refused, or something else arrived.
    """
    path = PUBLISHED.cached
    logger.info("downloading the Inception weights (91 MiB) from %s", PUBLISHED.url)
    try:
        with urllib.request.urlopen(PUBLISHED.url, timeout=TIMEOUT_SECONDS) as response:
            data = response.read()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise WeightsError(f"the Inception weights cannot be downloaded ({reason})", hint=PUBLISHED.where_to_put) from error
    found = hashlib.sha256(data).hexdigest()
    if found != PUBLISHED.sha256:
        damage = f"sha256 must be {PUBLISHED.sha256} (got {found})"
        raise WeightsError(f"the download of the Inception weights is damaged: {damage}", hint=PUBLISHED.where_to_put)
    try:
        keep_in_cache(path, data)
    except OSError as error:
        raise WeightsError(f"the Inception weights cannot be kept in {path.parent}: {error.strerror}", hint="set GANBENCH_CACHE") from error
    return path
