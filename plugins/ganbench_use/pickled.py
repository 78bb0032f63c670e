"""The networks of a pickle of the StyleGAN2-ADA family, read as data: nothing in the file is called, imported or run.

NVlabs/stylegan2-ada-pytorch, stylegan3 and what grew out of them save whole networks (``G``, ``D``, ``G_ema``) with ``pickle``, each module
with its source code as a text (``torch_utils.persistence``); brownvc/R3GAN, one of these, saves plain modules. This machine knows the
operations of such a file and builds dicts, lists, numbers, texts and tensors of them. A module becomes its state, and its source is a text
that nobody looks at. Whatever else the file names is refused before it means anything, so that there is no list of dangerous names to keep.

Python's own reader would also resolve each name, hash what is nested as deep as one likes, and make room for any index that a file says.
"""

from __future__ import annotations

import io
import math
import pickletools
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

MOST_OPERATIONS = 2_000_000
"""Of a file: StyleGAN2's at 1024x1024 has some ten thousand."""
MOST_MODULES = 100_000
"""Of a network; one that stands at several places counts at each."""
DEEPEST = 100
"""Modules in modules."""


@dataclass(frozen=True, slots=True)
class _Name:
    """Something of Python that the file refers to."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False, slots=True)
class _Module:
    """A network or a layer: what its attributes were."""

    state: dict[Any, Any] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class _Dtype:
    """What numbers of numpy are."""

    format: str


class _Mark:
    """Where a group of values on the stack begins."""


_MARK = _Mark()
_BEYOND = 2.0**63
_DICTS = {"collections.OrderedDict", "dnnlib.util.EasyDict", "builtins.dict"}
_SETS = {"builtins.set", "__builtin__.set"}
_PERSISTENT = "torch_utils.persistence._reconstruct_persistent_obj"
_TENSOR, _PARAMETER, _STORAGE = "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter", "torch.storage._load_from_bytes"
_SCALARS = {"numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"}
_DTYPE = "numpy.dtype"
_FORMATS = {"f8": "<d", "f4": "<f", "i8": "<q", "i4": "<i"}
"""Numbers of numpy, as ``struct`` unpacks them."""
_LAYERS = ("torch.nn.modules.", "training.", "R3GAN.")
"""Whose classes may be those of layers; they are never looked up."""
_PRECISIONS = {f"torch.{name}" for name in ("float64", "float32", "float16", "bfloat16")}
"""What a stage of R3GAN says that it computes in: names that stay names."""
_KNOWN = {*_DICTS, *_SETS, *_SCALARS, *_PRECISIONS, _DTYPE, _PERSISTENT, _TENSOR, _PARAMETER, _STORAGE}
_PLAIN = {
    "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
}  # fmt: skip
_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def read_networks(data: bytes) -> dict[str, dict[str, Tensor]]:
    """Return the tensors of each network of a file, by the network's name and by their own.

    Parameters and buffers have the names that ``state_dict`` gives them. Numbers among a layer's attributes, as its ``weight_gain``, are
    tensors without axes beside them: they are part of what the layer computes.

    Args:
        data: the file's content.

    Raises:
        ValueError: it is cut off, holds something else than such networks, or is larger than any of them.
    """
    top = _Reader().read(data)
    if not isinstance(top, dict):
        raise ValueError("it holds no dictionary of networks")
    networks = {
        name: _tensors(value) for name, value in top.items() if isinstance(name, str) and name.isidentifier() and isinstance(value, _Module)
    }
    if not networks:
        raise ValueError("it holds no network")
    total = sum(one.numel() * one.element_size() for tensors in networks.values() for one in tensors.values() if one.ndim)
    if total > 2 * len(data):
        raise ValueError("its networks are larger than the file: some of its numbers stand at many places")
    return networks


def _tensors(module: _Module) -> dict[str, Tensor]:
    """Return the tensors of a module and of those in it; one that stands at two places, at both."""
    found: dict[str, Tensor] = {}
    waiting, count = [("", module, 0)], 0
    while waiting:
        prefix, one, depth = waiting.pop()
        count += 1
        if count > MOST_MODULES or depth > DEEPEST:
            raise ValueError(f"one of its networks has more than {MOST_MODULES:,} modules, or more than {DEEPEST} in each other")
        for name, value in one.state.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _BEYOND:
                found[f"{prefix}{name}"] = torch.tensor(float(value), dtype=torch.float64)
        for name, value in (*_entries(one, "_parameters"), *_entries(one, "_buffers")):
            if isinstance(value, Tensor):
                found[f"{prefix}{name}"] = value
        waiting += [(f"{prefix}{name}.", below, depth + 1) for name, below in _entries(one, "_modules") if isinstance(below, _Module)]
    return found


def _entries(module: _Module, kind: str) -> list[tuple[Any, Any]]:
    entries = module.state.get(kind, {})
    return list(entries.items()) if isinstance(entries, dict) else []


class _Reader:
    """A stack, what was put aside by index, and one method for each group of operations."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._built: Callable[[str], Callable[[], None] | None] = {
            "MARK": lambda: self._stack.append(_MARK),
            "EMPTY_LIST": lambda: self._stack.append([]),
            "EMPTY_DICT": lambda: self._stack.append({}),
            "EMPTY_SET": lambda: self._stack.append([]),
            "LIST": lambda: self._stack.append(self._group()),
            "TUPLE": lambda: self._stack.append(tuple(self._group())),
            "DICT": lambda: self._items({}, self._group()),
            "APPEND": lambda: self._extend([self._pop()]),
            "APPENDS": lambda: self._extend(self._group()),
            "ADDITEMS": lambda: self._extend(self._group()),
            "SETITEM": lambda: self._set([self._pop(), self._pop()][::-1]),
            "SETITEMS": lambda: self._set(self._group()),
            "STACK_GLOBAL": self._global,
            "REDUCE": self._reduce,
            "NEWOBJ": self._new,
            "BUILD": self._build,
            "POP": lambda: self._stack.__delitem__(slice(-1, None)),
        }.get

    def read(self, data: bytes) -> Any:
        """Return what the file holds.

        Raises:
            ValueError: see :func:`read_networks`.
        """
        for count, (operation, argument, _) in enumerate(pickletools.genops(io.BytesIO(data)), start=1):
            if count > MOST_OPERATIONS:
                raise ValueError(f"it has more than {MOST_OPERATIONS:,} operations")
            if operation.name == "STOP":
                return self._pop()
            self._do(operation.name, argument)
        raise ValueError("it ends too early")

    def _do(self, name: str, argument: Any) -> None:
        if name in _PLAIN:
            self._stack.append(argument)
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        elif name in _TUPLES:
            count = _TUPLES[name]
            self._stack.append(tuple(reversed([self._pop() for _ in range(count)])))
        elif name in ("PROTO", "FRAME"):
            pass
        elif name == "GLOBAL":
            self._refer(*argument.split(" ", 1))
        elif name in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self._memo[len(self._memo) if name == "MEMOIZE" else argument] = self._top()
        elif name in ("BINGET", "LONG_BINGET"):
            if argument not in self._memo:
                raise ValueError("it refers to a value that it does not hold")
            self._stack.append(self._memo[argument])
        elif (build := self._built(name)) is not None:
            build()
        else:
            raise ValueError(f"it has an operation of pickle, {name}, that no such network needs")

    def _top(self) -> Any:
        if not self._stack:
            raise ValueError("it is damaged")
        return self._stack[-1]

    def _pop(self) -> Any:
        value = self._top()
        if value is _MARK:
            raise ValueError("it is damaged")
        self._stack.pop()
        return value

    def _group(self) -> list[Any]:
        """Take off everything above the last mark, and the mark."""
        group = []
        while (value := self._top()) is not _MARK:
            group.append(value)
            self._stack.pop()
        self._stack.pop()
        return group[::-1]

    def _extend(self, values: list[Any]) -> None:
        target = self._top()
        if not isinstance(target, list):
            raise ValueError("it is damaged: values are put into no list")
        target.extend(values)

    def _set(self, flat: list[Any]) -> None:
        target = self._pop()
        if not isinstance(target, dict):
            raise ValueError("it is damaged: entries are put into no dictionary")
        self._items(target, flat)

    def _items(self, target: dict[Any, Any], flat: list[Any]) -> None:
        if len(flat) % 2:
            raise ValueError("it is damaged: a key has no value")
        for key, value in zip(flat[::2], flat[1::2], strict=True):
            if not isinstance(key, (str, int)):
                raise ValueError(f"a key in it is a {type(key).__name__}")
            target[key] = value
        self._stack.append(target)

    def _global(self) -> None:
        name, module = self._pop(), self._pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise ValueError("it is damaged: a name is no text")
        self._refer(module, name)

    def _refer(self, module: str, name: str) -> None:
        found = _Name(module, name)
        if str(found) not in _KNOWN and not (f"{module}.".startswith(_LAYERS) and "." not in name):
            raise ValueError(f"it holds code ({str(found)[:60]}), which is never run")
        self._stack.append(found)

    def _reduce(self) -> None:
        arguments, function = self._pop(), self._pop()
        if not isinstance(function, _Name) or not isinstance(arguments, tuple):
            raise ValueError("it is damaged: what is called has no name")
        self._stack.append(_value_of(str(function), arguments))

    def _new(self) -> None:
        arguments, kind = self._pop(), self._pop()
        if not isinstance(kind, _Name) or arguments != ():
            raise ValueError("it is damaged: an object of no known kind")
        if str(kind) in _DICTS:
            self._stack.append({})
        elif str(kind) in _KNOWN:
            raise ValueError(f"it makes an object of {kind}, which is none")
        else:
            self._stack.append(_Module())

    def _build(self) -> None:
        state, target = self._pop(), self._top()
        if isinstance(target, _Dtype) and isinstance(state, tuple) and state[1:2] == ("<",):
            return
        if not (isinstance(target, _Module) and isinstance(state, dict)):
            raise ValueError("it is damaged: a state without a module")
        target.state.update(state)


def _value_of(name: str, arguments: tuple[Any, ...]) -> Any:
    """Return what one of the known functions would return; none is called."""
    if name in _DICTS and arguments == ():
        return {}
    if name in _SETS and (arguments == () or (len(arguments) == 1 and isinstance(arguments[0], list))):
        return list(*arguments)
    if name == _PERSISTENT and len(arguments) == 1 and isinstance(arguments[0], dict):
        state = arguments[0].get("state")
        if arguments[0].get("type") != "class" or not isinstance(state, dict):
            raise ValueError("one of its modules has no state")
        return _Module(dict(state))
    if name == _DTYPE and arguments and isinstance(arguments[0], str) and arguments[0] in _FORMATS:
        return _Dtype(_FORMATS[arguments[0]])
    if name in _SCALARS and len(arguments) == 2 and isinstance(arguments[0], _Dtype) and isinstance(arguments[1], bytes):
        if len(arguments[1]) != struct.calcsize(arguments[0].format):
            raise ValueError("a number in it has another size than it says")
        return struct.unpack(arguments[0].format, arguments[1])[0]
    if name == _STORAGE and len(arguments) == 1 and isinstance(arguments[0], bytes):
        return _numbers(arguments[0])
    if name == _TENSOR and len(arguments) >= 4:
        return _tensor(*arguments[:4])
    if name == _PARAMETER and arguments and isinstance(arguments[0], Tensor):
        return arguments[0]
    raise ValueError(f"it calls {name} in another way than such a network does")


def _numbers(data: bytes) -> Tensor:
    """Return the numbers of a storage, which ``torch.save`` wrote."""
    if data.startswith(b"PK"):
        raise ValueError("its numbers are packed in another way than such a network's")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of storages with a type
            storage: Any = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
            is_storage = isinstance(storage, torch.storage.TypedStorage)
            if not is_storage or storage.nbytes() > len(data):
                raise ValueError("its numbers are no storage")
            return torch.empty(0, dtype=storage.dtype).set_(storage.untyped(), 0, (storage.size(),), (1,))
    except Exception as error:
        raise ValueError("some of its numbers cannot be read") from error


def _tensor(storage: Any, offset: Any, size: Any, stride: Any) -> Tensor:
    """Return a view of a storage, within which its shape must lie: a file makes no more numbers than it holds."""
    whole = isinstance(storage, Tensor) and isinstance(offset, int) and isinstance(size, tuple) and isinstance(stride, tuple)
    if not whole or len(size) != len(stride) or not all(isinstance(n, int) and n >= 0 for n in (offset, *size, *stride)):
        raise ValueError("one of its tensors has no shape")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) if all(size) else 0
    if (all(size) and last >= storage.numel()) or math.prod(size) > storage.numel():
        raise ValueError(f"one of its tensors is larger than its numbers: {list(size)} of {storage.numel()}")
    return torch.as_strided(storage, size, stride, offset)
