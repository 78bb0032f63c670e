"""A penalty as one compiled region: its value leaves the region together with its parameter gradients.

A compiled region cannot be differentiated twice: AOTAutograd refuses, or with some versions of torch returns a penalty that trains nothing.
So the double backward is traced into the region, which ``trace_autograd_ops`` allows, and no graph leaves it that could get lost.
Before any of it is used, the gradients are compared with the eager ones.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ganbench.training.seeding import global_state, set_global_state

logger = logging.getLogger(__name__)

Function = Callable[..., Any]
_Uniform = Callable[[int], Tensor]

_TOLERANCE = 0.1
"""What may differ in each parameter's gradient, relative to it: bf16 stays below it, and a term that was lost is off by all of it."""
_FLOOR = 0.01
"""What may differ in each parameter's gradient, relative to all of them: some are zero but for rounding."""


class CompiledPenalty:
    """Stands in for an algorithm's ``penalty(real, fake, labels, uniform)``.

    The first call decides: it compiles, compares, and on failure leaves the penalty eager, with one line that says so.

    Args:
        function: the penalty as it is written.
        modules: whose trainable parameters it may depend on.
        compile_region: compiles a function as one region.
    """

    def __init__(self, function: Function, modules: Sequence[nn.Module], compile_region: Callable[[Function], Function]) -> None:
        self._function = function
        self._modules = modules
        self._compiled = compile_region(self._region)
        self._parameters: list[nn.Parameter] = []
        self._counts: tuple[int, ...] = ()
        self._decided = False
        self.reason_for_eager = ""
        """Why it was left eager; empty where it is compiled."""

    def __call__(self, real: Tensor, fake: Tensor, labels: Tensor | None, uniform: _Uniform) -> Tensor:
        """Return the penalty, a scalar that requires grad."""
        if not self._decided:
            return self._decide(real, fake, labels, uniform)
        if self.reason_for_eager:
            return self._eager(real, fake, labels, uniform)
        value, gradients = self._gradients(real, fake, labels, [uniform(count) for count in self._counts])
        penalty: Tensor = _WithGradients.apply(value, gradients, *self._parameters)
        return penalty

    def _eager(self, real: Tensor, fake: Tensor, labels: Tensor | None, uniform: _Uniform) -> Tensor:
        penalty: Tensor = self._function(real, fake, labels, uniform)
        return penalty

    def _gradients(self, real: Tensor, fake: Tensor, labels: Tensor | None, draws: list[Tensor]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Call the region. The real images enter as a leaf, because older versions of torch cannot make one inside."""
        with _traced_gradients():
            value, gradients = self._compiled(real.detach().requires_grad_(True), fake, labels, draws)
        return value, gradients

    def _region(self, real: Tensor, fake: Tensor, labels: Tensor | None, draws: list[Tensor]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """What is compiled. Random numbers are drawn outside, from a generator that a region cannot hold."""
        value = self._eager(real, fake, labels, _dealer(draws))
        return value.detach(), torch.autograd.grad(value, self._parameters)

    def _decide(self, real: Tensor, fake: Tensor, labels: Tensor | None, uniform: _Uniform) -> Tensor:
        """Find out what the penalty draws and depends on, check the region against it, and return the eager value."""
        draws: list[Tensor] = []

        def recording(count: int) -> Tensor:
            draws.append(uniform(count))
            return draws[-1]

        with _repeatable(self._modules, real.device):
            wanted = self._eager_gradients(self._eager(real, fake, labels, recording))
        self._counts = tuple(len(draw) for draw in draws)
        with _repeatable(self._modules, real.device):
            self.reason_for_eager = self._objection(wanted, lambda: self._gradients(real, fake, labels, draws)[1])
        self._decided = True
        if self.reason_for_eager:
            logger.warning("the penalty is not compiled but runs eagerly: %s", self.reason_for_eager)
        return self._eager(real, fake, labels, _dealer(draws))

    def _eager_gradients(self, penalty: Tensor) -> list[Tensor]:
        """Return the gradients of the parameters that the penalty depends on, and remember these parameters."""
        trainable = [p for module in self._modules for p in module.parameters() if p.requires_grad]
        if not penalty.requires_grad:
            return []
        gradients = torch.autograd.grad(penalty, trainable, allow_unused=True)
        self._parameters = [p for p, g in zip(trainable, gradients, strict=True) if g is not None]
        return [g for g in gradients if g is not None]

    def _objection(self, wanted: list[Tensor], compiled: Callable[[], tuple[Tensor, ...]]) -> str:
        """Return why the compiled penalty cannot be used, or nothing."""
        if not any(bool(gradient.any()) for gradient in wanted):
            return "its gradient is zero at the start, so a compiled one cannot be checked"
        if not hasattr(torch._dynamo.config, "trace_autograd_ops"):
            return f"torch {torch.__version__} cannot trace a gradient"
        try:
            found = compiled()
        except Exception as error:  # whatever a plugin's penalty does that cannot be compiled
            return first_line(error)
        return _disagreement(found, wanted)


class _WithGradients(torch.autograd.Function):
    """A scalar whose gradients are known already."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, gradients: tuple[Tensor, ...], *parameters: Tensor) -> Tensor:
        ctx.save_for_backward(*gradients)
        return value.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, weight: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, *torch._foreach_mul(ctx.saved_tensors, weight)


def first_line(error: BaseException) -> str:
    """Return the type and the first line of the error at the bottom of a compiler's errors."""
    while isinstance(inner := getattr(error, "inner_exception", None), BaseException):
        error = inner
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"


def _dealer(draws: list[Tensor]) -> _Uniform:
    """Return a function that deals what was drawn before."""
    remaining = iter(draws)
    return lambda _: next(remaining)


def _disagreement(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> str:
    """Return how gradients differ from those wanted, or nothing."""
    total = torch.stack([w.float().norm() for w in wanted]).norm()
    for position, (f, w) in enumerate(zip(found, wanted, strict=True)):
        error, size = (f - w).float().norm(), w.float().norm()
        if not bool(error <= _TOLERANCE * size + _FLOOR * total):
            return f"its compiled gradient of parameter {position} is off by {float(error):.2g}, its size is {float(size):.2g}"
    return ""


@contextmanager
def _traced_gradients() -> Iterator[None]:
    """Let ``torch.autograd.grad`` be traced, in case a region is compiled now; ``config.patch`` would take half a millisecond."""
    config = torch._dynamo.config
    before = config.trace_autograd_ops
    config.trace_autograd_ops = True
    try:
        yield
    finally:
        config.trace_autograd_ops = before


@contextmanager
def _repeatable(modules: Sequence[nn.Module], device: torch.device) -> Iterator[None]:
    """Take back what a forward does to the networks' buffers and to the global random state."""
    buffers = [buffer for module in modules for buffer in module.buffers()]
    saved = [buffer.clone() for buffer in buffers]
    rng = global_state(device)
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, before in zip(buffers, saved, strict=True):
                buffer.copy_(before)
        set_global_state(rng, device)
