"""Compile a planned launch for a GPU that is not here, and read what the machine code does."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from ganbench_kernels.jit.launch import Launch

NVIDIA = {"sm_80": 80, "sm_90": 90, "sm_100": 100}
"""The targets of the proof."""
_TOOLS = Path(triton.__file__).parent / "backends/nvidia/bin"
_POINTERS = {
    torch.float32: "*fp32",
    torch.float64: "*fp64",
    torch.float16: "*fp16",
    torch.bfloat16: "*bf16",
    torch.uint8: "*u8",
    torch.int8: "*i8",
    torch.int32: "*i32",
    torch.int64: "*i64",
    torch.bool: "*i1",
}


@dataclass(frozen=True, slots=True)
class Planned:
    """A launch that the tests compile, and what may be asked of it."""

    launch: Launch
    wide: bool = True
    """Whether its large tensors must move in 128-bit accesses."""
    registers: int = 64
    """At most so many in a thread."""


@dataclass(frozen=True, slots=True)
class MachineCode:
    """What a kernel became."""

    registers: int
    spills: int
    """Loads and stores of local memory in the machine code."""
    local_bytes: int
    """Stack of a thread."""
    load_bits: frozenset[int]
    """Widths of the global loads."""
    store_bits: frozenset[int]
    ttir: str
    """Triton's first intermediate form, for what the machine code no longer shows (64-bit offsets)."""


def for_nvidia(launch: Launch, target: str) -> MachineCode:
    """Compile for one of :data:`NVIDIA`, with the specialisation that a real launch of these arguments has.

    Tensors of the plan may be on the meta device; their storage is taken to be aligned to 16 bytes, as PyTorch's allocator aligns it.
    """
    compiled = _compile(launch, GPUTarget("cuda", NVIDIA[target], 32))
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        Path(file.name).write_bytes(compiled.asm["cubin"])
        usage = _run("cuobjdump", "-res-usage", file.name)
        sass = _run("nvdisasm", file.name)
    registers, stack = re.search(r"REG:(\d+)", usage), re.search(r"STACK:(\d+)", usage)
    assert registers is not None
    assert stack is not None
    return MachineCode(
        registers=int(registers.group(1)),
        spills=len(re.findall(r"\b(?:LDL|STL)\b", sass)),
        local_bytes=int(stack.group(1)),
        load_bits=_widths(sass, "LDG"),
        store_bits=_widths(sass, "STG"),
        ttir=compiled.asm["ttir"],
    )


def for_amd(launch: Launch, architecture: str = "gfx942") -> bytes:
    """Compile for an AMD GPU and return the object file."""
    binary: bytes = _compile(launch, GPUTarget("hip", architecture, 64)).asm["hsaco"]
    return binary


def _widths(sass: str, instruction: str) -> frozenset[int]:
    return frozenset(_width(modifiers.split(".")) for modifiers in re.findall(rf"\b{instruction}\.([\w.]+)", sass))


def _width(modifiers: list[str]) -> int:
    """Return the bits that one thread moves: 32 where the instruction does not say."""
    for name, bits in {"128": 128, "64": 64, "U16": 16, "S16": 16, "U8": 8, "S8": 8}.items():
        if name in modifiers:
            return bits
    return 32


def _run(tool: str, *arguments: str) -> str:
    return subprocess.run([str(_TOOLS / tool), *arguments], capture_output=True, text=True, check=True).stdout


def _compile(launch: Launch, target: GPUTarget) -> Any:
    names = list(launch.kernel.arg_names)
    runtime = [n for n in names if n not in launch.constants]
    signature: dict[str, Any] = dict.fromkeys(launch.constants, "constexpr")
    constants: dict[str, Any] = dict(launch.constants)
    attributes: dict[tuple[int, ...], list[list[Any]]] = {}
    for name, value in zip(runtime, launch.arguments, strict=True):
        place = (names.index(name),)
        if value is None or (isinstance(value, int) and value == 1):
            signature[name], constants[name] = "constexpr", value  # triton specialises on both
        elif isinstance(value, Tensor):
            signature[name] = _POINTERS[value.dtype]
            attributes[place] = [["tt.divisibility", 16]]
        elif isinstance(value, tuple):
            signature[name] = tuple(_POINTERS[one.dtype] for one in value)
            attributes.update({(*place, number): [["tt.divisibility", 16]] for number in range(len(value))})
        elif isinstance(value, int):
            signature[name] = "i32" if -(2**31) <= value < 2**31 else "i64"
            if value % 16 == 0:
                attributes[place] = [["tt.divisibility", 16]]
        else:
            signature[name] = "fp32"
    source = ASTSource(launch.kernel, signature={n: signature[n] for n in names}, constexprs=constants, attrs=attributes)
    options = {"num_warps": launch.num_warps, "enable_fp_fusion": launch.fuse_multiply_add}
    return triton.compile(source, target=target, options=options)
