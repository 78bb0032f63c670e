"""ProGAN's iteration (Karras et al. 2018, https://arxiv.org/abs/1710.10196): the default one, between networks that grow.

What changes from one iteration to the next is one number on the device, alpha. Everything else changes where a segment of the timetable
ends: the layers in use, the batch, and, as in train.py of tkarras/progressive_growing_of_gans, the optimizers' moments, which begin anew.
Steps are captured again there. They are not compiled: a compiled penalty has the parameters of one stage in it.

The average moves by the same step in every update, as the source's does (0.999 there), so that its half-life in images shrinks with the
batch; ``ema_halflife_kimg`` is that of ``training.batch_size``.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ganbench import AdversarialAlgorithm, AlgorithmContext
from ganbench_progan import ProgressiveOptions
from ganbench_progan.growing import GrowingNetwork
from ganbench_progan.networks import Discriminator, Generator
from ganbench_progan.sampler import StagedSampler
from ganbench_progan.timetable import Timetable, make_segments

FINE_RESOLUTION = 1024
"""Where the learning rates have the factor ``fine_rate``."""


class ProgressiveAlgorithm(AdversarialAlgorithm):
    """Alternating updates of two networks that grow from a small resolution to that of the images."""

    runners = ("eager", "cuda_graph")

    def __init__(self, context: AlgorithmContext) -> None:
        options, training = context.config.architecture.options, context.config.training
        generator, discriminator = context.networks["generator"], context.networks["discriminator"]
        assert isinstance(options, ProgressiveOptions)
        assert isinstance(generator, Generator)
        assert isinstance(discriminator, Discriminator)
        segments = make_segments(options, training, context.dataset.space.resolution)
        super().__init__(replace(context, sampler=StagedSampler(context.sampler, discriminator)))
        average = self.averages["generator"].module
        assert isinstance(average, GrowingNetwork)
        self._options, self._growing_generator = options, generator
        self._growing: tuple[GrowingNetwork, ...] = (generator, discriminator, average)
        self._timetable = Timetable(segments, d_steps=training.d_steps, d_steps_boost=training.d_steps_boost)
        self._enter(0)

    def generate(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """Return float32 images ``[N, C, h, w]`` at the current resolution."""
        with self.autocast():
            images = self._growing_generator.at_current_resolution(latents, labels)
        return images.float()

    def set_progress(self, samples_seen: int) -> None:
        """Move the schedules, the average, the fade and the growth to this point."""
        super().set_progress(samples_seen)
        index = self._timetable.at_images(samples_seen)
        if index != self._index:
            self._enter(index)
            if self._options.reset_optimizers:
                self._reset_optimizers()
            self._set_alpha(samples_seen)
        elif self._timetable.segments[index].fading:
            self._set_alpha(samples_seen)
        if self._growing_generator.current_resolution == FINE_RESOLUTION:
            self._raise_rates(samples_seen)

    def _enter(self, index: int) -> None:
        """Take on what stands still in a segment."""
        segment = self._timetable.segments[index]
        self._index = index
        for network in self._growing:
            network.grow(segment.level, fading=segment.fading)
        self.training = replace(self.training, batch_size=segment.batch_size)
        self.generator_batch = segment.batch_size * self.training.generator_batch_factor

    def _set_alpha(self, samples_seen: int) -> None:
        alpha = self._timetable.alpha(samples_seen)
        for network in self._growing:
            network.alpha.fill_(alpha)

    @torch.no_grad()
    def _reset_optimizers(self) -> None:
        for optimizer in self.optimizers.values():
            for state in optimizer.state.values():
                for tensor in state.values():
                    tensor.zero_()

    def _raise_rates(self, samples_seen: int) -> None:
        for schedule, optimizer in zip(self.schedules.values(), self.optimizers.values(), strict=True):
            optimizer.param_groups[0]["lr"].fill_(schedule.value(samples_seen) * self._options.fine_rate)

    def samples_shown(self, iteration: int) -> int:
        """Return how many real images this iteration shows to the discriminator."""
        segment = self._timetable.segments[self._timetable.at_iteration(iteration)]
        return segment.batch_size * self.num_discriminator_steps(iteration)

    def capture_key(self) -> Hashable:
        """Whether the average averages already, and the segment."""
        return super().capture_key(), self._index

    def state_dict(self) -> dict[str, Any]:
        """Return the default algorithm's state, and the segment."""
        return {**super().state_dict(), "segment": self._index}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` returned, in place."""
        self._enter(int(state["segment"]))
        super().load_state_dict(state)
