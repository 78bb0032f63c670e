"""SpecGAN: sizes as published, spectrograms there and back, and that training sees what is measured only as spectrograms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import signal
from torch import nn

from ganbench import BuildContext, Networks
from ganbench.config.resolve import resolve
from ganbench.plugin.manager import PluginManager
from ganbench_sound.options import SpecGANOptions
from ganbench_sound.space import WaveformSpace
from ganbench_sound.specgan import build
from ganbench_sound.spectra import Spectra


def networks(length: int = 256, num_classes: int = 0, **options: Any) -> Networks:
    """Build narrow networks."""
    torch.manual_seed(0)
    context = BuildContext(space=WaveformSpace(length, 8000), num_classes=num_classes)
    return build(SpecGANOptions(**{"latent_dim": 8, "width": 2, **options}), context)


def voice(length: int = 4096) -> torch.Tensor:
    """Return a sound of harmonics that rise, over a little noise, ``[1, 1, T]``."""
    time = torch.arange(length, dtype=torch.float64) / 8000
    noise = 0.01 * torch.randn(1, 1, length, generator=torch.Generator().manual_seed(0))
    return noise + sum(0.2 / n * torch.sin(2 * torch.pi * n * (150 + 100 * time) * time) for n in range(1, 6))[None, None].float()  # type: ignore[union-attr]


def test_specgan_has_the_published_number_of_parameters() -> None:
    """Donahue et al. 2019, tables 5 and 6 of the appendix, and chrisdonahue/wavegan specgan.py: 5x5 kernels, 1024 to 64 channels."""
    with torch.device("meta"):
        made = build(SpecGANOptions(), BuildContext(space=WaveformSpace(16_384, 16_000)))
    counts = [sum(p.numel() for p in made[name].parameters()) for name in ("generator", "discriminator")]
    assert counts == [19_065_345, 17_427_969]


def test_a_spectrogram_is_scipys() -> None:
    """128 frequencies and moments of 16,384 samples: SciPy's short-time transform with the same window, its logarithm standardised."""
    spectra, sound = Spectra(16_384, 0), voice(16_384)
    spectra.fit(sound)
    found = spectra(sound)
    assert found.shape == (1, 1, 128, 128)
    window = signal.get_window("hann", 256)
    padded = np.pad(sound[0, 0].double().numpy(), (0, 128))
    moments = np.stack([np.fft.rfft(padded[i : i + 256] * window) for i in range(0, 16_384, 128)], axis=1)[:128]
    levels = np.log(np.abs(moments) + 1e-6)
    expected = (levels - levels.mean(1, keepdims=True)) / levels.std(1, keepdims=True) / 3
    np.testing.assert_allclose(found[0, 0].numpy(), expected.clip(-1, 1), atol=2e-3)
    assert found.abs().max() <= 1


def test_a_spectrogram_with_its_phases_is_the_sound() -> None:
    """The inverse of the transform is exact behind the first half window; Griffin and Lim come nearer with each iteration."""
    sound = voice()
    exact = Spectra(4096, 0)
    again = exact._sound(exact._transform(sound[:, 0]))
    torch.testing.assert_close(again[:, 64:], sound[0, :, 64:], atol=1e-5, rtol=0)
    errors = []
    for iterations in (0, 4, 32):
        spectra = Spectra(4096, iterations)
        spectra.deviation.fill_(8.0)  # nothing is clipped
        there = spectra(sound)
        errors.append(float((spectra(spectra.invert(there)) - there).square().mean()))
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("length", [64, 512, 8192, 10_000])
def test_other_lengths_are_refused(length: int) -> None:
    """A power of 4 from 256 on: as many frequencies as moments."""
    with pytest.raises(ValueError, match=rf"such as 4096 or 16384 samples \(got {length}\)"):
        networks(length)


def test_sounds_are_made_of_spectrograms_and_judged_as_such() -> None:
    """The generator makes spectrograms, what is measured are sounds, and the discriminator takes either; labels matter."""
    made = networks(1024, 10, conditional=True)
    latents, labels = torch.rand(3, 8), torch.arange(3)
    spectrograms = made["generator"](latents, labels)
    assert spectrograms.shape == (3, 1, 32, 32)
    sounds = made.generate(made.modules, latents, labels)
    assert sounds.shape == (3, 1, 1024)
    assert 0 < sounds.abs().max() <= 1
    critic = made["discriminator"]
    assert isinstance(critic.spectra, nn.Module)
    torch.testing.assert_close(critic(sounds, labels), critic(critic.spectra(sounds), labels))
    assert not torch.equal(critic(spectrograms, labels), critic(spectrograms, labels + 1))


def test_the_published_recipe_trains_as_its_source() -> None:
    """train_specgan.py: WGAN-GP, five critic steps, Adam at 1e-4 (0.5, 0.9), 16 iterations of Griffin and Lim."""
    config = resolve(PluginManager(), "specgan-sc09", []).config
    assert (config.training.batch_size, config.training.d_steps, config.training.total_kimg) == (64, 5, 64_000)
    adam = config.discriminator_optimizer
    assert (adam.learning_rate, adam.beta1, adam.beta2) == (1e-4, 0.5, 0.9)
    assert config.architecture.options == SpecGANOptions(width=64, griffin_lim=16)
