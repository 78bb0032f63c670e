"""Two statistics of motion that need no network's judgement of a whole clip, and one of what moves.

The centre of mass of a frame's light moves from frame to frame. Its mean step is a clip's speed, the mean change of its step a clip's
jerkiness, both in pixels a frame. What is reported is Wasserstein's distance of order 1 between their distributions over real and over
generated clips: SciPy's ``wasserstein_distance``. A frozen clip has speed 0, a shuffled one a large jerkiness. On a bright background that
does not move, both are smaller than what the eye follows: compare clips of one dataset only.

Shapes: N clips, C channels, T frames, H, W height and width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ganbench import Needs, SampleSet
from ganbench_clips.network import to_input
from ganbench_clips.reader import load_networks

_BATCH = 50


def centres(clips: Tensor) -> Tensor:
    """Return the centre of mass of each frame's light in pixels, row and column, ``[N, T, 2]`` float64; the middle of a black frame.

    Args:
        clips: ``[N, C, T, H, W]`` uint8.
    """
    light = clips.sum(1, dtype=torch.float64)  # [N, T, H, W]
    height, width = light.shape[2:]
    total = light.sum((2, 3))
    middle = torch.tensor([(height - 1) / 2, (width - 1) / 2], dtype=torch.float64)
    rows = (light.sum(3) * (torch.arange(height) - middle[0])).sum(2)
    columns = (light.sum(2) * (torch.arange(width) - middle[1])).sum(2)
    return middle + torch.stack([rows, columns], dim=2) / total.clamp_min(1)[:, :, None]


def speed_and_jerkiness(clips: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean step of the centre of each clip and the mean change of that step, both ``[N]`` float64 in pixels a frame.

    A clip of two frames has one step, and no change of it: 0.
    """
    found = [centres(part).diff(dim=1) for part in torch.split(clips, _BATCH)]
    steps = torch.cat(found)  # [N, T - 1, 2]
    changes = steps.diff(dim=1).norm(dim=2)
    return steps.norm(dim=2).mean(1), changes.sum(1) / max(changes.shape[1], 1)


def wasserstein(real: Tensor, fake: Tensor) -> float:
    """Return Wasserstein's distance of order 1 between numbers ``[N]`` and ``[M]``: the area between their distribution functions."""
    places = torch.cat([real, fake]).sort().values
    below = [torch.searchsorted(side.sort().values, places[:-1], right=True).double() / len(side) for side in (real, fake)]
    return float(((below[0] - below[1]).abs() * places.diff()).sum())


@dataclass(frozen=True, slots=True)
class MotionMetric:
    """The distance of the speeds (ranked), and that of the jerkinesses."""

    implementation: str = "motion-1"
    needs: ClassVar[Needs] = Needs(statistics=False, samples=True, repeats=True)
    least_samples: int = 2

    def parameters(self) -> dict[str, str | int | float]:
        """Return nothing: there is nothing to choose."""
        return {}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (distance of speeds, distance of jerkinesses), each in pixels a frame."""
        assert real.samples is not None
        assert fake.samples is not None
        sides = zip(speed_and_jerkiness(real.samples), speed_and_jerkiness(fake.samples), strict=True)
        return tuple(wasserstein(*side) for side in sides)


def build(options: object) -> MotionMetric:
    """Build the metric."""
    return MotionMetric()


@torch.inference_mode()
def kept_shares(clips: Tensor) -> Tensor:
    """Return for each clip the share of its frames in which the shipped networks see its most frequent digit, ``[N]`` float64.

    Args:
        clips: ``[N, C, T, H, W]`` uint8.
    """
    networks, _ = load_networks()
    shares = []
    for part in torch.split(clips, _BATCH):
        inputs = to_input(part)
        logits = [network.frame_digit(network.frame_features(inputs.flatten(0, 1))).softmax(1) for network in networks]
        digits = torch.stack(logits).mean(0).argmax(1).view(inputs.shape[:2])
        counts = torch.nn.functional.one_hot(digits, 10).sum(1)
        shares.append(counts.amax(1).double() / digits.shape[1])
    return torch.cat(shares)


@dataclass(frozen=True, slots=True)
class DigitKeptMetric:
    """How often a digit stays the digit that it is."""

    implementation: str = "digit-kept-1"
    needs: ClassVar[Needs] = Needs(statistics=False, samples=True, reference=False)
    least_samples: int = 1

    def parameters(self) -> dict[str, str | int | float]:
        """Return whose judgement it is."""
        return {"weights": load_networks()[1][:16]}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (mean share of a clip's frames that show its most frequent digit,)."""
        assert fake.samples is not None
        return (float(kept_shares(fake.samples).mean()),)


def build_kept(options: object) -> DigitKeptMetric:
    """Build the metric."""
    return DigitKeptMetric()
