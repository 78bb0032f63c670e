"""MoCoGAN (Tulyakov et al. 2018, https://arxiv.org/abs/1707.04993), with the numbers of sergeytulyakov/mocogan, written from their facts.

A frame is made by DCGAN's layers from content, which is one draw for a whole clip, a category, which is the label, and motion, which a
recurrent network makes of new noise at each frame. One discriminator judges frames, the other clips; the latter names the category too.
The noise of all frames is part of a clip's latents, so that a clip is a function of its latents alone.

Shapes: N clips, L latents of a clip, C channels, T frames, H = W, Z numbers that a frame is made of, K classes.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ganbench import BuildContext, Latents, Networks
from ganbench_clips.options import MoCoGANOptions
from ganbench_clips.space import ClipSpace, clips_of

_BASE = 4
"""Height and width of the smallest feature map."""
_KERNEL = 4
_IMAGE_LAYERS = 3
"""Of the image discriminator, before the one that judges patches."""


def halvings(space: ClipSpace, name: str, least: int = 2) -> int:
    """Return how often a frame's size is halved down to 4 pixels.

    Raises:
        ValueError: it is not square, or no such power of two; the message begins with ``name``.
    """
    count = (space.height // _BASE).bit_length() - 1
    if space.height != space.width or _BASE << max(count, 0) != space.height or count < least:
        sizes = f"{_BASE << least}, {_BASE << (least + 1)}, {_BASE << (least + 2)} and so on"
        raise ValueError(f"{name} needs square frames of {sizes} pixels (got {space.height}x{space.width})")
    return count


class Generator(nn.Module):
    """``[N, L]`` latents to ``[N, C, T, H, W]`` clips in [-1, 1]."""

    def __init__(self, options: MoCoGANOptions, space: ClipSpace, num_classes: int) -> None:
        super().__init__()
        self.frames, self.num_classes = space.frames, num_classes
        self.content_dim, self.motion_dim = options.content_dim, options.motion_dim
        self.recurrent = nn.GRUCell(options.motion_dim, options.motion_dim)
        widths = [options.generator_width << level for level in range(halvings(space, "mocogan"))][::-1]
        first = nn.ConvTranspose2d(self.content_dim + num_classes + self.motion_dim, widths[0], _BASE, bias=False)
        layers: list[nn.Module] = [first, nn.BatchNorm2d(widths[0]), nn.ReLU()]
        for before, after in pairwise(widths):
            layers += [nn.ConvTranspose2d(before, after, _KERNEL, stride=2, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        layers += [nn.ConvTranspose2d(widths[-1], space.channels, _KERNEL, stride=2, padding=1, bias=False), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    @property
    def num_latents(self) -> int:
        """L: content, the recurrent network's first state, and its noise at each frame."""
        return self.content_dim + self.motion_dim * (1 + self.frames)

    def codes(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """Return what each frame is made of, ``[N, T, Z]``: content and category, the same in all frames of a clip, and motion."""
        content, state, noise = torch.split(latents, [self.content_dim, self.motion_dim, self.motion_dim * self.frames], dim=1)
        motion = []
        for moment in noise.view(len(noise), self.frames, -1).unbind(1):
            state = self.recurrent(moment, state)
            motion.append(state)
        parts = [content]
        if self.num_classes:
            assert labels is not None
            parts.append(torch.zeros(len(latents), self.num_classes, device=latents.device).scatter_(1, labels[:, None], 1.0))
        whole = torch.cat(parts, dim=1)[:, None].expand(-1, self.frames, -1)
        return torch.cat([whole, torch.stack(motion, dim=1).to(whole.dtype)], dim=2)

    def draw(self, codes: Tensor) -> Tensor:
        """Return frames ``[M, C, H, W]`` of codes ``[M, Z]``."""
        frames: Tensor = self.layers(codes[:, :, None, None])
        return frames

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return clips."""
        frames = self.draw(self.codes(latents, labels).flatten(0, 1))
        return frames.view(-1, self.frames, *frames.shape[1:]).transpose(1, 2)

    def some_frames(self, latents: Tensor, labels: Tensor | None, chosen: Tensor) -> Tensor:
        """Return the chosen frames of clips alone, ``[N * k, C, H, W]``.

        Args:
            latents: ``[N, L]``.
            labels: ``[N]`` int64, or None.
            chosen: ``[N, k]`` int64: which frames of each clip.
        """
        codes = self.codes(latents, labels)
        return self.draw(codes.gather(1, chosen[:, :, None].expand(-1, -1, codes.shape[2])).flatten(0, 1))


def take_frames(clips: Tensor, chosen: Tensor) -> Tensor:
    """Return the chosen frames ``[N, k]`` int64 of clips ``[N, C, T, H, W]``, as ``[N * k, C, H, W]``."""
    places = chosen[:, None, :, None, None].expand(-1, clips.shape[1], -1, *clips.shape[3:])
    return clips.gather(2, places).transpose(1, 2).flatten(0, 1)


class ImageDiscriminator(nn.Sequential):
    """``[M, C, H, W]`` frames to a logit for each patch, ``[M, 1, h, w]``."""

    def __init__(self, options: MoCoGANOptions, space: ClipSpace) -> None:
        widths = [space.channels, *(options.discriminator_width << level for level in range(_IMAGE_LAYERS))]
        layers: list[nn.Module] = []
        for place, (before, after) in enumerate(pairwise(widths)):
            layers.append(nn.Conv2d(before, after, _KERNEL, stride=2, padding=1, bias=False))
            layers += [nn.BatchNorm2d(after)] if place else []
            layers.append(nn.LeakyReLU(0.2))
        super().__init__(*layers, nn.Conv2d(widths[-1], 1, _KERNEL, stride=2, padding=1, bias=False))


class VideoDiscriminator(nn.Module):
    """``[N, C, T, H, W]`` clips to logits ``[N, t]``, one for each stretch of frames, and logits of the category ``[N, K]``."""

    def __init__(self, options: MoCoGANOptions, space: ClipSpace, num_classes: int) -> None:
        super().__init__()
        self.half_size, self.num_classes = options.half_size_clips, num_classes
        levels = halvings(space, "mocogan", 3 if self.half_size else 2) - self.half_size
        least = levels * (_KERNEL - 1) + _KERNEL
        if space.frames < least:
            raise ValueError(f"mocogan needs clips of {least} frames or more at {space.height}x{space.width} pixels (got {space.frames})")
        widths = [space.channels, *(options.discriminator_width << level for level in range(levels))]
        layers: list[nn.Module] = []
        for place, (before, after) in enumerate(pairwise(widths)):
            layers.append(nn.Conv3d(before, after, _KERNEL, stride=(1, 2, 2), padding=(0, 1, 1), bias=False))
            layers += [nn.BatchNorm3d(after)] if place else []
            layers.append(nn.LeakyReLU(0.2))
        self.layers = nn.Sequential(*layers, nn.Conv3d(widths[-1], 1 + num_classes, _KERNEL, bias=False))

    def forward(self, clips: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return both; the labels are not looked at."""
        if self.half_size:
            clips = nn.functional.avg_pool3d(clips, (1, 2, 2))
        answers = self.layers(clips)[:, :, :, 0, 0]
        return answers[:, 0], answers[:, 1:].mean(2) if self.num_classes else None


def build(options: MoCoGANOptions, context: BuildContext) -> Networks:
    """Build the three networks, with PyTorch's initial weights as in the source.

    Raises:
        ValueError: frames of another size than the layers have, or too few of them.
    """
    space = clips_of(context.space)
    num_classes = context.num_classes if options.conditional else 0
    generator = Generator(options, space, num_classes)
    modules = {
        "generator": generator,
        "discriminator": VideoDiscriminator(options, space, num_classes),
        "image_discriminator": ImageDiscriminator(options, space),
    }
    return Networks(modules=modules, inputs=Latents(generator.num_latents, labels=num_classes > 0))
