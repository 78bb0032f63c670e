"""BigGAN's networks: sizes as published, what each option does, initialisation, and the mathematics that is its own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from ganbench import BuildContext, Networks
from ganbench.config.resolve import resolve
from ganbench.plugin.manager import PluginManager
from ganbench.training.optimizers import EMA
from ganbench_biggan import BigGANOptions
from ganbench_biggan.attention import SelfAttention
from ganbench_biggan.blocks import DiscriminatorBlock, GeneratorBlock
from ganbench_biggan.channels import Stage
from ganbench_biggan.conditioning import ConditionedNormAct, PlainNormAct
from ganbench_biggan.networks import build
from ganbench_biggan.orthogonal import OrthogonalRegularisation
from ganbench_biggan.recipes import halflife_kimg
from ganbench_resnet.spectral_norm import SpectralNorm
from ganbench_spaces.images import ImageSpace

MANAGER = PluginManager()


def networks(resolution: int = 16, image_channels: int = 3, num_classes: int = 4, packing: int = 1, **options: Any) -> Networks:
    """Build with narrow layers unless the widths are given."""
    torch.manual_seed(0)
    narrow = {"generator_width": 4, "discriminator_width": 4, "shared_dim": 8}
    context = BuildContext(space=ImageSpace.square(image_channels, resolution), num_classes=num_classes, packing=packing)
    return build(BigGANOptions(**{**narrow, **options}), context)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def counts(made: Networks) -> tuple[int, int]:
    return count(made["generator"]), count(made["discriminator"])


def published(name: str) -> Networks:
    """Build what a recipe builds on CIFAR-10."""
    resolved = resolve(MANAGER, name, [])
    context = BuildContext(space=ImageSpace.square(3, 32), num_classes=10)
    made: Networks = resolved.architecture.build(resolved.config.architecture.options, context)
    return made


def imagenet(width: int, **options: Any) -> Networks:
    """Build the article's networks at 128x128 without memory behind them."""
    plain = {"initialisation": "normal", "generator_spectral_norm": False, "discriminator_spectral_norm": False, "shared_dim": 128}
    with torch.device("meta"):
        return networks(128, 3, 1000, **{**plain, "generator_width": width, "discriminator_width": width, **options})


def test_the_articles_networks_have_their_parameter_counts() -> None:
    """google/compare_gan resnet_biggan_test.py; table 1 of the article counts 158.3 million: all but the shared embedding's 128,000."""
    generator, discriminator = counts(imagenet(96))
    assert (generator, discriminator) == (70_433_988, 87_982_370)
    assert generator + discriminator - 1000 * 128 == 158_288_358


@pytest.mark.parametrize(
    ("width", "options", "expected"),
    [
        (64, {}, (31_978_628, 39_448_258)),
        (64, {"latent_dim": 128, "shared_dim": 0, "hierarchical": False}, (42_017_412, 39_448_258)),
        (96, {"latent_dim": 128, "shared_dim": 0, "hierarchical": False}, (85_556_164, 87_982_370)),
        (96, {"latent_dim": 128, "hierarchical": False}, (72_664_516 + 1000 * 128, 87_982_370)),
    ],
    ids=["width-64", "width-64-plain", "plain", "shared"],
)
def test_the_articles_ablations_have_their_parameter_counts(width: int, options: dict[str, Any], expected: tuple[int, int]) -> None:
    """Table 1's 81.5, 173.5 and 160.6 million, as the notes of ajbrock/BigGAN-PyTorch break them down, without the shared embedding."""
    assert counts(imagenet(width, **options)) == expected


def test_biggan_cifar_has_the_parameter_counts_of_its_layers() -> None:
    """ajbrock/BigGAN-PyTorch with the options of launch_cifar_ema.sh: about 4.3 million in the generator (its issue 78)."""
    conv, skip, norms = 9 * 256 * 256 + 256, 256 * 256 + 256, 2 * 2 * 10 * 256
    generator = 128 * 4096 + 4096 + 3 * (2 * conv + skip + norms) + 2 * 256 + 9 * 256 * 3 + 3
    first = 9 * 3 * 256 + 256 + conv + 3 * 256 + 256
    discriminator = first + (2 * conv + skip) + 2 * 2 * conv + 256 + 1 + 10 * 256
    assert generator == 4_304_387
    assert counts(published("biggan-cifar")) == (generator, discriminator)


@pytest.mark.slow
def test_biggan_cifar_studiogan_has_the_parameter_counts_of_its_log() -> None:
    """POSTECH-CVLab/PyTorch-StudioGAN logs/CIFAR10/BigGAN-train-2021_01_15_14_48_48.log."""
    assert counts(published("biggan-cifar-studiogan")) == (9_416_196, 2_415_170)


@pytest.mark.parametrize(
    ("name", "images_per_step", "total_kimg", "start_kimg"),
    [("biggan-cifar", 200, 25_000, 200), ("biggan-cifar-studiogan", 320, 32_000, 320)],
)
def test_a_recipes_average_is_the_sources(name: str, images_per_step: int, total_kimg: float, start_kimg: float) -> None:
    """Both keep 0.9999 of the average at each step of the generator, from the 1000th on; budgets are 500 epochs and 100,000 steps."""
    training = resolve(MANAGER, name, []).config.training
    assert training.batch_size * training.d_steps == images_per_step
    assert 0.5 ** (images_per_step / (training.ema_halflife_kimg * 1000)) == pytest.approx(0.9999, abs=1e-12)
    assert (training.total_kimg, training.ema_start_kimg) == (total_kimg, start_kimg)
    assert halflife_kimg(0.5, 1000) == pytest.approx(1.0)


def test_the_recipes_have_their_sources_optimizers() -> None:
    """Adam 2e-4 with (0, 0.999) and eps 1e-8; with (0.5, 0.999) and eps 1e-6. The flip is StudioGAN's alone."""
    ours, theirs = (resolve(MANAGER, name, []).config for name in ("biggan-cifar", "biggan-cifar-studiogan"))
    for config, expected in ((ours, (2e-4, 0.0, 0.999, 1e-8)), (theirs, (2e-4, 0.5, 0.999, 1e-6))):
        for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
            assert (optimizer.learning_rate, optimizer.beta1, optimizer.beta2, optimizer.eps) == expected
        assert config.loss.name == "hinge"
    assert (ours.training.d_steps, theirs.training.d_steps) == (4, 5)
    assert (ours.training.horizontal_flip, theirs.training.horizontal_flip) == (False, True)


@pytest.mark.parametrize("resolution", [16, 32, 64, 128, 256, 512])
@pytest.mark.parametrize("num_classes", [0, 3])
def test_shapes_fit_at_every_resolution(resolution: int, num_classes: int) -> None:
    """Images in [-1, 1] of the dataset's context, one logit for each, and the features behind it."""
    # 840 is a multiple of 3 to 8, the parts at these resolutions.
    made = networks(resolution, 1, num_classes, latent_dim=840, generator_width=1, discriminator_width=1, attention_resolution=0)
    labels = torch.tensor([0, 2]) if num_classes else None
    images = made["generator"](torch.randn(2, made.inputs.dim), labels)
    judged = made["discriminator"](images, labels)
    assert images.shape == (2, 1, resolution, resolution)
    assert images.abs().max() <= 1
    assert judged.logits.shape == (2,)
    assert judged.features.shape[0] == 2


@pytest.mark.parametrize("options", [{}, {"shared_dim": 0, "hierarchical": False, "initialisation": "normal"}], ids=["article", "plain"])
def test_the_first_samples_are_neither_flat_nor_saturated(options: dict[str, Any]) -> None:
    """At initialisation in the article's way: zero mean, a visible spread, logits that differ from image to image."""
    made = networks(32, num_classes=10, **{"generator_width": 16, "discriminator_width": 16, "shared_dim": 128, **options})
    with torch.no_grad():
        labels = torch.arange(16) % 10
        images = made["generator"](torch.randn(16, made.inputs.dim), labels)
        judged = made["discriminator"](images, labels)
    assert abs(images.mean().item()) < 0.2
    assert 0.02 < images.std().item() < 0.9
    assert images[0].sub(images[1]).abs().mean() > 0.01
    assert judged.logits.isfinite().all()
    assert judged.logits.abs().max() < 50
    assert judged.logits.std() > 0


def layers(network: nn.Module) -> list[Any]:
    return [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear, nn.Embedding))]


def test_orthogonal_weights_have_orthogonal_rows_and_biases_are_zero() -> None:
    """The article, appendix C; normalised layers keep the raw weight."""
    made = networks(32, generator_spectral_norm=False, discriminator_spectral_norm=False)
    for layer in [*layers(made["generator"]), *layers(made["discriminator"])]:
        rows = layer.weight.flatten(1)
        rows = rows if len(rows) <= rows.shape[1] else rows.T
        torch.testing.assert_close(rows @ rows.T, torch.eye(len(rows)), rtol=0, atol=1e-5)
        assert getattr(layer, "bias", None) is None or not layer.bias.any()


@pytest.mark.parametrize(("name", "std"), [("normal", 0.02), ("xavier", (2 / (9 * 64 * 2)) ** 0.5)])
def test_other_initialisations(name: str, std: float) -> None:
    """N(0, 0.02), as the author's CIFAR recipe, and Glorot's."""
    made = networks(32, generator_width=16, initialisation=name, generator_spectral_norm=False)
    block: Any = made["generator"].blocks[0]  # type: ignore[index]
    assert block.conv1.weight.std().item() == pytest.approx(std, rel=0.03)


def test_spectral_norm_is_on_everything_but_the_generators_tables() -> None:
    """The source normalises the shared embedding and per-class tables of no generator, and all of the discriminator."""
    made = networks(32)
    assert [m for m in layers(made["discriminator"]) if not parametrize.is_parametrized(m, "weight")] == []
    assert [m for m in layers(made["generator"]) if not parametrize.is_parametrized(m, "weight")] == [made["generator"].shared]
    plain = networks(32, shared_dim=0, hierarchical=False)["generator"]
    assert {parametrize.is_parametrized(m, "weight") for m in layers(plain) if isinstance(m, nn.Embedding)} == {False}
    off = networks(32, generator_spectral_norm=False, discriminator_spectral_norm=False)
    assert [m for n in (off["generator"], off["discriminator"]) for m in n.modules() if isinstance(m, SpectralNorm)] == []


def test_evaluation_leaves_the_power_iterations_and_training_moves_them() -> None:
    """The vectors are buffers, so that a checkpoint and the average have them."""
    made = networks(16)
    vectors = {k: v for k, v in made["discriminator"].named_buffers() if k.endswith("left")}
    assert len(vectors) == len(layers(made["discriminator"]))
    images, labels = torch.randn(2, 3, 16, 16), torch.tensor([0, 1])
    before = {k: v.clone() for k, v in vectors.items()}
    made["discriminator"].eval()
    made["discriminator"](images, labels)
    assert all(torch.equal(before[k], v) for k, v in vectors.items())
    made["discriminator"].train()
    made["discriminator"](images, labels)
    assert not any(torch.equal(before[k], v) for k, v in vectors.items() if len(v) > 1)


def test_the_average_has_the_running_statistics_of_the_trained_generator() -> None:
    """Trap 11, for conditional norms and for the vectors of spectral norm too: the averaged network evaluates, so it needs them."""
    made = networks(16)
    ema = EMA(made["generator"], halflife_kimg=100, start_kimg=0, images_per_update=64)
    made["generator"](torch.randn(8, made.inputs.dim), torch.arange(8) % 4)
    ema.update()
    theirs, ours = dict(made["generator"].named_buffers()), dict(ema.module.named_buffers())
    assert [k for k in theirs if k.endswith("running_mean")]
    assert [k for k in theirs if not torch.equal(theirs[k], ours[k])] == []
    assert theirs["blocks.0.norm1.num_batches_tracked"] == 1


def blocks_outputs(generator: Any, latents: Tensor, labels: Tensor | None) -> list[Tensor]:
    """Return what each block makes."""
    found: list[Tensor] = []
    handles = [block.register_forward_hook(lambda m, i, o: found.append(o.detach())) for block in generator.blocks]
    with torch.no_grad():
        generator(latents, labels)
    for handle in handles:
        handle.remove()
    return found


@pytest.mark.slow
def test_each_part_of_a_hierarchical_latent_enters_at_its_block() -> None:
    """Changing the last part leaves the blocks before alone; changing the first changes all."""
    generator = networks(32)["generator"].eval()
    latents, labels = torch.randn(2, 120), torch.tensor([0, 1])
    plain = blocks_outputs(generator, latents, labels)
    changed = latents.clone()
    changed[:, 60:90] += 1  # the third part of four: the second block's
    other = blocks_outputs(generator, changed, labels)
    assert [torch.equal(a, b) for a, b in zip(plain, other, strict=True)] == [True, False, False]
    whole = networks(32, hierarchical=False)["generator"].eval()
    assert whole.linear.in_features == 120


def test_labels_decide_what_a_conditional_network_says() -> None:
    """Both networks see them, with a shared embedding and with tables of each norm's own."""
    for options in ({}, {"shared_dim": 0, "hierarchical": False}):
        made = networks(16, **options)
        made["generator"].eval()
        made["discriminator"].eval()
        images = made["generator"](torch.randn(1, made.inputs.dim).expand(2, -1), torch.tensor([0, 3]))
        assert (images[0] - images[1]).abs().max() > 1e-3
        logits = made["discriminator"](images[:1].expand(2, -1, -1, -1), torch.tensor([0, 3])).logits
        assert logits[0] != logits[1]
        assert made.inputs.labels


@pytest.mark.parametrize("case", ["no-labels", "unwanted"])
def test_without_labels_latents_alone_condition_the_norms(case: str) -> None:
    """No embedding and no projection; without hierarchical latents either, the norms are plain."""
    found = {"num_classes": 0} if case == "no-labels" else {"conditional": False}
    made = networks(16, **found)
    assert not made.inputs.labels
    assert (made["generator"].shared, made["discriminator"].embedding) == (None, None)
    conditioned = [m for m in made["generator"].modules() if isinstance(m, ConditionedNormAct)]
    assert len(conditioned) == 4
    assert {m.gain.in_features for m in conditioned} == {40}
    plain = networks(16, **found, hierarchical=False)
    assert len([m for m in plain["generator"].modules() if isinstance(m, PlainNormAct)]) == 4
    for each in (made, plain):
        assert each["discriminator"](each["generator"](torch.randn(2, 120), None), None).logits.shape == (2,)


def test_the_logit_is_a_linear_term_and_a_projection_of_summed_features() -> None:
    """Trap 5: the sum over positions, as SNGAN has it; a mean would divide by 16 here."""
    made = networks(16)
    discriminator: Any = made["discriminator"].eval()
    last: list[Tensor] = []
    discriminator.attention[-1].register_forward_hook(lambda m, i, o: last.append(o))
    labels = torch.tensor([1, 3])
    judged = discriminator(torch.randn(2, 3, 16, 16), labels)
    features = F.relu(last[0]).flatten(2).sum(2)
    assert last[0].shape[2:] == (4, 4)
    expected = F.linear(features, discriminator.linear.weight, discriminator.linear.bias).squeeze(1)
    expected = expected + (discriminator.embedding.weight[labels] * features).sum(1)
    torch.testing.assert_close(judged.logits, expected)
    torch.testing.assert_close(judged.features, features)


def identity(layer: nn.Module) -> nn.Module:
    return layer


def test_attention_is_the_identity_first_and_then_the_published_formula() -> None:
    """gamma starts at 0; each position attends to max-pooled keys and values, without scaling."""
    torch.manual_seed(0)
    attention = SelfAttention(16, identity)
    x = torch.randn(2, 16, 4, 4)
    assert torch.equal(attention(x), x)
    nn.init.constant_(attention.gamma, 0.7)
    expected = x.clone()
    for n in range(2):
        query = F.conv2d(x[n], attention.query.weight)
        key, value = (F.max_pool2d(F.conv2d(x[n], layer.weight), 2).flatten(1) for layer in (attention.key, attention.value))
        for i in range(4):
            for j in range(4):
                weights = torch.softmax(query[:, i, j] @ key, dim=0)
                expected[n, :, i, j] += 0.7 * attention.out.weight[:, :, 0, 0] @ (value @ weights)
    torch.testing.assert_close(attention(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("wanted", "expected"), [(None, ["16", "16"]), (8, ["8", "8"]), (0, [])], ids=["unset", "8", "none"])
def test_attention_stands_behind_the_first_block_of_its_resolution(wanted: int | None, expected: list[str]) -> None:
    """One in each network; unset, at half the image's size, as the article has it at 128x128 and StudioGAN at 32x32."""
    made = networks(32, attention_resolution=wanted)
    sizes: list[str] = []
    for network in (made["generator"], made["discriminator"]):
        for module in network.modules():
            if isinstance(module, SelfAttention):
                module.register_forward_hook(lambda m, i, o: sizes.append(str(o.shape[-1])))
    labels = torch.tensor([0, 1])
    made["discriminator"](made["generator"](torch.randn(2, 120), labels), labels)
    assert sizes == expected


def test_shortcuts_are_the_sources_up_to_rounding() -> None:
    """The source upsamples before the 1x1 convolution and pools behind it; the other order is the same function."""
    torch.manual_seed(0)
    up = GeneratorBlock(Stage(before=6, after=4, resolution=8, resampled=True), lambda c: PlainNormAct(c, negative_slope=0.0), identity)
    x = torch.randn(3, 6, 4, 4)
    h = F.interpolate(F.relu(F.batch_norm(x, None, None, training=True)), scale_factor=2.0)
    h = up.conv2(F.relu(F.batch_norm(up.conv1(h), None, None, training=True)))
    torch.testing.assert_close(up(x, None), h + up.shortcut(F.interpolate(x, scale_factor=2.0)), rtol=1e-4, atol=1e-5)
    down = DiscriminatorBlock(Stage(before=6, after=4, resolution=2, resampled=True), False, identity)
    h = F.relu(F.conv2d(F.relu(x), down.conv1.weight, down.conv1.bias, padding=1))
    expected = F.avg_pool2d(down.conv2(h), 2) + F.avg_pool2d(down.shortcut(x), 2)
    torch.testing.assert_close(down(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("which", ["generator", "discriminator"])
def test_no_activation_overwrites_what_a_shortcut_needs(which: str) -> None:
    """Trap 4: the input of every block is the same after it."""
    made = networks(32)
    network: Any = made[which]
    changed: list[str] = []

    def watch(module: nn.Module, arguments: Any, output: Any) -> None:
        if not torch.equal(arguments[0], kept.pop()):
            changed.append(type(module).__name__)

    kept: list[Tensor] = []
    for block in network.blocks:
        block.register_forward_pre_hook(lambda m, a: kept.append(a[0].clone()))
        block.register_forward_hook(watch)
    labels = torch.tensor([0, 1])
    network(torch.randn(2, 120) if which == "generator" else torch.randn(2, 3, 32, 32), labels)
    assert changed == []


def test_the_discriminator_can_be_differentiated_twice() -> None:
    """R1 and WGAN-GP go through spectral norm, attention and the projection."""
    discriminator: Any = networks(16, 1, discriminator_width=2, num_classes=2, attention_resolution=8)["discriminator"].double().eval()
    nn.init.constant_(discriminator.attention[0].gamma, 0.5)
    images = torch.randn(2, 1, 16, 16, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 1])
    (gradient,) = torch.autograd.grad(discriminator(images, labels).logits.sum(), images, create_graph=True)
    gradient.square().sum().backward()
    direction, step = torch.randn_like(images), 1e-6
    slopes = []
    for sign in (1, -1):
        moved = (images + sign * step * direction).detach().requires_grad_()
        (there,) = torch.autograd.grad(discriminator(moved, labels).logits.sum(), moved)
        slopes.append(there.square().sum())
    assert images.grad is not None
    assert (images.grad * direction).sum().item() == pytest.approx(((slopes[0] - slopes[1]) / (2 * step)).item(), rel=1e-4)
    assert all(p.grad is not None for n, p in discriminator.named_parameters() if n.endswith("original"))


def test_orthogonal_regularisation_is_equation_3() -> None:
    """beta times the squared off-diagonal products of rows, with the derivative 4 beta (W W^T * (1 - I)) W."""
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(5, 3, 2, 2))
    term = OrthogonalRegularisation([weight], 0.1)
    rows = weight.detach().flatten(1)
    products = (rows @ rows.T) * (1 - torch.eye(5))
    loss = term()
    loss.backward()
    torch.testing.assert_close(loss, 0.1 * products.square().sum())
    assert weight.grad is not None
    torch.testing.assert_close(weight.grad.flatten(1), 0.1 * 4 * products @ rows)
    assert list(term.parameters()) == []
    orthogonal = nn.init.orthogonal_(torch.empty(4, 8))
    assert OrthogonalRegularisation([3 * orthogonal], 1.0)().item() == pytest.approx(0, abs=1e-8)


def test_the_generator_alone_is_regularised_and_its_embedding_is_not() -> None:
    """Off by default, as in the author's CIFAR recipe."""
    assert networks(16).weight_terms == ()
    made = networks(16, orthogonal_weight=1e-4)
    (make,) = made.weight_terms
    assert make(made["discriminator"], "discriminator") is None
    term = make(made["generator"], "generator")
    assert term is not None
    term().backward()
    without = {n for n, p in made["generator"].named_parameters() if p.ndim >= 2 and p.grad is None}
    assert without == {"shared.weight"}


def test_packing_widens_the_first_layer_and_leaves_labels_out() -> None:
    """A pack of images of several classes has no label (PacGAN)."""
    made = networks(16, packing=2)
    assert not made.inputs.labels
    assert made["discriminator"](torch.randn(3, 6, 16, 16), None).logits.shape == (3,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latent_dim": 0}, r"latent_dim must be 1 or more \(got 0\)"),
        ({"generator_width": 0}, r"generator_width must be 1 or more \(got 0\)"),
        ({"discriminator_width": -1}, r"discriminator_width must be 1 or more \(got -1\)"),
        ({"shared_dim": -1}, r"shared_dim must be 0 or more \(got -1\)"),
        ({"attention_resolution": -8}, r"attention_resolution must be 0 or more \(got -8\)"),
        ({"orthogonal_weight": -0.1}, r"orthogonal_weight must be 0 or more \(got -0.1\)"),
        ({"norm_eps": 0.0}, r"norm_eps must be more than 0 \(got 0.0\)"),
        ({"latent_dim": 100}, r"latent_dim must be a multiple of 3 at 16x16 with hierarchical latents \(got 100\)"),
        ({"attention_resolution": 7}, r"attention_resolution must be one of 0, 8, 16 \(got 7\)"),
        ({"shared_dim": 0}, r"shared_dim must be 1 or more with hierarchical latents and labels \(got 0\)"),
        ({"num_classes": 0, "conditional": True}, "conditional needs labels, and this dataset has none; use -o conditional=false"),
        ({"generator_width": 1}, r"self-attention needs 8 channels or more \(got 4\)"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    """Field, value and what is allowed."""
    with pytest.raises(ValueError, match=message):
        networks(16, **options)
