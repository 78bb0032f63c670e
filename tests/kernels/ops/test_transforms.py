"""Transforms of torch.func, which cannot look into a kernel: ops step back to their references there, and kernels go on outside."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.func import grad, vmap

from ganbench_kernels import (
    bias_act,
    filtered_lrelu,
    gan_loss,
    minibatch_stddev,
    norm_act,
    scaled_bias_act,
    sum_of_squares_per_sample,
    upfirdn2d,
    use_implementation,
)

Op = Callable[..., Tensor]
SEEDS = 3


def _line(x: Tensor) -> Tensor:
    return torch.tensor([1.0, 3.0, 3.0, 1.0], device=x.device) / 8


OPS: dict[str, Op] = {
    "bias_act": lambda x, **impl: bias_act(x, x.mean((0, 2, 3)), clamp=1.0, **impl),
    "norm_act": lambda x, **impl: norm_act(x, None, None, None, None, **impl),
    "gan_loss": lambda x, **impl: gan_loss(x[:, 0, 0, 0], x[:, 1, 0, 0], kind="logistic", role="discriminator", **impl).loss,
    "sum_of_squares_per_sample": lambda x, **impl: sum_of_squares_per_sample(x, **impl),
    "upfirdn2d": lambda x, **impl: upfirdn2d(x, _line(x), up=2, padding=(2, 1, 2, 1), **impl),
    "filtered_lrelu": lambda x, **impl: filtered_lrelu(x, None, _line(x), _line(x), padding=3, **impl),
    "scaled_bias_act": lambda x, **impl: scaled_bias_act(x, x.mean((2, 3)), **impl),
    "minibatch_stddev": lambda x, **impl: minibatch_stddev(x, group_size=4, **impl),
}


@pytest.fixture
def images(device: torch.device) -> Tensor:
    """Inputs of several seeds, ``[3, 4, 2, 4, 4]``."""
    return torch.randn(SEEDS, 4, 2, 4, 4, generator=torch.Generator().manual_seed(0)).to(device)


@pytest.mark.parametrize("name", OPS)
def test_what_is_chosen_for_auto_steps_back_in_a_transform(name: str, images: Tensor) -> None:
    """Mapped, differentiated, and differentiated for each of several seeds: what the references give one by one."""

    def total(x: Tensor) -> Tensor:
        return OPS[name](x).square().sum()

    with use_implementation("ref"):
        values = [OPS[name](x) for x in images]
        gradients = [torch.autograd.grad(total(x), x)[0] for x in images.clone().requires_grad_().unbind()]
    with use_implementation("triton"):
        torch.testing.assert_close(list(vmap(OPS[name])(images)), values)
        torch.testing.assert_close(grad(total)(images[0]), gradients[0])
        torch.testing.assert_close(list(vmap(grad(total))(images)), gradients)


@pytest.mark.parametrize("name", OPS)
def test_what_insists_on_triton_says_that_it_cannot(name: str, images: Tensor) -> None:
    """In a sentence that names the op, and not in PyTorch's words for a rule that is missing."""
    with pytest.raises(ValueError, match=f"{name}: impl='triton' cannot be transformed by torch.func; use impl='auto' or 'ref'"):
        vmap(lambda x: OPS[name](x, impl="triton"))(images)
