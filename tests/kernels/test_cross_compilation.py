"""The machine code of every planned launch, for GPUs that are not here."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from ganbench_kernels import has_triton

if not has_triton():
    pytest.skip("triton is not installed", allow_module_level=True)

import triton
from cross_compile import NVIDIA, Planned, for_amd, for_nvidia

pytestmark = pytest.mark.slow

FILES = sorted(Path(__file__).parent.glob("planned_*.py"))
PLANNED: dict[str, Planned] = {
    f"{path.stem.removeprefix('planned_')}-{name}": planned
    for path in FILES
    for name, planned in importlib.import_module(path.stem).planned().items()
}


MEASURED = "sm_90"
"""Where our figures are measured: every launch is compiled for it, and every third for the GPUs before and after."""
COMPILED = [(name, target) for target in NVIDIA for number, name in enumerate(PLANNED) if target == MEASURED or number % 3 == 0]


FAILS = {"3.6": ("filtered_lrelu-backward-bf16-four-times", "sm_100")}
"""What a version of Triton cannot compile: there a pass of its own fails ("parent layout must have at least rank >= 2")."""


@pytest.mark.parametrize(("name", "target"), COMPILED)
def test_no_spills_and_wide_accesses(name: str, target: str) -> None:
    """Nothing in local memory, few registers, and 128-bit loads and stores of the large tensors."""
    planned = PLANNED[name]
    if FAILS.get(".".join(triton.__version__.split(".")[:2])) == (name, target):
        pytest.skip(f"Triton {triton.__version__} fails to compile it for this GPU")
    code = for_nvidia(planned.launch, target)
    assert (code.spills, code.local_bytes) == (0, 0)
    assert code.registers <= planned.registers
    if planned.wide:
        assert 128 in code.load_bits
        assert 128 in code.store_bits


@pytest.mark.parametrize("name", PLANNED)
def test_compiles_for_an_amd_gpu(name: str) -> None:
    """No construct is NVIDIA's alone."""
    assert len(for_amd(PLANNED[name].launch)) > 0
