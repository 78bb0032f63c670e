"""Where the weights of torchvision's VGG16 lie."""

from __future__ import annotations

from pathlib import Path

from ganbench import ExtractorContext
from ganbench_extractors.published import PublishedWeights

FILE = "vgg16-397923af.pth"
SHA256 = "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0"
PUBLISHED = PublishedWeights(FILE, f"https://download.pytorch.org/models/{FILE}", SHA256)


def find_weights(context: ExtractorContext) -> Path:
    """Return the weights file: the one that was named, or torchvision's where it lies in a cache. It is not downloaded.

    Raises:
        WeightsError: there is none, or what lies in the cache is another; says where to get and put it.
    """
    return PUBLISHED.require(context, "VGG16", PUBLISHED.cached, PUBLISHED.in_hub)
