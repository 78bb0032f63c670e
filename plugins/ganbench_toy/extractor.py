"""The ``points`` extractor: the features of a point are its coordinates."""

from __future__ import annotations

import hashlib

from torch import Tensor

from ganbench import ExtractorContext, Features


class PointsExtractor:
    """Leaves points as they are, so that Fréchet and kernel distances are those of the plane."""

    extractor_id = "points-1"
    preprocessing_id = "none"
    weights_hash = hashlib.sha256(b"").hexdigest()
    dims = 2
    num_members = 1
    spaces = ("points",)

    def extract(self, points: Tensor) -> tuple[Features, ...]:
        """Return the coordinates.

        Args:
            points: ``[N, 2, 1, 1]`` floating point.
        """
        return (Features(features=points.flatten(1).float()),)


def build(options: object, context: ExtractorContext) -> PointsExtractor:
    """Build the extractor."""
    return PointsExtractor()
