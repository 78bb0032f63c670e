"""SAGAN's networks: sizes as published, where its attention stands, what is spectrally normalised, and its two ways to train."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from ganbench import BuildContext, Networks
from ganbench.config.resolve import resolve
from ganbench.plugin.manager import PluginManager
from ganbench_biggan.attention import SelfAttention
from ganbench_biggan.channels import discriminator_stages, generator_stages
from ganbench_biggan.conditioning import ConditionedNormAct, PlainNormAct
from ganbench_sagan import SAGANOptions
from ganbench_sagan.channels import DISCRIMINATOR, GENERATOR
from ganbench_sagan.networks import build
from ganbench_spaces.images import ImageSpace

MANAGER = PluginManager()


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def networks(resolution: int = 16, num_classes: int = 4, packing: int = 1, **options: Any) -> Networks:
    """Build narrow networks unless the widths are given."""
    narrow = {"generator_width": 4, "discriminator_width": 4, "latent_dim": 6}
    context = BuildContext(space=ImageSpace.square(3, resolution), num_classes=num_classes, packing=packing)
    return build(SAGANOptions(**{**narrow, **options}), context)


def counts(made: Networks) -> tuple[int, ...]:
    return tuple(sum(p.numel() for p in made[name].parameters()) for name in ("generator", "discriminator"))


def published(name: str, resolution: int, num_classes: int, **options: Any) -> tuple[int, ...]:
    """Return the parameters of what a recipe builds."""
    resolved = resolve(MANAGER, name, [], {key: str(value) for key, value in options.items()})
    context = BuildContext(space=ImageSpace.square(3, resolution), num_classes=num_classes)
    return counts(resolved.architecture.build(resolved.config.architecture.options, context))


def test_the_cifar_networks_have_the_parameter_counts_of_studiogans_log() -> None:
    """PyTorch-StudioGAN @947b35e; the attention is 81,921 and 20,481 of them: trap 8."""
    with_attention = published("sagan-cifar", 32, 10)
    without = published("sagan-cifar", 32, 10, attention_resolution=0)
    assert with_attention == (4_386_308, 1_075_586)
    assert without == (4_304_387, 1_055_105)
    assert tuple(a - b for a, b in zip(with_attention, without, strict=True)) == (81_921, 20_481)


@pytest.mark.slow
def test_the_imagenet_networks_have_the_parameter_counts_of_their_layers() -> None:
    """Derived from brain-research/self-attention-gan @ad9612e generator_test and discriminator_test, with 1000 classes."""
    assert published("sagan-imagenet-128", 128, 1000) == (42_078_852, 39_463_618)


def test_the_imagenet_discriminators_count_is_the_sum_of_its_layers() -> None:
    """Six blocks of 64 to 1024 channels, attention on 128, projection."""
    channels = [3, 64, 128, 256, 512, 1024]
    blocks = sum(9 * (a + b) * b + 2 * b + a * b + b for a, b in pairwise(channels))
    last = 2 * (9 * 1024 * 1024 + 1024)
    attention = 2 * 128 * 16 + 2 * 128 * 64 + 1
    assert blocks + last + attention + 1024 + 1 + 1000 * 1024 == 39_463_618


@pytest.mark.parametrize("resolution", [16, 32, 64, 128, 256, 512])
def test_shapes_fit_at_every_resolution(resolution: int) -> None:
    """Images in [-1, 1], one logit for each; the channels are the sources'."""
    made = networks(resolution, attention_resolution=0, generator_width=1, discriminator_width=1)
    images = made["generator"](torch.randn(2, 6), torch.tensor([0, 3]))
    judged = made["discriminator"](images, torch.tensor([0, 3]))
    assert images.shape == (2, 3, resolution, resolution)
    assert images.abs().max() <= 1
    assert judged.logits.shape == (2,)


def test_the_channels_are_the_sources() -> None:
    """128x128: gf_dim times 16, 16, 8, 4, 2, 1; df_dim times 1, 2, 4, 8, 16, 16, the last block at 4x4."""
    up, down = generator_stages(128, 64, GENERATOR), discriminator_stages(128, 64, 3, DISCRIMINATOR)
    assert [(s.after, s.resolution) for s in up] == [(1024, 8), (512, 16), (256, 32), (128, 64), (64, 128)]
    assert [(s.after, s.resolution) for s in down] == [(64, 64), (128, 32), (256, 16), (512, 8), (1024, 4), (1024, 4)]
    assert [s.resampled for s in down] == [True] * 5 + [False]


@pytest.mark.parametrize(
    ("resolution", "options", "places"),
    [(128, {}, (2, 1)), (32, {}, (1, 0)), (64, {"attention_resolution": 32}, (2, 0)), (32, {"attention_resolution": 0}, (None, None))],
)
def test_the_attention_stands_where_the_sources_have_it(
    resolution: int, options: dict[str, Any], places: tuple[int | None, int | None]
) -> None:
    """At 32x32 of 128x128: behind the third block and the second; of 32x32 at 16x16: behind the second (attn_g_loc) and the first."""
    made = networks(resolution, generator_width=8, discriminator_width=8, **options)
    for name, place in zip(("generator", "discriminator"), places, strict=True):
        found = [i for i, layer in enumerate(made[name].attention) if isinstance(layer, SelfAttention)]  # type: ignore[arg-type]
        assert found == ([] if place is None else [place])


def test_attention_where_there_is_no_map_is_refused() -> None:
    """With the sizes that there are."""
    with pytest.raises(ValueError, match=r"attention_resolution must be one of 0, 8, 16 \(got 32\)"):
        networks(16, attention_resolution=32)


def test_attention_begins_as_the_identity_and_attends_to_a_quarter_of_the_places() -> None:
    """Trap 8: sigma starts at 0; keys and values are pooled by two, so that the map is HW x HW / 4, its rows shares."""
    attention: Any = networks(16, generator_width=8)["generator"].attention[0]  # type: ignore[index]
    x = torch.randn(2, 32, 8, 8)
    assert torch.equal(attention(x), x)
    with torch.no_grad():
        attention.gamma.fill_(0.7)
    attention.eval()
    query, key, value = (F.conv2d(x, layer.weight) for layer in (attention.query, attention.key, attention.value))
    key, value = (F.max_pool2d(t, 2).flatten(2) for t in (key, value))
    weights = torch.softmax(query.flatten(2).transpose(1, 2) @ key, dim=-1)
    assert weights.shape == (2, 64, 16)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 64))
    attended = (value @ weights.transpose(1, 2)).reshape(2, 16, 8, 8)
    torch.testing.assert_close(attention(x), x + 0.7 * F.conv2d(attended, attention.out.weight))


def layers(network: nn.Module) -> list[Any]:
    return [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear, nn.Embedding))]


def plain_layers(network: nn.Module) -> list[Any]:
    """Return the layers without spectral norm."""
    return [m for m in layers(network) if not parametrize.is_parametrized(m, "weight")]


def test_spectral_norm_is_on_both_networks_and_on_the_tables_as_the_source_has_it() -> None:
    """The authors normalise no table of gains and biases; StudioGAN (sn_embedding) does."""
    authors, studiogan = networks(), networks(normalised_tables=True, initialisation="orthogonal")
    tables = [m for m in layers(authors["generator"]) if isinstance(m, nn.Embedding)]
    assert len(tables) == 2 * 4
    assert plain_layers(authors["generator"]) == tables
    assert plain_layers(authors["discriminator"]) == []
    assert plain_layers(studiogan["generator"]) == plain_layers(studiogan["discriminator"]) == []
    off = networks(generator_spectral_norm=False, discriminator_spectral_norm=False)
    assert all(plain_layers(off[name]) == layers(off[name]) for name in ("generator", "discriminator"))
    with pytest.raises(ValueError, match="normalised_tables must be false without generator_spectral_norm"):
        networks(generator_spectral_norm=False, normalised_tables=True)


def test_gains_begin_at_one_and_biases_at_zero_or_orthogonal() -> None:
    """ones_initializer and zeros_initializer of the authors; init_weights of StudioGAN."""
    norm: Any = networks()["generator"].blocks[0].norm1  # type: ignore[index]
    x = torch.randn(8, 16, 4, 4)
    torch.testing.assert_close(norm(x, torch.arange(8) % 4), F.relu(F.batch_norm(x, None, None, training=True)))
    table = networks(normalised_tables=True, initialisation="orthogonal")["generator"].blocks[0].norm1.gain  # type: ignore[index]
    raw = table.parametrizations.weight.original
    torch.testing.assert_close(raw @ raw.T, torch.eye(4), rtol=0, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"normalised_tables": True, "initialisation": "orthogonal"}], ids=["authors", "studiogan"])
def test_labels_decide_what_a_conditional_network_says(options: dict[str, Any]) -> None:
    """The authors' generator begins alike for all classes, for its tables are alike; the projection differs at once."""
    made = networks(**options)
    for name in ("generator", "discriminator"):
        made[name].eval()
    images = made["generator"](torch.randn(1, 6).expand(2, -1), torch.tensor([0, 3]))
    assert bool((images[0] - images[1]).abs().max() > 1e-4) == bool(options)
    logits = made["discriminator"](images[:1].expand(2, -1, -1, -1), torch.tensor([0, 3])).logits
    assert logits[0] != logits[1]
    assert made.inputs.labels


@pytest.mark.parametrize("case", [{"num_classes": 0}, {"conditional": False}, {"packing": 2}], ids=["no-labels", "unwanted", "packs"])
def test_without_labels_the_norms_are_plain(case: dict[str, Any]) -> None:
    """And there is no projection; a pack has no label."""
    made = networks(**case)
    kinds = {type(m) for m in made["generator"].modules() if isinstance(m, (ConditionedNormAct, PlainNormAct))}
    assert kinds == {PlainNormAct}
    assert not made.inputs.labels
    assert made["discriminator"].embedding is None
    images = made["generator"](torch.randn(4, 6), None).reshape(4 // case.get("packing", 1), -1, 16, 16)
    assert made["discriminator"](images, None).logits.shape == (len(images),)
    with pytest.raises(ValueError, match="conditional needs labels"):
        networks(num_classes=0, conditional=True)


def test_the_logit_is_a_linear_term_and_a_projection_of_summed_features() -> None:
    """reduce_sum over positions in both sources."""
    discriminator: Any = networks()["discriminator"].eval()
    last: list[Tensor] = []
    discriminator.attention[-1].register_forward_hook(lambda m, i, o: last.append(o))
    labels = torch.tensor([1, 3])
    judged = discriminator(torch.randn(2, 3, 16, 16), labels)
    features = F.relu(last[0]).sum((2, 3))
    assert last[0].shape[2:] == (4, 4)
    expected = features @ discriminator.linear.weight[0] + discriminator.linear.bias
    torch.testing.assert_close(judged.logits, expected + (discriminator.embedding.weight[labels] * features).sum(1))
    torch.testing.assert_close(judged.features, features)


def test_two_rates_and_five_steps_are_two_recipes() -> None:
    """Trap 9: the authors have 4e-4 and 1e-4 at one step each, StudioGAN 2e-4 twice and five steps of the discriminator."""
    authors, studiogan = (resolve(MANAGER, name, []).config for name in ("sagan-imagenet-128", "sagan-cifar"))
    found = [
        (
            config.generator_optimizer.learning_rate,
            config.discriminator_optimizer.learning_rate,
            config.generator_optimizer.beta1,
            config.generator_optimizer.beta2,
            config.training.d_steps,
            config.training.batch_size,
            config.training.total_kimg / (config.training.batch_size * config.training.d_steps),
            config.training.ema_halflife_kimg,
            config.loss.name,
        )
        for config in (authors, studiogan)
    ]
    assert found[0] == (1e-4, 4e-4, 0.0, 0.999, 1, 256, 1000.0, 0.0, "hinge")
    assert found[1] == (2e-4, 2e-4, 0.5, 0.999, 5, 64, 100.0, 0.0, "hinge")
    small = resolve(MANAGER, "sagan-small", []).config
    assert (small.generator_optimizer.learning_rate, small.discriminator_optimizer.learning_rate) == (1e-4, 4e-4)
