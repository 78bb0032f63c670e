"""VGAN (Vondrick et al. 2016, https://arxiv.org/abs/1609.02612), with the numbers of cvondrick/videogan's main.lua, from their facts.

A background, one image for the whole clip, and a foreground of three-dimensional convolutions; a mask says where which is seen. The mean of
the mask is part of the generator's loss: nn.L1Penalty(0.1, true), which averages over all elements. The discriminator's two logits and
their cross-entropy, as the source has them, are one logit, their difference, and the logistic loss.

Shapes: N clips, L the length of z, C channels, T frames, H = W.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ganbench import AdversarialAlgorithm, AlgorithmContext, BuildContext, ConfigError, Latents, Networks
from ganbench_clips.mocogan import halvings
from ganbench_clips.options import VGANOptions
from ganbench_clips.space import ClipSpace, clips_of

_BASE, _KERNEL = 4, 4


def first_frames(space: ClipSpace) -> int:
    """Return the frames of the smallest feature map.

    Raises:
        ValueError: the clip's cannot be halved as often as its height.
    """
    factor = 1 << halvings(space, "vgan")
    if space.frames % factor:
        raise ValueError(f"vgan needs clips of a multiple of {factor} frames at {space.height}x{space.width} pixels (got {space.frames})")
    return space.frames // factor


class Generator(nn.Module):
    """``[N, L]`` latents to ``[N, C, T, H, W]`` clips in [-1, 1]."""

    def __init__(self, options: VGANOptions, space: ClipSpace) -> None:
        super().__init__()
        self.frames = space.frames
        widths = [options.generator_width << level for level in range(halvings(space, "vgan"))][::-1]
        still: list[nn.Module] = [nn.ConvTranspose2d(options.latent_dim, widths[0], _BASE), nn.BatchNorm2d(widths[0]), nn.ReLU()]
        moving: list[nn.Module] = [
            nn.ConvTranspose3d(options.latent_dim, widths[0], (first_frames(space), _BASE, _BASE)),
            nn.BatchNorm3d(widths[0]),
            nn.ReLU(),
        ]
        for pair in pairwise(widths):
            still += [nn.ConvTranspose2d(*pair, _KERNEL, stride=2, padding=1), nn.BatchNorm2d(pair[1]), nn.ReLU()]
            moving += [nn.ConvTranspose3d(*pair, _KERNEL, stride=2, padding=1), nn.BatchNorm3d(pair[1]), nn.ReLU()]
        self.background = nn.Sequential(*still, nn.ConvTranspose2d(widths[-1], space.channels, _KERNEL, stride=2, padding=1), nn.Tanh())
        self.foreground = nn.Sequential(*moving)
        self.colours = nn.ConvTranspose3d(widths[-1], space.channels, _KERNEL, stride=2, padding=1)
        self.mask = nn.ConvTranspose3d(widths[-1], 1, _KERNEL, stride=2, padding=1)

    def parts(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Return clips, and their masks ``[N, 1, T, H, W]``: 1 where the foreground is seen."""
        background = self.background(latents[:, :, None, None])[:, :, None]
        features = self.foreground(latents[:, :, None, None, None])
        mask = self.mask(features).sigmoid()
        return mask * self.colours(features).tanh() + (1 - mask) * background, mask

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return clips."""
        return self.parts(latents)[0]


class Discriminator(nn.Module):
    """``[N, C, T, H, W]`` clips to ``[N]`` logits."""

    def __init__(self, options: VGANOptions, space: ClipSpace) -> None:
        super().__init__()
        widths = [space.channels, *(options.discriminator_width << level for level in range(halvings(space, "vgan")))]
        layers: list[nn.Module] = []
        for place, pair in enumerate(pairwise(widths)):
            layers.append(nn.Conv3d(*pair, _KERNEL, stride=2, padding=1))
            layers += [nn.BatchNorm3d(pair[1], eps=1e-3)] if place else []
            layers.append(nn.LeakyReLU(0.2))
        self.layers = nn.Sequential(*layers, nn.Conv3d(widths[-1], 2, (first_frames(space), _BASE, _BASE)))

    def forward(self, clips: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return how much more a clip is taken for real than for generated."""
        answers = self.layers(clips).flatten(1)
        logits: Tensor = answers[:, 0] - answers[:, 1]
        return logits


class VGAN(AdversarialAlgorithm):
    """The default iteration, with the mask in the generator's loss.

    Raises:
        ConfigError: a loss that looks at real clips in the generator's update, which has none here.
    """

    functions = (*AdversarialAlgorithm.functions, "masked_clips")

    def __init__(self, context: AlgorithmContext) -> None:
        context.require(shared_fakes=False)
        objective, options = context.objective, context.config.architecture.options
        assert objective is not None
        assert isinstance(options, VGANOptions)
        if objective.paired_generator_loss is not None or any(term.needs_real for term in objective.terms):
            raise ConfigError("vgan takes a loss that looks at generated clips alone in the generator's update", hint="use --loss logistic")
        self.mask_weight = options.mask_weight
        super().__init__(context)

    def generator_update(self) -> None:
        """Descend the generator through a frozen discriminator, and the mean of its masks."""
        clips, mask = self.masked_clips(self.draw_inputs(self.generator_batch))
        with self.frozen("discriminator"):
            loss = self.generator_loss(self.present(clips), None) + self.mask_weight * mask.mean()
            self.step("generator", loss)
        self.update_averages()
        self.ledger.add_generator(loss)

    def masked_clips(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Return clips and their masks, in float32; see :meth:`Generator.parts`."""
        generator = self.generator
        assert isinstance(generator, Generator)
        with self.autocast():
            clips, mask = generator.parts(latents)
        return clips.float(), mask.float()


@torch.no_grad()
def initialise(module: nn.Module) -> None:
    """Convolutions from N(0, 0.01), norms from N(1, 0.02), biases 0, as the source has it."""
    if isinstance(module, (nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d, nn.BatchNorm2d, nn.BatchNorm3d)):
        norm = isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d))
        nn.init.normal_(module.weight, 1.0 if norm else 0.0, 0.02 if norm else 0.01)
        assert module.bias is not None
        nn.init.zeros_(module.bias)


def build(options: VGANOptions, context: BuildContext) -> Networks:
    """Build both networks.

    Raises:
        ValueError: frames of another size than the layers have, or of another number.
    """
    space = clips_of(context.space)
    modules = {"generator": Generator(options, space), "discriminator": Discriminator(options, space)}
    for module in modules.values():
        module.apply(initialise)
    return Networks(modules=modules, inputs=Latents(options.latent_dim))
