"""Sample grids, the strip over training, and curves."""

from __future__ import annotations

import dataclasses
import math
import sys

import pytest
import torch
from PIL import Image

from ganbench.errors import StorageError
from ganbench.record.curves import _draw_metric, _loss_history, save_curves
from ganbench.record.directory import RunDirectory
from ganbench.record.events import EventLog, read_events
from ganbench.record.files import write_bytes
from ganbench.record.pictures import save_picture, save_strip
from ganbench_spaces.grid import draw_grid, draw_labelled_rows, read_grid
from ganbench_spaces.images import ImageSpace


def _open(path):
    """Return a picture whose file is closed."""
    with Image.open(path) as picture:
        picture.load()
        return picture


def _save_grid(images, path, *, columns=8):
    write_bytes(path, draw_grid(images, columns=columns))


def _images(count, channels, size, seed=0):
    return torch.randint(0, 256, (count, channels, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("count", "channels", "size", "columns"), [(64, 1, 16, 8), (7, 3, 32, 3), (1, 3, 64, 8), (5, 1, 1, 2), (4, 3, 50, 4)]
)
def test_a_grid_holds_the_exact_images(tmp_path, count, channels, size, columns):
    """What was saved can be read back, also with a ragged last row."""
    images = _images(count, channels, size)
    _save_grid(images, tmp_path / "g.png", columns=columns)
    assert torch.equal(read_grid(tmp_path / "g.png"), images)


def test_a_grid_of_images_that_are_not_square(tmp_path):
    """Cells are as high and as wide as the images, and the larger side has at least 48 pixels."""
    images = torch.randint(0, 256, (5, 3, 16, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    _save_grid(images, tmp_path / "g.png", columns=3)
    assert torch.equal(read_grid(tmp_path / "g.png"), images)
    assert _open(tmp_path / "g.png").size == (2 + 3 * 50, 2 + 2 * 34)


def test_small_images_are_enlarged_and_large_ones_are_not(tmp_path):
    """A cell has at least 48 pixels and whole multiples of the image."""
    _save_grid(_images(4, 1, 16), tmp_path / "small.png", columns=2)
    _save_grid(_images(1, 3, 128), tmp_path / "large.png", columns=2)
    assert _open(tmp_path / "small.png").size == (2 + 2 * 50, 2 + 2 * 50)
    assert _open(tmp_path / "large.png").size == (132, 132)


def test_images_are_in_reading_order(tmp_path):
    """The second image is to the right of the first, the third below it."""
    images = torch.stack([torch.full((1, 48, 48), value, dtype=torch.uint8) for value in (10, 20, 30)])
    _save_grid(images, tmp_path / "g.png", columns=2)
    picture = _open(tmp_path / "g.png")
    assert [picture.getpixel(at) for at in ((26, 26), (76, 26), (26, 76))] == [10, 20, 30]


@pytest.mark.parametrize(
    "images",
    [torch.zeros(1, 1, 4, 4), torch.zeros(0, 1, 4, 4, dtype=torch.uint8), torch.zeros(1, 2, 4, 4, dtype=torch.uint8), _images(1, 1, 4)[0]],
)
def test_what_is_no_batch_of_images_is_refused(tmp_path, images):
    """Type and shape are named."""
    with pytest.raises(ValueError, match="images must be uint8"):
        _save_grid(images, tmp_path / "g.png")
    assert not (tmp_path / "g.png").exists()


def test_a_grid_that_cannot_be_written_is_a_storage_error(tmp_path):
    """The folder is gone."""
    with pytest.raises(StorageError):
        save_picture(ImageSpace.square(1, 4), _images(1, 1, 4), tmp_path / "gone" / "g", columns=1, real=lambda count: _images(count, 1, 4))


def test_another_picture_is_no_grid(tmp_path):
    """A PNG without the layout, and a file that is none."""
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    for name in ("a.png", "b.png"):
        with pytest.raises(ValueError, match="is not a sample grid"):
            read_grid(tmp_path / name)


@pytest.fixture
def run(tmp_path):
    """Return a locked run directory."""
    with RunDirectory.create_at(tmp_path / "run") as directory:
        yield directory


def test_the_strip_shows_the_same_latents_over_training(run):
    """One row for each grid in order of training, first images only; foreign pictures are left out."""
    for i, seen in enumerate((0, 500, 12_000)):
        _save_grid(torch.full((16, 1, 48, 48), 50 * (i + 1), dtype=torch.uint8), run.samples_path / f"{seen:09d}.png", columns=4)
    Image.new("L", (4, 4)).save(run.samples_path / "000000600.png")
    assert save_strip(run, ImageSpace.square(1, 48)) == run.progress_path
    picture = _open(run.progress_path).convert("L")
    assert picture.height == 2 + 3 * 50
    assert picture.width > 2 + 8 * 50
    assert [picture.getpixel((picture.width - 20, 26 + 50 * row)) for row in range(3)] == [50, 100, 150]


def test_a_long_run_has_a_short_strip(run):
    """Twelve rows with the first and the last moment."""
    for i in range(40):
        _save_grid(torch.full((8, 1, 48, 48), i, dtype=torch.uint8), run.samples_path / f"{i:09d}.png")
    save_strip(run, ImageSpace.square(1, 48))
    picture = _open(run.progress_path).convert("L")
    assert picture.height == 2 + 12 * 50
    assert [picture.getpixel((picture.width - 20, y)) for y in (26, picture.height - 26)] == [0, 39]


def test_the_film_moves_from_moment_to_moment(run):
    """Half a second each, and longer where it ends; one grid would not move."""
    film = run.progress_path.with_suffix(".webp")
    for i, seen in enumerate((0, 500, 12_000)):
        _save_grid(torch.full((16, 1, 48, 48), 80 * (i + 1), dtype=torch.uint8), run.samples_path / f"{seen:09d}.png", columns=4)
        save_strip(run, ImageSpace.square(1, 48))
        assert film.exists() == (i > 0)
    with Image.open(film) as moving:
        assert (moving.n_frames, moving.width, moving.height > moving.width) == (3, 2 + 4 * 50, True)
        seen = []
        for frame in range(3):
            moving.seek(frame)
            moving.load()
            seen.append((moving.convert("L").getpixel((26, 26)), moving.info["duration"]))
    assert [(round(grey / 80), milliseconds) for grey, milliseconds in seen] == [(1, 500), (2, 500), (3, 2000)]


def test_a_run_without_grids_has_no_strip(run):
    """Nothing is written."""
    assert save_strip(run, ImageSpace.square(1, 48)) is None
    assert not run.progress_path.exists()
    assert not run.progress_path.with_suffix(".webp").exists()


def test_rows_of_unlike_shapes_are_refused():
    """The shapes are told."""
    with pytest.raises(ValueError, match="of one shape"):
        draw_labelled_rows([("a", _images(2, 1, 4)), ("b", _images(3, 1, 4))])


def _ink(path):
    """Return how many pixels are not white."""
    picture = _open(path).convert("L")
    return sum(count for value, count in enumerate(picture.histogram()) if value < 200)


def test_without_matplotlib_the_curves_are_left_out_with_one_line(run, make_record, monkeypatch, caplog):
    """A picture is not worth a run."""
    for module in ("matplotlib", "matplotlib.backends.backend_agg", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, module, None)  # the parts too: another test may have imported them
    save_curves(run, make_record())
    assert not run.curves_path.exists()
    assert [r.message for r in caplog.records] == ["matplotlib is not installed; curves.png is left out"]


@pytest.mark.slow
def test_curves_have_a_panel_for_losses_and_for_each_metric(run, make_record):
    """Losses come from the events; without them there is one panel less."""
    save_curves(run, make_record())
    without = _open(run.curves_path).size
    ink = _ink(run.curves_path)
    with EventLog(run.events_path) as log:
        for i in range(20):
            log.write("progress", samples_seen=i * 1000, discriminator_loss=1.0 / (i + 1), generator_loss=float(i))
    save_curves(run, make_record())
    assert _open(run.curves_path).width == without[0]
    assert _open(run.curves_path).height > 1.5 * without[1]
    assert _ink(run.curves_path) > ink


@pytest.mark.parametrize("values", [[], [math.nan], [math.inf, 1.0], [0.0, 0.0], [1e-9, 1e9], [-1.0, 1.0]])
def test_odd_histories_can_be_drawn(run, make_record, make_value, values):
    """No evaluation, nothing finite, zeros, eighteen decades, negative values of an unbiased metric."""
    evaluations = tuple(
        dataclasses.replace(make_record().evaluations[0], samples_seen=i * 1000, values=(make_value(v),)) for i, v in enumerate(values)
    )
    record = make_record(evaluations=evaluations, name="a $x$_{ b")
    if not evaluations:
        record = dataclasses.replace(record, work=dataclasses.replace(record.work, samples_seen=0))
    save_curves(run, record)
    assert _ink(run.curves_path) > 0


@pytest.mark.parametrize(
    ("values", "floor", "scale", "words"),
    [
        ([14.0, 16.0, 18.4], 100.0, "linear", "real against real 100, far above"),  # PSNR, whose floor is a bound
        ([0.4, 0.3, 0.2], 1e-8, "linear", "real against real 1e-08, far below"),  # LPIPS of equal images: no axis of eight decades
        ([900.0, 850.0, 800.0], -3.0, "linear", "real against real -3, far below"),
        ([0.58, 0.86], 1.0, "linear", ""),
        ([2189.0, 55.0, 17.5], 3.96, "log", ""),
        ([2189.0, 55.0, 17.5], math.nan, "log", ""),
        ([2189.0, 55.0, 17.5], None, "log", ""),
        ([17.5], 3.96, "linear", ""),  # one point cannot be pressed flat
        ([17.5, 17.5], 3.96, "linear", ""),
    ],
)
def test_real_against_real_does_not_press_a_curve_flat(make_record, make_value, values, floor, scale, words):
    """Where it lies far from all values it is told at the edge, and the curve has the height to itself."""
    figure = pytest.importorskip("matplotlib.figure").Figure()
    axis, one = figure.add_subplot(), make_record().evaluations[0]
    scores = [dataclasses.replace(make_value(value), spread=0.0, floor=floor, floor_splits=()) for value in values]
    record = make_record(
        evaluations=tuple(dataclasses.replace(one, samples_seen=i * 1000, values=(score,)) for i, score in enumerate(scores))
    )
    _draw_metric(axis, record, record.metric_names[0], "#000000")
    assert axis.get_yscale() == scale
    assert [text.get_text() for text in axis.texts] == [words] * bool(words)
    bottom, top = axis.get_ylim()
    if floor is not None and math.isfinite(floor):
        assert (bottom <= floor <= top) is not bool(words)
    heights = [axis.transAxes.inverted().transform(axis.transData.transform((0, value)))[1] for value in values]
    assert values[0] == values[-1] or abs(heights[0] - heights[-1]) > 0.17


def test_only_finite_losses_are_drawn(tmp_path):
    """NaN, text and numbers that are no loss are left out."""
    with EventLog(tmp_path / "e") as log:
        log.write("progress", samples_seen=1000, generator_loss=1.5, penalty=3.0)
        log.write("progress", samples_seen=2000, generator_loss=math.nan)
        log.write("progress", samples_seen=3000, generator_loss="nan")
    assert _loss_history(read_events(tmp_path / "e", "progress")) == {"generator_loss": [(1.0, 1.5)]}
