"""The quantiser's kernel against its reference."""

from __future__ import annotations

import pytest
import torch

from ganbench_kernels import to_uint8, to_uint8_ref


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [(2, 3, 8, 8), (3, 3, 5, 7), (1, 1, 1, 1), (0, 3, 4, 4)])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_every_level_is_the_reference_s(
    device: torch.device, dtype: torch.dtype, shape: tuple[int, ...], memory_format: torch.memory_format
) -> None:
    """The same bits, in the same layout."""
    x = (1.5 * torch.randn(shape, generator=torch.Generator().manual_seed(0))).to(device=device, dtype=dtype, memory_format=memory_format)
    quantised = to_uint8(x, impl="triton")
    assert quantised.stride() == x.stride()
    assert torch.equal(quantised, to_uint8_ref(x))


def test_the_levels_come_back(device: torch.device) -> None:
    """Each level, normalised as the samplers do, is quantised to itself."""
    levels = torch.arange(256, device=device)
    assert torch.equal(to_uint8(levels / 127.5 - 1, impl="triton").long(), levels)


@pytest.mark.parametrize(
    "make", [lambda x: x.transpose(0, 1), lambda x: x[:, ::2], lambda x: x[:1].expand(4, -1)], ids=["t", "step", "expand"]
)
def test_any_strides(device: torch.device, make) -> None:
    """Views are quantised like their copies."""
    x = make(torch.randn(6, 10, device=device))
    quantised = to_uint8(x, impl="triton")
    assert torch.equal(quantised, to_uint8_ref(x))
    assert quantised.stride() == torch.empty_like(x).stride()
