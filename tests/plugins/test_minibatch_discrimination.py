"""Minibatch discrimination against its formula, sample by sample and kernel by kernel."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from ganbench import BuildContext, Networks
from ganbench_dcgan import DCGANOptions
from ganbench_dcgan.minibatch_discrimination import MinibatchDiscrimination
from ganbench_dcgan.networks import build
from ganbench_spaces.images import ImageSpace


def networks(resolution: int = 16, **options: Any) -> Networks:
    torch.manual_seed(0)
    chosen = {"generator_width": 4, "discriminator_width": 4, "head": "linear", "minibatch_discrimination": 7, **options}
    return build(DCGANOptions(**chosen), BuildContext(space=ImageSpace.square(1, resolution)))


def test_nearness_is_a_sum_of_exponentials_of_distances() -> None:
    """o(x_i)_b = sum over j of exp(-||M_i,b - M_j,b||_1), by hand for features of one number each."""
    layer = MinibatchDiscrimination(1, 2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 2.0]]))
    found = layer(torch.tensor([[0.0], [1.0], [3.0]]))
    e = lambda distance: math.exp(-distance)  # noqa: E731
    first = [1 + e(1) + e(3), 1 + e(1) + e(2), 1 + e(3) + e(2)]
    second = [1 + e(2) + e(6), 1 + e(2) + e(4), 1 + e(6) + e(4)]
    expected = torch.tensor([[x, a, b] for x, a, b in zip([0.0, 1.0, 3.0], first, second, strict=True)])
    torch.testing.assert_close(found, expected)


def test_it_is_the_formula_with_its_gradients() -> None:
    """For several dimensions, in loops; it can be differentiated twice."""
    torch.manual_seed(0)
    layer = MinibatchDiscrimination(4, 3, 2).double()
    x = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    rows = (x @ layer.weight).view(5, 3, 2)
    sums = [[sum(torch.exp(-(rows[i, b] - rows[j, b]).abs().sum()) for j in range(5)) for b in range(3)] for i in range(5)]
    looped = torch.cat([x, torch.stack([torch.stack(one) for one in sums])], dim=1)  # type: ignore[arg-type]
    found = layer(x)
    torch.testing.assert_close(found, looped)
    weigh = torch.randn_like(found)
    for a, b in zip(*(torch.autograd.grad((y * weigh).sum(), [x, layer.weight]) for y in (found, looped)), strict=True):
        torch.testing.assert_close(a, b)
    assert torch.autograd.gradcheck(layer, x)
    assert torch.autograd.gradgradcheck(layer, x)


def test_it_is_in_front_of_the_head() -> None:
    """The last layer sees D + B features, of which the last B say how alike the batch is."""
    made = networks(minibatch_discrimination_dim=3)
    (layer,) = [m for m in made["discriminator"].modules() if isinstance(m, MinibatchDiscrimination)]
    size = 8 * 4 * 4
    assert list(layer.weight.shape) == [size, 7 * 3]
    images = torch.randn(4, 1, 16, 16)
    judged = made["discriminator"](images)
    assert (judged.logits.shape, judged.features.shape) == ((4,), (4, size + 7))
    alike = made["discriminator"](images[:1].expand(4, -1, -1, -1)).features[:, size:]
    torch.testing.assert_close(alike, torch.full_like(alike, 4.0))
    assert bool((judged.features[:, size:] < 4).all())


def test_the_published_size_starts_neither_dead_nor_blind() -> None:
    """100 kernels of 5 dimensions (Salimans et al. 2016): others of the batch count, and count differently, before anything is learned."""
    made = networks(32, discriminator_width=64, minibatch_discrimination=100)
    with torch.no_grad():
        nearness = made["discriminator"](torch.randn(32, 1, 32, 32)).features[:, -100:] - 1
    assert nearness.shape == (32, 100)
    assert 0.05 < float(nearness.mean()) < 20
    assert float(nearness.std()) > 0.02


def test_with_virtual_batch_norm_the_reference_is_not_of_the_batch() -> None:
    """A reference that is far away or near leaves the number of neighbours as it is."""
    made = networks(discriminator_norm="virtual")
    made["discriminator"].set_reference(torch.randn(9, 1, 16, 16), None)
    judged = made["discriminator"](torch.zeros(3, 1, 16, 16))
    nearness = judged.features[:, -7:]
    torch.testing.assert_close(nearness, torch.full_like(nearness, 3.0))


def test_bf16_distances_are_in_float32() -> None:
    """Under autocast the projection is in 16 bits, the sum over the batch is not."""
    layer = MinibatchDiscrimination(16, 4, 5)
    x = torch.randn(8, 16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = layer(x)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, layer(x), rtol=0.05, atol=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minibatch_discrimination": -1}, r"minibatch_discrimination must be 0 or more \(got -1\)"),
        ({"minibatch_discrimination_dim": 0}, r"minibatch_discrimination_dim must be 1 or more \(got 0\)"),
        (
            {"minibatch_discrimination": 100},
            r"minibatch_discrimination must be 0 with head=conv \(got 100\); it goes with head=linear",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    """Field, bound and value."""
    with pytest.raises(ValueError, match=message):
        DCGANOptions(**options)
