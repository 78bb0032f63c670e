"""``moving-digits``: a handwritten digit flies through a frame and bounces off its borders; digit, speed and direction are known.

The digits are those of scikit-learn (Alpaydin and Kaynak 1998, 8x8 pixels), in the manner of Moving MNIST (Srivastava et al. 2015,
https://arxiv.org/abs/1502.04681), which has two digits in a frame. Train and test clips are of different images, whatever the options.
Positions lie between pixels, and a digit is drawn there bilinearly. Everything follows from a seed: the same clips on every machine.

Shapes: N clips, T frames, R height and width of a frame, S of a digit, M images of digits.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ganbench import DataContext, DataError, Dataset
from ganbench_clips.options import MovingDigitsOptions
from ganbench_clips.space import clip_source

_Array = NDArray[np.float64]
CLASS_NAMES = tuple("0123456789")
SLOWEST, FASTEST = 0.75, 2.5
"""Pixels that a digit moves in a moment, in a frame of 32 pixels."""
_HELD_OUT_SHARE = 4
_TEST_IMAGES, _SPLIT_SEED = 360, 0
TRAIN_SEED, TEST_SEED = 0, 1
"""Of the clips."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Flights:
    """Clips, and all that is known of them."""

    clips: torch.Tensor
    """``[N, 1, T, R, R]`` uint8."""
    labels: torch.Tensor
    """``[N]`` int64: the digit."""
    images: NDArray[np.int64]
    """``[N]``: which of the 1,797 images flies."""
    speed: _Array
    """``[N]`` pixels a moment, in a frame of 32 pixels."""
    direction: _Array
    """``[N]`` radians, at the first frame: 0 to the right, a quarter turn downwards."""


def build(options: MovingDigitsOptions, context: DataContext) -> Dataset:
    """Return the clips.

    Raises:
        ganbench.DataError: a split would not fit into memory.
    """
    size = options.frames * options.resolution**2
    if options.clips * size > context.resident_limit_mib * 2**20:
        raise DataError(
            f"{options.clips} clips are {options.clips * size / 2**20:.0f} MiB, more than the {context.resident_limit_mib:.0f} MiB "
            "that a split may have in memory",
            hint="use fewer clips, shorter or smaller ones, or raise data.resident_limit_mib",
        )
    train_images, test_images = split_images()
    shape = {"frames": options.frames, "stride": options.stride, "resolution": options.resolution}
    train = fly(train_images, options.clips, TRAIN_SEED, **shape)
    test = fly(test_images, max(1, options.clips // _HELD_OUT_SHARE), TEST_SEED, **shape)
    return Dataset(
        name=f"moving-digits:{options.frames}x{options.stride}",
        train=clip_source(train.clips, train.labels),
        test=clip_source(test.clips, test.labels),
        num_classes=10,
        class_names=CLASS_NAMES,
        notes=(f"{len(train_images)} images of digits to train on, {len(test_images)} others held out",),
    )


@cache
def read_digits() -> tuple[_Array, NDArray[np.int64]]:
    """Return the 1,797 digits of scikit-learn's file, ``[M, 8, 8]`` in [0, 1], and their classes; its import would take longer."""
    found = find_spec("sklearn")
    path = Path(found.origin if found and found.origin else "sklearn").parent / "datasets" / "data" / "digits.csv.gz"
    if os.path.isfile(path):
        table = np.loadtxt(path, delimiter=",")
    else:
        from sklearn.datasets import load_digits

        bunch = load_digits()
        table = np.hstack([bunch.data, bunch.target[:, None]])
    return table[:, :-1].reshape(-1, 8, 8) / 16, table[:, -1].astype(np.int64)


def split_images() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which images fly in train clips and which in test clips: 1,437 and 360, by a fixed seed, none in both."""
    order = np.random.RandomState(_SPLIT_SEED).permutation(1797)
    return np.sort(order[_TEST_IMAGES:]), np.sort(order[:_TEST_IMAGES])


def fly(images: NDArray[np.int64], count: int, seed: int, *, frames: int = 16, stride: int = 1, resolution: int = 32) -> Flights:
    """Return N clips of some images.

    Args:
        images: which of the 1,797 may fly.
        count: N.
        seed: of numpy's legacy generator, whose stream is frozen for good.
        frames: T.
        stride: moments from one frame to the next.
        resolution: R.
    """
    random = np.random.RandomState(seed)
    chosen = images[random.randint(len(images), size=count)]
    speed = random.uniform(SLOWEST, FASTEST, size=count)
    direction = random.uniform(0, 2 * np.pi, size=count)
    size = resolution * 3 // 8
    room = resolution - size  # where the upper left corner may be
    begin = random.uniform(0, room, size=(count, 2))
    step = speed[:, None] * np.stack([np.sin(direction), np.cos(direction)], axis=1) * resolution / 32
    moments = np.arange(frames) * stride
    straight = begin[:, None] + step[:, None] * moments[None, :, None]  # [N, T, 2], as if there were no borders
    places = room - np.abs(room - np.mod(straight, 2 * room))
    pixels, classes = read_digits()
    return Flights(
        clips=torch.from_numpy(_draw(enlarge(pixels, size)[chosen], places, resolution))[:, None],
        labels=torch.from_numpy(classes[chosen]),
        images=chosen,
        speed=speed,
        direction=direction,
    )


def enlarge(pixels: _Array, size: int) -> _Array:
    """Return digits ``[M, 8, 8]`` at ``[M, S, S]``, bilinearly."""
    at = np.clip((np.arange(size) + 0.5) * 8 / size - 0.5, 0, 7)
    low = np.minimum(at.astype(np.int64), 6)
    part = at - low
    rows = pixels[:, low] * (1 - part)[:, None] + pixels[:, low + 1] * part[:, None]
    larger: _Array = rows[:, :, low] * (1 - part) + rows[:, :, low + 1] * part
    return larger


def _draw(digits: _Array, places: _Array, resolution: int) -> NDArray[np.uint8]:
    """Return ``[N, T, R, R]``: digits ``[N, S, S]`` with their upper left corners at ``[N, T, 2]``."""
    count, size = digits.shape[:2]
    canvas = np.zeros(
        (count, places.shape[1], resolution + 1, resolution + 1), dtype=np.uint8
    )  # a pixel more, of weight 0 where it is used
    padded = np.pad(digits, ((0, 0), (1, 1), (1, 1)))
    reach, clip = np.arange(size + 1), np.arange(count)[:, None, None]
    for frame in range(places.shape[1]):
        whole = np.floor(places[:, frame]).astype(np.int64)
        down, right = (places[:, frame] - whole).T[:, :, None, None]
        rows = padded[:, 1:] * (1 - down) + padded[:, :-1] * down
        moved = rows[:, :, 1:] * (1 - right) + rows[:, :, :-1] * right  # [N, S + 1, S + 1]
        top, left = whole.T[:, :, None]
        canvas[clip, frame, (top + reach)[:, :, None], (left + reach)[:, None]] = np.round(moved * 255).astype(np.uint8)
    return np.ascontiguousarray(canvas[:, :, :resolution, :resolution])
