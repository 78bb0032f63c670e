"""The VAE: its source's number of parameters, its bounds against a closed form, and scores that do not depend on the batch."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

import ganbench
from ganbench import BuildContext, ConfigError, Networks, SampleSet
from ganbench_autoencoders.bounds import elbo_static
from ganbench_autoencoders.networks import build_vae
from ganbench_autoencoders.options import VAEGANOptions, VAEOptions
from ganbench_autoencoders.vae_gan import build_vae_gan
from ganbench_autoencoders.vae_gan_step import VAEGAN
from ganbench_spaces.images import ImageSpace


def networks(side: int = 28, **options: int | str) -> Networks:
    torch.manual_seed(0)
    context = BuildContext(space=ImageSpace(channels=1, height=side, width=side), num_classes=0)
    return build_vae(VAEOptions(**options), context)  # type: ignore[arg-type]


def test_it_has_the_sources_number_of_parameters() -> None:
    """784-400-20-400-784, as in pytorch/examples, vae/main.py."""
    modules = networks().modules.values()
    assert sum(p.numel() for module in modules for p in module.parameters()) == 652_824


@pytest.mark.parametrize("pixels", ["grey", "static"])
def test_bounds_are_exact_where_the_posterior_is_known(pixels: str) -> None:
    """Weights of zero: z says nothing of x, its posterior is the prior, and every pixel is a fair coin."""
    built = networks(4, width=3, latent_dim=2, pixels=pixels)
    for module in built.modules.values():
        for parameter in module.parameters():
            nn.init.zeros_(parameter)
    samples = torch.rand(5, 1, 4, 4) * 2 - 1
    for scorer in (built.scorers[name] for name in (f"elbo_{pixels}", f"iwae_50_{pixels}")):
        torch.testing.assert_close(scorer(built.modules, samples), torch.full((5,), -16 * math.log(2), dtype=torch.float64))


def test_a_score_is_of_the_sample_alone_and_the_weighted_bound_is_the_tighter_one() -> None:
    """A batch of one gives what a batch of all gives, twice the same."""
    built = networks(4, width=8, latent_dim=3, pixels="static")
    samples = torch.rand(6, 1, 4, 4) * 2 - 1
    elbo, weighted = (built.scorers[name](built.modules, samples) for name in ("elbo_static", "iwae_50_static"))
    alone = torch.cat([built.scorers["elbo_static"](built.modules, one[None]) for one in samples])
    torch.testing.assert_close(alone, elbo)
    assert bool((weighted > elbo).all())


def test_binary_pixels_have_another_bound_by_another_name() -> None:
    """So that the two data sets never share a column; what a model does not give is one clear line."""
    assert set(networks(4, pixels="grey").scorers) == {"elbo_grey", "iwae_50_grey", "anomaly"}
    with pytest.raises(ConfigError, match=r"'elbo_static' is of a score that this model does not give \(it gives elbo_grey\)"):
        elbo_static(object()).compute(SampleSet(scores={"elbo_grey": torch.zeros(2)}), SampleSet())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"settings": {"training.d_steps": 2}}, r"training\.d_steps must be 1 for vae \(got 2\)"),
        ({"settings": {"training.dequantise": True}}, r"training\.dequantise must be false for vae \(got true\)"),
        ({"settings": {"augmentation.name": "diffaugment"}}, "vae trains on images as they are, without an augmentation"),
    ],
)
def test_what_its_iteration_cannot_heed_is_refused(how: dict[str, Any], words: str, tmp_path: Path) -> None:
    """By the setting's name, before anything is trained."""
    with pytest.raises(ConfigError, match=words):
        ganbench.run("vae", out=tmp_path / "run", **how)
    assert not (tmp_path / "run").exists()


def vae_gan(side: int = 16, **options: int | float) -> Networks:
    torch.manual_seed(0)
    context = BuildContext(space=ImageSpace(channels=3, height=side, width=side), num_classes=0)
    return build_vae_gan(VAEGANOptions(**options), context)  # type: ignore[arg-type]


def test_vae_gan_has_the_sources_layers() -> None:
    """andersbll/autoencoding_beyond_pixels, architectures.py, img64x64, and codes of 128; counted from its list of layers."""

    def convolution(inputs: int, outputs: int, *, bias: bool = False) -> int:
        return 25 * inputs * outputs + (outputs if bias else 2 * outputs)  # a batch norm behind those without a bias

    modules = vae_gan(64).modules
    counts = {name: sum(p.numel() for p in module.parameters()) for name, module in modules.items()}
    hidden = 256 * 8 * 8 * 1024 + 2 * 1024 + 2 * (1024 * 128 + 128)
    assert counts["encoder"] == convolution(3, 64) + convolution(64, 128) + convolution(128, 256) + hidden
    dense = 128 * 256 * 8 * 8 + 2 * 256 * 8 * 8
    doubled = convolution(256, 256) + convolution(256, 128) + convolution(128, 32)
    assert counts["decoder"] == dense + doubled + convolution(32, 3, bias=True)
    halved = convolution(3, 32, bias=True) + convolution(32, 128) + convolution(128, 256) + convolution(256, 256)
    assert counts["discriminator"] == halved + 256 * 8 * 8 * 512 + 2 * 512 + 512 + 1
    assert modules["discriminator"].features(torch.zeros(1, 3, 64, 64)).shape == (1, 256, 8, 8)  # of the last convolution, before its norm
    assert modules["decoder"].eval()(torch.zeros(2, 128)).shape == (2, 3, 64, 64)


def test_vae_gan_needs_sizes_that_can_be_halved_three_times() -> None:
    """One line, and what to type."""
    with pytest.raises(ConfigError, match=r"vae-gan cannot be built for 20x20 images"):
        vae_gan(20)


class Given:
    """VAE-GAN's losses of fixed images, weights and draws."""

    def __init__(self, share: float) -> None:
        options = {"width": 4, "latent_dim": 3, "encoder_hidden": 5, "discriminator_hidden": 6, "reconstruction_share": share}
        settings = {f"architecture.options.{name}": value for name, value in options.items()}
        more = {"dataset.options.resolution": 8, "training.batch_size": 4, "evaluation.metrics": ("none",)}
        built = ganbench.build(ganbench.plan("vae-gan", settings={**settings, **more}), ganbench.PluginManager())
        assert isinstance(built.algorithm, VAEGAN)
        self.algorithm, self.networks = built.algorithm, built.networks
        random = torch.Generator().manual_seed(1)
        self.real = torch.rand(4, 1, 8, 8, generator=random) * 2 - 1
        self.noise, self.prior = torch.randn(4, 3, generator=random), torch.randn(4, 3, generator=random)

    def gradients(self, name: str) -> list[torch.Tensor]:
        """Return those of a network for the loss of encoder and decoder."""
        loss, _ = self.algorithm.autoencoder_loss(self.real, self.noise, self.prior)
        return list(torch.autograd.grad(loss, list(self.networks[name].parameters())))

    def parts(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return divergence, reconstruction and the discriminator's part, by the article's formulas."""
        encoder, decoder, discriminator = (self.networks[name] for name in ("encoder", "decoder", "discriminator"))
        mean, log_std = encoder(self.real)
        codes = mean + log_std.exp() * self.noise
        divergence = kl_divergence(Normal(mean, log_std.exp()), Normal(0.0, 1.0))
        again, real = discriminator.features(torch.cat([decoder(codes), self.real])).flatten(1).chunk(2)
        likelihood = Normal(again, 1.0).log_prob(real) + 0.5 * math.log(2 * math.pi)
        decoded = decoder(torch.cat([codes.detach(), self.prior]))
        made = discriminator(torch.cat([self.real, decoded]))[4:]
        return divergence.sum(1).mean(), -likelihood.sum(1).mean(), torch.log(1 - made.sigmoid()).mean()


@pytest.mark.parametrize("share", [1e-5, 0.25])
def test_each_network_of_vae_gan_descends_its_own_sum(share: float) -> None:
    """Algorithm 1 of the article: the encoder the divergence and the whole reconstruction, the decoder a share of it and what D gains."""
    given = Given(share)
    for name, weights in (("encoder", (1.0, 1.0, 0.0)), ("decoder", (0.0, share, 1 - share))):
        parameters = list(given.networks[name].parameters())
        loss = sum(weight * part for weight, part in zip(weights, given.parts(), strict=True))
        wanted = torch.autograd.grad(loss, parameters)
        for one, other in zip(given.gradients(name), wanted, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_vae_gans_discriminator_weights_images_and_decoded_ones() -> None:
    """0.66 of the images' cross-entropy and 0.34 of the others', the mean of reconstructions and decoded draws."""
    given = Given(1e-5)
    _, decoded = given.algorithm.autoencoder_loss(given.real, given.noise, given.prior)
    loss, _ = given.algorithm.discriminator_loss(given.real, decoded.detach())
    odds = given.networks["discriminator"](torch.cat([given.real, decoded])).sigmoid()
    torch.testing.assert_close(loss, -0.66 * odds[:4].log().mean() - 0.34 * (1 - odds[4:]).log().mean())
