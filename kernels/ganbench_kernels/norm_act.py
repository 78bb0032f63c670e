"""Batch norm (Ioffe and Szegedy, 2015, https://arxiv.org/abs/1502.03167) and leaky-ReLU in one op.

``mean, var`` over all but the channel; ``z = (x - mean) / sqrt(var + eps) * weight + bias``; ``y = z if z > 0 else negative_slope * z``.
Agrees with ``torch.nn.BatchNorm2d`` followed by ``torch.nn.LeakyReLU``: the variance is biased here and unbiased in the running statistics.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganbench_kernels import norm_act_ops
from ganbench_kernels.dispatch import Impl, takes_triton

_HALF = (torch.float16, torch.bfloat16)


def norm_act(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    *,
    training: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
    negative_slope: float = 0.2,
    impl: Impl = "auto",
) -> Tensor:
    """Normalise each channel and activate.

    Can be differentiated once on Triton, where a second derivative raises ``RuntimeError``, and any number of times on the reference; see
    :func:`ganbench_kernels.higher_order`. Deterministic. Without training, Triton is only for calls that need no gradient.

    Args:
        x: ``[N, C]`` or ``[N, C, ...]``, float32, bfloat16, float16 or float64, in any layout; contiguous and channels-last are not copied.
        weight: ``[C]``, of x's dtype, or float32 where x has 16 bits; None is 1.
        bias: like ``weight``; None is 0.
        running_mean: like ``weight``; in training moved by ``momentum`` towards the batch's mean, in place. None if it is not kept.
        running_var: the same for the unbiased variance.
        training: normalise by the batch's statistics; else by the running ones.
        momentum: weight of this batch in the running statistics.
        eps: added to the variance; more than 0.
        negative_slope: of the leaky-ReLU, 0 or more; 0 is ReLU.
        impl: which implementation.

    Returns:
        Of x's shape, dtype and memory format.

    Raises:
        ValueError: an argument outside the above, or a single value per channel in training.
        RuntimeError: on differentiating a derivative of the Triton implementation.
    """
    _check(x, weight, bias, running_mean, running_var, training, eps, negative_slope)
    tensors = (x, weight, bias, running_mean, running_var)
    if not takes_triton("norm_act", impl, *tensors, once_differentiable=True) or x.numel() == 0:
        return _reference(*tensors, training, momentum, eps, negative_slope)
    differentiable = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (x, weight, bias))
    if training and differentiable:
        y: Tensor = _NormAct.apply(*tensors, momentum, eps, negative_slope)
        return y
    if differentiable:
        return _reference(*tensors, training, momentum, eps, negative_slope)
    if training:
        y, _, _ = norm_act_ops.forward(*tensors, momentum, eps, negative_slope)
    else:
        y = norm_act_ops.inference(*tensors, eps, negative_slope)
    return y


def norm_act_ref(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    *,
    training: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
    negative_slope: float = 0.2,
    impl: Impl = "ref",
) -> Tensor:
    """Normalise and activate in plain PyTorch, with the bits of batch norm and an activation in place; see :func:`norm_act`."""
    _check(x, weight, bias, running_mean, running_var, training, eps, negative_slope)
    return _reference(x, weight, bias, running_mean, running_var, training, momentum, eps, negative_slope)


class NormAct(nn.BatchNorm2d):
    """Batch norm and leaky-ReLU as one module: a ``BatchNorm2d`` in state, initialisation and arguments.

    State dicts load from a ``BatchNorm2d`` and back. What replaces batch norms by type, such as ``SyncBatchNorm.convert_sync_batchnorm``,
    would lose the activation.

    Args:
        num_features: channels of the input, ``[N, C]`` or ``[N, C, ...]``.
        eps: added to the variance.
        momentum: weight of a batch in the running statistics; None averages over all batches, which waits for the GPU at every step.
        affine: whether there are a weight and a bias.
        track_running_stats: whether statistics are kept for evaluation.
        device: of the parameters.
        dtype: of the parameters.
        negative_slope: 0 is ReLU.
        impl: which implementation.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        negative_slope: float = 0.2,
        impl: Impl = "auto",
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype)
        _check_slope(negative_slope)
        self.negative_slope = negative_slope
        self.impl: Impl = impl

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised and activated ``x``."""
        running_mean, running_var = self.running_mean, self.running_var
        by_batch = self.training or running_mean is None
        moved = self.training and self.track_running_stats
        momentum = self._count_batch() if moved else 0.0
        if by_batch and not moved:
            running_mean = running_var = None
        tensors = (x, self.weight, self.bias, running_mean, running_var)
        if not takes_triton("norm_act", self.impl, *tensors, once_differentiable=True) and x.dim() > 1:
            return _reference(*tensors, by_batch, momentum, self.eps, self.negative_slope)  # batch norm checks its arguments itself
        return norm_act(*tensors, training=by_batch, momentum=momentum, eps=self.eps, negative_slope=self.negative_slope, impl=self.impl)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"{super().extra_repr()}, negative_slope={self.negative_slope}"  # type: ignore[no-untyped-call]

    def _count_batch(self) -> float:
        """Count one more batch and return its weight in the running statistics."""
        count, momentum = self.num_batches_tracked, self.momentum
        if count is None:
            return momentum or 0.0
        count.add_(1)
        return 1.0 / float(count) if momentum is None else momentum


class _NormAct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        x, weight, bias, *_, ctx.negative_slope = arguments
        y, mean, invstd = norm_act_ops.forward(*arguments)
        ctx.save_for_backward(x, mean, invstd, weight, bias)
        result: Tensor = y
        return result

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        dx, dweight, dbias = _OnceDifferentiable.apply(dy, *ctx.saved_tensors, ctx.negative_slope)
        _, needs_weight, needs_bias = ctx.needs_input_grad[:3]
        weight, bias = ctx.saved_tensors[3:]
        dweight = dweight.to(weight.dtype) if needs_weight else None
        dbias = dbias.to(bias.dtype) if needs_bias else None
        return dx, dweight, dbias, None, None, None, None, None


class _OnceDifferentiable(torch.autograd.Function):
    """The backward: keeps a graph, so that a second derivative raises and does not pass for zero."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
        gradients: tuple[Tensor, Tensor, Tensor] = norm_act_ops.backward(*arguments)
        return gradients

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        raise RuntimeError(
            "norm_act: the Triton implementation can be differentiated only once; take impl='ref' or ganbench_kernels.higher_order() in the"
            " forward that a gradient penalty differentiates twice"
        )


for _function in (_NormAct, _OnceDifferentiable):
    torch.compiler.allow_in_graph(_function)  # type: ignore[no-untyped-call]


def _reference(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    negative_slope: float,
) -> Tensor:
    z = F.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    return norm_act_ops.activate_(z, negative_slope)


def _check(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    eps: float,
    negative_slope: float,
) -> None:
    shape, dtype = x.shape, x.dtype
    if not dtype.is_floating_point or len(shape) < 2:
        raise ValueError(f"norm_act: x must be floating point and [N, C] or [N, C, ...] (got {dtype} {list(shape)})")
    channels = shape[1:2]
    for name, t in (("weight", weight), ("bias", bias), ("running_mean", running_mean), ("running_var", running_var)):
        if t is not None and (t.shape != channels or (t.dtype != dtype and (t.dtype != torch.float32 or dtype not in _HALF))):
            kinds = f"{dtype} or torch.float32" if dtype in _HALF else f"{dtype}"
            raise ValueError(f"norm_act: {name} must be [{shape[1]}] and {kinds} (got {list(t.shape)} {t.dtype})")
    if (running_mean is None) != (running_var is None) or (running_mean is None and not training):
        missing = "running_mean" if running_mean is None else "running_var"
        raise ValueError(f"norm_act: {missing} must be given (got None): both or none in training, both in evaluation")
    if training and x.numel() == shape[1] > 0:
        raise ValueError(f"norm_act: Expected more than 1 value per channel when training (got input size {list(shape)})")
    if eps <= 0:
        raise ValueError(f"norm_act: eps must be more than 0 (got {eps})")
    _check_slope(negative_slope)


def _check_slope(negative_slope: float) -> None:
    if not 0 <= negative_slope < float("inf"):
        raise ValueError(f"norm_act: negative_slope must be 0 or more, and finite (got {negative_slope}); 0 is ReLU")
