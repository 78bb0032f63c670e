"""Points in the place of images: what a source takes, and what the resident sampler makes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
import torch

from ganbench.data.choose import make_sampler
from ganbench.data.source import ArraySource, ContentHasher, Dataset
from ganbench.errors import ConfigError
from ganbench.testing.recorded_graph import RecordedGraphs
from ganbench_spaces.images import image_source
from ganbench_spaces.points import PointSpace, point_source

POINTS = torch.randn(50, 2, 1, 1, generator=torch.Generator().manual_seed(0)) * 100


def test_points_stay_as_they_are() -> None:
    """Neither normalised nor quantised, in the order of the stream."""
    sampler = make_sampler(point_source(POINTS), batch_size=50, seed=3)
    batch = sampler.next(50)
    assert batch.samples.dtype == torch.float32
    assert batch.samples.shape == (50, 2)
    assert torch.equal(batch.samples.sort(0).values, POINTS.flatten(1).sort(0).values)
    indices, _ = make_sampler(point_source(POINTS), batch_size=50, seed=3).stream.draw(0, 50)  # type: ignore[attr-defined]
    assert torch.equal(batch.samples, POINTS[indices].flatten(1))


def test_the_layout_makes_no_difference() -> None:
    """One pixel has the same numbers in either memory format, and labels come along."""
    source = point_source(POINTS, torch.arange(50))
    plain, last = (make_sampler(source, batch_size=8, seed=1, channels_last=layout).next(8) for layout in (False, True))
    assert torch.equal(plain.samples, last.samples)
    assert plain.labels is not None
    assert torch.equal(plain.samples, POINTS[plain.labels].flatten(1))


def test_a_saved_position_gives_the_same_points() -> None:
    """As with images."""
    first = make_sampler(point_source(POINTS), batch_size=8, seed=1)
    first.next(24)
    second = make_sampler(point_source(POINTS), batch_size=8, seed=1)
    second.load_state_dict(first.state_dict())
    assert torch.equal(first.next(8).samples, second.next(8).samples)


def test_a_captured_draw_goes_on_with_the_stream() -> None:
    """A CUDA graph holds the gathering of points: replayed, it gives the next batches, over the border of an epoch."""
    plain, captured = (make_sampler(point_source(POINTS), batch_size=8, seed=1) for _ in range(2))
    batches: list[torch.Tensor] = []
    captured.stage(8)
    replay = RecordedGraphs().capture(lambda: batches.append(captured.take(8).samples))
    for step in range(9):
        if step:
            captured.stage(8)
            replay()
        assert torch.equal(batches[0], plain.next(8).samples)


def test_mirrored_points_are_refused() -> None:
    """Points have no left and right."""
    with pytest.raises(ConfigError, match=r"training\.horizontal_flip is on, and the data are points"):
        make_sampler(point_source(POINTS), batch_size=8, seed=1, horizontal_flip=True)


@pytest.mark.parametrize(
    ("source", "stored", "message"),
    [
        (point_source, torch.zeros(5, 3, 1, 1), r"float32 data must be points \[N, 2, 1, 1\] \(got \[5, 3, 1, 1\]\); images are uint8"),
        (point_source, torch.zeros(5, 1, 8, 8), "images are uint8"),
        (point_source, torch.full((5, 2, 1, 1), torch.nan), r"points must be finite \(got NaN or Inf\)"),
        (point_source, torch.zeros(0, 2, 1, 1), r"points must hold at least one point \(got 0\)"),
        (image_source, torch.zeros(0, 2, 1, 1, dtype=torch.uint8), r"images must hold at least one image \(got 0\)"),
        (image_source, torch.zeros(5, 2, 1, 1, dtype=torch.float64), "images must be uint8"),
    ],
)
def test_other_float_data_are_refused(source: Callable[[torch.Tensor], ArraySource], stored: torch.Tensor, message: str) -> None:
    """What was given, and what is allowed."""
    with pytest.raises(ValueError, match=message):
        source(stored)


def test_a_dataset_says_whether_it_holds_points() -> None:
    """Both splits agree."""
    images = image_source(torch.zeros(4, 2, 1, 1, dtype=torch.uint8))
    message = r"toy: both splits must be of one space \(got 2x1x1 points to train on and 2x1x1 images to test on\)"
    with pytest.raises(ValueError, match=message):
        Dataset(name="toy", train=point_source(POINTS), test=images)
    assert Dataset(name="toy", train=point_source(POINTS)).space == PointSpace()


def test_the_hash_is_over_the_bytes_of_the_points() -> None:
    """With their type in front, so that no image hashes alike; images hash as they always did."""
    header, trailer = b"ganbench-content-1 float32 2 1 1\n", b"\n50 unlabelled\n"
    assert point_source(POINTS).content_hash == hashlib.sha256(header + POINTS.numpy().tobytes() + trailer).hexdigest()
    with pytest.raises(ValueError, match=r"points must be float32 \[n, 2, 1, 1\] \(got torch.uint8"):
        ContentHasher(PointSpace()).update(torch.zeros(1, 2, 1, 1, dtype=torch.uint8))
