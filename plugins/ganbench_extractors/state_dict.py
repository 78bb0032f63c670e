"""Weights files are read as plain tensors: nothing that lies in them is executed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganbench import WeightsError, read_file, tensors_from_bytes


def read_state_dict(path: Path, hint: str) -> dict[str, Tensor]:
    """Return a PyTorch state dict, on the CPU.

    Args:
        path: of the file: ``.safetensors``, and all else is one of ``torch.save``.
        hint: what to use instead, where it holds something else.

    Raises:
        WeightsError: it holds something else, or cannot be read.
    """
    try:
        safe = path.suffix == ".safetensors"
        state: Any = tensors_from_bytes(read_file(path)) if safe else torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever the bytes make of the reader
        text = " ".join(str(error).split()).partition(". ")[0][:120]
        reason = (
            text if any(one.isalpha() for one in text) else type(error).__name__
        )  # a number that some bytes were taken for says nothing
        raise WeightsError(
            f"{path} cannot be read as a PyTorch state dict ({reason})", hint=hint if "TorchScript" in str(error) else "get the file again"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{path} holds no state dict (got {type(state).__name__})", hint=hint)
    return state
