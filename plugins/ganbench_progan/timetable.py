"""When the networks grow: the segments of a run as pure functions of the images seen (Karras et al. 2018, section A.1).

A segment is a time in which nothing changes that a captured step would have frozen in it: one resolution, fading in or stable. As in
train.py of tkarras/progressive_growing_of_gans each resolution but the last is trained for ``stage_kimg``, then the next fades in for
``fade_kimg``; the last is trained to the end.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from ganbench import ConfigError, TrainingConfig, steps_before
from ganbench_progan import ProgressiveOptions
from ganbench_progan.growing import FIRST_RESOLUTION, level_of

FULL_BATCH_RESOLUTION = 16
"""Up to here the source's batches are of one size."""
SMALLEST_BATCH = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A stretch of training."""

    level: int
    """Doublings of 4 to its resolution."""
    fading: bool
    """Whether this resolution fades in."""
    start_images: int
    """Real images seen where it begins."""
    batch_size: int
    """Real images in one discriminator step."""


def make_segments(options: ProgressiveOptions, training: TrainingConfig, resolution: int) -> tuple[Segment, ...]:
    """Return the segments of a run in order.

    Raises:
        ConfigError: the last resolution would not be reached within the budget.
    """
    first, last = level_of(options.start_resolution), level_of(resolution)
    stable_images, fade_images = _lengths(options, training.total_kimg, last - first + 1)
    _require_room((last - first) * (stable_images + fade_images), training.total_kimg, resolution)
    segments, start = [], 0
    for level in range(first, last + 1):
        batch = batch_size_at(FIRST_RESOLUTION << level, training.batch_size, shrink=options.shrink_batch)
        for fading, length in ((True, fade_images if level > first else 0), (False, stable_images if level < last else 1)):
            if length:
                segments.append(Segment(level=level, fading=fading, start_images=start, batch_size=batch))
            start += length
    return tuple(segments)


def _lengths(options: ProgressiveOptions, total_kimg: float, num_resolutions: int) -> tuple[int, int]:
    """Return the images of a stable segment before the last, and of a fade.

    Of 12,000 kimg at 1024 the source has 600 for each, so the last resolution gets 2400: in all 2n + 2 parts for n resolutions.
    """
    stable = total_kimg / (2 * num_resolutions + 2) if options.stage_kimg is None else options.stage_kimg
    fade = stable if options.fade_kimg is None else options.fade_kimg
    return round(1000 * stable), round(1000 * fade)


def _require_room(growing_images: int, total_kimg: float, resolution: int) -> None:
    if growing_images >= max(1000 * total_kimg, 1):
        raise ConfigError(
            f"stage_kimg and fade_kimg take {growing_images / 1000:g} kimg before {resolution}x{resolution} is there, "
            f"and training.total_kimg is {total_kimg:g}",
            hint="leave them unset to fit them to the budget, or use a larger --kimg",
        )


def batch_size_at(resolution: int, batch_size: int, *, shrink: bool) -> int:
    """Return the batch at a resolution; where it shrinks, a multiple of 4."""
    if not shrink or resolution <= FULL_BATCH_RESOLUTION:
        return batch_size
    shrunk = batch_size * FULL_BATCH_RESOLUTION // resolution
    return min(batch_size, max(shrunk - shrunk % 4, SMALLEST_BATCH))


class Timetable:
    """Finds the segment of a moment, given in images or in iterations.

    Args:
        segments: in order, the first from 0.
        d_steps: discriminator steps of an iteration.
        d_steps_boost: of some iterations; see :func:`ganbench.training.objective.steps_before`.
    """

    def __init__(self, segments: Sequence[Segment], *, d_steps: int, d_steps_boost: int = 0) -> None:
        self.segments = segments
        self._starts = [segment.start_images for segment in segments]
        self._d_steps, self._boost = d_steps, d_steps_boost
        self._first_iterations = self._find_first_iterations()

    def at_images(self, samples_seen: int) -> int:
        """Return the index of the segment that an iteration belongs to which begins here."""
        return bisect_right(self._starts, samples_seen) - 1

    def at_iteration(self, iteration: int) -> int:
        """Return the index of the segment that an iteration belongs to."""
        return bisect_right(self._first_iterations, iteration) - 1

    def alpha(self, samples_seen: int) -> float:
        """Return how much of the newest resolution is blended in: from 0 to 1 over a fade, else 1."""
        index = self.at_images(samples_seen)
        if not self.segments[index].fading:
            return 1.0
        start, end = self._starts[index : index + 2]
        return (samples_seen - start) / (end - start)

    def _find_first_iterations(self) -> list[int]:
        """Return the first iteration of each segment; one that is shorter than a batch may have none."""
        firsts, images = [0], 0
        for segment, end in zip(self.segments, self._starts[1:], strict=False):
            iteration = firsts[-1]
            steps = max(math.ceil((end - images) / segment.batch_size), 0)
            before = self._steps_before(iteration)
            following = range(iteration, iteration + steps + 1)
            firsts.append(iteration + bisect_left(following, before + steps, key=self._steps_before))
            images += segment.batch_size * (self._steps_before(firsts[-1]) - before)
        return firsts

    def _steps_before(self, iteration: int) -> int:
        return steps_before(iteration, self._d_steps, self._boost)
