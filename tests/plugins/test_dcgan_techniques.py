"""DCGAN with the techniques of Salimans et al. 2016: what a run promises holds with each of them."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from tiny_algorithm import BATCH, MANAGER, assert_same, make, train, weights

from ganbench.config.resolve import Layer
from ganbench.errors import ConfigError
from ganbench.run.build import build
from ganbench.run.plan import plan_run
from ganbench.testing.recorded_graph import RecordedGraphs
from ganbench.training.adversarial import AdversarialAlgorithm
from ganbench.training.compile_runner import CompileRunner
from ganbench.training.graph_runner import GraphRunner

CPU = torch.device("cpu")
LABELS = torch.arange(40) % 4
KERNELS = {"head": "linear", "minibatch_discrimination": "6"}
VIRTUAL = {"generator_norm": "virtual", "discriminator_norm": "virtual", "discriminator_base_resolution": "2"}
VARIANTS: dict[str, dict[str, str]] = {
    "virtual-generator": {"generator_norm": "virtual", "first_norm": "unit"},
    "virtual-r1": {**VIRTUAL, "loss.r1_gamma": "1"},
    "virtual-gradient-penalty": {**VIRTUAL, "norm_after_activation": "true", "loss.gp_weight": "10"},
    "kernels": KERNELS,
    "feature-matching": {"loss.feature_matching": "1", "loss.feature_matching_alone": "true"},
    "all": {
        **VIRTUAL,
        **KERNELS,
        "loss.feature_matching": "1",
        "loss.historical_averaging": "0.01",
        "loss.label_smoothing": "0.1",
    },
}


def variant(name: str, **settings: Any) -> AdversarialAlgorithm:
    """Build it on labelled images; the average has a half-life."""
    return make({"training.ema_halflife_kimg": 0.05, **settings}, LABELS, **VARIANTS[name])


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize("name", VARIANTS)
def test_steps_move_both_networks_and_go_on_from_a_checkpoint_to_the_same_bits(name: str) -> None:
    """Reference batches come back with the weights; the same seed gives the same bits."""
    whole, again = variant(name), variant(name)
    before = weights(whole)
    train(whole, 2)
    buffer = io.BytesIO()
    torch.save(whole.state_dict(), buffer)
    train(whole, 2, start=2)
    train(again, 4)
    assert_same(weights(whole), weights(again))
    assert torch.isfinite(whole.trajectory()).all()
    after = weights(whole)
    for network in ("generator", "discriminator"):
        trainable = [f"{network}.{n}" for n, _ in whole.modules()[network].named_parameters()]
        assert [n for n in trainable if torch.equal(before[n], after[n])] == []
    resumed = variant(name)
    buffer.seek(0)
    resumed.load_state_dict(torch.load(buffer, weights_only=True))
    train(resumed, 2, start=2)
    assert_same(after, weights(resumed))


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize("name", VARIANTS)
def test_captured_steps_are_the_eager_ones(name: str) -> None:
    """Replayed without their Python for three iterations, by graphs recorded in software: the same bits."""
    eager, replayed = variant(name), variant(name)
    runner = GraphRunner(replayed, CPU, RecordedGraphs())
    runner.start()
    for i in range(3):
        replayed.set_progress(i * BATCH)
        runner.run(i)
    train(eager, 3)
    assert torch.equal(eager.trajectory(), replayed.trajectory())
    assert_same(weights(eager), weights(replayed))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the compilers of some versions of torch
@pytest.mark.parametrize("name", ["virtual-r1", "all"])
def test_compiled_steps_are_the_eager_ones(name: str) -> None:
    """Up to rounding, with the double backward of a penalty."""
    torch._dynamo.reset()
    eager, compiled = variant(name), variant(name)
    runner = CompileRunner(compiled, CPU, "aot_eager")
    runner.start()
    assert runner.notes() == ()
    compiled.set_progress(0)
    runner.run(0)
    train(eager, 1)
    torch.testing.assert_close(compiled.trajectory(), eager.trajectory(), rtol=1e-4, atol=1e-5)


def test_bf16_trains_with_weights_in_fp32() -> None:
    """All techniques under autocast stay finite."""
    one = variant("all", **{"training.precision": "bf16"})
    train(one, 2)
    assert torch.isfinite(one.trajectory()).all()
    assert {p.dtype for m in one.modules().values() for p in m.parameters()} == {torch.float32}


def test_the_average_has_the_generators_reference_and_weights_of_its_own() -> None:
    """It is evaluated with the reference going through the averaged weights."""
    one = variant("all")
    train(one, 3)
    generator, average = one.modules()["generator"], one.evaluated_modules()["generator"]
    for name in ("reference", "reference_labels"):
        assert torch.equal(generator.get_buffer(name), average.get_buffer(name))
    latents, labels = torch.randn(5, 6), torch.arange(5) % 4
    with torch.inference_mode():
        of_average, of_trained = average(latents, labels), generator(latents, labels)
        generator.load_state_dict(average.state_dict())
        torch.testing.assert_close(generator(latents, labels), of_average)
    assert not torch.equal(of_average, of_trained)


def test_the_reference_is_the_first_batch_of_the_run() -> None:
    """Real images for the discriminator, as many as a batch has."""
    one = variant("all")
    discriminator = one.modules()["discriminator"]
    assert discriminator.get_buffer("reference").shape == (BATCH, 1, 8, 8)
    shown: list[torch.Tensor] = []
    discriminator.register_forward_pre_hook(lambda _, inputs: shown.append(inputs[0]))
    train(one, 1)
    assert torch.equal(shown[0], discriminator.get_buffer("reference"))


def built(*options: str, **settings: Any) -> Any:
    """Build a run as the command line does."""
    chosen = {"dataset.name": "digits", "dataset.options.resolution": 8, "training.device": "cpu", "training.batch_size": 8, **settings}
    small = {"generator_width": "4", "discriminator_width": "4", **dict(option.split("=") for option in options)}
    plan = plan_run(MANAGER, "dcgan", [Layer(origin="test", settings={**chosen, "evaluation.metrics": ()})], small)
    return build(plan, MANAGER)


def test_a_penalty_on_single_samples_goes_with_virtual_batch_norm_and_not_with_minibatch_discrimination() -> None:
    """Virtual batch norm couples no samples; nearness to the others of a batch does, and is refused unless forced."""
    assert built("discriminator_norm=virtual", "loss.r1_gamma=1").forced == ()
    kernels = ("discriminator_norm=virtual", "head=linear", "minibatch_discrimination=4", "loss.r1_gamma=1")
    with pytest.raises(ConfigError, match=r"the penalty r1 takes .*has minibatch discrimination, which couples samples.*--force runs"):
        built(*kernels)
    made = built(*kernels, **{"training.force": True})
    (reason,) = made.forced
    assert "minibatch discrimination" in reason
    train(made.algorithm, 1)
    assert torch.isfinite(made.algorithm.trajectory()).all()


@pytest.mark.parametrize("head", ["conv", "linear"])
def test_feature_matching_goes_with_every_head(head: str) -> None:
    """Alone it teaches the generator what the mean features are."""
    made = built(f"head={head}", "loss.feature_matching=1", "loss.feature_matching_alone=true")
    before = weights(made.algorithm)
    train(made.algorithm, 1)
    after = weights(made.algorithm)
    names = [f"generator.{name}" for name, _ in made.networks["generator"].named_parameters()]
    assert [name for name in names if torch.equal(before[name], after[name])] == []


@pytest.mark.parametrize("options", [(), ("discriminator_norm=virtual",), ("head=linear", "minibatch_discrimination=4")], ids=str)
def test_stacked_digits_go_with_packing(options: tuple[str, ...]) -> None:
    """PacGAN's experiment (Lin et al. 2018): packs of three-channel images, judged, normalised and compared as packs."""
    settings = {"dataset.name": "stacked-digits", "dataset.options.resolution": 8, "dataset.options.num_images": 200}
    made = built(*options, **settings, **{"training.packing": 2})
    discriminator = made.networks["discriminator"]
    shown: list[torch.Tensor] = []
    discriminator.register_forward_pre_hook(lambda _, inputs: shown.append(inputs[0]))
    train(made.algorithm, 2)
    assert {tuple(images.shape) for images in shown} == {(4, 6, 8, 8)}
    assert torch.isfinite(made.algorithm.trajectory()).all()
    if "discriminator_norm=virtual" in options:
        assert torch.equal(discriminator.reference, shown[0])
