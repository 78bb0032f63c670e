"""The count of bytes that PyTorch's operations move, and the table of docs/speed.md that is made of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ganbench_bench.kernels.passes import bytes_moved, passes_table

PAGE = Path(__file__).parents[2] / "docs" / "speed.md"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda x: x + 1, 800),
        (lambda x: x.view(10, 10).t().expand(3, 10, 10), 0),
        (lambda x: x.mul_(2), 800),
        (lambda x: x + torch.empty(1).fill_(1.0).expand(100), 400 + 4 + 400 + 4 + 4),
        (lambda x: x.sum(), 404),
    ],
    ids=["new", "view", "in place", "expanded", "sum"],
)
def test_each_operation_reads_its_inputs_and_writes_its_result(call: Callable[[Tensor], object], expected: int) -> None:
    """100 numbers of four bytes; a view moves nothing, and what is expanded is in memory once."""
    x = torch.rand(100) + 1
    assert bytes_moved(lambda: call(x)) == expected


def test_what_may_be_changed_counts_where_it_is() -> None:
    """Adam's fused step may scale gradients, and without a scale leaves them: three of four tensors are written."""
    p, g, m, v = (torch.rand(1000) for _ in range(4))
    numbers = {"lr": 0.1, "beta1": 0.5, "beta2": 0.9, "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False, "maximize": False}
    moved = bytes_moved(lambda: torch._fused_adam_([p], [g], [m], [v], [], [torch.ones(())], **numbers))
    assert 7 * 4000 <= moved <= 7 * 4000 + 16


def rows(text: str) -> dict[str, list[str]]:
    """Return the cells of each row of the table by its op and what it computes."""
    lines = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| `") and line.count(" | ") == 4]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def test_the_page_has_the_table() -> None:
    """Ours to the digit; PyTorch's operations differ a little between its versions."""
    made, printed = rows(passes_table()), rows(PAGE.read_text(encoding="utf-8"))
    assert len(made) >= 8
    assert printed.keys() == made.keys()
    for name, cells in made.items():
        assert printed[name][1::2] == cells[1::2], name
        for mine, theirs in zip(printed[name][::2], cells[::2], strict=True):
            assert mine == theirs or float(mine) == pytest.approx(float(theirs), rel=0.2), name
