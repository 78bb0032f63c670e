"""Whether an implementation is right, on the inputs that it is going to be timed with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench_bench.kernels.case import Case, Function, Pass
from ganbench_bench.kernels.work import Results, Work, prepare

TOLERANCES = {torch.float32: 1.3e-6, torch.bfloat16: 8e-3, torch.uint8: 0.0}
"""Relative to the value itself, and again to the root mean square of its tensor: sums of N(0, 1) grow with the root of their length."""
BETWEEN_LEVELS = 1.0
"""In an integer result, how far a value on the border of two levels may be off."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison with the reference in float64 shows."""

    problem: str
    """What is wrong; empty where all is right."""
    error: float
    """The largest difference of a value, over the root mean square of its tensor; infinite where there is no finite one."""
    first_seconds: float
    """Until the first result, from inputs that are not drawn yet: all but milliseconds of it is compiling, where something is compiled."""


def compare(case: Case, wanted: Pass, function: Function, device: torch.device, *, seed: int = 0) -> Comparison:
    """Compare one implementation with the reference in float64.

    Args:
        case: the op and its inputs.
        wanted: the pass.
        function: the implementation.
        device: where.
        seed: of the inputs.
    """
    exact = _results(prepare(case, wanted, case.reference, device, seed=seed, exact=True), case, wanted)
    began = time.perf_counter()
    work = prepare(case, wanted, function, device, seed=seed)
    _poison(exact, device)
    found = _results(work, case, wanted)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    first_seconds = time.perf_counter() - began
    tolerance = case.slack * TOLERANCES[case.dtype if case.output_dtype != torch.uint8 else torch.uint8]
    pairs = list(zip(found, exact, strict=True))
    problem = next(_wrong(iter(pairs), tolerance, case.num_outliers.get(wanted, 0.0)), "")
    return Comparison(
        problem, max((_error(got, want) for got, want in pairs if got is not None and want is not None), default=0.0), first_seconds
    )


def _error(got: Tensor, want: Tensor) -> float:
    """Return the largest difference over the root mean square of what is right."""
    if got.shape != want.shape:
        return float("inf")
    off, scale = (got.detach().double() - want.detach().double()).abs(), want.detach().double().square().mean().sqrt()
    error = float(off.max() / scale.clamp_min(torch.finfo(torch.float64).tiny)) if off.numel() else 0.0
    return error if error == error else float("inf")


def _results(work: Work, case: Case, wanted: Pass) -> Results:
    """Call it; a forward's results are its output and the inputs that it changes."""
    results = work.call()
    return (*results, *(work.inputs[i] for i in case.mutates)) if wanted == "forward" else results


def _poison(results: Results, device: torch.device) -> None:
    """Leave memory of the results' sizes full of NaN behind: an allocator that caches gives it out again, and what is not written shows."""
    if device.type == "cuda":
        filled = [torch.full_like(r, 0xFF, dtype=torch.uint8) for r in results if r is not None for _ in range(r.element_size())]
        del filled


def _wrong(pairs: Iterator[tuple[Tensor | None, Tensor | None]], tolerance: float, num_outliers: float) -> Iterator[str]:
    """Yield a sentence for each result that is not right."""
    for place, (got, want) in enumerate(pairs):
        if got is None or want is None:
            if (got is None) != (want is None):
                yield f"result {place} is {'missing' if got is None else 'there, and the reference has none'}"
        elif got.shape != want.shape:
            yield f"result {place} has the shape {list(got.shape)}, the reference {list(want.shape)}"
        elif problem := _difference(got.detach(), want.detach(), tolerance, num_outliers):
            yield f"result {place}: {problem}"


def _difference(got: Tensor, want: Tensor, tolerance: float, num_outliers: float) -> str:
    whole = not got.is_floating_point()
    got, want = got.double(), want.double()
    if not bool(torch.isfinite(got).all()):
        return "not finite"
    error, scale = (got - want).abs(), want.square().mean().sqrt()
    outside = error > tolerance * (want.abs() + scale)
    count = int(outside.sum())
    bound = BETWEEN_LEVELS if whole else float(want.abs().max()) if want.numel() else 0.0
    if count == 0 or (count <= max(1.0, num_outliers * got.numel()) and num_outliers and float(error.max()) <= bound):
        return ""
    return f"{count:,} of {got.numel():,} values are off, by up to {float(error.max()):.2g} (their root mean square is {float(scale):.2g})"
