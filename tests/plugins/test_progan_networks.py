"""ProGAN's networks: sizes as published at each stage, growth that keeps the function, the first samples, labels, wrong options."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganbench import BuildContext, Judgement, Networks, Seen
from ganbench.config.resolve import resolve
from ganbench.plugin.manager import PluginManager
from ganbench_progan import ProgressiveOptions
from ganbench_progan.class_loss import ClassLoss
from ganbench_progan.growing import double, enlarge, halve
from ganbench_progan.networks import Discriminator, Generator, build, channel_widths
from ganbench_progan.sampler import at_stage_of
from ganbench_spaces.images import ImageSpace

MANAGER = PluginManager()


def networks(resolution: int = 16, image_channels: int = 3, num_classes: int = 0, **options: Any) -> Networks:
    """Build with narrow layers unless the width is given."""
    torch.manual_seed(0)
    context = BuildContext(space=ImageSpace.square(image_channels, resolution), num_classes=num_classes)
    return build(ProgressiveOptions(**{"max_channels": 8, **options}), context)


def pair(*arguments: Any, **options: Any) -> tuple[Generator, Discriminator]:
    made = networks(*arguments, **options)
    assert isinstance(made["generator"], Generator)
    assert isinstance(made["discriminator"], Discriminator)
    return made["generator"], made["discriminator"]


def count(*modules: nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


@pytest.fixture(scope="module")
def published() -> tuple[Generator, Discriminator]:
    """What the recipe for 1024x1024 builds, without its memory."""
    options = resolve(MANAGER, "progan-1024", []).config.architecture.options
    with torch.device("meta"):
        made = build(options, BuildContext(space=ImageSpace.square(3, 1024)))  # type: ignore[arg-type]
    return made["generator"], made["discriminator"]  # type: ignore[return-value]


# Parameters by resolution, as print_layers of tkarras/progressive_growing_of_gans lists them: table 2 of the paper has them rounded.
SOURCE_GENERATOR = {
    4: 4_194_816 + 2_359_808,
    8: 2 * 2_359_808,
    16: 2 * 2_359_808,
    32: 2 * 2_359_808,
    64: 1_179_904 + 590_080,
    128: 295_040 + 147_584,
    256: 73_792 + 36_928,
    512: 18_464 + 9_248,
    1024: 4_624 + 2_320,
}
SOURCE_DISCRIMINATOR = {
    4: 2_364_416 + 4_194_816 + 513,
    8: 2 * 2_359_808,
    16: 2 * 2_359_808,
    32: 2 * 2_359_808,
    64: 590_080 + 1_180_160,
    128: 147_584 + 295_168,
    256: 36_928 + 73_856,
    512: 9_248 + 18_496,
    1024: 2_320 + 4_640,
}
SOURCE_TO_RGB = {4: 1539, 8: 1539, 16: 1539, 32: 1539, 64: 771, 128: 387, 256: 195, 512: 99, 1024: 51}
SOURCE_FROM_RGB = {4: 2048, 8: 2048, 16: 2048, 32: 2048, 64: 1024, 128: 512, 256: 256, 512: 128, 1024: 64}


def test_the_generator_has_the_sources_parameters_at_each_stage(published: tuple[Generator, Discriminator]) -> None:
    """Block by block from 4x4 to 1024x1024; 23.1 million in table 2."""
    generator, _ = published
    for level, resolution in enumerate(SOURCE_GENERATOR):
        used = [*generator.blocks[: level + 1], generator.to_image[level]]
        expected = sum(list(SOURCE_GENERATOR.values())[: level + 1]) + SOURCE_TO_RGB[resolution]
        assert count(*used) == expected, resolution
    assert count(generator) == 23_079_115


def test_the_discriminator_has_the_sources_parameters_at_each_stage(published: tuple[Generator, Discriminator]) -> None:
    """From the head at 4x4 outwards; the source prints a total of 23,087,249."""
    _, discriminator = published
    for level, resolution in enumerate(SOURCE_DISCRIMINATOR):
        used = [discriminator.head, *discriminator.blocks[:level], discriminator.from_image[level]]
        expected = sum(list(SOURCE_DISCRIMINATOR.values())[: level + 1]) + SOURCE_FROM_RGB[resolution]
        assert count(*used) == expected, resolution
    assert count(discriminator) == 23_087_249


def test_the_cifar_recipe_has_128_channels_everywhere() -> None:
    """config.py of the Theano version, section 6.5: fmap_base 4096, fmap_max 128, latent_size 128."""
    options: Any = resolve(MANAGER, "progan-32", []).config.architecture.options
    made = build(options, BuildContext(space=ImageSpace.square(3, 32)))
    assert channel_widths(options, 32) == [128] * 4
    assert made.inputs.dim == 128


@pytest.mark.parametrize(("resolution", "widths"), [(16, [64] * 3), (64, [256] * 5), (256, [512, 512, 512, 512, 256, 128, 64])])
def test_unset_widths_follow_the_resolution(resolution: int, widths: list[int]) -> None:
    """Four channels a pixel, at most 512, and 8192 over the halvings."""
    assert channel_widths(ProgressiveOptions(), resolution) == widths


@pytest.mark.parametrize("resolution", [4, 8, 32, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes_fit_at_every_stage(resolution: int, channels: int) -> None:
    """Full images whenever asked, the stage's inside; the discriminator takes either."""
    generator, discriminator = pair(resolution, channels)
    z = torch.randn(4, 8)
    for level in range(generator.level + 1):
        for fading in (False, True) if level else (False,):
            for network in (generator, discriminator):
                network.grow(level, fading=fading)
            small, full = generator.at_current_resolution(z), generator(z)
            assert small.shape == (4, channels, 4 << level, 4 << level)
            assert full.shape == (4, channels, resolution, resolution)
            assert torch.equal(full, enlarge(small, resolution).clamp(-1, 1))
            torch.testing.assert_close(discriminator(enlarge(small, resolution)), discriminator(small), rtol=1e-4, atol=1e-5)


def test_growth_keeps_the_generators_function() -> None:
    """At alpha 0 the output is the former output with each pixel repeated, at alpha 1 that of the new layers alone."""
    generator, _ = pair(16)
    z = torch.randn(4, 8)
    generator.grow(1, fading=False)
    before = generator.at_current_resolution(z)
    generator.grow(2, fading=True)
    generator.alpha.fill_(0.0)
    assert torch.equal(generator.at_current_resolution(z), double(before))
    generator.alpha.fill_(1.0)
    faded = generator.at_current_resolution(z)
    generator.grow(2, fading=False)
    torch.testing.assert_close(faded, generator.at_current_resolution(z))
    assert not torch.equal(faded, double(before))


def test_growth_keeps_the_discriminators_function() -> None:
    """At alpha 0 it says of an image what it said of its average, at alpha 1 what the new layers say."""
    _, discriminator = pair(16)
    images = torch.randn(4, 3, 16, 16)
    discriminator.grow(1, fading=False)
    before = discriminator(halve(images))
    discriminator.grow(2, fading=True)
    discriminator.alpha.fill_(0.0)
    torch.testing.assert_close(discriminator(images), before)
    discriminator.alpha.fill_(1.0)
    faded = discriminator(images)
    discriminator.grow(2, fading=False)
    torch.testing.assert_close(faded, discriminator(images))
    assert not torch.allclose(faded, before)


@pytest.mark.parametrize("alpha", [0.0, 0.25, 1.0])
def test_real_images_fade_like_generated_ones(alpha: float) -> None:
    """process_reals of the source: averaged to the stage, and there blended with what half the resolution shows."""
    _, discriminator = pair(16)
    images = torch.randn(2, 3, 16, 16)
    discriminator.grow(1, fading=True)
    discriminator.alpha.fill_(alpha)
    small = halve(images)
    torch.testing.assert_close(at_stage_of(discriminator, images), alpha * small + (1 - alpha) * double(halve(small)))
    discriminator.grow(0, fading=False)
    torch.testing.assert_close(at_stage_of(discriminator, images), halve(small))


def gradients(network: nn.Module, output: Tensor) -> set[str]:
    """Return the names of the parameters that an output trains."""
    network.zero_grad(set_to_none=True)
    output.square().sum().backward()
    return {name for name, p in network.named_parameters() if p.grad is not None}


def test_only_the_layers_of_a_stage_are_trained() -> None:
    """While fading both ways from and to images; layers of later resolutions have no gradient at all."""
    generator, discriminator = pair(16)
    for network in (generator, discriminator):
        network.grow(1, fading=True)
        network.alpha.fill_(0.5)
    trained = gradients(generator, generator.at_current_resolution(torch.randn(4, 8)))
    assert {name.split(".")[1] for name in trained if name.startswith("blocks")} == {"0", "1"}
    assert {name.split(".")[1] for name in trained if name.startswith("to_image")} == {"0", "1"}
    trained = gradients(discriminator, discriminator(torch.randn(4, 3, 16, 16)))
    assert {name.split(".")[1] for name in trained if name.startswith("blocks")} == {"0"}
    assert {name.split(".")[1] for name in trained if name.startswith("from_image")} == {"0", "1"}


@pytest.mark.parametrize("resolution", [4, 16, 64])
def test_the_first_samples_are_neither_flat_nor_saturated(resolution: int) -> None:
    """Pixel norm and He's constant keep every resolution's images near a mean square of 1, and logits small."""
    generator, discriminator = pair(resolution, max_channels=64)
    with torch.no_grad():
        images = generator.at_current_resolution(torch.randn(16, 64))
        logits = discriminator(images)
    assert 0.3 < images.square().mean().item() < 3
    assert images[0].sub(images[1]).abs().mean() > 0.1
    assert isinstance(logits, Tensor)
    assert logits.abs().max() < 10


def test_latents_are_put_on_a_sphere() -> None:
    """Their length says nothing: normalize_latents of the source."""
    generator, _ = pair(8)
    z = torch.randn(4, 8)
    torch.testing.assert_close(generator(z), generator(3 * z))


def test_the_discriminator_sees_how_a_batch_varies() -> None:
    """One image among equal ones and among others has another logit, unless the layer is left out."""
    _, discriminator = pair(8)
    images = torch.randn(4, 3, 8, 8)
    alike = images[:1].expand(4, -1, -1, -1)
    assert discriminator(images)[0] != discriminator(alike)[0]
    _, without = pair(8, stddev_group=0)
    torch.testing.assert_close(without(images)[0], without(alike)[0])
    assert count(discriminator) - count(without) == 9 * 8


def test_labels_decide_what_is_made_and_the_discriminator_tells_classes() -> None:
    """Beside z in the generator; K more outputs, and no look at labels, in the discriminator."""
    made = networks(8, num_classes=5)
    z, labels = torch.randn(1, 8).expand(2, -1), torch.tensor([0, 3])
    images = made["generator"](z, labels)
    assert (images[0] - images[1]).abs().max() > 1e-3
    judged = made["discriminator"](images, labels)
    assert isinstance(judged, Judgement)
    assert judged.logits.shape == (2,)
    assert judged.class_logits is not None
    assert judged.class_logits.shape == (2, 5)
    assert torch.equal(judged.logits, made["discriminator"](images, labels.flip(0)).logits)
    assert made.inputs.labels
    assert [term.name for term in made.terms] == ["class"]
    plain = networks(8, num_classes=5, conditional=False)
    assert not plain.inputs.labels
    assert plain.terms == ()
    assert networks(8, num_classes=5, class_weight=0.0).terms == ()


def test_the_class_loss_is_in_both_losses() -> None:
    """loss.py of the source: cross-entropy of real and of generated images for the discriminator, of generated ones for the generator."""
    real, fake = (Judgement(logits=torch.zeros(3), class_logits=torch.randn(3, 4)) for _ in range(2))
    of_real, of_fake = torch.tensor([0, 1, 3]), torch.tensor([2, 2, 0])
    seen = Seen(real=real, fake=fake, real_labels=of_real, fake_labels=of_fake)

    def entropy(judged: Judgement, labels: Tensor) -> Tensor:
        assert judged.class_logits is not None
        return -judged.class_logits.log_softmax(1)[torch.arange(3), labels].mean()

    term = ClassLoss(0.5)
    torch.testing.assert_close(term.of_discriminator(seen), 0.5 * (entropy(real, of_real) + entropy(fake, of_fake)))
    torch.testing.assert_close(term.of_generator(seen), 0.5 * entropy(fake, of_fake))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_channels": 0}, r"max_channels must be 1 or more \(got 0\)"),
        ({"latent_dim": 0}, r"latent_dim must be 1 or more \(got 0\)"),
        ({"class_weight": -1.0}, r"class_weight must be 0 or more \(got -1\)"),
        ({"stddev_group": -1}, r"stddev_group must be 0 or more \(got -1\)"),
        ({"stage_kimg": -1.0}, r"stage_kimg must be 0 or more \(got -1\)"),
        ({"fade_kimg": float("nan")}, r"fade_kimg must be 0 or more \(got nan\)"),
        ({"channel_base": 100}, r"channel_base must be 512 or more \(got 100\)"),
        ({"start_resolution": 6}, r"start_resolution must be a power of two from 4 to 1024 \(got 6\)"),
        ({"fine_rate": 0.0}, r"fine_rate must be above 0 \(got 0\)"),
        ({"start_resolution": 32}, r"start_resolution must be at most the images', 16 \(got 32\)"),
        ({"conditional": True}, "conditional needs labels, and this dataset has none; use -o conditional=false"),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, Any], message: str) -> None:
    """Field, bound and value."""
    with pytest.raises(ValueError, match=message):
        networks(16, **options)
