"""The closed forms of the adversarial losses in float64, to hold the kernel and the reference against.

Written with log1p and exp, not with the functions of torch.nn.functional that the reference uses.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ganbench_kernels import GanLoss

KINDS = ("logistic", "minimax", "hinge", "least-squares", "wasserstein", "relativistic")
ROLES = ("discriminator", "generator")
OPTIONS: dict[str, dict[str, Any]] = {
    "logistic": {"label_smoothing": 0.1},
    "minimax": {"label_smoothing": 0.3},
    "least-squares": {"targets": (0.9, -0.1, 0.7)},
}
"""Options that float32 cannot hold."""


def sp(x: Tensor) -> Tensor:
    """log(1 + exp(x))."""
    return x.clamp_min(0) + torch.log1p(torch.exp(-x.abs()))


def sig(x: Tensor) -> Tensor:
    """Its derivative."""
    return torch.where(x >= 0, 1.0, torch.exp(-x.abs())) / (1 + torch.exp(-x.abs()))


def one(x: Tensor) -> Tensor:
    return torch.ones_like(x)


def discriminator(kind: str, r: Tensor, f: Tensor, s: float, b: float, a: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return the loss and its derivatives by the real and by the fake logits, the latter before the division by their numbers."""
    if kind in ("logistic", "minimax"):
        return ((1 - s) * sp(-r) + s * sp(r)).mean() + sp(f).mean(), (1 - s) * -sig(-r) + s * sig(r), sig(f)
    if kind == "hinge":
        return (1 - r).clamp_min(0).mean() + (1 + f).clamp_min(0).mean(), -(r < 1).double(), (f > -1).double()
    if kind == "least-squares":
        return ((r - b) ** 2).mean() / 2 + ((f - a) ** 2).mean() / 2, r - b, f - a
    if kind == "wasserstein":
        return f.mean() - r.mean(), -one(r), one(f)
    return sp(-(r - f)).mean(), -sig(f - r), sig(f - r)


def generator(kind: str, r: Tensor | None, f: Tensor, c: float) -> tuple[Tensor, Tensor | None, Tensor]:
    """Return the same; the derivative by the real logits is None where there is none."""
    if kind == "logistic":
        return sp(-f).mean(), None, -sig(-f)
    if kind == "minimax":
        return -sp(f).mean(), None, -sig(f)
    if kind == "least-squares":
        return ((f - c) ** 2).mean() / 2, None, f - c
    if kind == "relativistic":
        assert r is not None
        return sp(-(f - r)).mean(), sig(r - f), -sig(r - f)
    return -f.mean(), None, -one(f)


def expected(
    real: Tensor | None,
    fake: Tensor,
    *,
    kind: str,
    role: str,
    label_smoothing: float = 0.0,
    targets: tuple[float, float, float] = (1.0, 0.0, 1.0),
) -> tuple[GanLoss, Tensor | None, Tensor]:
    """Return loss and statistics, d loss / d real and d loss / d fake, all in float64."""
    r, f = None if real is None else real.detach().double(), fake.detach().double()
    if role == "generator":
        loss, by_real, by_fake = generator(kind, r, f, targets[2])
    else:
        assert r is not None
        loss, by_real, by_fake = discriminator(kind, r, f, label_smoothing, targets[0], targets[1])
    signs, none = (None if r is None else r.sign().mean()), f.new_zeros(())
    means = (none, f.mean(), none, none, f.abs().mean()) if r is None else (r.mean(), f.mean(), signs, r.abs().mean(), f.abs().mean())
    return GanLoss(loss, torch.stack(means)), None if by_real is None else by_real / by_real.numel(), by_fake / by_fake.numel()


def assert_close(found: GanLoss, wanted: GanLoss, size: float, rtol: float = 1.3e-6) -> None:
    """Compare losses and statistics; ``size`` is that of the terms, whose sums may cancel."""
    for x, y in zip(found, wanted, strict=True):
        torch.testing.assert_close(x.double(), y, rtol=rtol, atol=rtol * size)
