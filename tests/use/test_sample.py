"""Latents that are asked for on purpose, and the files of ``ganbench sample``."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganbench.cli.main import main
from ganbench_rows.columns import Category, Mode, Number
from ganbench_rows.space import RowSpace
from ganbench_sound.space import WaveformSpace
from ganbench_spaces.images import ImageSpace, image_source
from ganbench_spaces.pairs import PairedImages
from ganbench_spaces.points import PointSpace
from ganbench_text.space import TokenSpace
from ganbench_use.latents import between, varied
from ganbench_use.neighbours import nearest


def test_the_spherical_way_keeps_the_length() -> None:
    """Between vectors of one length, in equal angles; the linear one does not."""
    ends = torch.tensor([[3.0, 0.0], [0.0, 3.0]])
    arc = between(ends, 4, "spherical")
    assert arc.norm(dim=1).tolist() == pytest.approx([3.0] * 4)
    angles = torch.atan2(arc[:, 1], arc[:, 0])
    assert angles.diff().tolist() == pytest.approx([np.pi / 6] * 3)
    assert between(ends, 3, "linear")[1].tolist() == [1.5, 1.5]


@pytest.mark.parametrize("how", ["linear", "spherical"])
def test_both_ways_have_their_ends(how: str) -> None:
    """Row after row; also where both ends are one, between which there is no angle."""
    ends = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    ends[5] = ends[4]
    way = between(ends, 7, how).reshape(3, 7, 5)  # type: ignore[arg-type]
    assert torch.allclose(way[:, 0], ends[0::2], atol=1e-5)
    assert torch.allclose(way[:, -1], ends[1::2], atol=1e-5)
    assert torch.isfinite(way).all()


def test_two_components_vary_and_the_others_stay() -> None:
    """The first from left to right, the second from top to bottom."""
    grid = varied(torch.arange(4.0), 0, 2, 3).reshape(3, 3, 4)
    assert grid[1, :, 0].tolist() == [-2, 0, 2]
    assert grid[:, 1, 2].tolist() == [-2, 0, 2]
    assert (grid[:, :, 1] == 1).all()
    assert (grid[:, :, 3] == 3).all()


def test_the_nearest_real_sample_of_a_copy_is_its_original() -> None:
    """At no distance; of two that are the same the first, also where they are compared in parts."""
    train = torch.randint(256, (1500, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    train[1400] = train[3]
    places, distances = nearest(train[[3, 1200]], image_source(train), 3)
    assert places[:, 0].tolist() == [3, 1200]
    assert places[0, 1].item() == 1400
    assert distances[:, 0].tolist() == [0, 0]
    seen = train.float() / 127.5 - 1
    expected = (seen - seen[1200]).flatten(1).norm(dim=1).sort()
    assert places[1].tolist() == expected.indices[:3].tolist()
    assert distances[1].tolist() == pytest.approx(expected.values[:3].tolist(), abs=0.05)


def test_a_space_writes_the_files_of_its_samples() -> None:
    """Images as they are, points to the last bit, rows with the names of columns and categories; whoever reads them has the samples."""
    images = torch.randint(256, (3, 3, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    files = dict(ImageSpace(3, 4, 5).files(images))
    assert list(files) == [f"images/{index:06d}.png" for index in range(3)]
    again = [torch.from_numpy(np.array(Image.open(io.BytesIO(content)))).permute(2, 0, 1) for content in files.values()]
    assert torch.equal(torch.stack(again), images)
    assert dict(ImageSpace(5, 4, 5).files(torch.zeros(3, 5, 4, 5, dtype=torch.uint8))) == {}
    (pair,) = (content for _, content in PairedImages(2, 4, 5).files(images[:1, :2]))
    assert Image.open(io.BytesIO(pair)).size == (10, 4)
    sounds = torch.randint(-32767, 32768, (2, 1, 64), dtype=torch.int16, generator=torch.Generator().manual_seed(0))
    files = dict(WaveformSpace(64, 8000).files(sounds))
    assert list(files) == ["sounds/000000.wav", "sounds/000001.wav"]
    with wave.open(io.BytesIO(files["sounds/000001.wav"])) as sound:
        assert (sound.getframerate(), sound.getnchannels()) == (8000, 1)
        assert np.array_equal(np.frombuffer(sound.readframes(64), "<i2"), sounds[1, 0].numpy())
    texts = TokenSpace(3, ("", "a", "b", "\n"), has_end=True)
    assert dict(texts.files(torch.tensor([[1, 2, 0], [2, 3, 1]]))) == {"samples.txt": "ab\nb↵a\n".encode()}
    points = torch.randn(4, 2, 1, 1, generator=torch.Generator().manual_seed(0))
    ((name, content),) = PointSpace().files(points)
    assert name == "samples.csv"
    assert np.array_equal(np.loadtxt(io.BytesIO(content), delimiter=",", dtype=np.float32), points.flatten(1).numpy())
    columns = (Number("age", (Mode(1.0, 0.0, 1.0),), (0.0, 1.0), 1), Category("colour, hue", ("red", "blue"), (0.5, 0.5)))
    ((_, content),) = RowSpace(columns).files(torch.tensor([[1.5, 1.0], [2.0, 0.0]], dtype=torch.float64))
    assert content.decode() == 'age,"colour, hue"\n1.5,blue\n2,red\n'


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run by class."""
    folder = tmp_path_factory.mktemp("run") / "images"
    arguments = ["run", "--plugin", "cgan-mlp", "--kimg", "0.128", "--no-eval", "--threads", "1", "--quiet", "--device", "cpu"]
    assert main([*arguments, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory of its own."""
    monkeypatch.chdir(tmp_path)


def sampled(run: Path, *arguments: str) -> dict[str, np.ndarray]:
    assert main(["sample", str(run), "--device", "cpu", "--out", "out", "--write", "npz", *arguments]) == 0
    with np.load("out/samples.npz") as arrays:
        return dict(arrays)


@pytest.mark.slow
def test_latents_come_back_from_the_file(run: Path) -> None:
    """What was written on the way between two latents is what they make again."""
    way = sampled(run, "--interpolate", "linear", "--rows", "2", "--columns", "5")
    assert way["latents"].shape[0] == 10
    assert way["labels"].tolist() == [0] * 5 + [1] * 5
    Path("out").rename("first")
    again = sampled(run, "--latents", "first/samples.npz", "--class", "0,0,0,0,0,1,1,1,1,1")
    assert np.array_equal(again["samples"], way["samples"])


@pytest.mark.slow
def test_a_grid_of_classes_asks_each_latent_for_each_class(run: Path) -> None:
    """By their columns."""
    grid = sampled(run, "--grid-classes", "--class", "3,7", "--rows", "4")
    assert grid["labels"].tolist() == [3, 7] * 4
    assert np.array_equal(grid["latents"][0::2], grid["latents"][1::2])


@pytest.mark.slow
def test_a_seed_gives_the_same_samples_and_another_others(run: Path) -> None:
    """Of the class that was asked for."""
    one = sampled(run, "-n", "6", "--class", "7", "--seed", "5")
    Path("out").rename("first")
    same = sampled(run, "-n", "6", "--class", "7", "--seed", "5")
    Path("out").rename("second")
    other = sampled(run, "-n", "6", "--class", "7", "--seed", "6")
    assert one["labels"].tolist() == [7] * 6
    assert np.array_equal(one["samples"], same["samples"])
    assert not np.array_equal(one["samples"], other["samples"])


@pytest.mark.slow
def test_latents_of_a_file_go_in_an_order_too(run: Path) -> None:
    """From each to the next, or a row for each; beside each its neighbours, and as a film."""
    drawn = sampled(run, "-n", "2", "--neighbours", "2", "--write", "npz,sheet,gif")
    assert drawn["neighbours"].shape == drawn["distances"].shape == (2, 2)
    assert (np.diff(drawn["distances"]) >= 0).all()
    assert sorted(path.name for path in Path("out").iterdir()) == ["neighbours.png", "samples.gif", "samples.npz", "sheet.png"]
    with Image.open("out/samples.gif") as film:
        assert getattr(film, "n_frames", 1) == 2
    Path("out").rename("first")
    np.save("ends.npy", np.arange(300, dtype=np.float32).reshape(3, 100) / 300)
    way = sampled(run, "--latents", "ends.npy", "--interpolate", "linear", "--columns", "3")["latents"]
    ends = np.load("ends.npy")
    assert np.array_equal(way[[0, 2, 3, 5]], ends[[0, 1, 1, 2]])
    Path("out").rename("second")
    grid = sampled(run, "--latents", "ends.npy", "--grid-classes", "--class", "1,2")
    assert np.array_equal(grid["latents"][::2], ends)
    assert grid["labels"].tolist() == [1, 2] * 3


WRONG: dict[str, tuple[list[str], str]] = {
    "no class": (["--class", "eleven"], "has no class 'eleven'"),
    "two orders": (["--vary", "0,1", "--interpolate", "linear"], "contradict each other"),
    "one component twice": (["--vary", "1,1"], "two different components"),
    "a component beyond": (["--vary", "0,5000"], "two different components"),
    "a count of a grid": (["--interpolate", "linear", "-n", "5"], "-n says nothing"),
    "a form that images lack": (["--write", "csv"], "--write csv: samples are written as sheet, npz, files, gif"),
    "rows that a file decides": (["--interpolate", "linear", "--latents", "absent.npy", "--rows", "2"], "with --latents these decide"),
    "rows of no order": (["--rows", "2"], "--rows is for"),
    "more neighbours than there are": (["-n", "1", "--neighbours", "100000"], "Invalid value for '--neighbours'"),
    "no latents": (["--latents", "absent.npy"], "there is no such file"),
    "a flag of loaders": (["--dataset", "digits"], "--dataset says nothing of a run; it goes with --loader"),
    "nothing was measured": (["--as-evaluated"], "measured no samples"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line(run: Path, capsys: pytest.CaptureFixture[str], case: str) -> None:
    """With exit code 2, and nothing is made."""
    arguments, expected = WRONG[case]
    assert main(["sample", str(run), "--device", "cpu", "--out", "out", *arguments]) == 2
    error = capsys.readouterr().err
    assert expected in error
    assert len(error.splitlines()) == 1
    assert not Path("out").exists()
