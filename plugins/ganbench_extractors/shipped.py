"""Networks that ship with ganbench: one file for each seed, and beside them a manifest that names the files with their sha256."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganbench import WeightsError, tensors_from_bytes, tensors_to_bytes


def load_states(name: str, directory: Path) -> tuple[list[dict[str, Tensor]], str]:
    """Return the verified tensors of each network, and sha256 over all their files.

    Args:
        name: of the manifest, without its suffix.
        directory: where the weights and the manifest lie.

    Raises:
        WeightsError: a file is missing, or is not the one that the manifest names.
    """
    path = directory / f"{name}.json"
    try:
        members: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["members"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"cannot read the extractor's manifest {path}: {error}", hint="install ganbench again") from error
    hashes = [str(member["sha256"]) for member in members]
    files = [directory / str(member["file"]) for member in members]
    states = [tensors_from_bytes(_read_verified(file, sha256)) for file, sha256 in zip(files, hashes, strict=True)]
    return states, hashlib.sha256("".join(hashes).encode()).hexdigest()


def _read_verified(path: Path, sha256: str) -> bytes:
    """Return a file's content.

    Raises:
        WeightsError: it cannot be read, or its checksum is another.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"cannot read extractor weights {path}: {error.strerror}", hint="install ganbench again") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise WeightsError(f"extractor weights {path} are damaged: sha256 must be {sha256} (got {found})", hint="install ganbench again")
    return data


def save_member(name: str, network: nn.Module, seed: int, measured: Mapping[str, float], out: Path) -> dict[str, Any]:
    """Write one network as safetensors and return its line of the manifest, with what was measured of it."""
    payload = tensors_to_bytes(network.state_dict())
    file = f"{name}-{seed}.safetensors"
    (out / file).write_bytes(payload)
    return {"file": file, "seed": seed, "sha256": hashlib.sha256(payload).hexdigest(), **measured}


def save_manifest(recipe: Any, members: Sequence[Mapping[str, Any]], out: Path, **facts: str) -> Path:
    """Write how some networks were made and what they are, and return the path.

    Args:
        recipe: a dataclass with a ``name``.
        members: of :func:`save_member`.
        out: the folder of their files.
        facts: further ones.
    """
    path: Path = out / f"{recipe.name}.json"
    manifest = {"recipe": asdict(recipe), **facts, "torch": torch.__version__, "members": members}
    path.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return path
