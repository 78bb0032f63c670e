"""Every architecture and recipe that comes with ganbench, a few steps each: the promises that a run makes, whatever is trained.

Each family states a small configuration of its names in ``zoo_<family>.py``.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from zoo import small_cases

from ganbench import ModelSpec
from ganbench.config.resolve import Layer
from ganbench.plugin.manager import HOME, PluginManager
from ganbench.run.build import Materials, build
from ganbench.run.plan import plan_run
from ganbench.spec import RecipeSpec
from ganbench.testing.recorded_graph import RecordedGraphs
from ganbench.training.algorithm import Algorithm, execute
from ganbench.training.compile_runner import CompileRunner
from ganbench.training.graph_runner import GraphRunner

MANAGER = PluginManager()
CPU = torch.device("cpu")


CASES = small_cases()
ARCHITECTURES = [name for name in CASES if not isinstance(MANAGER.find(ModelSpec, name).spec, RecipeSpec)]


def materials(name: str, **settings: Any) -> Materials:
    """Build a run of its small configuration, without metrics."""
    chosen = {"training.device": "cpu", "training.threads": 1, "evaluation.metrics": (), **CASES[name], **settings}
    return build(plan_run(MANAGER, name, [Layer(origin="test", settings=chosen)]), MANAGER)


class Run:
    """An algorithm with the global random state of its own run, as a process of its own would have it."""

    def __init__(self, name: str, **settings: Any) -> None:
        self.algorithm: Algorithm = materials(name, **settings).algorithm
        self.random = torch.get_rng_state()
        self._seen = self._done = 0

    def train(self, iterations: int, step: Callable[[int], None] | None = None) -> None:
        """Run iterations as the trainer does."""
        torch.set_rng_state(self.random)
        for _ in range(iterations):
            self.algorithm.set_progress(self._seen)
            (step or (lambda i: execute(self.algorithm, i)))(self._done)
            self._seen += self.algorithm.samples_shown(self._done)
            self._done += 1
        self.random = torch.get_rng_state()

    def save(self) -> tuple[bytes, Tensor, int, int]:
        """Return what a checkpoint holds of it."""
        buffer = io.BytesIO()
        torch.save(self.algorithm.state_dict(), buffer)
        return buffer.getvalue(), self.random, self._seen, self._done

    def load(self, saved: tuple[bytes, Tensor, int, int]) -> None:
        state, self.random, self._seen, self._done = saved
        self.algorithm.load_state_dict(torch.load(io.BytesIO(state), weights_only=True))

    def weights(self) -> dict[str, Tensor]:
        """Return every parameter and buffer of every network."""
        return {f"{n}.{k}": v.clone() for n, m in self.algorithm.modules().items() for k, v in m.state_dict().items()}

    def losses(self) -> Tensor:
        return self.algorithm.trajectory()


def unequal(a: dict[str, Tensor], b: dict[str, Tensor]) -> list[str]:
    assert a.keys() == b.keys()
    return [name for name in a if not torch.equal(a[name], b[name])]


def test_every_registered_architecture_and_recipe_has_a_case() -> None:
    """What is added to the zoo is tested with it."""
    ours = {r.spec.name for r in MANAGER.specs(ModelSpec) if r.distribution == HOME}
    assert ours == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_few_steps_move_both_networks_and_go_on_from_a_checkpoint_to_the_same_bits(name: str) -> None:
    """Finite losses; the same seed gives the same bits and another seed others; a restored state goes on as if nothing had happened."""
    whole, resumed, other = Run(name), Run(name), Run(name, **{"training.seed": 1})
    before = whole.weights()
    assert unequal(before, resumed.weights()) == []
    whole.train(2)
    saved = whole.save()
    whole.train(2)
    other.train(1)
    assert torch.isfinite(whole.losses()).all()
    moved = unequal(before, whole.weights())
    for network in ("generator.", "discriminator."):
        assert any(path.startswith(network) for path in moved), network
    assert not torch.equal(whole.losses()[:1], other.losses()[:1])
    resumed.load(saved)
    resumed.train(2)
    assert unequal(whole.weights(), resumed.weights()) == []
    assert torch.equal(whole.losses(), resumed.losses())


@pytest.mark.parametrize("name", CASES)
def test_bf16_trains_with_weights_and_losses_in_fp32(name: str) -> None:
    """The networks run under autocast; two steps stay finite."""
    run = Run(name, **{"training.precision": "bf16"})
    before = run.weights()
    run.train(2)
    assert torch.isfinite(run.losses()).all()
    assert {p.dtype for m in run.algorithm.modules().values() for p in m.parameters()} == {torch.float32}
    assert unequal(before, run.weights()) != []


@pytest.mark.parametrize("name", CASES)
def test_captured_steps_are_the_eager_ones_where_they_are_claimed(name: str) -> None:
    """Replayed without their Python for three iterations, by graphs recorded in software: the same bits as of the same seed."""
    # On a CPU torch's RMSprop reads its learning rate on the host, which it does not on a GPU.
    adam = {f"{n}_optimizer.kind": "adam" for n in ("generator", "discriminator")} if name == "wgan" else {}
    eager, replayed = Run(name, **adam), Run(name, **adam)
    if "cuda_graph" not in replayed.algorithm.runners:
        pytest.skip(f"{name} does not claim it")
    runner = GraphRunner(replayed.algorithm, CPU, RecordedGraphs())
    torch.set_rng_state(replayed.random)
    runner.start()
    replayed.train(3, runner.run)
    eager.train(3)
    assert torch.equal(eager.losses(), replayed.losses())
    assert unequal(eager.weights(), replayed.weights()) == []


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.filterwarnings("ignore")  # of the compilers of some versions of torch
def test_compiled_steps_are_the_eager_ones_where_they_are_claimed(name: str) -> None:
    """Up to rounding, which the runner also checks itself before a run."""
    torch._dynamo.reset()
    eager, compiled = Run(name), Run(name)
    if "compile" not in compiled.algorithm.runners:
        pytest.skip(f"{name} does not claim it")
    runner = CompileRunner(compiled.algorithm, CPU, "aot_eager")
    torch.set_rng_state(compiled.random)
    runner.start()
    compiled.train(1, runner.run)
    eager.train(1)
    torch.testing.assert_close(compiled.losses(), eager.losses(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_the_evaluated_generator_makes_sane_images_at_initialisation(name: str) -> None:
    """Of the shape that they are compared in, near [-1, 1] (ProGAN has no tanh), not all alike."""
    made = materials(name)
    generator, networks, translation = made.algorithm.evaluated_modules()["generator"], made.networks, made.networks.inputs
    reference = made.dataset if translation is None else translation.reference(made.dataset)
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(6) % reference.num_classes if networks.inputs.labels else None
    if translation is None:
        inputs = torch.rand(6, networks.inputs.dim, generator=random) * 2 - 1
    else:
        inputs = translation.inputs(made.dataset, 6, random)
    with torch.inference_mode():
        images = generator(inputs, labels)
    assert list(images.shape) == [6, *reference.space.size]
    assert torch.isfinite(images).all()
    assert float((images - images[:1]).abs().max()) > 0
    assert float(images.abs().max()) < 4
