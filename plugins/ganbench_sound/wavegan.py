"""WaveGAN (Donahue et al. 2019, https://arxiv.org/abs/1802.04208, appendix D), with the numbers of chrisdonahue/wavegan.

Transposed convolutions of 25 samples that quadruple the length, no norm; in the discriminator strided ones, and phase shuffle behind each
but the last. A length of 16 times a power of 4 has a layer for each quadrupling, twice that one more whose stride is 2, as the source has
it at 32,768. Labels are ours: a learned vector beside z, and a projection of the last features (Miyato and Koyama 2018,
https://arxiv.org/abs/1802.05637).

Shapes: N sounds, L the length of z, T samples of a sound, C channels, t samples of a feature map, K classes.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ganbench import BuildContext, Latents, Networks
from ganbench_sound.options import WaveGANOptions
from ganbench_sound.space import WaveformSpace

_SHORTEST = 16
"""Samples of the smallest feature map."""
_KERNEL, _STRIDE = 25, 4


def strides_of(length: int) -> list[int]:
    """Return the strides of the layers from 16 samples up to T.

    Raises:
        ValueError: T is neither 16 times a power of 4 nor twice that.
    """
    strides, reached = [], _SHORTEST
    while reached * _STRIDE <= length:
        strides.append(_STRIDE)
        reached *= _STRIDE
    if reached * 2 == length:
        return [*strides, 2]
    if reached != length or not strides:
        raise ValueError(f"WaveGAN needs sounds of 16 times a power of 4 or twice that, such as 4096 or 16384 samples (got {length})")
    return strides


class Generator(nn.Module):
    """``[N, L]`` latents to ``[N, 1, T]`` sounds in [-1, 1]."""

    def __init__(self, options: WaveGANOptions, length: int, num_classes: int) -> None:
        super().__init__()
        strides = strides_of(length)
        widths = [options.width * 2**level for level in range(len(strides))][::-1]
        self.classes = nn.Embedding(num_classes, options.latent_dim) if num_classes else None
        self.input = nn.Linear(options.latent_dim * (2 if num_classes else 1), widths[0] * _SHORTEST)
        self.layers = nn.ModuleList(_enlarging(*pair, stride) for pair, stride in zip(pairwise([*widths, 1]), strides, strict=True))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return sounds."""
        if self.classes is not None:
            latents = torch.cat([latents, self.classes(labels)], dim=1)
        x = self.input(latents).unflatten(1, (-1, _SHORTEST))
        for layer in self.layers:
            x = layer(torch.relu(x))
        return torch.tanh(x)


class Discriminator(nn.Module):
    """``[N, 1, T]`` sounds to ``[N]`` logits."""

    def __init__(self, options: WaveGANOptions, length: int, num_classes: int, packing: int) -> None:
        super().__init__()
        strides = strides_of(length)
        widths = [packing, *(options.width * 2**level for level in range(len(strides)))]
        self.layers = nn.ModuleList(
            nn.Conv1d(*pair, _KERNEL, stride, padding=(_KERNEL - stride + 1) // 2)
            for pair, stride in zip(pairwise(widths), strides, strict=True)
        )
        self.radius = options.phase_shuffle
        features = widths[-1] * _SHORTEST
        self.output = nn.Linear(features, 1)
        self.classes = nn.Embedding(num_classes, features) if num_classes else None

    def forward(self, sounds: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits; while the network is trained, of feature maps that are moved anew at each place."""
        x = sounds
        for i, layer in enumerate(self.layers):
            x = nn.functional.leaky_relu(layer(x), 0.2)
            if self.training and i < len(self.layers) - 1:
                x = shuffle_phase(x, self.radius)
        features = x.flatten(1)
        logits: Tensor = self.output(features)[:, 0]
        return logits if self.classes is None else logits + (self.classes(labels) * features).sum(1)


def shuffle_phase(maps: Tensor, radius: int) -> Tensor:
    """Return feature maps moved in time by one shift for the whole batch, drawn from -radius to radius on the device.

    Section 3.3 of the article draws a shift for each sound; its code, whose scores are published, one for each call. What comes in at an
    end is a reflection without the outermost sample.

    Args:
        maps: ``[N, C, t]``, t above the radius.
        radius: 0 for no move.
    """
    if not radius:
        return maps
    return move(maps, torch.randint(-radius, radius + 1, (1,), device=maps.device))


def move(maps: Tensor, shift: Tensor) -> Tensor:
    """Return ``[N, C, t]`` maps moved by a shift ``[1]`` int64, later where it is above 0, with reflected ends."""
    last = maps.shape[2] - 1
    places = (torch.arange(last + 1, device=maps.device) - shift).abs()
    return maps.index_select(2, last - (last - places).abs())


def _enlarging(before: int, after: int, stride: int) -> nn.ConvTranspose1d:
    """Return a convolution that multiplies the length by its stride."""
    padding = (_KERNEL - stride + 1) // 2
    return nn.ConvTranspose1d(before, after, _KERNEL, stride, padding=padding, output_padding=2 * padding + stride - _KERNEL)


def initialise(module: nn.Module) -> None:
    """Weights uniform with Glorot's variance, biases 0: TensorFlow's defaults, which the source has."""
    if isinstance(module, (nn.Linear, nn.Conv1d, nn.ConvTranspose1d, nn.Conv2d, nn.ConvTranspose2d, nn.Embedding)):
        nn.init.xavier_uniform_(module.weight)
    if isinstance(module, (nn.Linear, nn.Conv1d, nn.ConvTranspose1d, nn.Conv2d, nn.ConvTranspose2d)) and module.bias is not None:
        nn.init.zeros_(module.bias)


def build(options: WaveGANOptions, context: BuildContext) -> Networks:
    """Build both networks."""
    space = waveform_of(context)
    num_classes = context.num_classes if options.conditional else 0
    generator = Generator(options, space.length, num_classes)
    discriminator = Discriminator(options, space.length, num_classes, context.packing)
    generator.apply(initialise)
    discriminator.apply(initialise)
    inputs = Latents(options.latent_dim, "uniform", labels=num_classes > 0)
    return Networks(modules={"generator": generator, "discriminator": discriminator}, inputs=inputs)


def waveform_of(context: BuildContext) -> WaveformSpace:
    """Return the space, which must be one of sounds."""
    assert isinstance(context.space, WaveformSpace)  # the spec says so
    return context.space
