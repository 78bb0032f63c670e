"""The runner of compiled steps: the same trajectory as the eager one, compiled once, and never a penalty that trains nothing."""

from __future__ import annotations

import dataclasses
import io
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_algorithm import BATCH, CPU, assert_same, make, train, weights
from torch import Tensor, nn
from torch._dynamo.utils import counters
from torch._inductor.async_compile import AsyncCompile
from torch.nn.functional import dropout

from ganbench.errors import RunFailed
from ganbench.training.adversarial import AdversarialAlgorithm
from ganbench.training.compile_runner import CompileRunner
from ganbench.training.compiled_penalty import CompiledPenalty
from ganbench.training.eager_runner import EagerRunner
from ganbench.training.runner import make_runner

LABELS = torch.arange(40) % 4
NO_NORM = {"discriminator_norm": "none"}
STEPS: dict[str, tuple[dict[str, Any], dict[str, str], Tensor | None]] = {
    "joint": ({}, {}, LABELS),
    "apart": ({"training.shared_fakes": False, "training.generator_batch_factor": 2}, {}, None),
    "channels-last": ({"training.channels_last": True, "training.ema_halflife_kimg": 0.01, "training.ema_start_kimg": 0.02}, {}, None),
    "contiguous": ({"training.channels_last": False, "generator_optimizer.schedule": "cosine"}, {}, None),
    "clipping": ({"loss.name": "wasserstein", "training.d_steps": 2}, {}, None),
    "gradient-penalty": (
        {"loss.name": "wasserstein", "loss.options.gp_weight": 10.0, "loss.options.drift": 0.001, "training.d_steps": 2},
        NO_NORM,
        None,
    ),
    "r1": ({"loss.options.r1_gamma": 100.0}, NO_NORM, LABELS),
    "r1-every-third": ({"loss.options.r1_gamma": 100.0, "training.penalty_every": 3, "training.shared_fakes": False}, NO_NORM, None),
    "smoothed-minimax": ({"loss.name": "minimax", "loss.options.label_smoothing": 0.1}, {}, None),
    "bf16": ({"training.precision": "bf16"}, {}, None),
    "r1-bf16": ({"training.precision": "bf16", "loss.options.r1_gamma": 100.0}, NO_NORM, None),
}


@pytest.fixture(autouse=True)
def _compiled_code() -> Iterator[None]:
    """Forget what was compiled: each test's algorithm has its own."""
    yield
    torch._dynamo.reset()


def build(case: str) -> AdversarialAlgorithm:
    settings, options, labels = STEPS[case]
    return make(settings, labels, **options)


def run(runner: EagerRunner, algorithm: AdversarialAlgorithm, iterations: int) -> None:
    """Run iterations as the trainer does."""
    seen = 0
    for i in range(iterations):
        algorithm.set_progress(seen)
        runner.run(i)
        seen += algorithm.samples_shown(i)


def children() -> set[str]:
    """Return the numbers of the processes that this one has started and that still run."""
    return {number for task in Path("/proc/self/task").iterdir() for number in (task / "children").read_text().split()}


def started(algorithm: AdversarialAlgorithm, backend: str | Callable[..., Any] = "aot_eager") -> CompileRunner:
    runner = CompileRunner(algorithm, CPU, backend)
    runner.start()
    return runner


def num_graphs() -> int:
    """Return how many regions were compiled so far."""
    return int(counters["stats"]["unique_graphs"])


def assert_same_training(ours: AdversarialAlgorithm, eager: AdversarialAlgorithm, atol: float = 2e-6) -> None:
    """The losses, and every parameter and buffer; Adam moves a parameter by about 2e-4 in an iteration."""
    torch.testing.assert_close(ours.trajectory(), eager.trajectory(), rtol=1e-4, atol=1e-5)
    ours_weights, eager_weights = weights(ours), weights(eager)
    for name, value in eager_weights.items():
        torch.testing.assert_close(ours_weights[name], value, rtol=1e-4, atol=atol, msg=lambda m, name=name: f"{name}: {m}")


@pytest.mark.slow
@pytest.mark.parametrize("case", STEPS)
def test_compiled_steps_train_as_eager_ones_do(case: str) -> None:
    """After five iterations; nothing is compiled again after the start, and penalties are compiled too."""
    eager, ours = build(case), build(case)
    train(eager, 5)
    before = num_graphs()
    runner = started(ours)
    compiled = num_graphs()
    assert compiled >= before + 3
    run(runner, ours, 5)
    assert num_graphs() == compiled
    assert runner.notes() == ()
    assert_same_training(ours, eager)


@pytest.mark.slow
def test_deterministic_algorithms_may_be_demanded() -> None:
    """The switch is on when the regions are compiled, as in a run."""
    torch.use_deterministic_algorithms(True)
    eager, ours = build("r1"), build("r1")
    train(eager, 3)
    run(started(ours), ours, 3)
    assert_same_training(ours, eager)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["joint", "gradient-penalty"])
def test_starting_leaves_the_state_as_it_was(case: str) -> None:
    """Weights, buffers, optimizers, random streams, the sampler and the counters."""
    torch.manual_seed(3)
    ours = build(case)
    train(ours, 2)
    before, expected = io.BytesIO(), io.BytesIO()
    torch.save(ours.state_dict(), expected)
    rng = torch.get_rng_state()
    started(ours)
    torch.save(ours.state_dict(), before)
    assert before.getvalue() == expected.getvalue()
    assert torch.equal(torch.get_rng_state(), rng)


@pytest.mark.slow
def test_algorithms_of_one_process_are_compiled_apart() -> None:
    """Each with its own variants, of which torch keeps a few for each function and then gives up."""
    algorithms = [build("r1") for _ in range(2)]
    with torch._dynamo.config.patch(recompile_limit=1):
        runners = [started(algorithm) for algorithm in algorithms]
        assert [runner.notes() for runner in runners] == [(), ()]
        compiled = num_graphs()
        for algorithm, runner in zip(algorithms, runners, strict=True):
            run(runner, algorithm, 2)
        assert num_graphs() == compiled
    assert_same(weights(algorithms[0]), weights(algorithms[1]))


@pytest.mark.slow
def test_inductor_trains_as_eager_steps_do() -> None:
    """The compiler that runs use, with R1, and with dropout, whose numbers are those of the other runners; its workers are gone after."""
    eager, ours = build("r1"), build("r1")
    for algorithm in (eager, ours):
        algorithm.modules()["discriminator"].register_forward_pre_hook(lambda _, arguments: (dropout(arguments[0], 0.2), arguments[1]))
    torch.manual_seed(1)
    train(eager, 4)
    torch.manual_seed(1)
    before = children()
    runner = make_runner("compile", ours, CPU)
    assert isinstance(runner, CompileRunner)
    assert runner.name == "compile"
    with torch._inductor.config.patch(compile_threads=2):
        AsyncCompile.warm_pool()  # on a GPU the compiler does so
        runner.start()
    assert children() == before
    compiled = num_graphs()
    run(runner, ours, 4)
    assert num_graphs() == compiled
    assert runner.notes() == ()
    assert_same_training(ours, eager, atol=2e-5)
    assert len(runner.phase_milliseconds()) == 1


@pytest.mark.slow
def test_a_penalty_that_cannot_be_compiled_stays_eager(caplog: pytest.LogCaptureFixture) -> None:
    """The rest is compiled; one line says so."""

    class Uncompilable:
        name = "uncompilable"
        needs_independent_samples = False

        def __call__(
            self, discriminate: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, uniform: Callable[[int], Tensor]
        ) -> Tensor:
            logits = discriminate(torch.lerp(real, fake, uniform(BATCH).view(-1, 1, 1, 1)))
            torch._dynamo.graph_break()
            return logits.square().mean()

    eager, ours = build("joint"), build("joint")
    for algorithm in (eager, ours):
        algorithm.objective = dataclasses.replace(algorithm.objective, penalties=(Uncompilable(),))
        algorithm.discriminator.eval()  # so that the order of its forwards does not matter
    train(eager, 3)
    with caplog.at_level(logging.WARNING, "ganbench"):
        runner = started(ours)
    (message,) = [r.getMessage() for r in caplog.records if r.name.startswith("ganbench")]
    assert message.startswith("the penalty is not compiled but runs eagerly: Unsupported: ")
    assert [note.removeprefix("the penalty runs eagerly: ") in message for note in runner.notes()] == [True]
    run(runner, ours, 3)
    assert_same_training(ours, eager)


def quadratic(module: nn.Module, scale: float = 1.0) -> Callable[..., Tensor]:
    """A penalty on input gradients, which are the weights."""

    def penalty(real: Tensor, fake: Tensor, labels: Tensor | None, uniform: Callable[[int], Tensor]) -> Tensor:
        images = real if real.requires_grad else real.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(module(images).square().sum(), images, create_graph=True)
        return scale * (gradient.square().sum(1) * uniform(len(real))).mean()

    return penalty


def call(penalty: Callable[..., Tensor]) -> Tensor:
    """Return a penalty of always the same images and draws."""
    generator = torch.Generator().manual_seed(0)
    real = torch.linspace(-1, 1, 12).view(4, 3)
    return penalty(real, -real, None, lambda count: torch.rand(count, generator=generator))


WRONG: dict[str, tuple[Callable[[Tensor, tuple[Tensor, ...]], tuple[Tensor, tuple[Tensor, ...]]], str]] = {
    "detached": (lambda value, gradients: (value, tuple(torch.zeros_like(g) for g in gradients)), "gradient of parameter 0 is off"),
    "one part": (lambda value, gradients: (value, (gradients[0] * 0.7, *gradients[1:])), "gradient of parameter 0 is off"),
    "not a number": (lambda value, gradients: (value, tuple(g * float("nan") for g in gradients)), "gradient of parameter 0 is off"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_compiled_penalty_with_wrong_gradients_is_not_used(case: str) -> None:
    """As of some versions of torch, whose compiled penalty trains nothing: the eager one stands in, from the first call on."""
    module = nn.Linear(3, 2)
    spoil, reason = WRONG[case]
    ours = CompiledPenalty(quadratic(module), [module], lambda region: lambda *arguments: spoil(*region(*arguments)))
    for _ in range(2):
        value = call(ours)
        assert value.requires_grad
        (gradient,) = torch.autograd.grad(value, module.weight)
        (wanted,) = torch.autograd.grad(call(quadratic(module)), module.weight)
        torch.testing.assert_close(gradient, wanted)
        assert reason in ours.reason_for_eager


def test_a_penalty_whose_gradient_is_zero_at_the_start_stays_eager() -> None:
    """Nothing shows then that the compiled one trains anything."""
    module = nn.Linear(3, 2)
    ours = CompiledPenalty(quadratic(module, scale=0.0), [module], lambda region: region)
    call(ours)
    assert "cannot be checked" in ours.reason_for_eager


def test_a_penalty_without_a_gradient_is_left_alone() -> None:
    """A constant is what its plugin wants it to be."""
    module = nn.Linear(3, 2)
    ours = CompiledPenalty(lambda *_: torch.tensor(2.0), [module], lambda region: region)
    assert call(ours).item() == call(ours).item() == 2.0
    assert "cannot be checked" in ours.reason_for_eager


def test_the_check_takes_back_what_a_forward_changes() -> None:
    """Buffers and the global random numbers are those of one eager call."""
    module, twin = (nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Linear(3, 1)) for _ in range(2))
    twin.load_state_dict(module.state_dict())
    torch.manual_seed(0)
    value = call(CompiledPenalty(quadratic(module), [module], lambda region: region))
    state = torch.get_rng_state()
    torch.manual_seed(0)
    wanted = call(quadratic(twin))
    assert torch.equal(value, wanted)
    assert torch.equal(state, torch.get_rng_state())
    assert_same(module.state_dict(), twin.state_dict())


def test_a_penalty_is_weighted_by_what_it_is_multiplied_with() -> None:
    """Its gradients are known beforehand, and the loss may still scale them."""
    module = nn.Linear(3, 2)
    ours = CompiledPenalty(quadratic(module), [module], lambda region: region)
    call(ours)
    assert ours.reason_for_eager == ""
    (once,), (thrice,) = (torch.autograd.grad(weight * call(ours), module.weight) for weight in (1.0, 3.0))
    torch.testing.assert_close(thrice, 3 * once)


@pytest.mark.slow
def test_steps_that_compile_to_something_else_are_refused() -> None:
    """The first losses are compared; the functions are as they were."""

    def wrong(graph: torch.fx.GraphModule, _: list[Tensor]) -> Callable[..., Any]:
        return lambda *arguments: tuple(x * 1.5 if isinstance(x, Tensor) and x.is_floating_point() else x for x in graph(*arguments))

    eager, ours = build("joint"), build("joint")
    with pytest.raises(RunFailed, match=r"do not repeat the eager ones .*; use --runner eager"):
        started(ours, wrong)
    train(eager, 3)
    train(ours, 3)
    assert_same(weights(ours), weights(eager))


@pytest.mark.slow
def test_a_missing_compiler_is_named() -> None:
    """With what to install; the algorithm can go on eagerly."""
    eager, ours = build("joint"), build("joint")
    nothing = torch._inductor.config.patch({"cpp.cxx": ("no-such-compiler",), "fx_graph_cache": False})
    with nothing, pytest.raises(RunFailed, match=r"torch\.compile failed: InvalidCxxCompiler: .*; install a C\+\+ compiler"):
        started(ours, "inductor")
    train(eager, 2)
    train(ours, 2)
    assert_same(weights(ours), weights(eager))


@pytest.mark.slow
def test_a_compiler_that_fails_is_quoted() -> None:
    """Its own words, and what to do."""

    def broken(graph: torch.fx.GraphModule, _: list[Tensor]) -> Callable[..., Any]:
        raise RuntimeError("no such instruction\nmany more lines")

    with pytest.raises(RunFailed, match=r"^torch\.compile failed: RuntimeError: no such instruction; use --runner eager$"):
        started(build("joint"), broken)
