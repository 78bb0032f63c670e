"""Resident and streaming samplers: the same batches, at any worker count, from any position."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ganbench.data.choose import make_sampler
from ganbench.data.sampler import Sampler
from ganbench.data.source import Source
from ganbench.errors import DataError, RunFailed
from ganbench_spaces.images import image_source

NUM_IMAGES, BATCH = 23, 8
RANDOM = torch.Generator().manual_seed(0)
IMAGES = torch.randint(0, 256, (NUM_IMAGES, 3, 4, 4), dtype=torch.uint8, generator=RANDOM)
LABELS = torch.randint(0, 5, (NUM_IMAGES,), generator=RANDOM)


class Streamed:
    """The same images behind a source that must stream."""

    is_resident = False
    content_hash = ""
    num_samples = NUM_IMAGES
    space = image_source(IMAGES).space
    labels: Tensor | None = LABELS

    def __init__(self, before_read: Callable[[], None] = lambda: None) -> None:
        self._before_read = before_read

    def read(self, indices: Tensor) -> Tensor:
        self._before_read()
        return IMAGES[indices]


def _draw(sampler: Sampler, counts: list[int]) -> list[tuple[Tensor, Tensor | None]]:
    batches = [sampler.next(count) for count in counts]
    sampler.close()
    return [(batch.samples, batch.labels) for batch in batches]


def _assert_equal(left: list[tuple[Tensor, Tensor | None]], right: list[tuple[Tensor, Tensor | None]]) -> None:
    assert len(left) == len(right)
    for (images, labels), (other_images, other_labels) in zip(left, right, strict=True):
        assert torch.equal(images, other_images)
        assert images.stride() == other_images.stride()
        assert labels is not None
        assert other_labels is not None
        assert torch.equal(labels, other_labels)


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("channels_last", [False, True])
def test_streaming_gives_the_resident_batches(workers: int, channels_last: bool) -> None:
    """Same seed, same bits and strides over several epochs, flips included, wherever the images lie."""
    samplers = [
        make_sampler(source, batch_size=BATCH, seed=5, channels_last=channels_last, horizontal_flip=True, workers=workers)
        for source in (image_source(IMAGES, LABELS), Streamed())
    ]
    resident, streamed = (_draw(sampler, [BATCH] * 10) for sampler in samplers)
    _assert_equal(resident, streamed)


@pytest.mark.slow
@pytest.mark.parametrize("source", [image_source(IMAGES, LABELS), Streamed()], ids=["resident", "streamed"])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_sampler_goes_on_in_mid_epoch(source: Source, workers: int) -> None:
    """From a saved state, and from a position, the next batches are those of the uninterrupted stream."""
    whole = _draw(make_sampler(source, batch_size=BATCH, seed=1, horizontal_flip=True), [BATCH] * 8)
    first = make_sampler(source, batch_size=BATCH, seed=1, horizontal_flip=True, workers=workers)
    _draw(first, [BATCH] * 5)
    second = make_sampler(source, batch_size=BATCH, seed=1, horizontal_flip=True, workers=workers)
    second.next(BATCH)
    second.load_state_dict(first.state_dict())
    assert second.position == 5 * BATCH
    _assert_equal(_draw(second, [BATCH] * 3), whole[5:])
    third = make_sampler(source, batch_size=BATCH, seed=1, horizontal_flip=True, workers=workers, position=5 * BATCH)
    _assert_equal(_draw(third, [BATCH] * 3), whole[5:])


def test_counts_may_differ_from_the_batch_size() -> None:
    """Any sequence of counts cuts the same stream; a count larger than the dataset works too."""
    counts = [1, 8, 13, 2, 50, 7]
    resident, streamed = (
        _draw(make_sampler(s, batch_size=BATCH, seed=2, workers=1), counts) for s in (image_source(IMAGES, LABELS), Streamed())
    )
    assert [len(images) for images, _ in resident] == counts
    _assert_equal(resident, streamed)


@pytest.mark.slow
def test_images_are_normalised_exactly() -> None:
    """Every level lands in [-1, 1], both ends exactly, and the quantiser of the metrics takes it back to itself."""
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    images = make_sampler(image_source(levels), batch_size=1, seed=0).next(1).samples
    assert images.dtype == torch.float32
    assert images.min() == -1
    assert images.max() == 1
    assert torch.equal((images * 127.5 + 128).clamp(0, 255).to(torch.uint8), levels)


@pytest.mark.slow
def test_a_flip_mirrors_left_and_right() -> None:
    """A mirrored draw has its columns reversed and its rows in place; both kinds occur."""
    picture = torch.tensor([[0, 255], [0, 0]], dtype=torch.uint8).reshape(1, 1, 2, 2)
    drawn = make_sampler(image_source(picture), batch_size=64, seed=0, horizontal_flip=True).next(64).samples
    seen = {tuple(image.flatten().tolist()) for image in drawn}
    assert seen == {(-1.0, 1.0, -1.0, -1.0), (1.0, -1.0, -1.0, -1.0)}


@pytest.mark.parametrize("workers", [0, 2])
def test_a_worker_error_is_one_line_that_names_the_file(workers: int) -> None:
    """What the source raises arrives as it was, without the loader's traceback text."""

    def fail() -> None:
        raise DataError("photos/b.png cannot be read any more (truncated)", hint="put it back")

    sampler = make_sampler(Streamed(fail), batch_size=BATCH, seed=0, workers=workers)
    with pytest.raises(DataError) as caught:
        sampler.next(BATCH)
    assert str(caught.value) == "photos/b.png cannot be read any more (truncated); put it back"
    sampler.close()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGBUS], ids=lambda number: number.name)
def test_a_killed_worker_ends_the_run_with_one_line(number: signal.Signals) -> None:
    """A worker that the kernel, or anybody, kills by any signal is named as such, with what to do."""
    sampler = make_sampler(Streamed(lambda: os.kill(os.getpid(), number)), batch_size=BATCH, seed=0, workers=1)
    with pytest.raises(RunFailed, match="a data worker process was killed; memory, file descriptors or /dev/shm may be short"):
        sampler.next(BATCH)
    sampler.close()


SHORT = """
import subprocess, sys, torch
from ganbench.data.choose import make_sampler
from ganbench.errors import RunFailed
from ganbench_spaces.images import image_source

class Streamed:
    is_resident, content_hash, num_samples, labels = False, "", 16, None
    images = torch.zeros(16, 3, 64, 64, dtype=torch.uint8)
    space = image_source(images).space

    def read(self, indices):
        return self.images[indices]

for change in sys.argv[1:]:
    subprocess.run(change, shell=True, check=True)
    for workers in (2, 0):
        sampler = make_sampler(Streamed(), batch_size=8, seed=0, workers=workers)
        try:
            print(len(sampler.next(8).samples))
        except RunFailed as error:
            print(f"{error.exit_code} {error.hint}")
        sampler.close()
"""


@pytest.mark.slow
def test_short_shared_memory_is_told_as_such() -> None:
    """4 KiB, 32 KiB, and no folder at all: one line with what to do, no other text, and in one process it works."""
    changes = ("mount -t tmpfs -o size=4k none /dev/shm", "mount -o remount,size=32k /dev/shm", "mount -t tmpfs none /dev; touch /dev/shm")
    alone = ("unshare", "-m")
    if not _can(*alone, "sh", "-c", " && ".join(changes)):
        pytest.skip("this user may not mount anything")
    done = subprocess.run([*alone, sys.executable, "-c", SHORT, *changes], capture_output=True, text=True, timeout=300, check=False)
    hint = "memory, file descriptors or /dev/shm may be short: --set training.workers=0 decodes in one process"
    assert done.stdout.splitlines() == [f"3 {hint}", "8"] * 3, done.stderr
    assert done.stderr == ""


def _can(*command: str) -> bool:
    """Tell whether this user may have such mounts of its own."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.slow
def test_closing_ends_the_workers() -> None:
    """No process is left behind."""
    before = set(multiprocessing.active_children())
    sampler = make_sampler(Streamed(), batch_size=BATCH, seed=0, workers=2)
    sampler.next(BATCH)
    assert len(set(multiprocessing.active_children()) - before) == 2
    sampler.close()
    assert set(multiprocessing.active_children()) <= before


@pytest.mark.parametrize("source", [image_source(IMAGES, LABELS), Streamed()], ids=["resident", "streamed"])
def test_sampling_leaves_the_global_generator_alone(source: Source) -> None:
    """Latents do not depend on where the images lie."""
    before = torch.get_rng_state()
    _draw(make_sampler(source, batch_size=BATCH, seed=0, horizontal_flip=True, workers=1), [BATCH] * 4)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("source", [image_source(IMAGES, LABELS), Streamed()], ids=["resident", "streamed"])
def test_a_state_of_another_stream_is_refused(source: Source) -> None:
    """Another seed or another dataset cannot be resumed silently."""
    sampler = make_sampler(source, batch_size=BATCH, seed=0, workers=0)
    for changed in ({"seed": 1}, {"num_samples": 24}):
        with pytest.raises(DataError, match="the checkpoint's sampler has"):
            sampler.load_state_dict(sampler.state_dict() | changed)


@pytest.mark.parametrize(("field", "value"), [("batch_size", 0), ("workers", -1), ("position", -1)])
def test_impossible_settings_are_refused(field: str, value: int) -> None:
    """The message names the field and the value."""
    settings = {"batch_size": BATCH, "workers": 0, "position": 0} | {field: value}
    with pytest.raises(ValueError, match=rf"{field} must be . or more \(got {value}\)"):
        make_sampler(Streamed(), seed=0, **settings)
