"""The cases of the ops: their bytes, their inputs, and that plain PyTorch gives what the references give."""

from __future__ import annotations

import pytest
import torch

from ganbench_bench.kernels.case import Case
from ganbench_bench.kernels.cases import Missing, cases_of
from ganbench_bench.kernels.correctness import compare
from ganbench_bench.kernels.sizes import CPU, GPU, QUICK
from ganbench_bench.kernels.work import prepare
from ganbench_bench.names import LAYOUTS, OPS

CPU_DEVICE = torch.device("cpu")
DTYPES = (torch.float32, torch.bfloat16)


def cases(op: str) -> list[Case]:
    found = cases_of(op, QUICK, DTYPES, LAYOUTS)
    assert not isinstance(found, Missing), found.reason
    return found


def size(*tensors: torch.Tensor | None) -> int:
    return sum(t.numel() * t.element_size() for t in tensors if t is not None)


ALL = [(case, wanted) for op in OPS for case in cases(op) for wanted in case.passes]


@pytest.mark.parametrize(("case", "wanted"), ALL, ids=lambda value: str(value))
def test_plain_pytorch_passes_the_check(case: Case, wanted: str) -> None:
    """The baseline of each pass computes the op."""
    assert compare(case, wanted, case.plain, CPU_DEVICE).problem == ""


@pytest.mark.parametrize("op", ["bias_act", "to_uint8", "sum_of_squares_per_sample"])
def test_a_forward_moves_its_inputs_and_its_output_once(op: str) -> None:
    """Counted from the tensors themselves."""
    for case in cases(op):
        work = prepare(case, "forward", case.plain, CPU_DEVICE, seed=0)
        assert case.num_bytes["forward"] == size(*work.inputs, *work.call()), str(case)


def test_a_gather_reads_only_the_images_that_are_drawn() -> None:
    """Not the whole dataset."""
    for case in cases("gather_normalize"):
        work = prepare(case, "forward", case.plain, CPU_DEVICE, seed=0)
        images, indices, flips = work.inputs
        assert images is not None
        assert indices is not None
        assert case.num_bytes["forward"] == size(images[: len(indices)], indices, flips, *work.call())


def test_the_backward_of_an_activation_reads_two_tensors_and_writes_one() -> None:
    """dy, y and dx, and the bias's gradient: three times the activation and a row."""
    (case,) = [c for c in cases("bias_act") if (c.dtype, c.layout, c.title) == (torch.float32, "nchw", "leaky_relu(x + b)")]
    x, bias = case.make(CPU_DEVICE, torch.Generator())
    assert case.num_bytes["backward"] == case.num_bytes["double backward"] == 3 * size(x) + size(bias)


def test_batch_norm_reads_its_input_twice() -> None:
    """Statistics first: three passes over a tensor forward, five backward, and a few rows of the channels."""
    for case in cases("norm_act"):
        x, *rows = case.make(CPU_DEVICE, torch.Generator())
        assert case.num_bytes["forward"] - 3 * size(x) == case.num_bytes["backward"] - 5 * size(x) == 6 * size(rows[0])


@pytest.mark.parametrize("op", OPS)
def test_equal_seeds_give_equal_inputs_and_others_do_not(op: str) -> None:
    """So that every implementation is checked and timed on the same values."""
    for case in cases(op):
        first, second, other = (case.make(CPU_DEVICE, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
        drawn = next(i for i, t in enumerate(first) if t is not None)
        assert torch.equal(first[drawn], second[drawn])
        assert not torch.equal(first[drawn], other[drawn])


def test_layouts_are_what_they_are_called() -> None:
    """The main input of each."""
    for case in cases("bias_act"):
        x, _ = case.make(CPU_DEVICE, torch.Generator())
        assert x is not None
        assert x.is_contiguous(memory_format=torch.channels_last) == (case.layout == "channels_last")


def test_a_gpu_is_measured_with_134_mb_and_more() -> None:
    """The largest input of each op that is about bytes; the bars hold from there on."""
    for op in OPS:
        found = cases_of(op, GPU, DTYPES, LAYOUTS)
        assert not isinstance(found, Missing)
        if op != "gan_loss":
            assert max(case.num_bytes["forward"] for case in found) >= 134e6, op
    for op in ("bias_act", "norm_act"):
        shapes = [shape for shape in GPU.features if torch.Size(shape).numel() * 2 >= 134e6]
        assert shapes, op


def test_a_cpu_is_measured_with_small_inputs() -> None:
    """Nothing above 17 MB."""
    for shape in (*CPU.features, *CPU.images):
        assert torch.Size(shape).numel() * 4 < 17e6


def test_layouts_and_dtypes_are_as_asked() -> None:
    """What has no layout is always there."""
    for op in OPS:
        found = cases_of(op, QUICK, (torch.bfloat16,), ("nchw",))
        assert not isinstance(found, Missing)
        assert {case.layout for case in found} <= {"", "nchw"}
        assert op == "gan_loss" or {case.dtype for case in found} <= {torch.bfloat16}


def test_an_op_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason, and without an exception."""
    import ganbench_kernels

    monkeypatch.delattr(ganbench_kernels, "to_uint8_ref")
    found = cases_of("to_uint8", QUICK, DTYPES, LAYOUTS)
    assert isinstance(found, Missing)
    assert found.reason.startswith("ganbench_kernels has no to_uint8: cannot import name")
