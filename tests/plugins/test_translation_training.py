"""Training of CycleGAN and pix2pix: every network moves, runs repeat and resume to the same bits, and every runner does the same steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from ganbench.config.resolve import Layer
from ganbench.plugin.manager import PluginManager
from ganbench.run.build import build
from ganbench.run.plan import plan_run
from ganbench.testing.recorded_graph import RecordedGraphs
from ganbench.training.algorithm import execute
from ganbench.training.compile_runner import CompileRunner
from ganbench.training.graph_runner import GraphRunner
from ganbench_translation.algorithm import TranslationAlgorithm

MANAGER = PluginManager()
CPU = torch.device("cpu")
SMALL: dict[str, Any] = {
    "dataset.name": "synthetic",
    "dataset.options.resolution": 8,
    "dataset.options.channels": 1,
    "dataset.options.num_images": 30,
    "dataset.options.num_classes": 2,
    "architecture.options.width": 2,
    "architecture.options.discriminator_width": 2,
    "training.batch_size": 4,
    "training.total_kimg": 0.1,
    "training.device": "cpu",
}
CYCLE = {"architecture.options.num_blocks": 1, "architecture.options.pool_size": 6}
HOLES = {"architecture.options.hole": "random"}
SCALES = {"architecture.options.num_scales": 2, "architecture.options.feature_weight": 10.0, "dataset.options.resolution": 16}
LINEAR = {f"{n}_optimizer.schedule": "linear" for n in ("generator", "discriminator")}
BF16 = {"training.precision": "bf16"}
AVERAGED = {"training.ema_halflife_kimg": 0.01, "training.ema_start_kimg": 0.008, "training.channels_last": True}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "cyclegan": ("cyclegan", {**CYCLE, **LINEAR, "training.horizontal_flip": True}),
    "cyclegan-averaged-bf16": ("cyclegan", {**CYCLE, **AVERAGED, **BF16, "architecture.options.identity_weight": 0.0}),
    "inpainting": ("pix2pix", {**HOLES, **LINEAR, "loss.name": "least-squares"}),
    "pairs-bf16": ("pix2pix", {**SCALES, **BF16, "architecture.options.task": "pairs", "dataset.options.channels": 2}),
}


@pytest.fixture(autouse=True)
def _compiled_code() -> Iterator[None]:
    """Forget what was compiled: each test's algorithm has its own."""
    yield
    torch._dynamo.reset()


def make(case: str) -> TranslationAlgorithm:
    """Build the algorithm as a run does."""
    name, settings = CASES[case]
    plan = plan_run(MANAGER, name, [Layer(origin="test", settings={**SMALL, **settings, "evaluation.metrics": ()})])
    algorithm: Any = build(plan, MANAGER).algorithm
    return algorithm


def train(algorithm: TranslationAlgorithm, iterations: int, start: int = 0, runner: Any = None) -> None:
    """Run iterations as the trainer does; the global stream, which dropout draws from, goes by the first of them."""
    torch.manual_seed(start)
    for i in range(start, start + iterations):
        algorithm.set_progress(4 * i)
        if runner is None:
            execute(algorithm, i)
        else:
            runner.run(i)


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Return every tensor and number of a state by its path."""
    if isinstance(value, (dict, list, tuple)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {k: v for key, inner in items for k, v in flat(inner, f"{path}.{key}").items()}
    return {path: value.clone() if isinstance(value, Tensor) else value}


def unlike(one: TranslationAlgorithm, other: TranslationAlgorithm) -> list[str]:
    """Name what is not the same bits in two states."""
    a, b = flat(one.state_dict()), flat(other.state_dict())
    assert a.keys() == b.keys()
    return [k for k in a if not (torch.equal(a[k], b[k]) if isinstance(a[k], Tensor) else a[k] == b[k])]


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize("case", CASES)
def test_every_network_learns_and_equal_seeds_agree(case: str) -> None:
    """Finite losses; every weight has moved after five iterations; a second run has the same bits."""
    one = make(case)
    before = {name: [p.clone() for p in module.parameters()] for name, module in one.modules().items()}
    train(one, 5)
    statistics = one.read_statistics()
    assert all(abs(value) < 1e3 for value in statistics.values())
    assert statistics["discriminator_loss"] > 0
    assert statistics["generator_loss"] > 0
    moved = {
        name: [not torch.equal(p, old) for p, old in zip(m.parameters(), before[name], strict=True)] for name, m in one.modules().items()
    }
    assert all(all(weights) for weights in moved.values()), moved
    other = make(case)
    train(other, 5)
    other.read_statistics()
    assert unlike(one, other) == []


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize("case", CASES)
def test_a_resumed_run_goes_on_to_the_same_bits(case: str) -> None:
    """Weights, averages, optimizers, pools, streams, samplers and sums, from the middle of an epoch."""
    whole = make(case)
    train(whole, 5)
    again = make(case)
    train(again, 2)
    again.load_state_dict(whole.state_dict())
    train(whole, 4, start=5)
    train(again, 4, start=5)
    assert unlike(whole, again) == []


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize("case", CASES)
def test_replayed_steps_are_the_eager_ones(case: str) -> None:
    """Recorded once and repeated; pools, masks, dropout and samplers go on."""
    eager, replayed = make(case), make(case)
    train(eager, 6)
    runner = GraphRunner(replayed, CPU, RecordedGraphs())
    runner.start()
    train(replayed, 6, runner=runner)
    assert unlike(eager, replayed) == []


@pytest.mark.slow
@pytest.mark.parametrize("case", ["cyclegan", "inpainting"])
def test_compiled_steps_train_as_eager_ones_do(case: str) -> None:
    """The losses of the first iterations."""
    eager, compiled = make(case), make(case)
    train(eager, 4)
    runner = CompileRunner(compiled, CPU, "aot_eager")
    runner.start()
    train(compiled, 4, runner=runner)
    torch.testing.assert_close(compiled.trajectory(), eager.trajectory(), rtol=1e-3, atol=1e-3)
