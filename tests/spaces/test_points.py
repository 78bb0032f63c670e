"""Points as a picture: where they lie, in which colour, and that the strip over training takes the pictures."""

from __future__ import annotations

import pytest
import torch
from PIL import Image
from torch import Tensor

from ganbench.record.directory import RunDirectory
from ganbench.record.pictures import save_picture, save_strip
from ganbench_spaces.grid import read_grid
from ganbench_spaces.points import PointSpace
from ganbench_spaces.scatter import draw_points, draw_scatter

CORNERS = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]])
REAL, GENERATED, OUTSIDE = (140, 140, 140), (255, 176, 59), (230, 60, 60)


def coloured(picture: Tensor, colour: tuple[int, int, int]) -> Tensor:
    """Return (row, column) of each pixel of a colour."""
    return (picture == torch.tensor(colour, dtype=torch.uint8)[:, None, None]).all(0).nonzero()


def test_points_lie_where_they_belong() -> None:
    """x to the right, y upwards, generated points over real ones."""
    picture = draw_points(CORNERS, torch.tensor([[1.0, 1.0]]))
    (row, column) = coloured(picture, GENERATED).double().mean(0)
    assert (row < 100, column > 200) == (True, True)
    assert len(coloured(picture, REAL)) == 3 * 4
    assert len(coloured(picture, GENERATED)) == 4
    assert not len(coloured(picture, OUTSIDE))


def test_points_outside_lie_on_the_edge() -> None:
    """Far points are neither lost nor do they move the frame."""
    picture = draw_points(CORNERS, torch.tensor([[1e30, 0.0], [0.0, 0.0]]))
    outside = coloured(picture, OUTSIDE)
    assert outside[:, 1].min() == picture.shape[2] - 2
    assert torch.equal(coloured(picture, REAL), coloured(draw_points(CORNERS, CORNERS[:1] * 0), REAL))


def test_equal_points_have_a_picture_too() -> None:
    """A frame without extent is widened."""
    picture = draw_points(torch.ones(3, 2), torch.ones(3, 2))
    assert len(coloured(picture, GENERATED)) == 4


@pytest.mark.parametrize("shape", [(5, 2), (0, 2, 1, 1), (5, 3, 1, 1)])
def test_what_is_no_points_is_refused(shape) -> None:  # type: ignore[no-untyped-def]
    """The shape is named."""
    with pytest.raises(ValueError, match=r"real points must be \[N, 2, 1, 1\] with N of 1 or more \(got \["):
        draw_scatter(torch.zeros(shape), torch.zeros(5, 2, 1, 1))


def test_the_strip_shows_the_pictures_of_a_run(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """A picture is a grid of one cell, read back exactly."""
    points = CORNERS[:, :, None, None]
    with RunDirectory.create(tmp_path, name="run", dataset="ring8", seed=0) as directory:
        directory.samples_path.mkdir(exist_ok=True)
        for moment in (0, 1000):
            save_picture(PointSpace(), points * 0.5, directory.samples_path / f"{moment:09d}", columns=8, real=lambda count: points[:count])
        strip = save_strip(directory, PointSpace())
        assert strip is not None
        with Image.open(strip) as picture:
            assert picture.height > 600
        assert torch.equal(read_grid(directory.samples_path / "000001000.png")[0], draw_points(CORNERS, CORNERS * 0.5))
