"""The kernel of the adversarial losses against their closed forms."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from gan_loss_table import KINDS, OPTIONS, ROLES, assert_close, expected
from torch import Tensor

from ganbench_kernels import gan_loss, gan_loss_ref, higher_order, use_implementation
from ganbench_kernels.gan_loss import _op, empty_outputs, generator_loss
from ganbench_kernels.jit.gan_loss import plan_gan_loss

EVERY = pytest.mark.parametrize(("kind", "role"), [(k, r) for k in KINDS for r in ROLES])
PAIRED = "relativistic"
TOLERANCE = {torch.float32: 1.3e-6, torch.float64: 1e-12, torch.float16: 1e-3, torch.bfloat16: 8e-3}


def logits(device: torch.device, shape: Any, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    """Logits of about 5 that require grad."""
    values = 5 * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return values.to(device=device, dtype=dtype).requires_grad_()


def assert_gradients(loss: Tensor, real: Tensor, fake: Tensor, wanted: tuple[Tensor | None, Tensor], incoming: float = 1.0) -> None:
    """Compare the gradients, of the logits' own type, with those wanted times the incoming one."""
    found = torch.autograd.grad(loss, (real, fake), torch.full_like(loss, incoming), allow_unused=True)
    for gradient, value, like in zip(found, wanted, (real, fake), strict=True):
        if value is None:
            assert gradient is None
            continue
        assert gradient is not None
        assert (gradient.dtype, gradient.shape) == (like.dtype, like.shape)
        atol = 1e-7 if like.dtype == torch.float16 else 1e-9 if like.dtype != torch.float64 else 1e-15
        torch.testing.assert_close(gradient.double(), incoming * value, rtol=TOLERANCE[like.dtype], atol=atol)


@EVERY
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("count", [1, 77, 1300])
def test_values_and_gradients_are_the_closed_form(device: torch.device, kind: str, role: str, dtype: torch.dtype, count: int) -> None:
    """Within the precision of the type, for one block or several; with options that float32 cannot hold."""
    real, fake, options = logits(device, count, dtype), logits(device, count, dtype, 1), OPTIONS.get(kind, {})
    found = gan_loss(real, fake, kind=kind, role=role, impl="triton", **options)
    wanted, *slopes = expected(real, fake, kind=kind, role=role, **options)
    assert found.loss.dtype == found.statistics.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert_close(found, wanted, 30.0, 1e-13 if dtype == torch.float64 else 1.3e-6)
    assert_gradients(found.loss, real, fake, (slopes[0], slopes[1]))


@EVERY
def test_every_output_is_written(device: torch.device, kind: str, role: str) -> None:
    """Into memory that held no numbers."""
    real, fake = logits(device, 70).detach(), logits(device, 70 if kind == PAIRED else 1100, seed=1).detach()
    outputs = empty_outputs(real, fake, kind, role)
    for output in outputs:
        output.fill_(float("nan"))
    plan_gan_loss(real, fake, outputs, kind=kind, role=role).run()
    assert all(bool(output.isfinite().all()) for output in outputs)


@pytest.mark.parametrize("kind", [k for k in KINDS if k != PAIRED])
@pytest.mark.parametrize("counts", [(5, 1100), (1100, 5), (3, 64)])
def test_the_numbers_of_real_and_fake_logits_may_differ(device: torch.device, kind: str, counts: tuple[int, int]) -> None:
    """Each mean is over its own."""
    real, fake = logits(device, counts[0]), logits(device, counts[1], seed=1)
    found = gan_loss(real, fake, kind=kind, role="discriminator", impl="triton")
    wanted, *slopes = expected(real, fake, kind=kind, role="discriminator")
    assert_close(found, wanted, 30.0)
    assert_gradients(found.loss, real, fake, (slopes[0], slopes[1]))


@pytest.mark.parametrize("kind", [k for k in KINDS if k != PAIRED])
def test_a_generators_loss_needs_no_real_logits(device: torch.device, kind: str) -> None:
    """Without them their statistics are 0; with them they have statistics, and no gradient."""
    real, fake = logits(device, 40), logits(device, 70, seed=1)
    alone = gan_loss(None, fake, kind=kind, role="generator", impl="triton")
    beside = gan_loss(real, fake, kind=kind, role="generator", impl="triton")
    assert torch.equal(alone.loss, beside.loss)
    assert torch.equal(alone.loss, generator_loss(fake, kind=kind, impl="triton"))
    assert_close(alone, expected(None, fake, kind=kind, role="generator")[0], 30.0)
    assert_close(beside, expected(real, fake, kind=kind, role="generator")[0], 30.0)
    assert torch.autograd.grad(beside.loss, (real, fake), allow_unused=True)[0] is None


@EVERY
def test_huge_logits_overflow_nowhere(device: torch.device, kind: str, role: str) -> None:
    """Up to 1e4, on the kinks too; gradients are finite."""
    values = torch.tensor([1e4, -1e4, 700, -700, 88, -88, 17, -17, 1, -1, 0, 1e-8, -1e-8, 30], device=device)
    real, fake = values.clone().requires_grad_(), values.flip(0).requires_grad_()
    found = gan_loss(real, fake, kind=kind, role=role, impl="triton")
    wanted, *slopes = expected(real, fake, kind=kind, role=role)
    assert_close(found, wanted, 1.0)
    assert_gradients(found.loss, real, fake, (slopes[0], slopes[1]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_logit_that_is_no_number_shows_in_the_loss(device: torch.device, kind: str, value: float) -> None:
    """As a run that diverges must."""
    real, fake = logits(device, 9).detach(), logits(device, 9).detach()
    fake[3] = value
    found = gan_loss(real, fake, kind=kind, role="discriminator", impl="triton")
    assert not found.loss.isfinite()
    assert not found.statistics[1].isfinite()
    swapped = gan_loss(-fake, real, kind=kind, role="discriminator", impl="triton")  # a real image that looks wholly fake
    assert not swapped.loss.isfinite()
    assert not swapped.statistics[0].isfinite()


@pytest.mark.parametrize("kind", ["logistic", PAIRED])
@pytest.mark.parametrize("size", [6.0, 10.0, 14.0])
def test_the_small_loss_of_a_sure_discriminator_keeps_its_digits(device: torch.device, kind: str, size: float) -> None:
    """log(1 + exp(-size)), where 1 + exp(-size) alone has lost them."""
    real, fake = torch.full((4,), size, device=device), torch.full((4,), -size if kind == "logistic" else 0.0, device=device)
    found = gan_loss(real, fake, kind=kind, role="discriminator", impl="triton").loss
    wanted = expected(real, fake, kind=kind, role="discriminator")[0].loss
    torch.testing.assert_close(found.double(), wanted, rtol=5e-6, atol=0.0)


@pytest.mark.parametrize("kind", ["logistic", PAIRED])
@pytest.mark.parametrize("layout", ["transposed", "stepped", "expanded", "channels-last"])
def test_any_strides(device: torch.device, kind: str, layout: str) -> None:
    """Views have the loss and the gradients of their copies; pairs stay pairs."""
    base = logits(device, (6, 2, 4, 3)).detach()
    make = {
        "transposed": lambda x: x.transpose(0, 3),
        "stepped": lambda x: x[:, :, ::2],
        "expanded": lambda x: x[:, :1].expand(-1, 2, -1, -1),
        "channels-last": lambda x: x.contiguous(memory_format=torch.channels_last),
    }[layout]
    real = make(base).requires_grad_()
    fake = logits(device, real.shape, seed=1)
    found = gan_loss(real, fake, kind=kind, role="discriminator", impl="triton")
    wanted, *slopes = expected(real, fake, kind=kind, role="discriminator")
    assert_close(found, wanted, 30.0)
    assert_gradients(found.loss, real, fake, (slopes[0], slopes[1]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gradients_are_multiplied_by_the_incoming_one(device: torch.device, dtype: torch.dtype) -> None:
    """Whatever it is."""
    real, fake = logits(device, 33, dtype), logits(device, 33, dtype, 1)
    _, *slopes = expected(real, fake, kind="logistic", role="discriminator")
    for incoming in (1.0, -2.5, 0.0):
        loss = gan_loss(real, fake, kind="logistic", role="discriminator", impl="triton").loss
        assert_gradients(loss, real, fake, (slopes[0], slopes[1]), incoming)


def test_the_gradients_of_many_half_precision_logits_keep_their_precision_under_a_scaled_loss(device: torch.device) -> None:
    """1 / N alone would be a subnormal float16 with a few bits."""
    fake = logits(device, 60_000, torch.float16)
    loss = gan_loss(None, fake, kind="wasserstein", role="generator", impl="triton").loss
    (gradient,) = torch.autograd.grad(loss, fake, torch.tensor(1024.0, device=device))
    torch.testing.assert_close(gradient.double(), torch.full_like(fake, -1024 / 60_000, dtype=torch.float64), rtol=1e-3, atol=0.0)


@EVERY
def test_gradcheck(device: torch.device, kind: str, role: str) -> None:
    """Against finite differences in float64; none of the logits is near a kink."""
    real, fake = logits(device, (3, 2), torch.float64), logits(device, (3, 2), torch.float64, 1)
    takes_real = role == "discriminator" or kind == PAIRED

    def loss(*inputs: Tensor) -> Tensor:
        return gan_loss(inputs[0] if takes_real else None, inputs[-1], kind=kind, role=role, impl="triton").loss

    assert torch.autograd.gradcheck(loss, (real, fake) if takes_real else (fake,))


def test_a_second_derivative_is_refused_with_the_way_out(device: torch.device) -> None:
    """A graph of the gradient may be asked for, but not used."""
    real, fake = logits(device, 5), logits(device, 5, seed=1)
    loss = gan_loss(real, fake, kind="logistic", role="discriminator", impl="triton").loss
    first = torch.autograd.grad(loss, (real, fake), create_graph=True)
    _, *slopes = expected(real, fake, kind="logistic", role="discriminator")
    torch.testing.assert_close(first[1].double(), slopes[1], rtol=1.3e-6, atol=1e-9)
    with pytest.raises(RuntimeError, match="gan_loss: the Triton kernel has no second derivative; use impl='ref'"):
        torch.autograd.grad(first[0].sum(), real)


def test_under_higher_order_the_reference_is_taken(device: torch.device) -> None:
    """Its second derivative is there."""
    real, fake = logits(device, 5), logits(device, 5, seed=1)
    with use_implementation("triton"), higher_order():
        loss = gan_loss(real, fake, kind="logistic", role="discriminator").loss
    (first,) = torch.autograd.grad(loss, fake, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), fake)
    slope = torch.sigmoid(fake.detach())
    torch.testing.assert_close(second, slope * (1 - slope) / 5)


def test_statistics_have_no_graph(device: torch.device) -> None:
    """They are for people to read."""
    found = gan_loss(logits(device, 5), logits(device, 5), kind="hinge", role="discriminator", impl="triton")
    assert found.loss.requires_grad
    assert not found.statistics.requires_grad


def test_two_runs_are_equal_bit_for_bit(device: torch.device) -> None:
    """The order of the sums is fixed."""
    real, fake = logits(device, 3000).detach(), logits(device, 3000, seed=1).detach()
    first, second = (gan_loss(real, fake, kind="logistic", role="discriminator", impl="triton") for _ in range(2))
    assert torch.equal(first.loss, second.loss)
    assert torch.equal(first.statistics, second.statistics)


@pytest.mark.parametrize(("kind", "role", "has_real"), [("logistic", "discriminator", True), ("hinge", "generator", False)])
def test_opcheck(device: torch.device, kind: str, role: str, has_real: bool) -> None:
    """Schema, shapes without values, and tracing agree with what the kernel does."""
    real, fake = logits(device, (4, 1, 2, 2)).detach(), logits(device, (4, 1, 2, 2), seed=1).detach()
    torch.library.opcheck(_op, (real if has_real else None, fake, kind, role, 0.0, 1.0, 0.0, 1.0))


@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
@pytest.mark.parametrize("kind", ["logistic", PAIRED])
@pytest.mark.filterwarnings("ignore")  # of the compilers of some versions of torch
def test_the_kernel_inside_a_compiled_region(device: torch.device, backend: str, kind: str) -> None:
    """Asked for by name, it is one op of the graph, with its gradients."""
    torch._dynamo.reset()
    real, fake = logits(device, 20), logits(device, 20, seed=1)

    def loss(r: Tensor, f: Tensor) -> Tensor:
        return gan_loss(r * 2, f * 2, kind=kind, role="discriminator", impl="triton").loss * 3

    found = torch.compile(loss, backend=backend, fullgraph=True)(real, fake)
    gradients = torch.autograd.grad(found, (real, fake))
    wanted = gan_loss_ref(real * 2, fake * 2, kind=kind, role="discriminator").loss * 3
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(gradients, torch.autograd.grad(wanted, (real, fake)))
