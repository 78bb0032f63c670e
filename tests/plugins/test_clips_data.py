"""Clips: how they are stored and shown, digits that move, and folders of frames and animations."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import ganbench
from ganbench import DataContext, DataError
from ganbench.cli.main import main
from ganbench_clips import folder, moving
from ganbench_clips.options import ClipsOptions, MovingDigitsOptions
from ganbench_clips.space import ClipSpace, clip_source
from ganbench_spaces.grid import read_grid

FLIGHTS = moving.fly(moving.split_images()[0], 12, 0)


def frames_of(content: bytes) -> np.ndarray[Any, Any]:
    """Return the frames of an animation, ``[T, H, W, 3]``."""
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.info.get("loop") == 0
        found = []
        for place in range(getattr(picture, "n_frames", 1)):
            picture.seek(place)
            found.append(np.asarray(picture.convert("RGB")))
    return np.stack(found)


def test_a_digit_flies_straight_at_its_speed_and_bounces() -> None:
    """By the centre of what is bright: between borders each step is the speed in the direction; at a border it turns."""
    from ganbench_clips.motion import centres

    clips = FLIGHTS.clips
    light = clips.double().sum((1, 3, 4))
    torch.testing.assert_close(light, light[:, :1].expand_as(light), rtol=0.02, atol=0.0)  # the whole digit is in every frame
    steps = centres(clips).diff(dim=1)
    wanted = np.stack([np.sin(FLIGHTS.direction), np.cos(FLIGHTS.direction)], axis=1) * FLIGHTS.speed[:, None]
    inside = 0
    for step, want in zip(steps.numpy(), wanted, strict=True):
        straight = np.abs(step - want).max(1) < 0.05
        inside += int(straight[0])
        assert (np.abs(np.abs(step) - np.abs(want)).max(1) < 0.05).mean() > 0.5  # in one of four directions, but for the bounces
    assert inside >= 9
    slower, faster = (moving.fly(np.arange(9), 1, 5, frames=4, stride=stride).clips for stride in (1, 3))
    assert torch.equal(slower[:, :, 3], faster[:, :, 1])  # trap: stride 3 is every third frame of the same flight


def test_train_and_test_clips_are_of_other_handwriting() -> None:
    """Trap: the images are fixed apart, whatever the options; the same seed gives the same clips."""
    train, test = moving.split_images()
    assert (len(train), len(test)) == (1437, 360)
    assert set(train).isdisjoint(test)
    dataset = moving.build(MovingDigitsOptions(clips=40), DataContext())
    again = moving.build(MovingDigitsOptions(clips=40), DataContext())
    assert dataset.test is not None
    assert (dataset.train.num_samples, dataset.test.num_samples) == (40, 10)
    assert dataset.train.content_hash == again.train.content_hash
    assert set(moving.fly(train, 40, moving.TRAIN_SEED).images) <= set(train)
    assert set(moving.fly(test, 10, moving.TEST_SEED).images) <= set(test)
    assert torch.equal(dataset.test.read(torch.arange(10)), moving.fly(test, 10, moving.TEST_SEED).clips)


def test_length_and_stride_are_part_of_the_name(tmp_path: Path) -> None:
    """Trap: scores of clips of two strides or lengths are not of one dataset."""
    assert moving.build(MovingDigitsOptions(clips=4, frames=8, stride=2), DataContext()).name == "moving-digits:8x2"
    write_sequence(tmp_path / "films" / "a", [16] * 9)
    options = ClipsOptions(path=str(tmp_path / "films"), frames=2, stride=4, resolution=8)
    assert folder.build(options, DataContext()).name == "clips:films:2x4"
    with pytest.raises(DataError, match="4 clips are 0 MiB, more than the 0 MiB"):
        moving.build(MovingDigitsOptions(clips=4), DataContext(resident_limit_mib=0.01))


def test_clips_are_stored_and_seen_without_loss() -> None:
    """Every level comes back; a mirrored clip is mirrored in each frame; what is no clip is refused in a line."""
    source = clip_source(FLIGHTS.clips)
    space = source.space
    seen = space.to_network(space.arrange(FLIGHTS.clips), torch.tensor([3, 1]), torch.tensor([True, False]))
    assert (seen.dtype, seen.min().item()) == (torch.float32, -1.0)
    assert torch.equal(space.to_stored(seen), torch.stack([FLIGHTS.clips[3].flip(-1), FLIGHTS.clips[1]]))
    assert (space.describe(), space.resolution) == ("1x16x32x32", 0)
    with pytest.raises(ValueError, match=r"a clip must have 2 frames or more \(got 1\)"):
        clip_source(FLIGHTS.clips[:, :, :1])
    with pytest.raises(ValueError, match=r"clips must be uint8 \[N, C, T, H, W\]"):
        clip_source(FLIGHTS.clips[0])
    with pytest.raises(ValueError, match="got 2 channels"):
        ClipSpace(2, 4, 8, 8)


def test_a_contact_sheet_has_a_row_for_each_clip_and_animations_move() -> None:
    """The sheet's frames are the clip's, evenly spaced where there are many; animations keep every level, coloured and odd-sized too."""
    clips, space = FLIGHTS.clips, ClipSpace(1, 16, 32, 32)
    found = read_grid_bytes(space.picture(clips[:3], columns=8, real=lambda count: clips[:count]))
    assert torch.equal(found.unflatten(0, (3, 16)), clips[:3].transpose(1, 2))
    long = torch.arange(31, dtype=torch.uint8)[None, None, :, None, None].expand(1, 1, 31, 5, 7).contiguous()
    shown = read_grid_bytes(ClipSpace(1, 31, 5, 7).picture(long, columns=8, real=lambda count: long[:count]))
    assert shown[:, 0, 0, 0].tolist() == list(range(0, 31, 2))
    coloured = torch.randint(0, 256, (2, 3, 4, 9, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for batch in (clips[:2], coloured):
        files = dict(ClipSpace(*batch.shape[1:]).files(batch))
        assert list(files) == ["clips.webp", "clips/000000.webp", "clips/000001.webp"]
        exact = frames_of(files["clips/000001.webp"])
        assert np.array_equal(exact, batch[1].permute(1, 2, 3, 0).expand(-1, -1, -1, 3).numpy())
        assert len(frames_of(files["clips.webp"])) == batch.shape[2]


def read_grid_bytes(content: bytes) -> torch.Tensor:
    return read_grid(io.BytesIO(content))  # type: ignore[arg-type]


def write_sequence(place: Path, sides: list[int], mode: str = "L") -> None:
    """Write a folder of frames, the n-th of a brightness of n."""
    place.mkdir(parents=True)
    for number, side in enumerate(sides):
        Image.new(mode, (side + 4, side), number if mode == "L" else (number, 0, 0)).save(place / f"frame-{number}.png")


def test_folders_and_animations_become_clips(tmp_path: Path) -> None:
    """In the order of the numbers, one clip behind the other, every n-th frame; our own animations come back; classes are folders."""
    root = tmp_path / "films"
    write_sequence(root / "still" / "a", [8] * 13)
    (root / "moving").mkdir()
    exported = dict(ClipSpace(1, 16, 32, 32).files(FLIGHTS.clips[:1]))["clips/000000.webp"]
    (root / "moving" / "b.webp").write_bytes(exported)
    frames = [Image.new("L", (8, 8), 40 * i) for i in range(6)]
    frames[0].save(root / "moving" / "c.gif", save_all=True, append_images=frames[1:])
    (root / "notes.txt").write_text("no clip")
    dataset = folder.build(ClipsOptions(path=str(root), frames=6, resolution=8, grey=True, labels=True), DataContext())
    assert dataset.class_names == ("moving", "still")
    assert dataset.train.labels is not None
    assert dataset.train.labels.tolist() == [0, 0, 0, 1, 1]
    assert dataset.notes == ("1 other files are left out",)
    levels = dataset.first(5)[:, 0, :, 0, 0]
    assert levels[2].tolist() == [0, 40, 80, 120, 160, 200]
    assert levels[3:].flatten().tolist() == list(range(12))  # frame-2 before frame-10
    same = folder.build(ClipsOptions(path=str(root / "moving"), resolution=32, grey=True, on_error="skip"), DataContext())
    assert torch.equal(same.first(1), FLIGHTS.clips[:1])
    assert "1 sequences left out: c.gif (it has 6 frames, and a clip has 16)" in same.notes
    some = folder.build(ClipsOptions(path=str(root), frames=2, stride=3, resolution=8, test_fraction=0.3), DataContext())
    assert some.test is not None
    assert some.space.describe() == "3x2x8x8"
    assert some.train.num_samples + some.test.num_samples == 2 + 3 + 1


def break_it(root: Path, kind: str) -> str:
    """Make a folder that gives no clip, and return what is said of it."""
    if kind == "empty":
        return "clips: no folder of frames and no animated picture below"
    if kind == "missing":
        root.rmdir()
        return "clips: path must be a folder"
    if kind == "one frame":
        write_sequence(root / "a", [8])
        return r"gives no clip: it has 1 frame, and a clip has 4"
    if kind == "mixed sizes":
        write_sequence(root / "a", [8, 8, 10, 8])
        return r"gives no clip: its frames are 12x8 pixels, and frame-2.png is 14x10"
    if kind == "still picture":
        Image.new("L", (8, 8)).save(root / "a.gif")
        return r"a.gif gives no clip: it has 1 frame, and a clip has 4"
    if kind == "stride":
        write_sequence(root / "a", [8] * 6)
        return r"it has 3 frames at stride 2, and a clip has 4"
    write_sequence(root / "a", [8] * 4)
    (root / "a" / "frame-1.png").write_bytes((root / "a" / "frame-1.png").read_bytes()[:40])
    return r"gives no clip: frame-1.png cannot be "


@pytest.mark.parametrize("kind", ["empty", "missing", "one frame", "mixed sizes", "still picture", "stride", "cut off"])
def test_what_gives_no_clip_is_refused_in_a_line(tmp_path: Path, kind: str) -> None:
    """With the file's or the folder's name, and what to do."""
    message = break_it(tmp_path, kind)
    options = ClipsOptions(path=str(tmp_path), frames=4, stride=2 if kind == "stride" else 1, resolution=8)
    with pytest.raises(DataError, match=message) as caught:
        folder.build(options, DataContext())
    assert "\n" not in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--dataset", "moving-digits", "-o", "dataset.frames=1"], "frames must be between 2 and 256 (got 1)"),
        (
            ["--dataset", "moving-digits", "-o", "dataset.resolution=33"],
            "mocogan needs square frames of 16, 32, 64 and so on pixels (got 33x33)",
        ),
        (["--dataset", "clips", "-o", "path="], "path must name a folder of clips (got '')"),
    ],
)
def test_the_command_line_says_what_does_not_fit(
    flags: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on stderr and exit code 2: a clip of one frame, odd sizes, no folder."""
    out = str(tmp_path / "run")
    small = ["-o", "dataset.clips=16"] if "moving-digits" in flags else []
    assert main(["run", "--plugin", "mocogan-small", *flags, *small, "--metric", "none", "--out", out, "--set", "training.device=cpu"]) == 2
    said = capsys.readouterr().err
    assert message in " ".join(said.split())
    assert not Path(out).exists()


@pytest.mark.slow
def test_a_run_of_clips_is_shown_as_any_other(tmp_path: Path) -> None:
    """Trained, drawn, filmed and sampled: contact sheets in the run's folder, and animations from `ganbench sample`."""
    settings: dict[str, Any] = {
        "training.device": "cpu",
        "training.threads": 1,
        "training.batch_size": 8,
        "training.total_kimg": 0.016,
        "evaluation.every_kimg": 0.008,
        "dataset.options.clips": 16,
        "dataset.options.frames": 10,
        "dataset.options.resolution": 16,
        "architecture.options.generator_width": 2,
        "architecture.options.discriminator_width": 2,
        "evaluation.metrics": ("motion16", "digit_kept8"),
    }
    out = tmp_path / "run"
    stored = ganbench.run("mocogan-small", dataset="moving-digits", settings=settings, out=out)
    assert stored.record.status == "complete"
    assert (stored.record.space, stored.record.unit, stored.record.dataset) == ("clip", "clips", "moving-digits:10x1")
    assert dict(stored.record.keys.work.fields)["data.shape"] == "1x10x16x16"
    assert {value.name for value in stored.record.evaluations[-1].values} == {"motion16", "jerkiness16", "digit_kept8"}
    sheets = sorted((out / "samples").glob("*.png"))
    assert len(read_grid(sheets[-1])) == 10 * 10  # a clip of each class, ten frames each
    assert (out / "progress.png").is_file()
    assert main(["sample", str(out), "--out", str(tmp_path / "shown"), "-n", "3", "--class", "7"]) == 0
    files = {str(path.relative_to(tmp_path / "shown")) for path in (tmp_path / "shown").rglob("*.*")}
    assert {"clips.webp", "clips/000002.webp"} <= files
