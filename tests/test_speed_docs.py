"""The example of the ops in docs/speed.md runs as it is printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

PAGE = Path(__file__).parents[1] / "docs" / "speed.md"


def test_the_ops_in_code_of_your_own() -> None:
    """With the shapes that their names promise."""
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    made: dict[str, Any] = {}
    exec(example, made)
    shapes = {name: tuple(made[name].shape) for name in ("larger", "smaller", "styled", "behind_any_map", "active", "with_deviation")}
    assert shapes == {
        "larger": (4, 8, 32, 32),
        "smaller": (4, 8, 8, 8),
        "styled": (4, 6, 16, 16),
        "behind_any_map": (4, 8, 16, 16),
        "active": (4, 8, 16, 16),
        "with_deviation": (4, 9, 16, 16),
    }
    torch.testing.assert_close(made["larger"], made["Upsample2d"]()(made["x"]))
    weights = zip(made["average"].parameters(), made["generator"].parameters(), strict=True)
    assert all(0 < float((a - b).detach().abs().max()) < 0.0021 for a, b in weights)  # a step of 0.002, of which a thousandth
