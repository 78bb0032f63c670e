"""The formulas of :mod:`ganbench_kernels.gan_loss` in plain PyTorch: real logits r, fake logits f, targets (b, a, c).

The losses can be differentiated any number of times; the slopes are their closed derivatives. Logits are float32 or float64.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

Targets = tuple[float, float, float]


def sp(x: Tensor) -> Tensor:
    """log(1 + exp(x)); above the threshold, where exp(-x) is below the precision, x itself."""
    return softplus(x, threshold=40.0) if x.dtype == torch.float64 else softplus(x)


def reference_loss(r: Tensor | None, f: Tensor, kind: str, role: str, label_smoothing: float, targets: Targets) -> Tensor:
    """Return the loss, a scalar."""
    if role == "generator":
        return _generator_loss(r, f, kind, targets[2])
    assert r is not None
    return _discriminator_loss(r, f, kind, label_smoothing, targets)


def _discriminator_loss(r: Tensor, f: Tensor, kind: str, label_smoothing: float, targets: Targets) -> Tensor:
    if kind == "hinge":
        return relu(1 - r).mean() + relu(1 + f).mean()
    if kind == "least-squares":
        return 0.5 * ((r - targets[0]).square().mean() + (f - targets[1]).square().mean())
    if kind == "wasserstein":
        return f.mean() - r.mean()
    if kind == "relativistic":
        return sp(f - r).mean()
    # With the target t = 1 - s: t sp(-r) + (1 - t) sp(r), and sp(r) - sp(-r) = r, so smoothing adds s r.
    real = sp(-r)
    if label_smoothing:
        real = real + label_smoothing * r
    return real.mean() + sp(f).mean()


def _generator_loss(r: Tensor | None, f: Tensor, kind: str, target: float) -> Tensor:
    if kind == "logistic":
        return sp(-f).mean()
    if kind == "minimax":
        return -sp(f).mean()
    if kind == "least-squares":
        return 0.5 * (f - target).square().mean()
    if kind == "relativistic":
        assert r is not None
        return sp(r - f).mean()
    return -f.mean()


def reference_statistics(r: Tensor | None, f: Tensor) -> Tensor:
    """Return ``[5]``, without a graph: mean r, mean f, mean sign of r, mean |r|, mean |f|."""
    f = f.detach()
    if r is None:
        none = f.new_zeros(())
        return torch.stack([none, f.sum(), none, none, f.abs().sum()]).div_(f.numel())
    r = r.detach()
    if r.numel() != f.numel():
        return torch.stack([r.mean(), f.mean(), r.sign().mean(), r.abs().mean(), f.abs().mean()])
    return torch.stack([r.sum(), f.sum(), r.sign().sum(), r.abs().sum(), f.abs().sum()]).div_(f.numel())  # faster than five means


def reference_slopes(r: Tensor | None, f: Tensor, kind: str, role: str, label_smoothing: float, targets: Targets) -> Tensor:
    """Return d loss / d logit, flat: of the real logits where the loss depends on them, then of the fake ones."""
    if role == "generator":
        slopes = _generator_slopes(r, f, kind, targets[2])
    else:
        assert r is not None
        slopes = _discriminator_slopes(r, f, kind, label_smoothing, targets)
    return torch.cat([s.flatten() / s.numel() for s in slopes])


def _discriminator_slopes(r: Tensor, f: Tensor, kind: str, label_smoothing: float, targets: Targets) -> tuple[Tensor, ...]:
    if kind == "hinge":
        return -(r < 1).to(r.dtype), (f > -1).to(f.dtype)
    if kind == "least-squares":
        return r - targets[0], f - targets[1]
    if kind == "wasserstein":
        return -torch.ones_like(r), torch.ones_like(f)
    if kind == "relativistic":
        return -torch.sigmoid(f - r), torch.sigmoid(f - r)
    return label_smoothing - torch.sigmoid(-r), torch.sigmoid(f)


def _generator_slopes(r: Tensor | None, f: Tensor, kind: str, target: float) -> tuple[Tensor, ...]:
    if kind == "logistic":
        return (-torch.sigmoid(-f),)
    if kind == "minimax":
        return (-torch.sigmoid(f),)
    if kind == "least-squares":
        return (f - target,)
    if kind == "relativistic":
        assert r is not None
        return torch.sigmoid(r - f), -torch.sigmoid(r - f)
    return (-torch.ones_like(f),)
