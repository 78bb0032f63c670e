"""The runner of captured steps, with graphs recorded in software: what is recorded once must go on like the phases themselves."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tiny_algorithm import CPU, make, train, weights
from torch import Tensor, nn

from ganbench.errors import ConfigError, RunFailed
from ganbench.testing.recorded_graph import RecordedGraphs
from ganbench.training.adversarial import AdversarialAlgorithm
from ganbench.training.algorithm import Algorithm, execute
from ganbench.training.eager_runner import EagerRunner
from ganbench.training.graph_runner import CudaGraphs, GraphRunner
from ganbench.training.rehearsal import rehearse, require_repetition
from ganbench.training.runner import ChosenRunner, choose_runner, make_runner, start_runner

LABELS = torch.arange(40) % 4
NO_NORM = {"discriminator_norm": "none"}
STEPS: dict[str, tuple[dict[str, Any], dict[str, str], Tensor | None]] = {
    "joint": ({}, {}, None),
    "apart": ({"training.shared_fakes": False}, {}, None),
    "conditional": ({}, {}, LABELS),
    "five-discriminator-steps": ({"training.d_steps": 5, "loss.name": "wasserstein"}, {}, None),
    "clipping": ({"loss.name": "wasserstein", "training.d_steps": 2}, {}, None),  # with Adam: torch's RMSprop reads its rate on a CPU
    "gradient-penalty": ({"loss.name": "wasserstein", "loss.options.gp_weight": 10.0, "training.d_steps": 2}, NO_NORM, None),
    "r1": ({"loss.options.r1_gamma": 1.0}, NO_NORM, None),
    "r1-every-third": ({"loss.options.r1_gamma": 1.0, "training.penalty_every": 3, "training.shared_fakes": False}, NO_NORM, LABELS),
    "schedules": (
        {"generator_optimizer.schedule": "cosine", "discriminator_optimizer.schedule": "linear", "training.ema_halflife_kimg": 0.01},
        {},
        None,
    ),
    "average-starts-late": ({"training.ema_start_kimg": 0.04}, {}, None),
    "large-generator-batch": ({"training.generator_batch_factor": 2}, {}, None),
    "smoothed-minimax": ({"loss.name": "minimax", "loss.options.label_smoothing": 0.1}, {}, None),
    "hinge": ({"loss.name": "hinge"}, {}, LABELS),
    "least-squares-r1": ({"loss.name": "least-squares", "loss.options.r1_gamma": 1.0}, NO_NORM, None),
    "drift": ({"loss.name": "wasserstein", "loss.options.gp_weight": 10.0, "loss.options.drift": 0.001}, NO_NORM, None),
    "bf16": ({"training.precision": "bf16"}, {}, None),
    "momentum": (
        {
            "generator_optimizer.kind": "sgd",
            "generator_optimizer.schedule": "exponential",
            "generator_optimizer.halflife_kimg": 0.02,
            "discriminator_optimizer.kind": "sgd",
            "discriminator_optimizer.weight_decay": 0.01,
            "discriminator_optimizer.final_momentum": 0.7,
            "discriminator_optimizer.momentum_ramp_kimg": 0.05,
        },
        {},
        None,
    ),
}


def build(case: str) -> AdversarialAlgorithm:
    settings, options, labels = STEPS[case]
    return make(settings, labels, **options)


def run(runner: GraphRunner | EagerRunner, algorithm: Algorithm, iterations: int, start: int = 0) -> None:
    """Run iterations as the trainer does."""
    seen = sum(algorithm.samples_shown(i) for i in range(start))
    for i in range(start, start + iterations):
        algorithm.set_progress(seen)
        runner.run(i)
        seen += algorithm.samples_shown(i)


def captured(algorithm: Algorithm) -> tuple[GraphRunner, RecordedGraphs]:
    graphs = RecordedGraphs()
    runner = GraphRunner(algorithm, CPU, graphs)
    runner.start()
    return runner, graphs


def state(algorithm: AdversarialAlgorithm) -> dict[str, Tensor]:
    """Return weights, averages, optimizer state and the run's own sums."""
    whole = algorithm.state_dict()
    adam = {f"{n}.{i}.{k}": v for n, o in whole["optimizers"].items() for i, s in o["state"].items() for k, v in s.items()}
    return {**weights(algorithm), **adam, **whole["statistics"], "random": whole["random-latents"]}


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize("case", STEPS)
def test_replayed_steps_are_the_eager_ones_bit_for_bit(case: str) -> None:
    """Seven iterations, over the border of an epoch: every weight, average, optimizer state, sum, loss and the random stream."""
    eager, replayed = build(case), build(case)
    train(eager, 7)
    runner, _ = captured(replayed)
    run(runner, replayed, 7)
    expected, found = state(eager), state(replayed)
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []
    assert eager.state_dict()["sampler"] == replayed.state_dict()["sampler"]
    assert eager.read_statistics() == replayed.read_statistics()


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize("case", ["joint", "r1-every-third", "clipping"])
def test_starting_changes_nothing(case: str) -> None:
    """Warm-up, capture and check are undone: parameters, optimizer state, buffers, sums, random stream and sampler."""
    untouched, started = build(case), build(case)
    global_before = torch.get_rng_state()
    captured(started)
    expected, found = state(untouched), state(started)
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []
    assert untouched.state_dict()["sampler"] == started.state_dict()["sampler"]
    assert torch.equal(torch.get_rng_state(), global_before)


@pytest.mark.slow
def test_a_checkpoint_is_loaded_under_the_graphs() -> None:
    """Graphs hold addresses: after loading, they must go on from the loaded state."""
    first = build("r1-every-third")
    train(first, 4)
    saved = first.state_dict()
    again = build("r1-every-third")
    runner, graphs = captured(again)
    before = graphs.captures
    again.load_state_dict(saved)
    run(runner, again, 3, start=4)
    train(first, 3, start=4)
    expected, found = state(first), state(again)
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []
    assert graphs.captures == before


@pytest.mark.slow
def test_a_changed_shape_of_the_step_is_captured_anew() -> None:
    """When the average starts, the graphs that only copied are replaced: once."""
    algorithm = build("average-starts-late")
    runner, graphs = captured(algorithm)
    run(runner, algorithm, 5)
    assert graphs.captures == 1
    run(runner, algorithm, 3, start=5)
    assert graphs.captures == 2


@pytest.mark.slow
def test_a_number_of_the_host_in_a_step_is_found_out() -> None:
    """A phase whose Python changes from call to call would stand still in its graph: the comparison with eager steps refuses it."""
    algorithm = build("joint")
    calls = iter(range(10_000))

    def scaled(name: str, function: Any) -> Any:
        return (lambda *a: function(*a) * (1 + next(calls))) if name == "generator_loss" else function

    algorithm.transform(scaled)
    with pytest.raises(RunFailed, match="do not repeat the eager ones"):
        captured(algorithm)


class _Standing(RecordedGraphs):
    """Graphs of which one does nothing when it is replayed."""

    def __init__(self, which: int) -> None:
        super().__init__()
        self.which = which

    def capture(self, phase: Callable[[], None]) -> Callable[[], None]:
        replay = super().capture(phase)
        return (lambda: None) if self.captures - 1 == self.which else replay


@pytest.mark.parametrize("which", [0, 1])
def test_a_graph_that_does_nothing_is_found_out_however_small_its_losses_are(which: int) -> None:
    """Those of Wasserstein's loss begin near 0, so that a loss which stays there says nothing."""
    algorithm = make({"loss.name": "wasserstein", "training.shared_fakes": False})
    assert [phase.name for phase in algorithm.phases()] == ["discriminator", "generator"]
    with pytest.raises(RunFailed, match=r"do not repeat the eager ones \(modules .* parameters: off by"):
        GraphRunner(algorithm, CPU, _Standing(which)).start()


class _Rounded(torch.autograd.Function):
    """Noise of the size of bf16's rounding, forwards and backwards, as another algorithm of a convolution makes it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * (1 + 2**-9 * torch.randn_like(x))

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Any:
        return dy * (1 + 2**-9 * torch.randn_like(dy))


@pytest.mark.parametrize("loss", ["least-squares", "wasserstein", "hinge", "logistic"])
def test_steps_that_round_otherwise_are_not_refused(loss: str) -> None:
    """By three steps the signs of Adam have made a fifth of a movement of it, and losses are further apart than that."""
    algorithm = make({"loss.name": loss, "generator_optimizer.learning_rate": 1e-3})
    expected = rehearse(algorithm, CPU, lambda i: execute(algorithm, i))
    for module in algorithm.modules().values():
        for layer in module.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                layer.register_forward_hook(lambda _layer, _inputs, output: _Rounded.apply(output))
    found = rehearse(algorithm, CPU, lambda i: execute(algorithm, i))
    assert any(not torch.equal(one, other) for part in expected for one, other in zip(expected[part], found[part], strict=True))
    require_repetition(found, expected, "captured")


class _Generator:
    """A random generator as PyTorch before 2.13 has it: a capture that fails leaves it marked as being captured."""

    capturing = False

    def clone_state(self) -> str:
        return "not captured"

    def graphsafe_set_state(self, state: str) -> None:
        self.capturing = state != "not captured"


@pytest.mark.parametrize("fails", [True, False])
def test_after_a_capture_that_fails_the_eager_steps_go_on(monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    """On a pretended GPU: generators draw again, the process is back on its stream, and the message is of what was wrong."""
    own, default, streams = _Generator(), _Generator(), [SimpleNamespace(device_index=1, name="the run's")]

    class Graph:
        def register_generator_state(self, generator: _Generator) -> None:
            assert generator is own

        def replay(self) -> None:
            raise AssertionError

    class Capture:
        def __init__(self, *arguments: object, stream: SimpleNamespace, **keywords: object) -> None:
            streams.append(stream)

        def __enter__(self) -> None:
            own.capturing = default.capturing = True

        def __exit__(self, *error: object) -> None:
            if error[0] is not None:
                raise RuntimeError("CUDA error: operation failed due to a previous error during capture")
            own.capturing = default.capturing = False
            streams.pop()

    for name, fake in {
        "Stream": lambda device: SimpleNamespace(device_index=device.index, name="capturing"),
        "graph_pool_handle": lambda: (0, 1),
        "CUDAGraph": Graph,
        "graph": Capture,
        "current_stream": lambda device: {1: streams[-1]}[device.index],
        "set_stream": streams.append,
        "default_generators": {1: default},
    }.items():
        monkeypatch.setattr(torch.cuda, name, fake)
    graphs = CudaGraphs(torch.device("cuda:1"), [own])  # type: ignore[list-item]

    def phase() -> None:
        if fails:
            raise RuntimeError("operation not permitted when stream is capturing")

    if fails:
        with pytest.raises(RuntimeError, match=r"^operation not permitted when stream is capturing$"):
            graphs.capture(phase)
    else:
        assert callable(graphs.capture(phase))
    assert (own.capturing, default.capturing, streams[-1].name) == (False, False, "the run's")


@pytest.mark.slow
def test_reading_a_value_in_a_step_is_refused() -> None:
    """It would make the host wait, and cannot be captured."""
    algorithm = build("joint")
    algorithm.transform(lambda name, f: (lambda *a: f(*a) * float(f(*a).detach() > -1)) if name == "generator_loss" else f)
    with pytest.raises(RunFailed, match="cannot be captured"):
        captured(algorithm)


class _Failing:
    """A runner that cannot start."""

    name = "cuda_graph"

    def start(self) -> None:
        raise RunFailed("the steps cannot be captured as CUDA graphs: a reason")

    def run(self, iteration: int) -> None:
        raise AssertionError

    def phase_milliseconds(self) -> tuple[tuple[str, float], ...]:
        return ()

    def notes(self) -> tuple[str, ...]:
        return ()


def test_what_nobody_named_falls_back_with_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """``auto`` goes on eagerly and says why; a named runner ends the run."""
    algorithm = build("joint")
    chosen = start_runner(ChosenRunner(_Failing(), "its steps can be captured", named=False), algorithm, CPU)
    assert (chosen.runner.name, chosen.reason) == ("eager", "cuda_graph failed")
    assert [r.getMessage() for r in caplog.records] == [
        "the steps cannot be captured as CUDA graphs: a reason; going on with the eager runner"
    ]
    with pytest.raises(RunFailed, match="a reason"):
        start_runner(ChosenRunner(_Failing(), "as asked"), algorithm, CPU)


def test_auto_is_eager_on_a_cpu_and_says_why() -> None:
    """The reason is in the run's first lines."""
    chosen = choose_runner("auto", build("joint"), CPU)
    assert (chosen.runner.name, chosen.reason) == ("eager", "no GPU to capture on")


def test_graphs_without_a_gpu_are_refused() -> None:
    """Before anything is written."""
    with pytest.raises(ConfigError, match="the device is cpu"):
        make_runner("cuda_graph", build("joint"), CPU)


def test_an_algorithm_that_does_not_allow_capturing_is_not_captured() -> None:
    """A plugin's algorithm must promise it first."""
    algorithm = build("joint")
    algorithm.runners = ("eager",)
    chosen = choose_runner("auto", algorithm, torch.device("cuda"))
    assert (chosen.runner.name, chosen.reason) == ("eager", "this algorithm does not allow capturing")
    with pytest.raises(ConfigError, match="allows auto, eager"):
        make_runner("cuda_graph", algorithm, torch.device("cuda"))
