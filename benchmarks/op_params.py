"""The cases of an op as pytest's parameters, on whatever device is present."""

from __future__ import annotations

import pytest
import torch
from _pytest.mark.structures import ParameterSet

from ganbench_bench.kernels.case import DTYPE_NAMES, IMPLEMENTATIONS
from ganbench_bench.kernels.cases import Missing, cases_of
from ganbench_bench.kernels.sizes import sizes_for
from ganbench_bench.names import LAYOUTS

NAMES = ("case", "wanted", "implementation")


def op_params(op: str) -> list[ParameterSet]:
    """Return case, pass and implementation for each benchmark of an op; none where the op is missing."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    cases = cases_of(op, sizes_for(device, quick=False), tuple(DTYPE_NAMES), LAYOUTS)
    if isinstance(cases, Missing):
        return []
    return [
        pytest.param(case, wanted, implementation, id="-".join(f"{case} {wanted} {implementation}".split()[1:]))
        for case in cases
        for wanted in case.passes
        for implementation in IMPLEMENTATIONS
    ]
