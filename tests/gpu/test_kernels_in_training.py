"""The fused ops inside whole steps: they train as the references do, and stay finite in bf16."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from objectives import OBJECTIVES


@pytest.mark.parametrize(
    "name", ["logistic", "hinge", "least-squares", "wasserstein-clipped", "wasserstein-gp", "r1", "conditional-mirrored", "nchw"]
)
def test_the_kernels_train_as_the_references_do(start: Callable[..., Any], name: str) -> None:
    """In fp32 without TF32 the losses of the first iterations agree; they part later, as any two roundings do."""
    settings = {**OBJECTIVES[name], "training.deterministic": True}
    triton, reference = (start("eager", **settings, **{"training.kernels": kernels}).advance(5) for kernels in ("triton", "ref"))
    torch.testing.assert_close(triton.losses()[0], reference.losses()[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(triton.losses(), reference.losses(), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("kernels", ["triton", "ref"])
@pytest.mark.parametrize("runner", ["eager", "cuda_graph"])
@pytest.mark.parametrize("name", ["bf16", "bf16-r1"])
def test_bf16_runs_stay_finite(start: Callable[..., Any], name: str, runner: str, kernels: str) -> None:
    """Losses and every tensor of the state, after 50 iterations."""
    training = start(runner, **OBJECTIVES[name], **{"training.kernels": kernels}).advance(50)
    assert torch.isfinite(training.losses()).all()
    assert [n for n, t in training.tensors().items() if t.is_floating_point() and not torch.isfinite(t).all()] == []
