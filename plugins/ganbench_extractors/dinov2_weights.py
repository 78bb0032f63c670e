"""Where the weights of DINOv2's ViT-L/14 lie."""

from __future__ import annotations

from pathlib import Path

from ganbench import ExtractorContext
from ganbench_extractors.published import PublishedWeights

FILE = "dinov2_vitl14_pretrain.pth"
SHA256 = "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428"
"""Of the 1,217,586,395 bytes, as several public projects that pin the file have it."""
PUBLISHED = PublishedWeights(FILE, f"https://dl.fbaipublicfiles.com/dinov2/dinov2_vitl14/{FILE}", SHA256)


def find_weights(context: ExtractorContext) -> Path:
    """Return the weights file: the one that was named, or the published one where it lies in a cache. It is not downloaded.

    Raises:
        WeightsError: there is none, or what lies in the cache is another; says where to get and put it.
    """
    return PUBLISHED.require(context, "DINOv2", PUBLISHED.cached, PUBLISHED.in_hub)
