"""Adam's step and the moving average of the same parameters, in one pass over all of them (Kingma and Ba 2015; Karras et al. 2018).

Every GAN keeps an exponential moving average of its generator beside the optimizer. Apart they read the parameters twice; here they are
read once, and many small tensors are one launch.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from ganbench_kernels.dispatch import Impl, takes_triton
from ganbench_kernels.library import Op, register

_DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)


def fused_adam_ema(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    means: Sequence[Tensor],
    squares: Sequence[Tensor],
    steps: Sequence[Tensor],
    averages: Sequence[Tensor] = (),
    *,
    lr: Tensor | float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decay: Tensor | float = 0.999,
    impl: Impl = "auto",
) -> None:
    """Do a step of Adam in place, and move averages towards the new parameters. Not differentiable.

    Nothing is read on the host, so the step can be captured in a CUDA graph once it has run: then ``lr`` and ``decay`` should be tensors,
    for a number would be the one of the capture. Arithmetic is in float32 (float64 for float64).

    Args:
        params: of one dtype, on one device, each without gaps in memory.
        grads: of their shapes; one of other strides is copied.
        means, squares: the moments, of their shapes and strides, and of their dtype.
        steps: scalars in float32, how many steps each has had; counted up.
        averages: of their shapes, strides and dtype; none at all for no average.
        lr: learning rate, a number or a scalar on the device.
        betas: decays of the moments, from 0 to below 1.
        eps: added to the root of the second moment, 0 or more.
        weight_decay: added to the gradient, times the parameter; 0 or more.
        decay: of the averages, from 0 to 1; a number or a scalar on the device.
        impl: which implementation.

    Raises:
        ValueError: another number, count, shape, stride or dtype than said above, or tensors on several devices.
    """
    lists = {"params": params, "grads": grads, "means": means, "squares": squares, "steps": steps, "averages": averages}
    check_numbers(betas, eps, weight_decay)
    _check(lists)
    if not params:
        return
    triton = takes_triton("fused_adam_ema", impl, *params, *grads, *means, *squares, *steps, *averages)
    grads = [g if g.stride() == p.stride() else torch.empty_like(p).copy_(g) for p, g in zip(params, grads, strict=True)]
    scalars = (_scalar(lr, params[0]), _scalar(decay, params[0]))
    tensors = ([p.detach() for p in params], grads, *map(list, (means, squares, steps)), [a.detach() for a in averages])
    step: Op = _op if triton else _reference
    step(*tensors, *scalars, *betas, eps, weight_decay)


def fused_adam_ema_ref(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    means: Sequence[Tensor],
    squares: Sequence[Tensor],
    steps: Sequence[Tensor],
    averages: Sequence[Tensor] = (),
    *,
    lr: Tensor | float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decay: Tensor | float = 0.999,
    impl: Impl = "ref",
) -> None:
    """Do the same in plain PyTorch; see :func:`fused_adam_ema`."""
    numbers: dict[str, Any] = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "decay": decay}
    fused_adam_ema(params, grads, means, squares, steps, averages, **numbers, impl="ref")


class FusedAdamEMA(torch.optim.Optimizer):
    """``torch.optim.Adam`` that also keeps the moving average of what it trains; its state is Adam's, either way.

    Args:
        params: as of ``torch.optim.Adam``.
        lr, betas, eps, weight_decay: as of ``torch.optim.Adam``.
        averages: the averaged copies of all parameters, in their order, as ``copy.deepcopy(network).parameters()``; they belong to the
            caller, who saves them with that network. None for no average.
        decay: of the averages, a number or a scalar on the device; a group's ``"decay"`` may be changed like its ``"lr"``.
        impl: which implementation.

    Raises:
        ValueError: as :func:`fused_adam_ema`, or not as many averages as parameters.
    """

    def __init__(
        self,
        params: Any,
        lr: Tensor | float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        averages: Iterable[Tensor] | None = None,
        decay: Tensor | float = 0.999,
        impl: Impl = "auto",
    ) -> None:
        check_numbers(betas, eps, weight_decay)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "decay": decay})
        self.impl = impl
        self.averages: dict[Tensor, Tensor] = {}
        if averages is not None:
            trained, copies = [p for group in self.param_groups for p in group["params"]], list(averages)
            if len(trained) != len(copies):
                raise ValueError(f"fused_adam_ema: averages must be {len(trained)}, as many as parameters (got {len(copies)})")
            self.averages = dict(zip(trained, copies, strict=True))

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Do a step with the gradients that there are; an average of a parameter without one moves too.

        Args:
            closure: computes the loss again, with gradients.

        Returns:
            What the closure returns, or None.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for params in _alike(group["params"], self.averages):
                self._step(params, group)
            for p in group["params"]:
                if p.grad is None and p in self.averages:
                    self.averages[p].lerp_(p, 1 - group["decay"])
        return loss

    def _step(self, params: list[Tensor], group: dict[str, Any]) -> None:
        states = [self._state_of(p) for p in params]
        fused_adam_ema(
            params,
            [p.grad for p in params if p.grad is not None],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [state["step"] for state in states],
            [self.averages[p] for p in params if p in self.averages],
            **{name: group[name] for name in ("lr", "betas", "eps", "weight_decay", "decay")},
            impl=self.impl,
        )

    def _state_of(self, p: Tensor) -> dict[str, Tensor]:
        state: dict[str, Tensor] = self.state[p]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32, device=p.device)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(p), torch.zeros_like(p)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take a state, Adam's too.

        Raises:
            ValueError: it is of a variant of Adam that this one is not.
        """
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("decay", self.defaults["decay"])
            for variant in ("amsgrad", "maximize", "decoupled_weight_decay", "differentiable"):
                if group.get(variant):
                    raise ValueError(f"fused_adam_ema: {variant} must be False, for this Adam has none (got a state with {variant}=True)")
            for p in group["params"]:
                if saved := self.state.get(p):
                    saved["step"] = torch.as_tensor(saved["step"], dtype=torch.float32, device=p.device)
                    for name in ("exp_avg", "exp_avg_sq"):
                        if saved[name].stride() != p.stride():
                            saved[name] = torch.empty_like(p).copy_(saved[name])


def _alike(params: Sequence[Tensor], averages: dict[Tensor, Tensor]) -> list[list[Tensor]]:
    """Return those with gradients, in lists of one dtype and device, with averages or without."""
    lists: dict[tuple[Any, ...], list[Tensor]] = defaultdict(list)
    for p in params:
        if p.grad is not None:
            lists[p.dtype, p.device, p in averages].append(p)
    return list(lists.values())


def check_numbers(betas: tuple[float, float], eps: float, weight_decay: float) -> None:
    """Raise a ValueError for numbers that Adam does not have."""
    if not all(0 <= beta < 1 for beta in betas):
        raise ValueError(f"fused_adam_ema: betas must be from 0 to below 1 (got {betas})")
    for name, value in (("eps", eps), ("weight_decay", weight_decay)):
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"fused_adam_ema: {name} must be finite and 0 or more (got {value})")


def _check(lists: dict[str, Sequence[Tensor]]) -> None:
    params = lists["params"]
    for name, tensors in lists.items():
        if len(tensors) != len(params) and (tensors or name != "averages"):
            raise ValueError(f"fused_adam_ema: {name} must be {len(params)}, as many as parameters (got {len(tensors)})")
    for place, p in enumerate(params):
        if p.dtype not in _DTYPES or p.dtype != params[0].dtype:
            raise ValueError(f"fused_adam_ema: params must be float32, bfloat16, float16 or float64, all the same (got {p.dtype})")
        if not p.is_contiguous() and not torch.empty_like(p).stride() == p.stride():
            raise ValueError(f"fused_adam_ema: params must have no gaps in memory (parameter {place} has the strides {p.stride()})")
        for name in ("grads", "means", "squares", "averages"):
            for one in lists[name][place : place + 1]:
                if one.shape != p.shape or one.dtype != p.dtype:
                    wanted = f"{p.dtype} {list(p.shape)}, like parameter {place}"
                    raise ValueError(f"fused_adam_ema: {name} must be {wanted} (got {one.dtype} {list(one.shape)})")
                if name != "grads" and one.stride() != p.stride():
                    raise ValueError(
                        f"fused_adam_ema: {name} must have the strides of parameter {place}, {p.stride()} (got {one.stride()})"
                    )
        step = lists["steps"][place]
        if step.shape != () or step.dtype != torch.float32:
            raise ValueError(f"fused_adam_ema: steps must be scalars in float32 (got {step.dtype} {list(step.shape)})")


def _scalar(value: Tensor | float, like: Tensor) -> Tensor:
    """Return a scalar on the device; a number is filled in by a launch, not copied from the host, which a capture would refuse."""
    if isinstance(value, Tensor):
        return value if value.device == like.device else value.to(like.device)
    return torch.full((), value, dtype=torch.promote_types(like.dtype, torch.float32), device=like.device)


def _reference(
    params: list[Tensor],
    grads: list[Tensor],
    means: list[Tensor],
    squares: list[Tensor],
    steps: list[Tensor],
    averages: list[Tensor],
    lr: Tensor,
    decay: Tensor,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
) -> None:
    for place, (p, g, mean, square, step) in enumerate(zip(params, grads, means, squares, steps, strict=True)):
        step += 1
        wide = torch.promote_types(p.dtype, torch.float32)
        value, g, m, v = p.to(wide), g.to(wide), mean.to(wide), square.to(wide)
        g = g + weight_decay * value if weight_decay else g
        m = torch.lerp(m, g, 1 - beta1)
        v = beta2 * v + (1 - beta2) * g * g
        first, second = (-torch.expm1(step.double() * math.log(beta)) if beta else torch.ones_like(step) for beta in (beta1, beta2))
        value = value - (lr / first).to(wide) * m / (v.sqrt() / second.sqrt().to(wide) + eps)
        for kept, new in ((p, value), (mean, m), (square, v)):
            kept.copy_(new)
        if averages:
            average = averages[place].to(wide)
            averages[place].copy_(average + (1 - decay.to(wide)) * (p.to(wide) - average))


_op = register(
    "fused_adam_ema(Tensor(a!)[] params, Tensor[] grads, Tensor(b!)[] means, Tensor(c!)[] squares, Tensor(d!)[] steps,"
    " Tensor(e!)[] averages, Tensor lr, Tensor decay, float beta1, float beta2, float eps, float weight_decay) -> ()",
    kernel="ganbench_kernels.jit.fused_adam_ema:launch",
    reference=_reference,
    fake=lambda *_: None,
)
