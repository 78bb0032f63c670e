"""What a GAN of points in the plane does, as GAN Lab shows it (Kahng et al. 2019, https://arxiv.org/abs/1809.01587).

Everything is of fixed latents and fixed real points, so that one view can be held against the next. Networks are asked as they are
evaluated, in evaluation mode, and nothing of a run's state changes.

Shapes: N points, S cells or latents along each side.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ganbench import Algorithm

_COUNTED, _SHOWN, _ARROWS = 2000, 400, 100
"""Points that modes and divergence are counted over, that are drawn, and that have an arrow."""
_CELLS, _MESH = 30, 16
"""S of the map and of the divergence, as GAN Lab has it; S of the manifold."""
_MARGIN = 0.2
"""Of the plane around the real points, as a share of their width."""


def lies_in_the_plane(algorithm: Algorithm) -> bool:
    """Tell whether an algorithm generates points of two numbers."""
    space = algorithm.networks.inputs.reference(algorithm.dataset).space
    return space.name == "points" and math.prod(space.size) == 2


class Plane:
    """The view of one run.

    Args:
        algorithm: of the run; it generates points in the plane.
    """

    def __init__(self, algorithm: Algorithm) -> None:
        self._algorithm = algorithm
        inputs, device = algorithm.networks.inputs, algorithm.device
        self._dataset = inputs.reference(algorithm.dataset)
        stored = self._dataset.first(2 * _COUNTED)
        real = self._dataset.space.arrange(stored).flatten(1).float()
        self._real, other = real[:_COUNTED], real[_COUNTED:]
        low, high = self._real.amin(0), self._real.amax(0)
        margin = _MARGIN * (high - low).clamp_min(1e-6)
        self._low, self._high = low - margin, high + margin
        self._floor = self._divergence(other) if len(other) == len(self._real) else None
        random = torch.Generator(device).manual_seed(0)
        self._inputs = inputs.draw(_COUNTED, random, dataset=algorithm.dataset)
        self._mesh = _mesh(self._inputs)
        self._labels: Tensor | None = None
        labels = algorithm.dataset.train.labels
        if inputs.labels and labels is not None:
            self._labels = labels[torch.arange(_COUNTED) % len(labels)].to(device)
        line = (torch.arange(_CELLS) + 0.5) / _CELLS
        rows, columns = torch.meshgrid(line, line, indexing="ij")  # of y, from below, and of x
        self._cells = (self._low + torch.stack([columns, rows], -1).flatten(0, 1) * (self._high - self._low)).to(device)

    def view(self) -> dict[str, Any]:
        """Return the view as plain values.

        Returns:
            ``box`` (left, right, bottom, top), ``real`` and ``fake`` points, ``cells`` (what the discriminator says in the middle of each
            cell, row by row from below) with their ``middle``, ``arrows`` (the slope of that at the first fake points), ``manifold`` (what
            a mesh of latents becomes, row by row), ``modes``, ``divergence`` (Jensen-Shannon, in bits, between real and fake counts of the
            cells) and ``without``, why there is no map.
        """
        fake = self._generate(self._inputs, self._labels)
        view: dict[str, Any] = {
            "box": _plain(torch.stack([self._low, self._high], 1)),
            "real": _plain(self._real[:_SHOWN]),
            "fake": _plain(fake[:_SHOWN]),
            "side": _CELLS,
            "divergence": _rounded(self._divergence(fake)),
            "floor": None if self._floor is None else _rounded(self._floor),
            "modes": self._modes(fake),
            "without": self._why_no_map(),
        }
        if self._mesh is not None and self._labels is None:
            view["manifold"] = _plain(self._generate(self._mesh, None))
        if not view["without"]:
            view |= self._judged(fake)
        return view

    def _generate(self, inputs: Tensor, labels: Tensor | None) -> Tensor:
        with torch.no_grad():
            return self._algorithm.sample(inputs, labels).flatten(1).float().cpu()

    def _judged(self, fake: Tensor) -> dict[str, Any]:
        """Return what the discriminator says in each cell, and where that rises at fake points."""
        with _still(self._algorithm):
            points = fake[:_ARROWS].to(self._algorithm.device).requires_grad_()
            (slope,) = torch.autograd.grad(self._logits(points).sum(), points)
            with torch.no_grad():
                cells, real = self._logits(self._cells), self._logits(self._real[:_SHOWN].to(self._cells.device))
                middle = (real.median() + self._logits(fake[:_SHOWN].to(self._cells.device)).median()) / 2
        return {"cells": _plain(cells), "middle": _rounded(float(middle)), "arrows": _plain(slope)}

    def _logits(self, points: Tensor) -> Tensor:
        """Return one number for each point, ``[N]``."""
        judgement = self._algorithm.judge(points, None)  # type: ignore[attr-defined]  # what has none was left out before
        logits: Tensor = judgement.logits.float().flatten(1).mean(1) if judgement.logits.ndim > 1 else judgement.logits.float()
        return logits

    def _why_no_map(self) -> str:
        if not hasattr(self._algorithm, "judge"):
            return "this algorithm has no discriminator that scores points"
        if self._labels is not None:
            return "the discriminator scores points of a class"
        packing = self._algorithm.training.packing
        return f"the discriminator scores packs of {packing} points" if packing > 1 else ""

    def _modes(self, fake: Tensor) -> dict[str, Any] | None:
        """Return how many modes have a point, of how many, and the share of points at a mode."""
        if self._dataset.mode_of is None:
            return None
        modes = self._dataset.mode_of(fake)
        at_one = modes[modes >= 0]
        return {"found": len(set(at_one.tolist())), "all": self._dataset.num_modes, "share": _rounded(len(at_one) / len(modes))}

    def _divergence(self, points: Tensor) -> float:
        """Return the Jensen-Shannon divergence of real and other points, in bits, over the cells and all that is outside."""
        p, q = self._counts(self._real), self._counts(points)
        middle = (p + q) / 2
        return float((_entropy(middle) - (_entropy(p) + _entropy(q)) / 2).clamp(0, 1))

    def _counts(self, points: Tensor) -> Tensor:
        """Return the share of points in each cell, and outside, ``[S * S + 1]`` float64."""
        at = ((points - self._low) / (self._high - self._low) * _CELLS).floor()
        is_inside = ((at >= 0) & (at < _CELLS)).all(1)  # what is not finite is outside
        cell = at.nan_to_num(0, 0, 0).clamp(0, _CELLS - 1).long() @ torch.tensor([1, _CELLS])
        return torch.bincount(cell.where(is_inside, _CELLS**2), minlength=_CELLS**2 + 1).double() / len(points)


@contextmanager
def _still(algorithm: Algorithm) -> Iterator[None]:
    """Put the networks into evaluation mode, and those that were being trained back."""
    trained = [module for network in algorithm.networks.modules.values() for module in network.modules() if module.training]
    for module in trained:
        module.training = False
    try:
        yield
    finally:
        for module in trained:
            module.training = True


def _mesh(inputs: Tensor) -> Tensor | None:
    """Return latents of a mesh ``[S * S, L]``, row by row; None for inputs that are no vectors.

    Of two numbers it is all quantiles of both. Of more it is a patch between four latents, whose mixtures are as long as latents are.
    """
    if inputs.ndim != 2 or inputs.shape[1] < 2:
        return None
    line = torch.linspace(0.01, 0.99, _MESH, device=inputs.device)
    if inputs.shape[1] == 2:
        x, y = (torch.quantile(inputs[:, axis], line) for axis in (0, 1))
        return torch.cartesian_prod(y, x).flip(1).contiguous()
    rows, columns = (one.flatten() for one in torch.meshgrid(line, line, indexing="ij"))
    weights = torch.stack([(1 - rows) * (1 - columns), (1 - rows) * columns, rows * (1 - columns), rows * columns], 1)
    return torch.nn.functional.normalize(weights, dim=1) @ inputs[:4]


def _entropy(shares: Tensor) -> Tensor:
    return -(shares * shares.clamp_min(1e-300).log2()).sum()


def _rounded(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None


def _plain(values: Tensor) -> list[Any]:
    """Return numbers with four digits, and None for what is none."""
    return [[_rounded(v) for v in row] if isinstance(row, list) else _rounded(row) for row in values.tolist()]
