"""The birthday test: how many different images a generator can make, from the duplicates in batches of them.

Arora and Zhang (2018), https://arxiv.org/abs/1706.08224: of s samples from N equally likely ones two are the same with the probability
1 - exp(-s(s - 1) / 2N), nearly, so that batches which hold a duplicate half the time speak of a support of about s^2 samples. They let a
machine find the nearest pairs of a batch, by pixels or by features, and a person say whether these are duplicates. Here no person looks:
two images are duplicates when they are nearer than a share (0.2) of the median distance of a real image to the nearest other one of a batch
of real images of the same size. That is a rule of ours and no published one. It scales with the features, and real against real says how
often it takes two real images for duplicates; a person may see duplicates that it does not, and it may see some that a person would not.
An untrained generator has none or all of its images alike: read it beside a distance.

From B batches of b images, which hold k duplicate pairs among the P = B b (b - 1) / 2 that are compared:

- the share of the batches with a pair;
- the support P / (k + 1). k / P is an unbiased estimate of the probability that two images are the same, sum p^2, whose inverse is N where
  all are equally likely, and less where some are made more often. With the 1 there is a finite answer for no pair; it never says more than
  P, and for k of a Poisson distribution with the mean P / N its mean is N (1 - exp(-P / N));
- the support that it has at least, with 95 % confidence for equally likely images: -b(b - 1) / 2 ln(1 - p), where p is the upper bound of
  Clopper and Pearson (1934) for the share. It is 0 where every batch has a pair.

Shapes: M generated images, N real images, D feature dimensions or values of an image, b images of a batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from ganbench import ConfigError, Needs, SampleSet
from ganbench_metrics import BirthdayOptions
from ganbench_metrics.neighbours import pairwise_features, squared_radii, within

_MOST_REAL_BATCHES = 20
_CONFIDENCE = 0.95


def duplicate_distance(real: Tensor, options: BirthdayOptions) -> float:
    """Return the squared distance below which two images are duplicates.

    Args:
        real: ``[N, D]``, any order; batches are cut from a random one of a fixed seed.
        options: b and the factor.

    Raises:
        ConfigError: fewer real images than a batch.
    """
    size = options.batch_size
    if len(real) < size:
        raise ConfigError(f"batch_size must be at most {len(real)}, the real samples (got {size})", hint="lower birthday.batch_size")
    order = torch.randperm(len(real), generator=torch.Generator().manual_seed(0)).to(real.device)
    batches = order[: min(len(real) // size, _MOST_REAL_BATCHES) * size].split(size)
    nearest = torch.cat([squared_radii(real[batch], 1) for batch in batches]).sqrt()
    return (options.factor * nearest.median().item()) ** 2


def duplicate_pairs(fake: Tensor, size: int, distance: float) -> list[int]:
    """Return how many pairs of each whole batch are nearer than a squared distance.

    Args:
        fake: ``[M, D]``, batch by batch.
        size: b.
        distance: pairs that are as far do not count, but copies always do.
    """
    radius = max(distance, torch.finfo(torch.float64).tiny)  # where real images are copies of each other, copies are still duplicates
    found = []
    for batch in fake[: len(fake) // size * size].split(size):
        radii = torch.full((size,), radius, dtype=torch.float64, device=fake.device)
        found.append((sum(int(inside.sum()) for inside in within(batch, batch, radii, border=False)) - size) // 2)
    return found


def estimate(pairs: list[int], size: int) -> tuple[float, float, float]:
    """Return the share of batches with a pair, the support, and the support that there is at least.

    Args:
        pairs: the duplicate pairs of each batch.
        size: b.
    """
    compared = size * (size - 1) / 2
    hits = sum(count > 0 for count in pairs)
    bound = _upper_bound(hits, len(pairs))
    least = 0.0 if bound == 1 else -compared / math.log1p(-bound)
    return hits / len(pairs), len(pairs) * compared / (sum(pairs) + 1), least


def _upper_bound(hits: int, trials: int) -> float:
    """Return the largest share under which so few hits have a probability of one minus the confidence."""
    if hits == trials:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(60):
        share = (low + high) / 2
        so_few = sum(math.comb(trials, i) * share**i * (1 - share) ** (trials - i) for i in range(hits + 1))
        low, high = (share, high) if so_few > 1 - _CONFIDENCE else (low, share)
    return high


@dataclass(frozen=True, slots=True)
class Birthday:
    """The birthday test as a metric: the share of batches with a duplicate (ranked) and two supports."""

    needs: Needs
    options: BirthdayOptions = field(default_factory=BirthdayOptions)
    implementation: ClassVar[str] = "birthday-1"

    @property
    def least_samples(self) -> int:
        """A batch."""
        return self.options.batch_size

    def parameters(self) -> dict[str, str | int | float]:
        """Return what changes the value."""
        return {"batch_size": self.options.batch_size, "factor": self.options.factor}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (share, support, support at least); see :func:`estimate`.

        Raises:
            ConfigError: fewer images on a side than a batch.
        """
        size = self.options.batch_size
        reals, fakes = (_pixels(side) if self.needs.samples else pairwise_features(side) for side in (real, fake))
        if len(fakes) < size:
            raise ConfigError(f"batch_size must be at most {len(fakes)}, the samples (got {size})", hint="lower birthday.batch_size")
        return estimate(duplicate_pairs(fakes, size, duplicate_distance(reals, self.options)), size)


def _pixels(side: SampleSet) -> Tensor:
    if side.samples is None:
        raise ValueError("this metric needs images, and the sample set lacks them")
    return side.samples.flatten(1).float().to("cuda" if torch.cuda.is_available() else "cpu")


def build_birthday(options: BirthdayOptions) -> Birthday:
    """Build the metric between features."""
    return Birthday(Needs(statistics=False, features=True), options)


def build_birthday_pixels(options: BirthdayOptions) -> Birthday:
    """Build the metric between pixels."""
    return Birthday(Needs(statistics=False, samples=True), options)
