"""Whether two loops train alike."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ganbench import RunFailed
from ganbench_bench.step.by_hand import ByHand
from ganbench_bench.step.feeds import from_tensor
from ganbench_bench.step.harness import Harness
from ganbench_bench.step.published import Published

EXACT_STEPS = 2
CHECKED_STEPS = 4
"""Enough for torch.compile's graphs, which are replayed from the third step on."""
TOLERANCES = {"fp32": 0.05, "tf32": 0.05, "bf16": 0.15}
"""How far a loss may be off. Adam's first steps are signs, which rounding turns near 0: right loops part by 1 % in four steps."""


def check_arithmetic(harness: Harness) -> tuple[Tensor, int]:
    """Compare the published loop with the harness's arithmetic by hand, in float64, where rounding hides nothing.

    Returns:
        The first losses of both, ``[steps, 2]`` float64 on the CPU, and the floating-point operations of a step.

    Raises:
        RunFailed: they are two different trainings, so that their speeds compare nothing.
    """
    by_hand = ByHand(harness, average=False, dtype=torch.float64)
    with FlopCounterMode(display=False) as counter:
        exact = by_hand.losses(EXACT_STEPS)
    published = Published(harness, from_tensor(harness, torch.float64), torch.float64).losses(EXACT_STEPS)
    if not torch.allclose(published, exact, rtol=1e-7, atol=1e-7):
        difference = float((published - exact).abs().max())
        raise RunFailed(
            f"the published loop and ganbench train differently: losses differ by {difference:.2g} in float64",
            hint="take an architecture that pytorch/examples' loop can train",
        )
    return exact, counter.get_total_flops() // EXACT_STEPS


def loss_error(losses: Tensor, exact: Tensor) -> float:
    """Return how far a loop's first losses ``[steps, 2]`` are from those in float64, relative to them, or to 0.1 where they are smaller."""
    return float(((losses.double().cpu()[: len(exact)] - exact).abs() / exact.abs().clamp_min(0.1)).max())


def compare_losses(losses: Tensor, expected: Tensor, precision: str) -> str:
    """Return what is wrong with a loop's first losses ``[steps, 2]``, or nothing.

    Args:
        losses: of the loop.
        expected: of the published loop in the same precision.
        precision: fp32, tf32 or bf16.
    """
    losses, expected = losses.double().cpu(), expected.double().cpu()
    if not bool(torch.isfinite(losses).all()):
        return "a loss of the first steps is not finite"
    errors = (losses - expected).abs() / expected.abs().clamp_min(0.1)
    if float(errors.max()) <= TOLERANCES[precision]:
        return ""
    step, which = divmod(int(errors.argmax()), 2)
    name = ("discriminator", "generator")[which]
    return f"the {name}'s loss of step {step + 1} is {losses[step, which]:.4g}, the published loop's {expected[step, which]:.4g}"
