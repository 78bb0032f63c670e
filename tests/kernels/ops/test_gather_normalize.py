"""The gather's kernel against its reference, bit for bit."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganbench_kernels import gather_normalize, gather_normalize_ref, to_uint8
from ganbench_kernels.gather_normalize import empty_batch
from ganbench_kernels.jit.gather_normalize import plan_gather_normalize

DTYPES = [torch.float32, torch.bfloat16, torch.float16]
SHAPES = [(3, 8, 8), (3, 5, 7), (1, 1, 1), (4, 16, 4), (3, 48, 48)]  # C, H, W; the last needs two blocks


def _dataset(shape: tuple[int, ...], device: torch.device, channels_last: bool, *, num_images: int = 7) -> Tensor:
    channels, height, width = shape
    size = (num_images, height, width, channels) if channels_last else (num_images, *shape)
    return torch.randint(0, 256, size, dtype=torch.uint8, generator=torch.Generator().manual_seed(0)).to(device)


def _draw(device: torch.device) -> tuple[Tensor, Tensor]:
    return torch.tensor([3, 0, 6, 3, 5], device=device), torch.tensor([True, False, True, False, True], device=device)


def _same_bits(found: Tensor, expected: Tensor) -> bool:
    """Also the sign of a zero. The interpreter cuts float32 off to bfloat16 where a GPU rounds to the nearest."""
    if found.dtype == torch.bfloat16 and not torch.cuda.is_available():
        return expected.dtype == torch.bfloat16 and torch.allclose(found, expected, rtol=8e-3, atol=0)
    bits = {4: torch.int32, 2: torch.int16}[found.element_size()]
    return found.dtype == expected.dtype and torch.equal(found.view(bits), expected.view(bits))


def _on_cpu(images: Tensor, indices: Tensor | None, flips: Tensor | None, **options) -> Tensor:
    """Divide where PyTorch divides truly."""
    return gather_normalize_ref(images.cpu(), None if indices is None else indices.cpu(), None if flips is None else flips.cpu(), **options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels_last", [False, True], ids=["nchw", "nhwc"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_element_is_the_reference_s(device: torch.device, shape: tuple[int, ...], channels_last: bool, dtype: torch.dtype) -> None:
    """The same bits and strides, with and without flips and indices; every element is written."""
    images = _dataset(shape, device, channels_last)
    indices, flips = _draw(device)
    for arguments in ((images, indices, flips), (images, indices, None), (images[:5], None, flips)):
        expected = _on_cpu(*arguments, channels_last=channels_last, dtype=dtype)
        batch = empty_batch(*arguments, channels_last, dtype).fill_(float("nan"))
        plan_gather_normalize(*arguments, channels_last, batch).run()
        found = gather_normalize(*arguments, channels_last=channels_last, dtype=dtype, impl="triton")
        assert found.stride() == expected.stride()
        assert _same_bits(batch.cpu(), expected)
        assert _same_bits(found.cpu(), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_level_is_divided_truly(device: torch.device, dtype: torch.dtype) -> None:
    """All 256 levels have the bits of a division, both ends are exact, and a float32 level comes back from the quantiser."""
    levels = torch.arange(256, dtype=torch.uint8, device=device).view(1, 1, 16, 16)
    found = gather_normalize(levels, torch.zeros(1, dtype=torch.int64, device=device), channels_last=False, dtype=dtype, impl="triton")
    expected = (torch.arange(256).float() / 127.5 - 1).view(1, 1, 16, 16).to(dtype)
    assert _same_bits(found.cpu(), expected)
    assert (found.min(), found.max()) == (-1, 1)
    if dtype == torch.float32:
        assert torch.equal(to_uint8(found, impl="triton"), levels)


def test_the_reference_on_this_device_divides_truly(device: torch.device) -> None:
    """On a GPU too, where PyTorch's division by a number is a multiplication."""
    levels = torch.arange(256, dtype=torch.uint8, device=device).view(1, 1, 16, 16)
    found = gather_normalize_ref(levels, None, channels_last=False)
    assert _same_bits(found.cpu(), (torch.arange(256).float() / 127.5 - 1).view(1, 1, 16, 16))


@pytest.mark.parametrize("channels_last", [False, True], ids=["nchw", "nhwc"])
def test_two_flips_are_none(device: torch.device, channels_last: bool) -> None:
    """A flip mirrors the columns and nothing else."""
    images = _dataset((3, 5, 7), device, channels_last, num_images=2)
    flips = torch.tensor([True, True], device=device)
    mirrored = gather_normalize(images, None, flips, channels_last=channels_last, impl="triton")
    assert _same_bits(mirrored.flip(3), gather_normalize(images, None, channels_last=channels_last, impl="triton"))


@pytest.mark.parametrize(
    "view",
    [lambda x: x[::2], lambda x: x[:1].expand(7, -1, -1, -1), lambda x: x[:, :, 1:], lambda x: x.permute(0, 2, 1, 3), lambda x: x[..., 1:]],
    ids=["step", "expand", "rows", "transpose", "columns"],
)
@pytest.mark.parametrize("channels_last", [False, True], ids=["nchw", "nhwc"])
def test_any_strides(device: torch.device, view, channels_last: bool) -> None:
    """Views of a dataset, of the indices and of the flips are read like their copies."""
    images = view(_dataset((3, 8, 8), device, channels_last))
    indices, flips = (torch.stack([t, t], dim=1)[:, 0] for t in (torch.tensor([3, 0, 1], device=device), _draw(device)[1][:3]))
    found = gather_normalize(images, indices, flips, channels_last=channels_last, impl="triton")
    assert _same_bits(found.cpu(), _on_cpu(images, indices, flips, channels_last=channels_last))


@pytest.mark.parametrize(("num_images", "shape", "count"), [(7, (3, 8, 8), 0), (0, (3, 8, 8), 0), (7, (3, 0, 8), 2), (7, (0, 4, 4), 2)])
@pytest.mark.parametrize("channels_last", [False, True], ids=["nchw", "nhwc"])
def test_nothing_to_do(device: torch.device, num_images: int, shape: tuple[int, ...], count: int, channels_last: bool) -> None:
    """An empty batch has its shape and strides."""
    images = _dataset(shape, device, channels_last, num_images=num_images)
    indices = torch.zeros(count, dtype=torch.int64, device=device)
    found = gather_normalize(images, indices, channels_last=channels_last, impl="triton")
    expected = _on_cpu(images, indices, None, channels_last=channels_last)
    assert found.shape == expected.shape == (count, *shape)
    assert found.stride() == expected.stride()


def test_an_index_outside_reads_nothing(device: torch.device) -> None:
    """Its image is NaN, its neighbours are right."""
    images = _dataset((3, 8, 8), device, channels_last=True)
    found = gather_normalize(images, torch.tensor([2, 7, -1, 2**40, 4], device=device), channels_last=True, impl="triton")
    assert found[1:4].isnan().all()
    expected = _on_cpu(images, torch.tensor([2, 4]), None, channels_last=True)
    assert _same_bits(found[[0, 4]].cpu(), expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs 2 GiB of a GPU")
def test_more_than_two_to_the_31_elements(device: torch.device) -> None:
    """The last images of a dataset that 32 bits cannot address."""
    num_images = 2**31 // 1024 + 8
    images = torch.zeros(num_images, 32, 32, 1, dtype=torch.uint8, device=device)
    images[-4:] = torch.arange(1, 5, device=device, dtype=torch.uint8).view(4, 1, 1, 1)
    found = gather_normalize(images, torch.arange(num_images - 4, num_images, device=device), channels_last=True, impl="triton")
    assert torch.equal(to_uint8(found)[:, 0, 0, 0].cpu(), torch.arange(1, 5, dtype=torch.uint8))
