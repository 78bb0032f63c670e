"""When ProGAN grows: the source's timetable, budgets of any size, batches by resolution."""

from __future__ import annotations

from typing import Any

import pytest

from ganbench import ConfigError
from ganbench.config.model import TrainingConfig
from ganbench_progan import ProgressiveOptions
from ganbench_progan.timetable import Segment, Timetable, batch_size_at, make_segments


def segments(resolution: int, total_kimg: float, batch_size: int = 128, **options: Any) -> tuple[Segment, ...]:
    return make_segments(ProgressiveOptions(**options), TrainingConfig(total_kimg=total_kimg, batch_size=batch_size), resolution)


def described(made: tuple[Segment, ...]) -> list[tuple[int, str, float]]:
    """Return resolution, kind and start in kimg of each segment."""
    return [(4 << s.level, "fade" if s.fading else "stable", s.start_images / 1000) for s in made]


def test_12000_kimg_at_1024_are_the_sources_600_and_600() -> None:
    """config.py: lod_training_kimg and lod_transition_kimg 600, total_kimg 12000; the last resolution begins at 9,600."""
    made = segments(1024, 12_000)
    expected: list[tuple[int, str, float]] = [(4, "stable", 0)]
    for doubling in range(1, 9):
        start = 1200 * doubling
        expected += [(4 << doubling, "fade", start - 600), (4 << doubling, "stable", start)]
    assert described(made) == expected
    assert made == segments(1024, 12_000, stage_kimg=600.0, fade_kimg=600.0)


def test_a_smaller_budget_is_shared_in_the_same_proportions() -> None:
    """Eight parts for three resolutions, four of them for the last and its own fade before."""
    assert described(segments(16, 80)) == [(4, "stable", 0), (8, "fade", 10), (8, "stable", 20), (16, "fade", 30), (16, "stable", 40)]


def test_lengths_can_be_given() -> None:
    """One or both; without a fade the new resolution is there at once, without a stage one fade follows the other."""
    assert described(segments(16, 80, fade_kimg=5.0)) == [
        (4, "stable", 0),
        (8, "fade", 10),
        (8, "stable", 15),
        (16, "fade", 25),
        (16, "stable", 30),
    ]
    assert segments(16, 80, stage_kimg=5.0) == segments(16, 80, stage_kimg=5.0, fade_kimg=5.0)
    assert described(segments(16, 80, stage_kimg=20.0, fade_kimg=0.0)) == [(4, "stable", 0), (8, "stable", 20), (16, "stable", 40)]
    assert described(segments(16, 80, stage_kimg=0.0, fade_kimg=10.0)) == [(8, "fade", 0), (16, "fade", 10), (16, "stable", 20)]


def test_growing_can_begin_anywhere() -> None:
    """At the full resolution nothing grows."""
    assert described(segments(16, 60, start_resolution=8)) == [(8, "stable", 0), (16, "fade", 10), (16, "stable", 20)]
    assert described(segments(16, 60, start_resolution=16)) == [(16, "stable", 0)]


def test_stages_that_do_not_fit_the_budget_are_refused() -> None:
    """A run must reach its images' resolution."""
    message = r"stage_kimg and fade_kimg take 2400 kimg before 16x16 is there, and training.total_kimg is 100"
    with pytest.raises(ConfigError, match=message):
        segments(16, 100, stage_kimg=600.0, fade_kimg=600.0)


def test_batches_follow_the_sources_table() -> None:
    """config.py, preset v2 for one GPU: 128 up to 16, 64 at 32, halved down to 4; never above what was asked for."""
    table = {4: 128, 8: 128, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8, 512: 4, 1024: 4}
    assert {r: batch_size_at(r, 128, shrink=True) for r in table} == table
    assert [s.batch_size for s in segments(64, 100) if not s.fading] == [128, 128, 128, 64, 32]
    assert [batch_size_at(r, 24, shrink=True) for r in (16, 32, 64)] == [24, 12, 4]
    assert [batch_size_at(r, 3, shrink=True) for r in (16, 64)] == [3, 3]
    assert {batch_size_at(r, 16, shrink=False) for r in table} == {16}


def test_alpha_rises_linearly_over_a_fade() -> None:
    """From 0 at its beginning; 1 before and behind."""
    timetable = Timetable(segments(8, 60, stage_kimg=10.0, fade_kimg=20.0), d_steps=1)
    moments = {0: 1.0, 9_999: 1.0, 10_000: 0.0, 15_000: 0.25, 29_999: 0.99995, 30_000: 1.0, 59_999: 1.0}
    assert {images: timetable.alpha(images) for images in moments} == pytest.approx(moments)


@pytest.mark.parametrize(("d_steps", "boost"), [(1, 0), (3, 0), (1, 7), (2, 5)])
@pytest.mark.parametrize("total_kimg", [0.05, 1.0, 30.0])
def test_iterations_and_images_agree(d_steps: int, boost: int, total_kimg: float) -> None:
    """Counting images from the start, each iteration is in the segment that its images say, however short the segments are."""
    made = segments(64, total_kimg, batch_size=24)
    timetable = Timetable(made, d_steps=d_steps, d_steps_boost=boost)
    images, iteration, met = 0, 0, set()
    while images < 1000 * total_kimg:
        index = timetable.at_iteration(iteration)
        assert index == timetable.at_images(images)
        met.add(index)
        steps = boost if boost and (iteration < 25 or iteration % 500 == 0) else d_steps
        images += made[index].batch_size * steps
        iteration += 1
    assert total_kimg < 30 or met == set(range(len(made)))
