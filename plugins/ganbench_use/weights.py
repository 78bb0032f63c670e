"""State dicts from files, of which nothing is run: ``torch.save`` without code, safetensors, and networks that were pickled whole."""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganbench import GanbenchError, UsageError, read_file, tensors_from_bytes
from ganbench_use.pickled import read_networks

_SHOWN = 8
_SAVE = "save a state dict: torch.save(model.state_dict(), FILE)"
_AVERAGED = "G_ema"
"""The network of a pickle that its authors evaluate."""


def read_weights(path: Path, key: str = "", *, whose: str = "") -> dict[str, Tensor]:
    """Return the tensors of a state dict by name, on the CPU.

    Args:
        path: of the file; ``.safetensors``, a ``.pkl`` of networks (:mod:`.pickled`), and all else is one of ``torch.save``.
        key: where in the file the state dict is, as in ``g_ema``; dots go deeper, or are the beginning of names in a flat file. Unset, it
            is the averaged generator of a pickle.
        whose: what an error says before the path: ``--weights``.

    Raises:
        UsageError: it cannot be read, holds code (which is never run), or no state dict there.
    """
    name = f"{whose} {path}".strip()
    state = _read(path, name)
    if path.suffix == ".pkl" and not key and _AVERAGED in state:
        key = _AVERAGED
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


def read_state_dicts(path: Path) -> dict[str, dict[str, Tensor]]:
    """Return the tensors of each network of a ``.pkl``, or of each state dict at the top of a file of ``torch.save``.

    Args:
        path: of the file; a state dict that is all of it has the name of the file.

    Raises:
        UsageError: it cannot be read, or holds no such thing.
    """
    state = _read(path, str(path))
    if isinstance(state, dict) and state and all(isinstance(value, Tensor) for value in state.values()):
        state = {path.stem: state}
    named = state.items() if isinstance(state, dict) else ()
    found = {name: value for name, value in named if name == path.stem or (isinstance(name, str) and name.isidentifier())}
    networks = {name: value for name, value in found.items() if isinstance(value, dict) and value and _are_weights(value)}
    if not networks:
        raise UsageError(f"{path} holds no state dict", hint=_SAVE)
    return networks


def _are_weights(state: dict[Any, Any]) -> bool:
    return all(
        isinstance(name, str) and isinstance(one, Tensor) and one.layout == torch.strided and one.device.type == "cpu"
        for name, one in state.items()
    )


def _read(path: Path, name: str) -> Any:
    """Return what a file holds, or say in one line why that is nothing.

    Raises:
        UsageError: see :func:`read_weights`.
    """
    if not os.path.isfile(path):
        raise UsageError(f"there is no file {name}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of protocols, to which nobody here can do anything
            return _state(path)
    except Exception as error:
        hint = "it must be a pickle of StyleGAN2-ADA's or R3GAN's kind" if path.suffix == ".pkl" else _SAVE
        raise UsageError(f"{name} cannot be read: {_why(error)}", hint=hint) from None


def _state(path: Path) -> Any:
    """Return what a file holds."""
    if path.suffix == ".pkl":
        return read_networks(read_file(path))
    return tensors_from_bytes(read_file(path)) if path.suffix == ".safetensors" else torch.load(path, map_location="cpu", weights_only=True)


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
