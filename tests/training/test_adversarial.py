"""The default iteration: against a loop written by hand, and each promise that its docstrings make."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from tiny_algorithm import BATCH, assert_same, make, train, update_discriminator, weights
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.utils._python_dispatch import TorchDispatchMode

from ganbench.data.choose import make_sampler
from ganbench.training.adversarial import AdversarialAlgorithm
from ganbench.training.seeding import stream
from ganbench_spaces.images import image_source


def hand_written(iterations: int, loss: Callable[[Tensor, float], Tensor], two_backwards: bool) -> tuple[dict[str, Tensor], Tensor]:
    """The loop of pytorch/examples dcgan/main.py: one generator forward, D on real, D on detached fakes, D again on the fakes."""
    algorithm = make({"training.ema_halflife_kimg": 0.0})
    generator, discriminator = algorithm.modules()["generator"], algorithm.modules()["discriminator"]
    rate = torch.tensor(2e-4)  # float32, as ganbench keeps it
    adam_g, adam_d = (torch.optim.Adam(n.parameters(), lr=rate, betas=(0.5, 0.999), fused=True) for n in (generator, discriminator))
    pixels = torch.randint(0, 256, (40, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))
    sampler = make_sampler(image_source(pixels), batch_size=BATCH, seed=0, channels_last=True)
    random = stream(0, "latents")
    losses: list[list[float]] = []
    for _ in range(iterations):
        fake = generator(torch.randn(BATCH, 6, generator=random), None)
        real = sampler.next(BATCH).samples
        discriminator.zero_grad()
        if two_backwards:
            error_real = loss(discriminator(real, None).logits, 1.0)
            error_real.backward()
            error_fake = loss(discriminator(fake.detach(), None).logits, 0.0)
            error_fake.backward()
        else:
            error_real, error_fake = loss(discriminator(real, None).logits, 1.0), loss(discriminator(fake.detach(), None).logits, 0.0)
            (error_real + error_fake).backward()
        adam_d.step()
        generator.zero_grad()
        error_generator = loss(discriminator(fake, None).logits, 1.0)
        error_generator.backward()
        adam_g.step()
        losses.append([(error_real + error_fake).item(), error_generator.item()])
    state = {f"{n}.{k}": v for n, m in (("generator", generator), ("discriminator", discriminator)) for k, v in m.state_dict().items()}
    return state, torch.tensor(losses)


def test_the_joint_update_is_the_loop_of_pytorch_examples_bit_for_bit() -> None:
    """With the same expression of the loss: the same networks, running statistics and losses after five iterations."""
    state, losses = hand_written(5, lambda x, target: softplus(-x if target else x).mean(), two_backwards=False)
    algorithm = make({"training.ema_halflife_kimg": 0.0})
    train(algorithm, 5)
    assert algorithm.plan(0) == ("joint",)
    ours = weights(algorithm)
    assert_same({k: ours[k] for k in state}, state)
    assert torch.equal(algorithm.trajectory(), losses)


def test_it_agrees_with_sigmoid_and_binary_cross_entropy() -> None:
    """As that loop really writes it, with two backward passes: equal but for rounding."""

    def loss(logits: Tensor, target: float) -> Tensor:
        return nn.functional.binary_cross_entropy(torch.sigmoid(logits), torch.full_like(logits, target))

    state, losses = hand_written(3, loss, two_backwards=True)
    algorithm = make({"training.ema_halflife_kimg": 0.0})
    train(algorithm, 3)
    torch.testing.assert_close(algorithm.trajectory(), losses, rtol=1e-4, atol=1e-5)
    ours = weights(algorithm)
    for name, value in state.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-3, atol=1e-4, msg=name)


def test_the_same_seed_gives_the_same_trajectory_and_another_seed_another() -> None:
    """Weights, latents and the order of the data hang on the seed alone."""
    first, second, other = make(), make(), make({"training.seed": 1})
    for algorithm in (first, second, other):
        train(algorithm, 4)
    assert first.trajectory().shape == (4, 2)
    assert torch.equal(first.trajectory(), second.trajectory())
    assert_same(weights(first), weights(second))
    assert not torch.equal(first.trajectory(), other.trajectory())


CASES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "joint": ({}, {}),
    "apart": ({"training.shared_fakes": False}, {}),
    "three-steps": ({"training.d_steps": 3}, {}),
    "double-generator-batch": ({"training.generator_batch_factor": 2}, {}),
    "hinge-r1": ({"loss.name": "hinge"}, {"loss.r1_gamma": "1", "discriminator_norm": "none"}),
    "wgan-gp": ({"loss.name": "wasserstein", "training.d_steps": 2}, {"gp_weight": "10", "discriminator_norm": "none"}),
    "wgan-clip": ({"loss.name": "wasserstein"}, {}),
    "bf16": ({"training.precision": "bf16"}, {}),
    "bf16-r1": ({"training.precision": "bf16"}, {"loss.r1_gamma": "1", "discriminator_norm": "none"}),
    "linear": ({"generator_optimizer.schedule": "linear", "discriminator_optimizer.schedule": "cosine"}, {}),
    "late-ema": ({"training.ema_start_kimg": 0.03}, {}),
    "rmsprop": ({"generator_optimizer.kind": "rmsprop", "discriminator_optimizer.kind": "rmsprop"}, {}),
    "nchw": ({"training.channels_last": False}, {}),
    "conditional": ({}, {"conditional": "true"}),
}


def case(name: str) -> AdversarialAlgorithm:
    settings, options = CASES[name]
    labels = torch.arange(40) % 3 if name == "conditional" else None
    return make(settings, labels, **options)


@pytest.mark.slow(keep=5)
@pytest.mark.parametrize("name", CASES)
def test_a_restored_state_goes_on_to_the_same_bits(name: str) -> None:
    """Through torch.save and weights_only, as a checkpoint does; everything that a step reads is in it."""
    whole = case(name)
    train(whole, 3)
    buffer = io.BytesIO()
    torch.save(whole.state_dict(), buffer)
    buffer.seek(0)
    train(whole, 3, start=3)
    resumed = case(name)
    train(resumed, 1)  # whatever it did before is gone
    resumed.load_state_dict(torch.load(buffer, weights_only=True))
    train(resumed, 3, start=3)
    assert_same(weights(whole), weights(resumed))
    assert torch.equal(whole.trajectory(), resumed.trajectory())
    assert whole.read_statistics() == resumed.read_statistics()


@pytest.mark.parametrize("name", CASES)
def test_training_moves_both_networks_and_stays_finite(name: str) -> None:
    """Weights stay float32 under every precision; the average is finite too."""
    algorithm = case(name)
    before = weights(algorithm)
    train(algorithm, 2)
    after = weights(algorithm)
    for network in ("generator", "discriminator", "generator_ema"):
        assert any(not torch.equal(before[k], v) for k, v in after.items() if k.startswith(network + "."))
    assert all(torch.isfinite(v).all() for v in after.values())
    assert {v.dtype for k, v in after.items() if not k.endswith("num_batches_tracked")} == {torch.float32}
    statistics = algorithm.read_statistics()
    assert all(torch.isfinite(torch.tensor(v)) for v in statistics.values())


class NoSynchronisation(TorchDispatchMode):
    """Fails where the host would wait for a device: ``.item()``, ``bool(tensor)``, ``float(tensor)``, ``nonzero``."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func.overloadpacket not in (torch.ops.aten._local_scalar_dense, torch.ops.aten.nonzero, torch.ops.aten.equal), func
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", [name for name in CASES if name != "rmsprop"])
def test_no_phase_waits_for_the_device(name: str) -> None:
    """RMSprop on a CPU is left out: there torch reads its own learning-rate tensor, and there is nothing to wait for."""
    algorithm = case(name)
    train(algorithm, 1)
    phases = {phase.name: phase for phase in algorithm.phases()}
    for name in dict.fromkeys(algorithm.plan(1)):
        if (stage := phases[name].stage) is not None:
            stage()
        with NoSynchronisation():
            phases[name].run()


def test_the_check_for_waiting_would_notice() -> None:
    """The mode of the test above fails on ``.item()``."""
    with pytest.raises(AssertionError, match="_local_scalar_dense"), NoSynchronisation():
        torch.ones(1).sum().item()


def test_the_generators_update_leaves_no_gradient_in_the_discriminator() -> None:
    """Its weights are frozen meanwhile, which saves their gradients, and trainable afterwards."""
    algorithm = make()
    update_discriminator(algorithm)
    discriminator, generator = algorithm.modules()["discriminator"], algorithm.modules()["generator"]
    discriminator.zero_grad(set_to_none=True)
    before = {k: v.clone() for k, v in discriminator.named_parameters()}
    algorithm.generator_update()
    assert all(p.grad is None for p in discriminator.parameters())
    assert all(p.requires_grad for p in discriminator.parameters())
    assert all(torch.equal(before[k], v) for k, v in discriminator.named_parameters())
    assert all(p.grad is not None for p in generator.parameters())


def test_the_discriminator_thaws_even_if_the_generators_update_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle must not leave it frozen in the checkpoint that follows."""
    algorithm = make()
    train(algorithm, 1)
    monkeypatch.setattr(algorithm, "step", lambda name, loss: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        algorithm.generator_update()
    assert all(p.requires_grad for p in algorithm.modules()["discriminator"].parameters())


def test_the_discriminators_update_builds_no_graph_in_the_generator() -> None:
    """Neither gradient nor a changed weight there."""
    algorithm = make()
    generator = algorithm.modules()["generator"]
    before = {k: v.clone() for k, v in generator.named_parameters()}
    update_discriminator(algorithm)
    assert all(p.grad is None for p in generator.parameters())
    assert all(torch.equal(before[k], v) for k, v in generator.named_parameters())


@pytest.mark.parametrize("settings", [{}, {"training.shared_fakes": False}])
def test_real_and_generated_images_go_through_the_discriminator_apart(settings: dict[str, Any]) -> None:
    """Trap 16: three forwards of one batch each, real, fake, fake; batch statistics of a mixture give the answer away."""
    algorithm = make(settings)
    pixels = torch.randint(0, 256, (40, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))
    known = (pixels / 127.5 - 1).flatten(1)
    seen: list[list[bool]] = []

    def look(_: nn.Module, arguments: tuple[Any, ...]) -> None:
        difference = (arguments[0].detach().flatten(1)[:, None] - known).abs().amax(dim=2)  # [N, 40]
        seen.append((difference.amin(dim=1) < 1e-5).tolist())

    algorithm.modules()["discriminator"].register_forward_pre_hook(look)
    train(algorithm, 1)
    assert seen == [[True] * BATCH, [False] * BATCH, [False] * BATCH]


def test_clipping_happens_before_each_step_of_the_discriminator() -> None:
    """As martinarjovsky/WassersteinGAN: a forward never sees a weight beyond the bound; the step may leave one there."""
    settings = {"loss.name": "wasserstein", "training.d_steps": 2, "discriminator_optimizer.learning_rate": 0.1}
    algorithm = make(settings, weight_clip="0.01")
    discriminator = algorithm.modules()["discriminator"]
    largest: list[float] = []

    def look(module: nn.Module, _: tuple[Any, ...]) -> None:
        largest.append(max(p.abs().max().item() for p in module.parameters()))

    handle = discriminator.register_forward_pre_hook(look)
    update_discriminator(algorithm)
    update_discriminator(algorithm)
    handle.remove()
    assert largest == [pytest.approx(0.01)] * 4
    assert max(p.abs().max().item() for p in discriminator.parameters()) > 0.05


def test_rmsprop_with_clipping_is_wgans_step() -> None:
    """The first step by hand: clamp, gradient of f - r, RMSprop with alpha 0.99."""
    optimizer = {"kind": "rmsprop", "learning_rate": 5e-5}
    settings = {f"{n}_optimizer.{k}": v for n in ("generator", "discriminator") for k, v in optimizer.items()}
    algorithm, twin = (make({**settings, "loss.name": "wasserstein", "training.d_steps": 5}) for _ in range(2))
    update_discriminator(algorithm)
    discriminator, generator = twin.modules()["discriminator"], twin.modules()["generator"]
    pixels = torch.randint(0, 256, (40, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        fake = generator(torch.randn(BATCH, 6, generator=stream(0, "latents")), None)
        for parameter in discriminator.parameters():
            parameter.clamp_(-0.01, 0.01)
    real = make_sampler(image_source(pixels), batch_size=BATCH, seed=0, channels_last=True).next(BATCH).samples
    (discriminator(fake, None).logits.mean() - discriminator(real, None).logits.mean()).backward()
    with torch.no_grad():
        for ours, theirs in zip(algorithm.modules()["discriminator"].parameters(), discriminator.parameters(), strict=True):
            assert theirs.grad is not None
            step = 5e-5 * theirs.grad / ((0.01 * theirs.grad.square()).sqrt() + 1e-8)
            torch.testing.assert_close(ours, theirs - step, rtol=1e-4, atol=1e-7)


def test_several_discriminator_steps_take_fresh_batches() -> None:
    """plan, counters and the sampler's position agree; fakes are not shared then."""
    algorithm = make({"training.d_steps": 3})
    assert algorithm.plan(0) == ("discriminator",) * 3 + ("generator",)
    assert (algorithm.samples_per_iteration, algorithm.samples_shown(0)) == (3 * BATCH, 3 * BATCH)
    train(algorithm, 2)
    assert algorithm.state_dict()["sampler"]["position"] == 6 * BATCH


def test_the_generators_batch_may_be_larger() -> None:
    """Trap 13: SNGAN and WGAN-GP use twice the discriminator's."""
    algorithm = make({"training.generator_batch_factor": 2})
    sizes: list[int] = []
    algorithm.modules()["generator"].register_forward_pre_hook(lambda _, arguments: sizes.append(len(arguments[0])))
    train(algorithm, 1)
    assert sizes == [BATCH, 2 * BATCH]


@pytest.mark.slow
def test_generated_labels_follow_the_train_split() -> None:
    """Both networks get labels; those of generated images are drawn from the real ones, those of real images are their own."""
    labels = torch.where(torch.arange(40) % 4 == 0, 2, 0)
    algorithm = make({}, labels, conditional="true")
    drawn: list[Tensor] = []
    algorithm.modules()["generator"].register_forward_pre_hook(lambda _, arguments: drawn.append(arguments[1]))
    seen: list[Tensor] = []
    algorithm.modules()["discriminator"].register_forward_pre_hook(lambda _, arguments: seen.append(arguments[1]))
    train(algorithm, 50)
    everything = torch.cat(drawn)
    assert set(everything.tolist()) == {0, 2}
    assert 0.15 < (everything == 2).double().mean() < 0.35
    real = torch.cat(seen[::3])
    assert (real == 2).sum() == 50 * BATCH // 4
    assert all(torch.equal(a, b) for a, b in zip(seen[1::3], drawn, strict=True))


def test_without_conditional_labels_are_left_alone() -> None:
    """A labelled dataset trains an unconditional GAN."""
    algorithm = make({}, torch.arange(40) % 3, conditional="false")
    given: list[Tensor | None] = []
    for name in ("generator", "discriminator"):
        algorithm.modules()[name].register_forward_pre_hook(lambda _, arguments: given.append(arguments[1]))
    train(algorithm, 1)
    assert given == [None] * 4


def test_bf16_runs_the_networks_in_bf16_and_the_losses_in_fp32() -> None:
    """Autocast around the forwards only."""
    algorithm = case("bf16")
    dtypes: set[torch.dtype] = set()
    for name in ("generator", "discriminator"):
        for module in algorithm.modules()[name].modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                module.register_forward_hook(lambda _, __, output: dtypes.add(output.dtype))
    train(algorithm, 1)
    assert dtypes == {torch.bfloat16}
    assert algorithm.trajectory().dtype == torch.float32


def test_a_schedule_reaches_the_optimizers() -> None:
    """set_progress writes their learning-rate tensors."""
    algorithm = make({"generator_optimizer.schedule": "linear", "discriminator_optimizer.schedule": "cosine"})
    algorithm.set_progress(200)
    rates = {name: state["param_groups"][0]["lr"].item() for name, state in algorithm.state_dict()["optimizers"].items()}
    assert rates == {"generator_optimizer": pytest.approx(1e-4), "discriminator_optimizer": pytest.approx(1e-4)}
    algorithm.set_progress(400)
    rates = {name: state["param_groups"][0]["lr"].item() for name, state in algorithm.state_dict()["optimizers"].items()}
    assert rates == {"generator_optimizer": pytest.approx(0, abs=1e-9), "discriminator_optimizer": pytest.approx(0, abs=1e-9)}


def test_the_evaluated_generator_is_the_average() -> None:
    """With the generator's buffers; without a half-life it is the generator itself."""
    algorithm = make({"training.ema_halflife_kimg": 0.1})
    train(algorithm, 3)
    generator, average = algorithm.modules()["generator"], algorithm.evaluated_modules()["generator"]
    assert average is algorithm.modules()["generator_ema"]
    assert not average.training
    assert any(not torch.equal(a, b) for a, b in zip(generator.parameters(), average.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(generator.buffers(), average.buffers(), strict=True))


def test_statistics_are_means_since_the_last_reading() -> None:
    """Of every step between, and then they start anew."""
    algorithm = make({"loss.name": "hinge", "training.d_steps": 2}, **{"loss.r1_gamma": "5", "discriminator_norm": "none"})
    train(algorithm, 4)
    trajectory = algorithm.trajectory()
    statistics = algorithm.read_statistics()
    assert set(statistics) == {"discriminator_loss", "generator_loss", "real_logits", "fake_logits", "abs_logits", "penalty"}
    assert statistics["generator_loss"] == pytest.approx(trajectory[:, 1].mean().item(), rel=1e-5)
    assert statistics["penalty"] > 0
    assert statistics["abs_logits"] >= abs(statistics["real_logits"])
    assert set(algorithm.read_statistics().values()) == {0.0}


def test_a_penalty_changes_the_discriminators_step() -> None:
    """It is in the loss that is differentiated, not only in the statistics."""
    plain, penalised = (make({}, **{"loss.r1_gamma": gamma, "discriminator_norm": "none"}) for gamma in ("0", "100"))
    update_discriminator(plain)
    update_discriminator(penalised, penalised=True)
    with_and_without = [list(a.modules()["discriminator"].parameters()) for a in (plain, penalised)]
    assert any(not torch.equal(a, b) for a, b in zip(*with_and_without, strict=True))
