"""Virtual batch norm against its definition: a batch of the reference and one sample, for every sample apart."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganbench import BuildContext, Networks
from ganbench_dcgan import DCGANOptions
from ganbench_dcgan.networks import Discriminator, Generator, build
from ganbench_dcgan.virtual_norm import DropReference, VirtualNorm
from ganbench_spaces.images import ImageSpace

NARROW: dict[str, Any] = {"latent_dim": 6, "generator_width": 4, "discriminator_width": 4}
VIRTUAL: dict[str, Any] = {"generator_norm": "virtual", "discriminator_norm": "virtual"}


def virtual(num_classes: int = 0, packing: int = 1, **options: Any) -> Networks:
    """Build small networks for 16x16 images of one channel, with references of 5 and 6 samples."""
    torch.manual_seed(0)
    shape = BuildContext(space=ImageSpace.square(1, 16), num_classes=num_classes, packing=packing)
    made = build(DCGANOptions(**{**NARROW, **VIRTUAL, **options}), shape)
    labels = torch.arange(6) % num_classes if num_classes else None
    made["generator"].set_reference(torch.randn(6, 6), labels)
    made["discriminator"].set_reference(torch.randn(5, packing, 16, 16), None if labels is None else labels[:5])
    return made


def norm(channels: int, num_reference: int) -> VirtualNorm:
    one = VirtualNorm(channels).double()
    nn.init.uniform_(one.weight, 0.5, 1.5)
    nn.init.uniform_(one.bias)
    one.num_reference = num_reference
    return one


def by_the_definition(one: VirtualNorm, x: Tensor) -> Tensor:
    """Salimans et al. 2016, section 3.4: the reference by itself, then each sample by a batch of the reference and it."""
    columns = (1, -1) + (1,) * (x.dim() - 2)
    axes = [0, *range(2, x.dim())]

    def of_batch(batch: Tensor, by: Tensor) -> Tensor:
        mean = by.mean(axes)
        deviation = (by.square().mean(axes) - mean.square() + one.eps).sqrt()
        return (batch - mean.view(columns)) / deviation.view(columns) * one.weight.view(columns) + one.bias.view(columns)

    reference = x[: one.num_reference]
    each = [of_batch(sample, torch.cat([reference, sample])) for sample in x[one.num_reference :].split(1)]
    return torch.cat([of_batch(reference, reference), *each])


@pytest.mark.parametrize("shape", [(7, 3, 4, 4), (7, 3)], ids=["maps", "values"])
def test_every_sample_is_normalised_as_one_batch_with_the_reference(shape: tuple[int, ...]) -> None:
    """Values, and gradients of weights and inputs, through the statistics of the reference too."""
    torch.manual_seed(0)
    one = norm(3, 5)
    x = (torch.randn(shape, dtype=torch.float64) * 2 + 3).requires_grad_()
    weigh = torch.randn(shape, dtype=torch.float64)
    ours, plain = one(x), by_the_definition(one, x)
    torch.testing.assert_close(ours, plain)
    inputs = [x, one.weight, one.bias]
    for a, b in zip(torch.autograd.grad((ours * weigh).sum(), inputs), torch.autograd.grad((plain * weigh).sum(), inputs), strict=True):
        torch.testing.assert_close(a, b)


def test_a_shifted_map_keeps_its_digits() -> None:
    """The variance does not cancel far from zero, and a bf16 map has statistics in float32."""
    torch.manual_seed(0)
    one = norm(2, 4).float()
    x = torch.randn(6, 2, 8, 8)
    torch.testing.assert_close(one(x + 300), one(x), rtol=1e-3, atol=1e-3)
    half = one(x.bfloat16())
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), one(x.bfloat16().float()), rtol=1e-2, atol=1e-2)


def test_it_keeps_the_layout() -> None:
    """Channels last stay last, and dropping the reference is a view."""
    x = torch.randn(6, 3, 4, 4).to(memory_format=torch.channels_last)
    y = norm(3, 2).float()(x)
    assert y.is_contiguous(memory_format=torch.channels_last)
    drop = DropReference()
    drop.num_reference = 2
    assert drop(y).data_ptr() == y[2].data_ptr()
    assert torch.equal(drop(y), y[2:])


@pytest.mark.parametrize("options", [{}, {"first_norm": "unit"}, {"norm_after_activation": True, "head": "linear"}], ids=str)
def test_no_sample_of_a_network_depends_on_another(options: dict[str, Any]) -> None:
    """Nor on how many there are: alone, each has the images and logits that it has in a batch."""
    made = virtual(**options)
    latents = torch.randn(4, 6)
    images = made["generator"](latents)
    judged = made["discriminator"](images)
    assert (images.shape, judged.logits.shape) == ((4, 1, 16, 16), (4,))
    for i in range(4):
        torch.testing.assert_close(made["generator"](latents[i : i + 1]), images[i : i + 1], rtol=1e-4, atol=1e-5)
        alone = made["discriminator"](images[i : i + 1])
        torch.testing.assert_close(alone.logits, judged.logits[i : i + 1], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(alone.features, judged.features[i : i + 1], rtol=1e-4, atol=1e-5)


def test_evaluation_is_training() -> None:
    """There are no running statistics: the reference goes through the weights of the moment."""
    made = virtual()
    latents = torch.randn(3, 6)
    trained = made["generator"](latents)
    assert torch.equal(made["generator"].eval()(latents), trained)
    assert list(made["generator"].state_dict()).count("reference") == 1
    assert not any("running" in name for name in made["generator"].state_dict())


@torch.no_grad()
def test_the_reference_decides() -> None:
    """Another one gives other images and logits, and a copy of the network has its own."""
    made = virtual()
    latents, real = torch.randn(3, 6), torch.randn(3, 1, 16, 16)
    generator = made["generator"]
    copied = copy.deepcopy(generator)
    before, logits = generator(latents), made["discriminator"](real).logits
    generator.set_reference(torch.randn(6, 6) + 1, None)
    made["discriminator"].set_reference(torch.randn(5, 1, 16, 16) * 3, None)
    assert float((generator(latents) - before).abs().max()) > 1e-3
    assert float((made["discriminator"](real).logits - logits).abs().max()) > 1e-4
    assert torch.equal(copied(latents), before)


def test_labels_go_with_the_reference() -> None:
    """Each image of the reference has its own class, and packs have as many channels as they have images."""
    made = virtual(num_classes=3)
    latents, labels = torch.randn(2, 6), torch.tensor([0, 2])
    images = made["generator"](latents, labels)
    assert images.shape == (2, 1, 16, 16)
    assert made["discriminator"](images, labels).logits.shape == (2,)
    assert torch.equal(made["generator"].reference_labels, torch.arange(6) % 3)
    other = copy.deepcopy(made["generator"])
    other.set_reference(other.reference, torch.zeros(6, dtype=torch.int64))
    assert not torch.equal(other(latents, labels), images)
    packed = virtual(packing=2)["discriminator"](torch.randn(3, 2, 16, 16))
    assert packed.logits.shape == (3,)


def test_only_virtual_networks_want_a_reference() -> None:
    """What wants none is not given one, and has none in its checkpoints."""
    made = build(DCGANOptions(**NARROW, generator_norm="virtual"), BuildContext(space=ImageSpace.square(1, 16)))
    assert made["generator"].set_reference is not None
    assert made["discriminator"].set_reference is None
    assert not any("reference" in name for name in made["discriminator"].state_dict())


def test_training_without_a_reference_is_refused() -> None:
    """Trying out shapes is not: in evaluation mode each sample has its own statistics until then."""
    made = build(DCGANOptions(**NARROW, **VIRTUAL), BuildContext(space=ImageSpace.square(1, 16)))
    with pytest.raises(RuntimeError, match="virtual batch norm has no reference batch: call the network's set_reference before training"):
        made["generator"](torch.randn(2, 6))
    images = made["generator"].eval()(torch.randn(2, 6))
    assert images.shape == (2, 1, 16, 16)
    assert torch.isfinite(made["discriminator"].eval()(images).logits).all()


def test_norms_are_where_batch_norm_is() -> None:
    """In the same places, with as many parameters, initialised alike: gains N(1, 0.02) and biases 0, as in the source."""
    shape = BuildContext(space=ImageSpace.square(3, 64))
    batch, made = build(DCGANOptions(), shape), build(DCGANOptions(**VIRTUAL), shape)
    for network in ("generator", "discriminator"):
        theirs, ours = batch[network], made[network]
        norms = [m for m in ours.modules() if isinstance(m, VirtualNorm)]
        assert [len(n.weight) for n in norms] == [m.num_features for m in theirs.modules() if isinstance(m, nn.BatchNorm2d)]
        assert [p.shape for p in ours.parameters()] == [p.shape for p in theirs.parameters()]
        assert not [m for m in ours.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        assert {n.eps for n in norms} == {1e-5}
        gains = torch.cat([n.weight for n in norms])
        assert gains.std().item() == pytest.approx(0.02, rel=0.2)
        assert not any(n.bias.any() for n in norms)


@pytest.mark.slow
def test_a_penalty_on_single_samples_reaches_every_weight() -> None:
    """The discriminator can be differentiated twice, and a sample's gradient is of its own logit alone."""
    made = virtual(discriminator_width=2)
    discriminator = made["discriminator"].double()
    x = torch.randn(3, 1, 16, 16, dtype=torch.float64, requires_grad=True)
    logits = discriminator(x).logits
    (of_first,) = torch.autograd.grad(logits[0], x, retain_graph=True)
    assert float(of_first[0].abs().max()) > 0
    assert not of_first[1:].any()
    (of_all,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    torch.testing.assert_close(of_all[0], of_first[0])
    gradients = torch.autograd.grad(of_all.square().sum(), list(discriminator.parameters()), allow_unused=True)
    names = [name for (name, _), g in zip(discriminator.named_parameters(), gradients, strict=True) if g is None or not g.any()]
    assert [n for n in names if n.endswith("weight")] == []
    small = Discriminator(
        DCGANOptions(discriminator_width=1, discriminator_norm="virtual", base_resolution=2), BuildContext(space=ImageSpace.square(1, 8))
    )
    small.double().set_reference(torch.randn(2, 1, 8, 8, dtype=torch.float64), None)  # type: ignore[misc]
    inputs = torch.randn(1, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda images: small(images).logits, inputs)
    assert torch.autograd.gradgradcheck(lambda images: small(images).logits, inputs)


def test_the_first_samples_are_neither_flat_nor_saturated() -> None:
    """At real width, as with batch norm."""
    torch.manual_seed(0)
    generator = Generator(DCGANOptions(generator_norm="virtual"), BuildContext(space=ImageSpace.square(3, 32)))
    generator.set_reference(torch.randn(16, 100), None)  # type: ignore[misc]
    for module in generator.modules():
        if isinstance(module, nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
    with torch.no_grad():
        images = generator(torch.randn(8, 100))
    assert abs(images.mean().item()) < 0.1
    assert 0.05 < images.std().item() < 0.6
    assert images[0].sub(images[1]).abs().mean() > 0.02
