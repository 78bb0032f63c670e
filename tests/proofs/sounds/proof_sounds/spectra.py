"""Features of a sound: the mean level of each of 16 bands, in decades."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from ganbench import ExtractorContext, Features


class Spectra:
    """Has no weights."""

    extractor_id = "spectra-1"
    preprocessing_id = "log10-power-16-bands"
    weights_hash = hashlib.sha256(b"").hexdigest()
    dims = 16
    num_members = 1
    spaces = ("sounds",)

    def extract(self, samples: Tensor) -> tuple[Features, ...]:
        """Return levels ``[N, 16]``.

        Args:
            samples: ``[N, 1, T]`` int16.
        """
        power = torch.fft.rfft(samples[:, 0].float() / 32767).abs().square()[:, 1:]  # [N, T / 2]
        return (Features(features=power.unflatten(1, (self.dims, -1)).mean(-1).add(1e-3).log10()),)


def build(options: object, context: ExtractorContext) -> Spectra:
    """Build the extractor."""
    return Spectra()
