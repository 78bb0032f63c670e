"""Tensors as bytes in the safetensors format, https://github.com/huggingface/safetensors: read and written without that package.

The length of a header as 8 bytes, the header in JSON (``{name: {"dtype", "shape", "data_offsets"}}``), then the tensors' bytes, all
little-endian. Nothing in it is executed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_ALIGNMENT = 8
_METADATA = "__metadata__"


def tensors_to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """Return tensors as one string of bytes; equal tensors give equal bytes.

    Args:
        tensors: by name, on any device, of a floating, integer or bool dtype, in any layout.

    Raises:
        ValueError: a dtype that the format has no name for.
    """
    header: dict[str, Any] = {}
    parts: list[Any] = []  # no copies: features of a dataset may be large
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0])):  # the widest first: all aligned
        if tensor.dtype not in _NAMES:
            raise ValueError(f"tensor {name!r} must be of one of {', '.join(map(str, _NAMES))} (got {tensor.dtype})")
        parts.append(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
        begin, end = end, end + len(parts[-1])
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])


def tensors_from_bytes(data: bytes) -> dict[str, Tensor]:
    """Return the tensors of :func:`tensors_to_bytes`, or of a ``.safetensors`` file, on the CPU.

    Raises:
        ValueError: the bytes are not of this format, or hold a dtype that is not known here.
    """
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise ValueError("not of the safetensors format: the header is cut off")
    try:
        header = json.loads(data[8 : 8 + length])
        return {name: _tensor(entry, memoryview(data)[8 + length :]) for name, entry in header.items() if name != _METADATA}
    except (AttributeError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"not of the safetensors format: {type(error).__name__} in its header") from error


def _tensor(entry: Mapping[str, Any], data: memoryview) -> Tensor:
    """Return one tensor in memory of its own."""
    dtype, shape = _DTYPES[entry["dtype"]], [int(size) for size in entry["shape"]]
    begin, end = entry["data_offsets"]
    if not 0 <= begin <= end <= len(data) or min(shape, default=0) < 0 or end - begin != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"not of the safetensors format: offsets {begin} to {end} for a {dtype} tensor of shape {shape}")
    if begin == end:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(bytearray(data[begin:end]), dtype=dtype).view(shape)
