"""``filtered_lrelu`` forward and backward: eager, torch.compile, ours.

Each gives the reference's values on the same inputs first. Nothing here asserts a time.

Run with ``pytest benchmarks/test_filtered_lrelu.py --benchmark-json=FILE``; ``-k "not compile"`` leaves out what has to be compiled.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from op_params import NAMES, op_params

from ganbench_bench.kernels.case import Case, Implementation, Pass


@pytest.mark.parametrize(NAMES, op_params("filtered_lrelu"))
def test_filtered_lrelu(
    time_op: Callable[[Case, Pass, Implementation], None], case: Case, wanted: Pass, implementation: Implementation
) -> None:
    """One implementation of one pass."""
    time_op(case, wanted, implementation)
