"""Our reader and writer of the safetensors format against the package of that name, and against damage."""

from __future__ import annotations

import contextlib
import json

import pytest
import safetensors.torch as theirs
import torch
from hypothesis import given
from hypothesis import strategies as st

from ganbench import tensor_bytes as ours

TENSORS = {
    "f64": torch.arange(3.0, dtype=torch.float64),
    "f32": torch.arange(12.0).view(3, 4),
    "f16": torch.arange(3.0).half(),
    "bf16": torch.arange(5.0).bfloat16(),
    "i64": torch.tensor(-7),
    "i32": torch.arange(2, dtype=torch.int32),
    "i16": torch.arange(2, dtype=torch.int16),
    "i8": torch.arange(3, dtype=torch.int8),
    "u8": torch.arange(5, dtype=torch.uint8),
    "bool": torch.tensor([True, False, True]),
    "empty": torch.zeros(0, 3),
    'a "quoted" näme': torch.ones(1),
}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(one[k].dtype == other[k].dtype and torch.equal(one[k], other[k]) for k in one)


def test_the_package_reads_what_we_write() -> None:
    """Every dtype, a scalar, an empty tensor, a name with quotes."""
    assert same(theirs.load(ours.tensors_to_bytes(TENSORS)), TENSORS)


def test_we_read_what_the_package_writes() -> None:
    """Its metadata is no tensor."""
    assert same(ours.tensors_from_bytes(theirs.save(TENSORS, metadata={"made": "elsewhere"})), TENSORS)


def test_strides_do_not_matter_and_equal_tensors_give_equal_bytes() -> None:
    """The order of the names does not matter either."""
    transposed = torch.arange(12.0).view(4, 3).T
    one = ours.tensors_to_bytes({"a": transposed, "b": torch.ones(2)})
    assert one == ours.tensors_to_bytes({"b": torch.ones(2), "a": transposed.contiguous()})
    assert torch.equal(ours.tensors_from_bytes(one)["a"], transposed)


def test_what_was_read_is_writable_memory_of_its_own() -> None:
    """Changing a tensor changes neither the bytes nor another tensor."""
    data = ours.tensors_to_bytes({"a": torch.zeros(2), "b": torch.zeros(2)})
    read = ours.tensors_from_bytes(data)
    read["a"].fill_(1)
    assert torch.equal(read["b"], torch.zeros(2))
    assert torch.equal(ours.tensors_from_bytes(data)["a"], torch.zeros(2))


def test_a_dtype_without_a_name_is_refused() -> None:
    """Complex numbers, say."""
    with pytest.raises(ValueError, match=r"tensor 'z' must be of one of .*float32.* \(got torch.complex64\)"):
        ours.tensors_to_bytes({"z": torch.zeros(1, dtype=torch.complex64)})


def with_header(header: object, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"1234567",
        (99).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"{]",
        (1).to_bytes(8, "little") + b"\xff",
        with_header([1]),
        with_header({"a": 1}),
        with_header({"a": {"dtype": "F32", "shape": [1]}}),
        with_header({"a": {"dtype": "F33", "shape": [1], "data_offsets": [0, 4]}}, b"1234"),
        with_header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, b"1234"),
        with_header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, b"123"),
        with_header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0.0, 4.0]}}, b"1234"),
        with_header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0]}}, b"1234"),
        with_header({"a": {"dtype": "F32", "shape": [-1, -1], "data_offsets": [0, 4]}}, b"1234"),
        with_header({"a": {"dtype": "F32", "shape": [float("inf")], "data_offsets": [0, 4]}}, b"1234"),
    ],
)
def test_what_is_not_of_the_format_is_a_value_error(data: bytes) -> None:
    """Cut off, no JSON, no header, sizes that do not fit."""
    with pytest.raises(ValueError, match=r"safetensors format|JSON|Expecting|codec|unpack"):
        ours.tensors_from_bytes(data)


@pytest.mark.slow
@given(st.data())
def test_a_changed_byte_is_read_or_is_a_value_error(data: st.DataObject) -> None:
    """Damage never ends in another kind of error."""
    saved = bytearray(ours.tensors_to_bytes({"a": torch.arange(3.0), "b": torch.tensor([True])}))
    saved[data.draw(st.integers(0, len(saved) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ValueError):
        ours.tensors_from_bytes(bytes(saved))
