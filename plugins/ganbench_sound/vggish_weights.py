"""Where the weights of VGGish lie."""

from __future__ import annotations

from pathlib import Path

from ganbench import ExtractorContext
from ganbench_extractors.published import PublishedWeights

FILE = "vggish-10086976.pth"
SHA256 = "10086976245803799d9194e9a73d9b6c1549c71d1b80106f5cade5608a561f4b"
URL = f"https://github.com/harritaylor/torchvggish/releases/download/v0.1/{FILE}"
PUBLISHED = PublishedWeights(FILE, URL, SHA256)


def find_weights(context: ExtractorContext) -> Path:
    """Return the weights file: the one that was named, or what lies in the cache. It is not downloaded.

    Raises:
        WeightsError: there is none, or what lies in the cache is another; says where to get and put it.
    """
    return PUBLISHED.require(context, "VGGish", PUBLISHED.cached)
