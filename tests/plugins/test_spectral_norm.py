"""Spectral norm: its value, its gradient, and that its state is saved, averaged and moved by training only."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from ganbench.training.optimizers import EMA
from ganbench_kernels import ConvBiasAct
from ganbench_resnet.spectral_norm import SpectralNorm, normalise_spectrum


def conv() -> nn.Conv2d:
    """A convolution with spectral norm whose vectors have settled."""
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 6, 3)
    normalise_spectrum(layer)
    for _ in range(200):
        layer.weight  # noqa: B018
    return layer


def vector(layer: nn.Module) -> Tensor:
    return layer.parametrizations.weight[0].left  # type: ignore[union-attr, index, return-value]


LAYERS: dict[str, Callable[[], nn.Module]] = {
    "conv": lambda: nn.Conv2d(3, 6, 3),
    "fused": lambda: ConvBiasAct(3, 6, 3),
    "linear": lambda: nn.Linear(5, 4),
    "embedding": lambda: nn.Embedding(7, 3),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_the_largest_singular_value_becomes_one(kind: str) -> None:
    """Of the weight as a matrix of its output channels, against torch's singular value decomposition."""
    torch.manual_seed(0)
    layer = LAYERS[kind]()
    normalise_spectrum(layer)
    for _ in range(200):
        weight = layer.weight
    assert torch.linalg.matrix_norm(weight.flatten(1), 2).item() == pytest.approx(1, abs=1e-3)  # type: ignore[operator]


def test_the_gradient_is_that_of_the_weight_over_its_norm() -> None:
    """Equation 12 of the paper: once the vectors have settled, constants or not makes no difference."""
    layer = conv()
    original: Tensor = layer.parametrizations.weight.original  # type: ignore[union-attr, assignment]
    direction = torch.randn(6, 3, 3, 3, generator=torch.Generator().manual_seed(1))
    (ours,) = torch.autograd.grad((layer.weight * direction).sum(), original)
    exact = original / torch.linalg.matrix_norm(original.flatten(1), 2)
    (wanted,) = torch.autograd.grad((exact * direction).sum(), original)
    torch.testing.assert_close(ours, wanted, rtol=1e-3, atol=1e-4)


def test_each_forward_in_training_is_one_power_iteration() -> None:
    """Against the iteration written out; an earlier graph is not harmed by a later forward."""
    torch.manual_seed(0)
    weight = torch.randn(4, 6, requires_grad=True)
    norm = SpectralNorm(4)
    before = norm.left.clone()
    first, second = norm(weight), norm(weight)
    expected = before
    for _ in range(2):
        right = weight.detach().t() @ expected
        expected = weight.detach() @ (right / right.norm())
        expected = expected / expected.norm()
    torch.testing.assert_close(norm.left, expected)
    (first.square().sum() + second.square().sum()).backward()


def test_evaluation_moves_nothing_and_agrees_with_training() -> None:
    """An evaluated or averaged copy gives the weight that the next training step would see."""
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 6, 3)
    normalise_spectrum(layer)
    state = vector(layer).clone()
    layer.eval()
    evaluated = layer.weight
    assert torch.equal(vector(layer), state)
    layer.train()
    assert torch.equal(layer.weight, evaluated)
    assert not torch.equal(vector(layer), state)


def test_the_vector_is_saved_and_averages_copy_it() -> None:
    """It is a buffer: state dicts hold it, and an average has the newest one."""
    layer = conv()
    other = nn.Conv2d(3, 6, 3)
    normalise_spectrum(other)
    other.load_state_dict(layer.state_dict())
    assert torch.equal(vector(other), vector(layer))
    average = EMA(layer, halflife_kimg=1.0, start_kimg=0.0, images_per_update=64)
    layer.parametrizations.weight.original.data.normal_()  # type: ignore[union-attr, operator]
    layer.weight  # noqa: B018
    assert not torch.equal(vector(average.module), vector(layer))
    average.update()
    assert torch.equal(vector(average.module), vector(layer))


def test_bf16_autocast_leaves_the_singular_value_in_fp32() -> None:
    """In bf16 it would be off by up to half a percent."""
    layer = conv().eval()
    plain = layer.weight
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(layer.weight, plain)
