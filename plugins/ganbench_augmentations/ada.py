"""Adaptive discriminator augmentation (Karras et al. 2020, https://arxiv.org/abs/2006.06676), its pipeline ``bgc``.

Written from the article; NVlabs/stylegan2-ada-pytorch, whose code is not for commercial use, was not copied. Beyond their borders images
are mirrored. The source pads them by as much as a batch needs, at most once, which only the host can know; here a whole period of the
mirrored image is kept, so that a captured step can hold it.

Shapes: N images, C, H, W an image in [-1, 1].
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench import Augmentation, BuildContext
from ganbench_augmentations import ADAOptions
from ganbench_augmentations.draws import Draws, Uniform, inverse_of_blits, inverse_of_geometry, of_colours
from ganbench_augmentations.warp import LEAST_SIZE, low_pass, warp
from ganbench_schedules import Schedule
from ganbench_spaces.images import images_of


def build(options: ADAOptions, context: BuildContext) -> Augmentation:
    """Build the augmentation.

    Raises:
        ValueError: the data are no images, too small, or neither grey nor colour.
    """
    channels, *size = images_of(context.space).size
    if "c" in options.pipeline and channels not in (1, 3):
        raise ValueError(
            f"pipeline must be b or bg for images that are neither grey nor colour (got {options.pipeline}, {channels} channels)"
        )
    if min(size) < LEAST_SIZE:
        raise ValueError(f"ada needs images of {LEAST_SIZE}x{LEAST_SIZE} or more (got {size[0]}x{size[1]})")
    return ADA(options)


class ADA(Augmentation):
    """Random maps of the plane and of the colours, whose probability follows the discriminator's overfitting, or a schedule.

    Args:
        options: the pipeline and the rule.
    """

    told = ("strength",)
    strength: Tensor
    """p, the probability of each kind; above 1 it is as 1."""
    interval: Tensor
    """Since the last change: sum of the signs of real logits, logits, images and updates."""

    def __init__(self, options: ADAOptions) -> None:
        super().__init__()
        self._options, self._schedule = options, None
        if options.final_strength is not None:
            first, last = options.strength, options.final_strength
            self._schedule = Schedule(kind="cosine", first=first, last=last, end_kimg=options.ramp_kimg)
        self.register_buffer("strength", torch.full((), options.strength))
        self.register_buffer("interval", torch.zeros(4))
        self._low_pass: Tensor  # a buffer: a captured step must not take it from the host
        self.register_buffer("_low_pass", low_pass(), persistent=False)

    def forward(self, images: Tensor, uniform: Uniform) -> Tensor:
        """Return augmented images ``[N, C, H, W]``."""
        height, width = images.shape[2:]
        draws = Draws(uniform, len(images), self.strength)
        inverse = inverse_of_blits(draws, height, width)
        if "g" in self._options.pipeline:
            inverse = inverse @ inverse_of_geometry(draws, height, width)
        images = warp(images, inverse, self._low_pass)
        return recoloured(images, of_colours(draws)) if "c" in self._options.pipeline else images

    @torch.no_grad()
    def observe(self, real_logits: Tensor) -> None:
        """Count the signs, and after so many updates move p by a fixed step towards fewer of one kind (section 3.1 of the article)."""
        options = self._options
        if options.target is None:
            return
        signs, rest = real_logits.sign().sum(), (float(real_logits.numel()), float(len(real_logits)), 1.0)
        self.interval.add_(torch.stack([signs, *(torch.full_like(signs, one) for one in rest)]))
        total, logits, images, updates = self.interval.unbind()
        due = (updates >= options.every).to(self.strength.dtype)
        step = torch.sign(total / logits - options.target) * images / (1000 * options.rise_kimg)
        self.strength.add_(due * step).clamp_(min=0)
        self.interval.mul_(1 - due)

    def set_progress(self, samples_seen: int) -> None:
        """Move p along half a cosine, where it follows a schedule."""
        if self._schedule is not None:
            self.strength.fill_(self._schedule.value(samples_seen))


def recoloured(images: Tensor, colours: Tensor) -> Tensor:
    """Return images under maps of the colours ``[N, 4, 4]``; of grey ones the mean of what becomes of red, green and blue."""
    colours = colours.to(images.dtype)
    rows = colours[:, :3] if images.shape[1] == 3 else colours[:, :3].mean(dim=1, keepdim=True)
    factors = rows[:, :, :3] if images.shape[1] == 3 else rows[:, :, :3].sum(dim=2, keepdim=True)
    changed: Tensor = (factors @ images.flatten(2)).view_as(images)
    return changed + rows[:, :, 3, None, None]
