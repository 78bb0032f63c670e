"""State dicts from files, of which nothing is run: ``torch.save`` without code, and safetensors."""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganbench import GanbenchError, UsageError, read_file, tensors_from_bytes

_SHOWN = 8


def read_weights(path: Path, key: str = "", *, whose: str = "") -> dict[str, Tensor]:
    """Return the tensors of a state dict by name, on the CPU.

    Args:
        path: of the file; what does not end in ``.safetensors`` is one of ``torch.save``.
        key: where in the file the state dict is, as in ``g_ema``; dots go deeper, or are the beginning of names in a flat file.
        whose: what an error says before the path: ``--weights``.

    Raises:
        UsageError: it cannot be read, holds code (which is never run), or no state dict there.
    """
    name = f"{whose} {path}".strip()
    if not os.path.isfile(path):
        raise UsageError(f"there is no file {name}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of protocols, to which nobody here can do anything
            safe = path.suffix == ".safetensors"
            state: Any = tensors_from_bytes(read_file(path)) if safe else torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        text = _why(error)
        raise UsageError(f"{name} cannot be read: {text}", hint="save a state dict: torch.save(model.state_dict(), FILE)") from None
    for part in filter(None, key.split(".")):
        state = _part(state, part, name)
    if not isinstance(state, dict) or not state:
        raise UsageError(f"{name} holds {'an empty' if state == {} else 'a'} {type(state).__name__}, and no state dict")
    others = [one for one, value in state.items() if not (isinstance(one, str) and isinstance(value, Tensor))]
    if others:
        found = f"{others[0]!r} is a {type(state[others[0]]).__name__}"
        raise UsageError(f"{name} holds no state dict there: {found}", hint=f"it has {_names(state)}; choose with --weights-key")
    if odd := [one for one, value in state.items() if value.layout != torch.strided or value.device.type != "cpu"]:
        raise UsageError(f"{name}: {odd[0]!r} is no plain tensor", hint="save dense tensors with their numbers")
    return state


def _part(state: Any, part: str, name: str) -> Any:
    """Return what lies under a name, or below it in one flat file of several modules."""
    if isinstance(state, dict) and part not in state:
        below = {one.removeprefix(f"{part}."): tensor for one, tensor in state.items() if str(one).startswith(f"{part}.")}
        state = {part: below} if below else state
    if not isinstance(state, dict) or part not in state:
        known = _names(state) if isinstance(state, dict) else f"a {type(state).__name__}"
        raise UsageError(f"{name} has no {part!r}", hint=f"it has {known}; choose with --weights-key")
    return state[part]


def _names(state: dict[Any, Any]) -> str:
    more = f" and {len(state) - _SHOWN} more" if len(state) > _SHOWN else ""
    return ", ".join(map(str, list(state)[:_SHOWN])) + more


def _why(error: Exception) -> str:
    """Return why a file is no weights; torch advises to run whatever it does not know."""
    text = " ".join(str(error).split())
    if found := re.search(r"GLOBAL ([\w.]+)", text):
        return f"it holds code ({found[1]}), which is never run"
    return (
        text[:120] if isinstance(error, (GanbenchError, PermissionError, ValueError)) else "it is no state dict that torch.save wrote whole"
    )
