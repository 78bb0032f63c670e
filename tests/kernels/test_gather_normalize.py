"""Gathering and normalising without a kernel: the arithmetic, the errors, and what the compiler makes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ganbench_kernels import gather_normalize, gather_normalize_ref, use_implementation
from ganbench_kernels.gather_normalize import QUOTIENT_HIGH, QUOTIENT_LOW

IMAGES = torch.randint(0, 256, (6, 4, 5, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))  # [N, H, W, C]
INDICES = torch.tensor([5, 0, 2, 2])
FLIPS = torch.tensor([False, True, True, False])
LEVELS = np.arange(256)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_both_layouts_hold_the_division(dtype: torch.dtype) -> None:
    """Element by element x / 127.5 - 1, the columns of flipped images reversed, channels_last or not."""
    expected = (IMAGES[INDICES].permute(0, 3, 1, 2).float() / 127.5 - 1).to(dtype)  # [n, C, H, W]
    expected = torch.stack([image.flip(-1) if flip else image for image, flip in zip(expected, FLIPS, strict=True)])
    last = gather_normalize(IMAGES, INDICES, FLIPS, channels_last=True, dtype=dtype)
    first = gather_normalize(IMAGES.permute(0, 3, 1, 2).contiguous(), INDICES, FLIPS, channels_last=False, dtype=dtype)
    assert torch.equal(last, expected)
    assert torch.equal(first, expected)
    assert last.is_contiguous(memory_format=torch.channels_last)
    assert first.is_contiguous()


def test_without_indices_it_is_the_whole_in_order() -> None:
    """None draws each image once."""
    found = gather_normalize(IMAGES, None, channels_last=True)
    assert torch.equal(found, gather_normalize(IMAGES, torch.arange(6), channels_last=True))


def test_two_products_are_the_quotient() -> None:
    """What takes the place of the division where it may be inexact has its bits for every level, rounded twice or fused."""
    high, low = np.float32(QUOTIENT_HIGH), np.float32(QUOTIENT_LOW)
    x = LEVELS.astype(np.float32)
    quotient = x / np.float32(127.5)
    assert float(high) == QUOTIENT_HIGH
    assert np.array_equal(x.astype(np.float64) * QUOTIENT_HIGH, x * high)
    assert np.array_equal(x * high + x * low, quotient)
    assert np.array_equal((LEVELS * float(high) + LEVELS * float(low)).astype(np.float32), quotient)


def test_the_levels_beyond_the_kernel_are_the_same_off_the_cpu() -> None:
    """The arithmetic of other devices, in PyTorch's operations."""
    x = torch.arange(256).float()
    assert torch.equal((x * QUOTIENT_HIGH).add_(x, alpha=QUOTIENT_LOW).sub_(1.0), x / 127.5 - 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": IMAGES.float()}, r"images must be uint8 with 4 dimensions \(got torch.float32 \[6, 4, 5, 3\]\)"),
        ({"images": IMAGES[0]}, r"images must be uint8 with 4 dimensions \(got torch.uint8 \[4, 5, 3\]\)"),
        ({"indices": INDICES.int()}, r"indices must be int64 \[n\] \(got torch.int32 \[4\]\)"),
        ({"indices": INDICES.view(2, 2)}, r"indices must be int64 \[n\] \(got torch.int64 \[2, 2\]\)"),
        ({"flips": FLIPS.byte()}, r"flips must be bool \[4\], one for each image drawn \(got torch.uint8 \[4\]\)"),
        ({"flips": FLIPS[:3]}, r"flips must be bool \[4\], one for each image drawn \(got torch.bool \[3\]\)"),
        ({"indices": None}, r"flips must be bool \[6\], one for each image drawn \(got torch.bool \[4\]\)"),
        ({"dtype": torch.float64}, r"dtype must be float32, bfloat16 or float16 \(got torch.float64\)"),
    ],
)
@pytest.mark.parametrize("op", [gather_normalize, gather_normalize_ref])
def test_bad_input_is_named(op: Any, changes: dict[str, Any], message: str) -> None:
    """The message gives the field, what it must be and what it is."""
    arguments = {"images": IMAGES, "indices": INDICES, "flips": FLIPS, "channels_last": True} | changes
    with pytest.raises(ValueError, match=f"gather_normalize: {message}"):
        op(**arguments)


def test_tensors_on_two_devices_are_refused() -> None:
    """A dataset on the device needs its indices there."""
    with pytest.raises(ValueError, match=r"gather_normalize: all tensors must be on one device \(got cpu, meta\)"):
        gather_normalize(IMAGES.to("meta"), INDICES, channels_last=True)


def test_an_index_outside_is_an_error_of_the_reference() -> None:
    """On the CPU."""
    with pytest.raises(IndexError):
        gather_normalize(IMAGES, torch.tensor([6]), channels_last=True)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize(("indices", "flips"), [(INDICES, FLIPS), (INDICES, None), (None, None)])
def test_the_registered_op_is_well_behaved(channels_last: bool, indices: torch.Tensor | None, flips: torch.Tensor | None) -> None:
    """PyTorch's own checks: schema, shape function, tracing."""
    op = torch.ops.ganbench_kernels.gather_normalize.default
    torch.library.opcheck(op, (IMAGES, indices, flips, channels_last, torch.bfloat16))


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")  # torch 2.11, importing Inductor
@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_a_compiled_region_has_the_same_bits(backend: str) -> None:
    """Traced as the reference, without a break."""
    compiled = torch.compile(lambda i, f: gather_normalize(IMAGES, i, f, channels_last=True), backend=backend, fullgraph=True)
    assert torch.equal(compiled(INDICES, FLIPS), gather_normalize(IMAGES, INDICES, FLIPS, channels_last=True))


def test_the_registered_op_can_be_compiled() -> None:
    """Opaque to the compiler, with the right shape."""
    op = torch.ops.ganbench_kernels.gather_normalize.default
    compiled = torch.compile(lambda i: op(IMAGES, i, FLIPS, True, torch.float32) * 2, backend="aot_eager", fullgraph=True)
    with use_implementation("ref"):
        assert torch.equal(compiled(INDICES), gather_normalize(IMAGES, INDICES, FLIPS, channels_last=True) * 2)
