"""WaveGAN: sizes as published, phase shuffle as its authors' code has it, and what the recipes fix."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

from ganbench import BuildContext, Networks
from ganbench.config.resolve import resolve
from ganbench.plugin.manager import PluginManager
from ganbench_sound import wavegan
from ganbench_sound.options import WaveGANOptions
from ganbench_sound.space import WaveformSpace
from ganbench_sound.wavegan import Discriminator, build, move, shuffle_phase, strides_of

MANAGER = PluginManager()


def networks(length: int = 256, num_classes: int = 0, packing: int = 1, **options: Any) -> Networks:
    """Build narrow networks."""
    torch.manual_seed(0)
    context = BuildContext(space=WaveformSpace(length, 8000), num_classes=num_classes, packing=packing)
    return build(WaveGANOptions(**{"latent_dim": 8, "width": 4, **options}), context)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("width", "generator", "discriminator"),
    [(64, 19_065_345, 17_427_969), (32, 5_180_673, 4_361_985), (16, 1_502_337, 1_092_993), (8, 479_169, 274_497)],
)
def test_wavegan_has_the_published_number_of_parameters(width: int, generator: int, discriminator: int) -> None:
    """Donahue et al. 2019, tables 3 and 4 of the appendix (d = 64), and chrisdonahue/wavegan; the narrower are the layers' own."""
    context = BuildContext(space=WaveformSpace(16_384, 16_000))
    with torch.device("meta"):
        made = build(WaveGANOptions(width=width), context)
    assert (count(made["generator"]), count(made["discriminator"])) == (generator, discriminator)
    channels = [16 * width, 8 * width, 4 * width, 2 * width, width, 1]
    up = sum(25 * a * b + b for a, b in pairwise(channels))
    assert generator == 100 * 256 * width + 256 * width + up
    assert discriminator == sum(25 * a * b + a for a, b in pairwise(channels)) + 256 * width + 1


def test_lengths_have_the_sources_layers() -> None:
    """A layer for each quadrupling from 16; twice that one more with stride 2; anything else is refused before it is built."""
    assert [strides_of(length) for length in (64, 4096, 16_384, 32_768)] == [[4], [4] * 4, [4] * 5, [4] * 5 + [2]]
    for length in (16, 100, 8000, 12_288):
        with pytest.raises(ValueError, match=rf"such as 4096 or 16384 samples \(got {length}\)"):
            strides_of(length)


@pytest.mark.parametrize(("length", "num_classes", "packing"), [(256, 0, 1), (512, 0, 2), (1024, 10, 1)])
def test_shapes_fit_at_every_length(length: int, num_classes: int, packing: int) -> None:
    """Sounds in [-1, 1], one logit for each or for each pack; labels matter to both networks where they are told any."""
    made = networks(length, num_classes, packing, conditional=True)
    latents, labels = torch.rand(4, 8) * 2 - 1, torch.arange(4) if num_classes else None
    sounds = made["generator"](latents, labels)
    assert sounds.shape == (4, 1, length)
    assert 0 < sounds.abs().max() <= 1
    assert made["discriminator"](sounds.view(4 // packing, packing, length), labels).shape == (4 // packing,)
    if labels is not None:
        assert not torch.equal(sounds, made["generator"](latents, labels + 1))
        critic = made["discriminator"].eval()
        assert not torch.equal(critic(sounds, labels), critic(sounds, labels + 1))


def test_a_move_reflects_at_the_ends() -> None:
    """By hand: later by two, earlier by two, and not at all; the outermost sample is not repeated, and no zeros come in."""
    maps = torch.tensor([[[1.0, 2.0, 3.0, 4.0, 5.0]]])
    assert move(maps, torch.tensor([2])).flatten().tolist() == [3, 2, 1, 2, 3]
    assert move(maps, torch.tensor([-2])).flatten().tolist() == [3, 4, 5, 4, 3]
    assert torch.equal(move(maps, torch.tensor([0])), maps)


def test_one_shift_moves_the_whole_batch_and_all_shifts_occur() -> None:
    """Trap: one shift for a call, as in the code behind the published scores, and not one for each sound."""
    torch.manual_seed(0)
    maps = torch.arange(20.0).expand(6, 3, 20)
    first = set()
    for _ in range(100):
        moved = shuffle_phase(maps, 2)
        assert torch.equal(moved, moved[:1, :1].expand(6, 3, 20))
        first.add((moved[0, 0, 10] - 10).item())
    assert first == {-2, -1, 0, 1, 2}
    assert torch.equal(shuffle_phase(maps, 0), maps)


def test_the_phase_is_shuffled_behind_each_layer_but_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap: after the first four convolutions at 16,384 samples and not after the fifth; for any call while training."""
    seen: list[tuple[int, ...]] = []
    monkeypatch.setattr(wavegan, "shuffle_phase", lambda maps, radius: seen.append((maps.shape[2], radius)) or maps)
    critic = Discriminator(WaveGANOptions(width=1), 16_384, 0, 1)
    critic(torch.zeros(1, 1, 16_384))
    assert seen == [(4096, 2), (1024, 2), (256, 2), (64, 2)]
    critic.eval()(torch.zeros(1, 1, 16_384))
    assert len(seen) == 4


def test_each_place_draws_a_shift_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap: four draws in a call, and real and generated sounds, judged apart, have others."""
    draws: list[int] = []

    def draw(low: int, high: int, size: tuple[int, ...], **rest: Any) -> torch.Tensor:
        draws.append(len(draws) % 5 - 2)
        assert (low, high, size) == (-2, 3, (1,))
        return torch.tensor([draws[-1]])

    monkeypatch.setattr(torch, "randint", draw)
    critic = networks(1024)["discriminator"]
    sounds = torch.rand(2, 1, 1024)
    once, again = critic(sounds), critic(sounds)
    assert len(draws) == 4
    assert not torch.equal(once, again)


def test_a_logit_is_of_its_own_sound_alone() -> None:
    """No norm anywhere, which the gradient penalty asks for; the penalty has a second derivative through the shuffle."""
    critic = networks()["discriminator"].eval()
    sounds = torch.rand(3, 1, 256, requires_grad=True)
    torch.testing.assert_close(critic(sounds)[:1], critic(sounds[:1]))
    (gradient,) = torch.autograd.grad(critic.train()(sounds).sum(), sounds, create_graph=True)
    gradient.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for n, p in critic.named_parameters() if "weight" in n)


def test_weights_are_initialised_as_tensorflow_does() -> None:
    """Glorot's bound by hand, of 4 to 8 channels with 25 taps; biases are 0."""
    made = networks(1024)
    second = made["discriminator"].layers[1]  # type: ignore[index, union-attr]
    assert second.weight.abs().max().item() == pytest.approx((6 / (25 * (4 + 8))) ** 0.5, rel=0.02)
    assert not any(p.any() for n in made.modules.values() for k, p in n.named_parameters() if k.endswith("bias"))


def test_the_published_recipe_trains_as_its_source() -> None:
    """train_wavegan.py: WGAN-GP with lambda 10, five critic steps, Adam at 1e-4 (0.5, 0.9), batches of 64, z of 100 from U(-1, 1)."""
    config = resolve(MANAGER, "wavegan-sc09", []).config
    training, adam = config.training, config.discriminator_optimizer
    assert (training.batch_size, training.d_steps, training.ema_halflife_kimg) == (64, 5, 0.0)
    assert training.total_kimg == 200 * 5 * 64
    assert config.generator_optimizer == adam
    assert (adam.learning_rate, adam.beta1, adam.beta2, adam.schedule) == (1e-4, 0.5, 0.9, "constant")
    assert config.loss.options.gp_weight == 10  # type: ignore[attr-defined]
    options = config.architecture.options
    assert isinstance(options, WaveGANOptions)
    assert options == WaveGANOptions(width=64, phase_shuffle=2)
    assert networks().inputs.distribution == "uniform"  # type: ignore[attr-defined]
