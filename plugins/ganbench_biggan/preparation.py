"""How BigGAN's layers start, and which of them are spectrally normalised (Brock et al. 2019, appendix C)."""

from __future__ import annotations

from typing import Literal, TypeVar

from torch import nn

from ganbench_resnet.spectral_norm import normalise_spectrum

Initialisation = Literal["orthogonal", "normal", "xavier"]
Layer = TypeVar("Layer", bound=nn.Module)


class Preparation:
    """Initialises layers, and normalises them.

    Args:
        initialisation: of the weights; biases are 0.
        normalised: whether :meth:`__call__` adds spectral normalisation.
    """

    def __init__(self, initialisation: Initialisation, normalised: bool) -> None:
        self._initialisation, self._normalised = initialisation, normalised

    def __call__(self, layer: Layer) -> Layer:
        """Initialise a layer with a weight, and normalise it."""
        self.table(layer)
        if self._normalised:
            normalise_spectrum(layer)
        return layer

    def table(self, layer: Layer) -> Layer:
        """Only initialise it: the source normalises no embedding of the generator, which trains badly with it."""
        weight = layer.weight
        assert isinstance(weight, nn.Parameter)
        if self._initialisation == "orthogonal":
            nn.init.orthogonal_(weight)
        elif self._initialisation == "xavier":
            nn.init.xavier_uniform_(weight)
        else:
            nn.init.normal_(weight, 0.0, 0.02)
        if isinstance(bias := getattr(layer, "bias", None), nn.Parameter):
            nn.init.zeros_(bias)
        return layer
