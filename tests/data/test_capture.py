"""The device's part of a draw, repeated without its Python as a CUDA graph repeats it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ganbench.data.index_stream import IndexStream
from ganbench.data.resident import ResidentSampler
from ganbench.data.sampler import Batch, Sampler
from ganbench.data.source import Source
from ganbench.data.streaming import StreamingSampler
from ganbench.errors import DataError
from ganbench.testing.recorded_graph import RecordedGraphs, Recorder
from ganbench_spaces.images import image_source

NUM_IMAGES, COUNT, WINDOW = 23, 8, 20  # an epoch and a window end within batches
RANDOM = torch.Generator().manual_seed(0)
IMAGES = torch.randint(0, 256, (NUM_IMAGES, 3, 4, 4), dtype=torch.uint8, generator=RANDOM)
LABELS = torch.randint(0, 5, (NUM_IMAGES,), generator=RANDOM)
KINDS = ["resident", "streamed"]
Drawn = tuple[Tensor, "Tensor | None"]


class Streamed:
    """The same images behind a source that must stream."""

    is_resident = False
    content_hash = ""
    num_samples = NUM_IMAGES
    space = image_source(IMAGES).space

    def __init__(self, labels: Tensor | None) -> None:
        self.labels = labels

    def read(self, indices: Tensor) -> Tensor:
        return IMAGES[indices]


def _sampler(kind: str, *, flips: bool = True, labels: bool = True, **options: Any) -> Sampler:
    stream = IndexStream(NUM_IMAGES, seed=3, horizontal_flip=flips)
    chosen = LABELS if labels else None
    if kind == "resident":
        return ResidentSampler(image_source(IMAGES, chosen), stream, window=WINDOW, **options)
    source: Source = Streamed(chosen)
    return StreamingSampler(source, stream, batch_size=5, **options)  # pieces that a batch must join and split


def _copy(batch: Batch) -> Drawn:
    return batch.samples.clone(), None if batch.labels is None else batch.labels.clone()


def _assert_same(found: Drawn, expected: Drawn) -> None:
    assert torch.equal(found[0], expected[0])
    assert found[0].stride() == expected[0].stride()
    assert (found[1] is None) == (expected[1] is None)
    assert found[1] is None or expected[1] is None or torch.equal(found[1], expected[1])


class Captured:
    """A sampler whose ``take`` ran once; each further batch is staged, then repeated into the tensors of the first."""

    def __init__(self, sampler: Sampler, graphs: Any) -> None:
        self._sampler = sampler
        self._batches: list[Batch] = []
        sampler.stage(COUNT)
        self.replay = graphs.capture(lambda: self._batches.append(sampler.take(COUNT)))

    def copy(self) -> Drawn:
        return _copy(self._batches[0])

    def next(self) -> Drawn:
        self._sampler.stage(COUNT)
        self.replay()
        return self.copy()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels_last", [False, True], ids=["nchw", "nhwc"])
@pytest.mark.parametrize(("flips", "labels"), [(True, True), (False, True), (True, False), (False, False)])
def test_a_repeated_take_gives_the_batches_of_the_stream(kind: str, channels_last: bool, flips: bool, labels: bool) -> None:
    """Bit for bit over several epochs and windows, with only ``stage`` in between."""
    plain = _sampler(kind, channels_last=channels_last, flips=flips, labels=labels)
    captured = Captured(_sampler(kind, channels_last=channels_last, flips=flips, labels=labels), RecordedGraphs())
    _assert_same(captured.copy(), _copy(plain.next(COUNT)))
    for _ in range(12):
        _assert_same(captured.next(), _copy(plain.next(COUNT)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_capture_survives_a_resume(kind: str) -> None:
    """Going to another position writes the tensors that were captured, and makes no others."""
    sampler = _sampler(kind)
    captured = Captured(sampler, RecordedGraphs())
    captured.next()
    saved = sampler.state_dict()
    expected = [captured.next() for _ in range(5)]
    sampler.load_state_dict(saved)
    for batch in expected:
        _assert_same(captured.next(), batch)


@pytest.mark.parametrize("kind", KINDS)
def test_calls_and_repeats_may_take_turns(kind: str) -> None:
    """An eager batch after a repeated one is the next of the stream, and so on."""
    sampler, plain = _sampler(kind), _sampler(kind)
    captured = Captured(sampler, RecordedGraphs())
    plain.next(COUNT)
    for _ in range(6):
        _assert_same(_copy(sampler.next(COUNT)), _copy(plain.next(COUNT)))
        _assert_same(captured.next(), _copy(plain.next(COUNT)))


def test_a_resident_capture_survives_another_count() -> None:
    """Two phases may draw batches of two sizes."""
    sampler, plain = _sampler("resident"), _sampler("resident")
    captured = Captured(sampler, RecordedGraphs())
    plain.next(COUNT)
    for count in (1, 13, 20, 3):
        _assert_same(_copy(sampler.next(count)), _copy(plain.next(count)))
        _assert_same(captured.next(), _copy(plain.next(COUNT)))


@pytest.mark.parametrize("kind", KINDS)
def test_taking_reads_no_value_of_a_tensor(kind: str) -> None:
    """The recorder refuses what would wait for the device."""
    sampler = _sampler(kind)
    for _ in range(6):
        sampler.stage(COUNT)
        with Recorder() as recorder:
            sampler.take(COUNT)
        assert len(recorder.calls) < 16


@pytest.mark.parametrize("kind", KINDS)
def test_staging_touches_the_device_seldom(kind: str) -> None:
    """Within the window a resident sampler's host work is arithmetic; a streaming one copies into the tensors that it has."""
    sampler = _sampler(kind)
    sampler.next(COUNT)
    with Recorder() as recorder:
        sampler.stage(COUNT)
    assert (len(recorder.calls) == 0) == (kind == "resident")


@pytest.mark.parametrize("kind", KINDS)
def test_a_take_that_was_not_staged_is_refused(kind: str) -> None:
    """Without a stage, for a second time, of another count, and after a resume."""
    sampler = _sampler(kind)
    with pytest.raises(AssertionError, match=r"take\(8\) needs a stage\(8\) before it"):
        sampler.take(COUNT)
    sampler.next(COUNT)
    with pytest.raises(AssertionError, match=r"take\(8\) needs a stage\(8\) before it"):
        sampler.take(COUNT)
    sampler.stage(COUNT)
    with pytest.raises(AssertionError, match=r"take\(7\) needs a stage\(7\) before it \(staged: 8\)"):
        sampler.take(COUNT - 1)
    sampler.load_state_dict(sampler.state_dict())
    with pytest.raises(AssertionError, match=r"take\(8\) needs a stage\(8\) before it"):
        sampler.take(COUNT)


@pytest.mark.parametrize("kind", KINDS)
def test_staged_images_count_as_drawn_until_a_state_is_loaded(kind: str) -> None:
    """The position moves with ``stage``; going to a state takes back what was staged in vain, as by a capture, which executes nothing."""
    sampler, plain = _sampler(kind), _sampler(kind)
    sampler.next(COUNT)
    saved = sampler.state_dict()
    sampler.stage(COUNT)
    sampler.stage(COUNT)
    assert sampler.position == 3 * COUNT
    sampler.load_state_dict(saved)
    plain.next(COUNT)
    for _ in range(5):
        _assert_same(_copy(sampler.next(COUNT)), _copy(plain.next(COUNT)))


def test_an_error_of_the_source_leaves_the_position() -> None:
    """What could not be read was not drawn."""

    class Broken(Streamed):
        def read(self, indices: Tensor) -> Tensor:
            raise DataError("a.png cannot be read any more")

    sampler = StreamingSampler(Broken(None), IndexStream(NUM_IMAGES, seed=0), batch_size=5)
    with pytest.raises(DataError):
        sampler.stage(COUNT)
    assert sampler.position == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels_last", [False, True], ids=["nchw", "nhwc"])
def test_a_cuda_graph_gives_the_batches_of_the_stream(kind: str, channels_last: bool) -> None:
    """The real thing: bit for bit what the CPU draws, and nothing waits for the device, also while replays are queued."""
    from ganbench.training.graph_runner import CudaGraphs

    device = torch.device("cuda")
    sampler, plain = _sampler(kind, channels_last=channels_last, device=device), _sampler(kind, channels_last=channels_last)
    graphs = CudaGraphs(device, [])
    start = sampler.state_dict()
    sampler.stage(COUNT)
    graphs.warm_up(lambda: sampler.take(COUNT) and None)
    captured = Captured(sampler, graphs)
    sampler.load_state_dict(start)
    torch.cuda.set_sync_debug_mode("error")
    try:
        found = [captured.next() for _ in range(12)]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for images, labels in found:
        _assert_same((images.cpu(), None if labels is None else labels.cpu()), _copy(plain.next(COUNT)))
