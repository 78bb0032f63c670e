"""The averaged generator that is evaluated (Karras et al. 2018, https://arxiv.org/abs/1710.10196, section 4).

Parameters are averaged with a half-life in images; buffers are copied, because batch statistics of old weights describe nothing.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class EMA:
    """An exponential moving average of a module.

    Args:
        module: the network that is trained.
        halflife_kimg: thousands of images after which an old weight counts half; 0 copies.
        start_kimg: the average is a copy until then.
        images_per_update: real images between two updates.
    """

    def __init__(self, module: nn.Module, *, halflife_kimg: float, start_kimg: float, images_per_update: int) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self._weight = 1.0 - 0.5 ** (images_per_update / (halflife_kimg * 1000)) if halflife_kimg > 0 else 1.0
        self._start_images = round(start_kimg * 1000)
        self._active = self._start_images == 0
        self._averaged: list[Tensor] = list(self.module.parameters())
        self._source: list[Tensor] = list(module.parameters())
        self._buffers = list(self.module.buffers())
        self._source_buffers = list(module.buffers())

    @property
    def active(self) -> bool:
        """Whether it averages already; a captured update has this frozen in it."""
        return self._active

    def set_progress(self, samples_seen: int) -> None:
        """Start averaging when its time has come."""
        self._active = samples_seen >= self._start_images

    def capture_key(self) -> bool:
        """Return :attr:`active`."""
        return self._active

    @torch.no_grad()
    def update(self) -> None:
        """Move the average one step towards the trained network."""
        torch._foreach_lerp_(self._averaged, self._source, self._weight if self._active else 1.0)
        if self._buffers:
            torch._foreach_copy_(self._buffers, self._source_buffers)
