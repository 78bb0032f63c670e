"""SpecGAN (Donahue et al. 2019, https://arxiv.org/abs/1802.04208, appendix D): the baseline that generates spectrograms as images.

DCGAN's layers with kernels of 5 and no norm. Training sees spectrograms alone; what is measured is the sound that Griffin and Lim's
algorithm makes of one. Labels are ours, as in :mod:`ganbench_sound.wavegan`.

Shapes: N sounds, L the length of z, T samples of a sound, F = sqrt(T) frequencies and as many moments, K classes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from ganbench import AdversarialAlgorithm, AlgorithmContext, Batch, BuildContext, Latents, Networks
from ganbench_sound.options import SpecGANOptions
from ganbench_sound.spectra import Spectra
from ganbench_sound.wavegan import initialise, waveform_of

_BASE = 4
_KERNEL = 5
_FITTED = 4096
"""Sounds at most that mean and deviation are taken from."""


def channel_widths(bins: int, width: int) -> list[int]:
    """Return the channels from half of F down to 4: 64 to 1024 for 128 and 64."""
    return [width * 2**level for level in range((bins // _BASE).bit_length() - 1)]


class Generator(nn.Module):
    """``[N, L]`` latents to ``[N, 1, F, F]`` spectrograms in [-1, 1]."""

    def __init__(self, options: SpecGANOptions, length: int, num_classes: int) -> None:
        super().__init__()
        self.spectra = Spectra(length, options.griffin_lim)
        widths = channel_widths(self.spectra.bins, options.width)[::-1]
        self.classes = nn.Embedding(num_classes, options.latent_dim) if num_classes else None
        self.input = nn.Linear(options.latent_dim * (2 if num_classes else 1), widths[0] * _BASE**2)
        self.layers = nn.ModuleList(
            nn.ConvTranspose2d(*pair, _KERNEL, stride=2, padding=_KERNEL // 2, output_padding=1) for pair in pairwise([*widths, 1])
        )

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return spectrograms."""
        if self.classes is not None:
            latents = torch.cat([latents, self.classes(labels)], dim=1)
        x = self.input(latents).unflatten(1, (-1, _BASE, _BASE))
        for layer in self.layers:
            x = layer(torch.relu(x))
        return torch.tanh(x)


class Discriminator(nn.Module):
    """``[N, 1, F, F]`` spectrograms to ``[N]`` logits; of sounds ``[N, 1, T]`` the spectrograms are taken first."""

    def __init__(self, options: SpecGANOptions, length: int, num_classes: int) -> None:
        super().__init__()
        self.spectra = Spectra(length, options.griffin_lim)
        widths = channel_widths(self.spectra.bins, options.width)
        self.layers = nn.ModuleList(nn.Conv2d(*pair, _KERNEL, stride=2, padding=_KERNEL // 2) for pair in pairwise([1, *widths]))
        features = widths[-1] * _BASE**2
        self.output = nn.Linear(features, 1)
        self.classes = nn.Embedding(num_classes, features) if num_classes else None

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits."""
        x = self.spectra(samples) if samples.ndim == 3 else samples
        for layer in self.layers:
            x = nn.functional.leaky_relu(layer(x), 0.2)
        features = x.flatten(1)
        logits: Tensor = self.output(features)[:, 0]
        return logits if self.classes is None else logits + (self.classes(labels) * features).sum(1)


class SpecGAN(AdversarialAlgorithm):
    """The default iteration on spectrograms of real sounds."""

    def __init__(self, context: AlgorithmContext) -> None:
        train = context.dataset.train
        few = train.read(torch.arange(min(_FITTED, train.num_samples)))
        sounds = train.space.to_network(train.space.arrange(few))
        for name in ("generator", "discriminator"):  # before the average copies the generator
            spectra = context.networks[name].spectra
            assert isinstance(spectra, Spectra)
            spectra.fit(sounds)
        super().__init__(context)

    def draw_real(self) -> Batch:
        """Return the next batch, as spectrograms."""
        batch = super().draw_real()
        spectra = self.discriminator.spectra
        assert isinstance(spectra, Spectra)
        return dataclasses.replace(batch, samples=spectra(batch.samples))


def generate(modules: Mapping[str, nn.Module], latents: Tensor, labels: Tensor | None) -> Tensor:
    """Return sounds ``[N, 1, T]``."""
    spectra = modules["generator"].spectra
    assert isinstance(spectra, Spectra)
    return spectra.invert(modules["generator"](latents, labels))


def build(options: SpecGANOptions, context: BuildContext) -> Networks:
    """Build both networks."""
    length, num_classes = waveform_of(context).length, context.num_classes if options.conditional else 0
    modules = {
        "generator": Generator(options, length, num_classes),
        "discriminator": Discriminator(options, length, num_classes),
    }
    for module in modules.values():
        module.apply(initialise)
    inputs = Latents(options.latent_dim, "uniform", labels=num_classes > 0)
    return Networks(modules=modules, inputs=inputs, generate=generate)
