"""Where the weights of CLIP's ViT-L/14 at 336 pixels lie."""

from __future__ import annotations

from pathlib import Path

from ganbench import ExtractorContext
from ganbench_extractors.published import PublishedWeights

FILE = "clip-vit-large-patch14-336.bin"
"""Its name in the cache; where it is published it is called ``pytorch_model.bin``, as many others are."""
SHA256 = "c6032c2e0caae3dc2d4fba35535fa6307dbb49df59c7e182b1bc4b3329b81801"
"""Of the 1,711,974,081 bytes, as several public projects that pin the file have it."""
URL = "https://huggingface.co/openai/clip-vit-large-patch14-336/resolve/ce19dc912ca5cd21c8a653c79e251e808ccabcd1/pytorch_model.bin"
PUBLISHED = PublishedWeights(FILE, URL, SHA256)


def find_weights(context: ExtractorContext) -> Path:
    """Return the weights file: the one that was named, or the published one where it lies in the cache. It is not downloaded.

    Raises:
        WeightsError: there is none, or what lies in the cache is another; says where to get and put it.
    """
    return PUBLISHED.require(context, "CLIP", PUBLISHED.cached)
