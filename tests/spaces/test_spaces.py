"""Samples of any kind: clips, whose space a test wrote, and images that are not square, through everything that handles samples."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import proof_clips
import pytest
import torch
from PIL import Image
from proof_clips.squares import ClipSpace
from torch import Tensor

from ganbench import ArraySource, ContentHasher, Dataset, DatasetSpec, Source, Space
from ganbench.config.resolve import Layer
from ganbench.data.choose import make_sampler
from ganbench.data.sampler import Batch, Sampler
from ganbench.errors import ConfigError, Diverged, UsageError
from ganbench.plugin.manager import PluginManager
from ganbench.record.directory import RunDirectory
from ganbench.record.pictures import save_picture, save_strip
from ganbench.run.lifecycle import Run
from ganbench.run.plan import plan_run
from ganbench.testing.recorded_graph import RecordedGraphs
from ganbench_spaces.grid import read_grid
from ganbench_spaces.images import ImageSpace, square_images
from ganbench_spaces.points import PointSpace

NUM, COUNT = 23, 8
SPACES: list[Space] = [ClipSpace(2, 3, 4, 6), ImageSpace(3, 16, 24), PointSpace()]
LABELS = torch.arange(NUM) % 5


def stored(space: Space) -> Tensor:
    random = torch.Generator().manual_seed(0)
    if space.stored_dtype == torch.uint8:
        return torch.randint(0, 256, (NUM, *space.stored_size), dtype=torch.uint8, generator=random)
    return torch.randn(NUM, *space.stored_size, generator=random)


@dataclasses.dataclass
class Streamed:
    """The same samples behind a source that must stream."""

    space: Space
    is_resident: bool = False
    content_hash: str = ""
    num_samples: int = NUM
    labels: Tensor | None = dataclasses.field(default_factory=lambda: LABELS)

    def read(self, indices: Tensor) -> Tensor:
        return stored(self.space)[indices]


def source(space: Space, kind: str) -> Source:
    return ArraySource(stored(space), LABELS, space=space) if kind == "resident" else Streamed(space)


def sampler(space: Space, kind: str, **options: Any) -> Sampler:
    given = {"batch_size": 5, "seed": 3, "workers": 0, "horizontal_flip": space.can_mirror, **options}
    return make_sampler(source(space, kind), **given)


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.unit)
@pytest.mark.parametrize("kind", ["resident", "streamed"])
@pytest.mark.parametrize("channels_last", [False, True])
def test_a_sampler_draws_what_the_space_makes_of_the_stored_samples(space: Space, kind: str, channels_last: bool) -> None:
    """In the order of the stream, over two epochs, with labels and mirrored ones."""
    drawn = sampler(space, kind, channels_last=channels_last)
    position = 0
    for _ in range(6):
        indices, mirrored = drawn.stream.draw(position, COUNT)  # type: ignore[attr-defined]
        batch = drawn.next(COUNT)
        plain = stored(space)[indices].float()
        if space.can_mirror:
            plain = torch.where(mirrored.view(-1, *[1] * len(space.size)), plain.flip(-1), plain) / 127.5 - 1
        torch.testing.assert_close(batch.samples, plain.view(COUNT, *space.size), rtol=0, atol=1e-6)
        assert batch.samples.dtype == torch.float32
        assert batch.labels is not None
        assert torch.equal(batch.labels, LABELS[indices])
        position += COUNT


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.unit)
@pytest.mark.parametrize("kind", ["resident", "streamed"])
def test_a_captured_draw_goes_on_with_the_stream(space: Space, kind: str) -> None:
    """Staged and replayed, over the border of an epoch; the same bits as drawn eagerly."""
    plain, captured = sampler(space, kind), sampler(space, kind)
    batches: list[Batch] = []
    captured.stage(COUNT)
    replay = RecordedGraphs().capture(lambda: batches.append(captured.take(COUNT)))
    for step in range(7):
        if step:
            captured.stage(COUNT)
            replay()
        expected = plain.next(COUNT)
        assert torch.equal(batches[0].samples, expected.samples)
        assert batches[0].labels is not None
        assert expected.labels is not None
        assert torch.equal(batches[0].labels, expected.labels)


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.unit)
def test_samples_come_back_from_the_network_as_they_were_stored(space: Space) -> None:
    """Every level survives; what is not finite has none."""
    samples = space.to_network(space.arrange(stored(space)))
    assert samples.shape == (NUM, *space.size)
    back = space.to_stored(samples)
    space.check(back)
    assert torch.equal(back, stored(space))
    with pytest.raises(Diverged, match=f"the generated {space.unit} hold NaN or Inf"):
        space.to_stored(torch.full((1, *space.size), torch.nan))


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.unit)
def test_the_content_hash_is_over_type_size_bytes_and_labels(space: Space) -> None:
    """In one piece or in several."""
    data = stored(space)
    head = f"ganbench-content-1 {str(space.stored_dtype).removeprefix('torch.')} {' '.join(map(str, space.stored_size))}\n"
    tail = f"\n{NUM} int64\n".encode() + LABELS.numpy().astype("<i8").tobytes()
    expected = hashlib.sha256(head.encode() + data.numpy().tobytes() + tail).hexdigest()
    hasher = ContentHasher(space)
    hasher.update(data[:9])
    hasher.update(data[9:])
    assert hasher.finish(LABELS) == ArraySource(data, LABELS, space=space).content_hash == expected


def test_each_space_has_its_picture(tmp_path: Path) -> None:
    """A clip is an animation, images of any size are a grid; a strip is made where the space knows how."""
    with RunDirectory.create(tmp_path, name="run", dataset="d", seed=0) as directory:
        for space in SPACES[:2]:
            data = stored(space)
            path = save_picture(
                space, data[:4], directory.samples_path / "000000000", columns=2, real=lambda count, data=data: data[:count]
            )
            assert path.name == f"000000000{space.picture_suffix}"
            with Image.open(path) as picture:
                assert getattr(picture, "n_frames", 1) == (3 if isinstance(space, ClipSpace) else 1)
        assert torch.equal(read_grid(directory.samples_path / "000000000.png"), stored(SPACES[1])[:4])
        assert save_strip(directory, SPACES[0]) is None
        assert save_strip(directory, SPACES[1]) == directory.progress_path


@pytest.mark.parametrize(
    ("space", "wrong", "message"),
    [
        (
            SPACES[0],
            torch.zeros(3, 2, 3, 4, 5, dtype=torch.uint8),
            r"clips must be uint8 \[N, 2, 3, 4, 6\] with N of 1 or more \(got torch",
        ),
        (SPACES[0], torch.zeros(0, 2, 3, 4, 6, dtype=torch.uint8), "clips must be uint8"),
        (SPACES[1], torch.zeros(3, 3, 24, 16, dtype=torch.uint8), r"images must be uint8 \[N, 3, 16, 24\] with N of 1 or more"),
    ],
)
def test_what_is_no_sample_of_the_space_is_refused(space: Space, wrong: Tensor, message: str) -> None:
    """With what it should be."""
    with pytest.raises(ValueError, match=message):
        ArraySource(wrong, space=space)


def test_spaces_are_values() -> None:
    """Equal where their sizes are; both splits of a dataset have one."""
    assert ImageSpace(3, 16, 24) == ImageSpace(3, 16, 24) != ImageSpace(3, 24, 16)
    assert [space.describe() for space in SPACES] == ["2x3x4x6", "3x16x24", "2x1x1"]
    assert [space.resolution for space in (*SPACES, ImageSpace.square(1, 8))] == [0, 0, 0, 8]
    with pytest.raises(ValueError, match=r"d: both splits must be of one space \(got 2x3x4x6 clips to train on and 3x16x24 images"):
        Dataset(name="d", train=source(SPACES[0], "resident"), test=source(SPACES[1], "resident"))
    with pytest.raises(ValueError, match=r"this needs square images \(got 16x24\)"):
        square_images(SPACES[1])
    with pytest.raises(ValueError, match=r"this needs images \(got clips\)"):
        square_images(SPACES[0])


MANAGER = PluginManager()
TINY: dict[str, Any] = {
    "dataset.name": f"{proof_clips.__file__}:SQUARES",
    "architecture.options.generator_widths": (8,),
    "architecture.options.discriminator_widths": (8,),
    "training.total_kimg": 0.1,
    "training.batch_size": 8,
    "training.device": "cpu",
    "training.threads": 1,
    "evaluation.metrics": (),
    "training.horizontal_flip": True,
    "training.dequantise": True,
}


def new_run(name: str = "mlp", **settings: Any) -> Run:
    return Run(plan_run(MANAGER, name, [Layer(origin="test", settings={**TINY, **settings})]), MANAGER)


@pytest.mark.slow
def test_a_run_on_clips(tmp_path: Path) -> None:
    """A network that asks its space for nothing but a size is trained on them; the work key names their size."""
    record = new_run().start(lambda dataset: RunDirectory.create(tmp_path, name="run", dataset=dataset, seed=0))
    assert record.status == "complete"
    assert dict(record.keys.work.fields)["data.shape"] == "1x4x6x8"
    assert sorted(path.suffix for path in RunDirectory(tmp_path / record.run_id).samples_path.iterdir()) == [".gif"] * 5


def test_networks_of_images_are_refused_for_clips() -> None:
    """When the run is built, with what they can be built for; where the dataset's spec names its space, when it is planned."""
    with pytest.raises(UsageError, match=r"dcgan makes images, and .* holds clip"):
        Run(plan_run(MANAGER, "dcgan", [Layer(origin="test", settings={"dataset.name": TINY["dataset.name"]})]), MANAGER)


def test_a_sample_that_cannot_be_mirrored_is_not() -> None:
    """Whatever its space."""
    with pytest.raises(ConfigError, match=r"training.horizontal_flip is on, and the data are points"):
        sampler(SPACES[2], "streamed", horizontal_flip=True)
    assert isinstance(proof_clips.SQUARES, DatasetSpec)
