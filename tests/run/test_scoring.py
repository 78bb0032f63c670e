"""Metrics on scores in a run: what scores the held-out samples, and what is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch

from ganbench.errors import ConfigError
from ganbench.evaluation.naming import plan_metrics
from ganbench.plugin.manager import PluginManager
from ganbench.run.evaluation import build_evaluator, scorers_of
from ganbench.spec import MetricSpec, Quantity
from ganbench.training.objective import as_judgement

AUROC = MetricSpec(
    name="auroc",
    summary="s",
    factory="a:b",
    quantities=(Quantity(name="auroc", label="AUROC", higher_is_better=True),),
    looks_at="scores",
)


def test_a_scorer_sees_samples_as_networks_do_and_modules_as_they_are_evaluated(new_run: Callable[..., Any]) -> None:
    """Held-out samples come as they are stored; training goes on in training mode."""
    made = new_run({"evaluation.metrics": ()}).materials
    seen: list[tuple[bool, tuple[int, ...], float]] = []

    def realism(modules: Any, samples: torch.Tensor) -> torch.Tensor:
        seen.append((modules["discriminator"].training, tuple(samples.shape), samples.abs().max().item()))
        return as_judgement(modules["discriminator"](samples, torch.zeros(len(samples), dtype=torch.int64))).logits

    networks = dataclasses.replace(made.networks, scorers={"realism": realism})
    made.algorithm.networks = networks
    (score,) = scorers_of(made.algorithm, made.dataset, made.device).values()
    assert made.dataset.test is not None
    scores = score(made.dataset.test.read(torch.arange(10)))
    assert scores.shape == (10,)
    assert seen == [(False, (10, 1, 8, 8), 1.0)]
    assert networks["discriminator"].training


def test_networks_that_score_nothing_are_refused(new_run: Callable[..., Any]) -> None:
    """Before anything is trained, with the metric and the architecture."""
    made = new_run({"evaluation.metrics": ()}).materials
    plan = dataclasses.replace(made.plan, metrics=plan_metrics(["auroc"], {"auroc": AUROC}, {}, ""))
    with pytest.raises(ConfigError, match="metric 'auroc' looks at scores, and dcgan gives none; it is for networks with scorers"):
        build_evaluator(plan, PluginManager(), {}, made.dataset, made.networks, made.device)
