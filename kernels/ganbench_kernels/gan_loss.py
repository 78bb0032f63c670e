"""Adversarial losses with their gradients and the statistics of the logits, in one launch.

With sp(x) = log(1 + exp(x)), over real logits r and fake logits f:

==============  ==========================  ===============
kind            discriminator               generator
==============  ==========================  ===============
logistic        sp(-r) + sp(f)              sp(-f)
minimax         sp(-r) + sp(f)              -sp(f)
hinge           relu(1 - r) + relu(1 + f)   -f
least-squares   ((r - b)^2 + (f - a)^2)/2   (f - c)^2 / 2
wasserstein     f - r                       -f
relativistic    sp(f - r), over pairs       sp(r - f)
==============  ==========================  ===============

Sources: Goodfellow et al. 2014 (logistic, minimax), Lim and Ye 2017 (hinge), Mao et al. 2017 (least squares), Arjovsky et al. 2017
(Wasserstein), Jolicoeur-Martineau 2018 and Huang et al. 2024 (relativistic pairing).
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor

from ganbench_kernels.dispatch import Impl, takes_triton
from ganbench_kernels.gan_loss_formulas import reference_loss, reference_slopes, reference_statistics
from ganbench_kernels.library import register

Kind = Literal["logistic", "minimax", "hinge", "least-squares", "wasserstein", "relativistic"]
Role = Literal["discriminator", "generator"]

_KINDS, _ROLES = get_args(Kind), get_args(Role)
_DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
_TARGETS = (1.0, 0.0, 1.0)


class GanLoss(NamedTuple):
    """A loss and what the logits were like."""

    loss: Tensor
    """Scalar, float32 (float64 for float64)."""
    statistics: Tensor
    """``[5]`` of the same dtype, without a graph: mean real, mean fake, mean sign of real, mean absolute real, mean absolute fake logit."""


def gan_loss(
    real_logits: Tensor | None,
    fake_logits: Tensor,
    *,
    kind: Kind,
    role: Role,
    label_smoothing: float = 0.0,
    targets: tuple[float, float, float] = _TARGETS,
    impl: Impl = "auto",
) -> GanLoss:
    """Return an adversarial loss, a mean over all entries of the logits, and statistics of the logits.

    The Triton kernel computes the gradients along with the loss, so it can be differentiated once; under
    :func:`ganbench_kernels.higher_order`, ``impl="auto"`` takes the reference, which can be differentiated any number of times.

    Args:
        real_logits: ``[N, ...]`` float32, bfloat16, float16 or float64, or None in the generator's role, unless relativistic; given
            there, they change only the statistics.
        fake_logits: ``[M, ...]`` of the same dtype; relativistic: of the same shape, for real and fake logits are paired.
        kind: the loss.
        role: whose loss.
        label_smoothing: 0 or more and below 1; real images have the target 1 minus it, for the discriminator. Logistic and minimax only.
        targets: of the real (b) and of the fake logits (a), and the generator's (c). Least squares only.
        impl: which implementation.

    Returns:
        The loss with its statistics; those of real logits that were not given are 0.

    Raises:
        ValueError: an unknown kind or role, logits missing, empty, unpaired, not of one of these dtypes or not on one device, or an option
            of another kind.
        RuntimeError: at the second derivative of the Triton kernel.
    """
    _check(real_logits, fake_logits, kind, role, label_smoothing, targets)
    if takes_triton("gan_loss", impl, real_logits, fake_logits, once_differentiable=True):
        if real_logits is not None and not _uses_real(kind, role):
            real_logits = real_logits.detach()
        return GanLoss(*_differentiable(real_logits, fake_logits, kind, role, label_smoothing, *targets))
    return _reference(real_logits, fake_logits, kind, role, label_smoothing, targets)


def gan_loss_ref(
    real_logits: Tensor | None,
    fake_logits: Tensor,
    *,
    kind: Kind,
    role: Role,
    label_smoothing: float = 0.0,
    targets: tuple[float, float, float] = _TARGETS,
    impl: Impl = "ref",
) -> GanLoss:
    """Compute the loss in plain PyTorch, differentiable any number of times; see :func:`gan_loss`."""
    _check(real_logits, fake_logits, kind, role, label_smoothing, targets)
    takes_triton("gan_loss", "ref", real_logits, fake_logits)
    return _reference(real_logits, fake_logits, kind, role, label_smoothing, targets)


def generator_loss(fake_logits: Tensor, *, kind: Kind, targets: tuple[float, float, float] = _TARGETS, impl: Impl = "auto") -> Tensor:
    """Return the generator's loss of :func:`gan_loss` alone; in plain PyTorch the statistics would cost as much again."""
    _check(None, fake_logits, kind, "generator", 0.0, targets)
    if takes_triton("gan_loss", impl, fake_logits, once_differentiable=True):
        return gan_loss(None, fake_logits, kind=kind, role="generator", targets=targets, impl=impl).loss
    return reference_loss(None, _widened(fake_logits), kind, "generator", 0.0, targets)


def empty_outputs(real: Tensor | None, fake: Tensor, kind: str, role: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return room for the loss ``[]``, the statistics ``[5]`` and the slopes, all real then all fake ``[N + M]`` (``[M]`` without real)."""
    dtype = torch.float64 if fake.dtype == torch.float64 else torch.float32
    slopes = fake.numel() + (real.numel() if real is not None and _uses_real(kind, role) else 0)
    return fake.new_empty((), dtype=dtype), fake.new_empty(5, dtype=dtype), fake.new_empty(slopes, dtype=dtype)


def _uses_real(kind: str, role: str) -> bool:
    return role == "discriminator" or kind == "relativistic"


def _check(real: Tensor | None, fake: Tensor, kind: str, role: str, label_smoothing: float, targets: tuple[float, float, float]) -> None:
    if kind not in _KINDS:
        raise ValueError(f"gan_loss: kind must be one of {', '.join(_KINDS)} (got {kind!r})")
    if role not in _ROLES:
        raise ValueError(f"gan_loss: role must be discriminator or generator (got {role!r})")
    if real is None and _uses_real(kind, role):
        raise ValueError(f"gan_loss: real_logits must be given for the {kind} loss of the {role} (got None)")
    _check_options(kind, label_smoothing, targets)
    _check_logits(real, fake, kind)


def _check_options(kind: str, label_smoothing: float, targets: tuple[float, float, float]) -> None:
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"gan_loss: label_smoothing must be at least 0 and below 1 (got {label_smoothing})")
    if label_smoothing and kind not in ("logistic", "minimax"):
        raise ValueError(f"gan_loss: label_smoothing must be 0 for the {kind} loss (got {label_smoothing})")
    if len(targets) != 3:
        raise ValueError(f"gan_loss: targets must be three numbers: real, fake, generator (got {targets})")
    if tuple(targets) != _TARGETS and kind != "least-squares":
        raise ValueError(f"gan_loss: targets must be left alone for the {kind} loss (got {targets})")


def _check_logits(real: Tensor | None, fake: Tensor, kind: str) -> None:
    for name, logits in (("real_logits", real), ("fake_logits", fake)):
        if logits is None:
            continue
        if logits.dtype not in _DTYPES:
            raise ValueError(f"gan_loss: {name} must be float32, bfloat16, float16 or float64 (got {logits.dtype})")
        if logits.numel() == 0:
            raise ValueError(f"gan_loss: {name} must not be empty (got shape {list(logits.shape)})")
    if real is None:
        return
    if real.dtype != fake.dtype:
        raise ValueError(f"gan_loss: real_logits and fake_logits must have one dtype (got {real.dtype} and {fake.dtype})")
    if kind == "relativistic" and real.shape != fake.shape:
        raise ValueError(f"gan_loss: relativistic logits must come in pairs (got shapes {list(real.shape)} and {list(fake.shape)})")


def _reference(
    real: Tensor | None, fake: Tensor, kind: str, role: str, label_smoothing: float, targets: tuple[float, float, float]
) -> GanLoss:
    r, f = None if real is None else _widened(real), _widened(fake)
    return GanLoss(reference_loss(r, f, kind, role, label_smoothing, targets), reference_statistics(r, f))


def _widened(logits: Tensor) -> Tensor:
    """Return the logits in the type of the arithmetic: float32, or float64 for float64."""
    return logits if logits.dtype in (torch.float32, torch.float64) else logits.float()


def _reference_op(
    real: Tensor | None, fake: Tensor, kind: str, role: str, label_smoothing: float, *targets: float
) -> tuple[Tensor, Tensor, Tensor]:
    """What the kernel returns, in plain PyTorch."""
    real_target, fake_target, generator_target = targets
    options = (kind, role, label_smoothing, (real_target, fake_target, generator_target))
    loss, statistics = _reference(real, fake, *options)
    return loss, statistics, reference_slopes(None if real is None else _widened(real), _widened(fake), *options)


_op = register(
    "gan_loss(Tensor? real, Tensor fake, str kind, str role, float label_smoothing, float real_target, float fake_target, "
    "float generator_target) -> (Tensor loss, Tensor statistics, Tensor slopes)",
    kernel="ganbench_kernels.jit.gan_loss:launch",
    reference=_reference_op,
    fake=lambda real, fake, kind, role, *_: empty_outputs(real, fake, kind, role),
)


class _GanLoss(torch.autograd.Function):
    """Keeps the slopes; its backward multiplies them by the incoming gradient, on the device, whatever that is."""

    @staticmethod
    def forward(ctx: Any, real: Tensor | None, fake: Tensor, *options: Any) -> tuple[Tensor, Tensor]:
        loss, statistics, slopes = _op(real, fake, *options)
        ctx.save_for_backward(slopes, real, fake)
        ctx.mark_non_differentiable(statistics)
        return loss, statistics

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Any, ...]:
        slopes, real, fake = ctx.saved_tensors
        scaled = _OnceOnly.apply(slopes, gradient, real, fake) if torch.is_grad_enabled() else slopes * gradient
        first_fake = slopes.numel() - fake.numel()
        by_real = scaled[:first_fake].view(real.shape).to(real.dtype) if first_fake else None
        return by_real, scaled[first_fake:].view(fake.shape).to(fake.dtype), None, None, None, None, None, None


class _OnceOnly(torch.autograd.Function):
    """slopes times gradient, for a caller who wants to differentiate it again: allowed, until it happens."""

    @staticmethod
    def forward(ctx: Any, slopes: Tensor, gradient: Tensor, real: Tensor | None, fake: Tensor) -> Tensor:
        return slopes * gradient

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        raise RuntimeError("gan_loss: the Triton kernel has no second derivative; use impl='ref', or higher_order() around the forward")


@torch.compiler.allow_in_graph  # type: ignore[untyped-decorator]
def _differentiable(real: Tensor | None, fake: Tensor, *options: Any) -> tuple[Tensor, Tensor]:
    loss, statistics = _GanLoss.apply(real, fake, *options)
    return loss, statistics
