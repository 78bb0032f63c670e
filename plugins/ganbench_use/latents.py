"""Latents that are asked for on purpose: from a file, on the way between two, or over two of their components.

Shapes: N samples, L the length of z.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ganbench import DataError, Dataset, Inputs, Latents, UsageError, read_file
from ganbench_use.sources import why_unread

_NEARLY_PARALLEL = 1e-6
_VARIED = 2.0
"""How far a component is varied to either side: where 95 % of a normal one lie."""


@dataclass(frozen=True, slots=True)
class GivenLatents:
    """Inputs that are what they are, whatever stream is asked."""

    latents: Tensor
    """``[N, L]`` float32."""
    labels: bool

    def reference(self, dataset: Dataset) -> Dataset:
        """Return the dataset as it is."""
        return dataset

    def draw(self, count: int, random: torch.Generator, *, dataset: Dataset | None = None, truncation: float = 0.0) -> Tensor:
        """Return the first of them."""
        return self.latents[:count]


def latents_of(inputs: Inputs) -> Latents:
    """Return the inputs of a run that must be random vectors.

    Raises:
        UsageError: they come from data, as those of a translation.
    """
    if not isinstance(inputs, Latents):
        raise UsageError("this run's generator is asked with samples, and has no latents", hint="leave the options of latents out")
    return inputs


def read_latents(path: Path, dim: int) -> Tensor:
    """Return the latents of a ``.npy`` or ``.npz`` file, ``[N, L]``; of several arrays that called ``latents``.

    Raises:
        DataError: it holds something else.
    """
    try:
        found = np.load(io.BytesIO(read_file(path)), allow_pickle=False)
        if isinstance(found, np.lib.npyio.NpzFile):
            with found:
                found = found["latents" if "latents" in found else next(iter(found))]
        array = np.asarray(found, dtype=np.float32)
    except Exception as error:  # zip and header readers each have their own
        raise DataError(f"--latents {path} cannot be read: {why_unread(error)}") from None
    if array.ndim != 2 or array.shape[1] != dim or not len(array) or not np.isfinite(array).all():
        raise DataError(f"--latents {path} must be finite and [N, {dim}] (got {list(array.shape)})")
    return torch.from_numpy(array)


def between(ends: Tensor, steps: int, how: Literal["linear", "spherical"]) -> Tensor:
    """Return the way between pairs of latents, row after row.

    Args:
        ends: ``[2 * rows, L]``: each row goes from an even one to the odd one behind it.
        steps: columns, both ends among them.
        how: along the line, or along the great circle, on which normal latents keep their length (Shoemake 1985; White 2016,
            arXiv:1609.04468).

    Returns:
        ``[rows * steps, L]``.
    """
    starts, stops = ends[0::2, None], ends[1::2, None]  # [rows, 1, L]
    part = torch.linspace(0, 1, steps)[None, :, None]  # [1, steps, 1]
    straight = (1 - part) * starts + part * stops
    if how == "linear":
        return straight.flatten(0, 1)
    cosine = torch.nn.functional.cosine_similarity(starts, stops, dim=-1).clamp(-1, 1)[..., None]  # [rows, 1, 1]
    angle = torch.acos(cosine)
    sine = torch.sin(angle)
    arc = (torch.sin((1 - part) * angle) * starts + torch.sin(part * angle) * stops) / sine.clamp_min(_NEARLY_PARALLEL)
    return torch.where(sine < _NEARLY_PARALLEL, straight, arc).flatten(0, 1)


def varied(base: Tensor, first: int, second: int, side: int) -> Tensor:
    """Return a latent with two of its components varied from -2 to 2: the first from left to right, the second from top to bottom.

    Args:
        base: ``[L]``.
        first: index of a component.
        second: index of another.
        side: rows, and columns.

    Returns:
        ``[side * side, L]``.
    """
    values = torch.linspace(-_VARIED, _VARIED, side)
    grid = base.repeat(side, side, 1)
    grid[:, :, first] = values[None, :]
    grid[:, :, second] = values[:, None]
    return grid.flatten(0, 1)
