"""The reference of the adversarial losses against their closed forms, its derivatives, the op's registration, and bad input."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from gan_loss_table import KINDS, OPTIONS, ROLES, assert_close, expected
from torch import Tensor

from ganbench_kernels import gan_loss, gan_loss_ref
from ganbench_kernels.gan_loss import _op, _reference_op, generator_loss

EVERY = pytest.mark.parametrize(("kind", "role"), [(k, r) for k in KINDS for r in ROLES])
DEFAULTS: dict[str, Any] = {"label_smoothing": 0.0, "targets": (1.0, 0.0, 1.0)}


def logits(shape: Any, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    """Logits of about 5 that require grad."""
    values = 5 * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return values.to(dtype).requires_grad_()


@EVERY
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_values_and_gradients_are_the_closed_form(kind: str, role: str, dtype: torch.dtype) -> None:
    """In float32 or better, whatever the logits are in; gradients are in their type."""
    real, fake, options = logits((8, 1, 3, 3), dtype), logits((8, 1, 3, 3), dtype, 1), OPTIONS.get(kind, {})
    found = gan_loss_ref(real, fake, kind=kind, role=role, **options)
    wanted, *slopes = expected(real, fake, kind=kind, role=role, **options)
    assert found.loss.dtype == found.statistics.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert_close(found, wanted, 30.0, 1e-13 if dtype == torch.float64 else 1.3e-6)
    gradients = torch.autograd.grad(found.loss, (real, fake), allow_unused=True)
    rtol = {torch.float32: 1.3e-6, torch.float64: 1e-12, torch.float16: 1e-3, torch.bfloat16: 8e-3}[dtype]
    for gradient, slope in zip(gradients, slopes, strict=True):
        assert (gradient is None) == (slope is None)
        if gradient is not None:
            assert gradient.dtype == dtype
            torch.testing.assert_close(gradient.double(), slope, rtol=rtol, atol=1e-7 if dtype == torch.float16 else 1e-9)


@EVERY
def test_first_and_second_derivatives(kind: str, role: str) -> None:
    """Against finite differences in float64."""
    inputs = (logits((3, 2), torch.float64), logits((3, 2), torch.float64, 1))

    def loss(real: Tensor, fake: Tensor) -> Tensor:
        # The square makes the second derivative of a piecewise linear loss something else than zero.
        return gan_loss_ref(real, fake, kind=kind, role=role).loss.square() + 0 * real.sum()

    assert torch.autograd.gradcheck(loss, inputs)
    assert torch.autograd.gradgradcheck(loss, inputs)


@EVERY
def test_the_ops_slopes_are_the_derivatives_of_the_reference(kind: str, role: str) -> None:
    """What stands in for the kernel where there is none; real logits come first."""
    real, fake, options = logits(6), logits(6, seed=1), DEFAULTS | OPTIONS.get(kind, {})
    loss, statistics, slopes = _reference_op(real, fake, kind, role, options["label_smoothing"], *options["targets"])
    found = gan_loss_ref(real, fake, kind=kind, role=role, **options)
    assert torch.equal(loss, found.loss)
    assert torch.equal(statistics, found.statistics)
    gradients = torch.autograd.grad(found.loss, (real, fake), allow_unused=True)
    torch.testing.assert_close(slopes, torch.cat([g for g in gradients if g is not None]), rtol=1.3e-6, atol=1e-9)


@EVERY
def test_on_a_cpu_auto_is_the_reference(kind: str, role: str) -> None:
    """Bit for bit."""
    real, fake = logits(7), logits(7, seed=1)
    for found, wanted in zip(gan_loss(real, fake, kind=kind, role=role), gan_loss_ref(real, fake, kind=kind, role=role), strict=True):
        assert torch.equal(found, wanted)


@EVERY
def test_huge_logits_overflow_nowhere(kind: str, role: str) -> None:
    """Up to 1e4; gradients are finite."""
    values = torch.tensor([1e4, -1e4, 700, -700, 88, -88, 1, -1, 0])
    real, fake = values.clone().requires_grad_(), values.flip(0).requires_grad_()
    loss = gan_loss_ref(real, fake, kind=kind, role=role).loss
    assert loss.isfinite()
    assert all(g is None or bool(g.isfinite().all()) for g in torch.autograd.grad(loss, (real, fake), allow_unused=True))


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "relativistic"])
def test_a_generators_loss_needs_no_real_logits(kind: str) -> None:
    """Their statistics are 0 then."""
    fake = logits(7)
    found = gan_loss_ref(None, fake, kind=kind, role="generator")
    assert_close(found, expected(None, fake, kind=kind, role="generator")[0], 30.0)
    assert not found.statistics.requires_grad
    assert torch.equal(generator_loss(fake, kind=kind), found.loss)


def test_the_numbers_of_real_and_fake_logits_may_differ() -> None:
    """Each mean is over its own."""
    real, fake = logits(5), logits(9, seed=1)
    found = gan_loss_ref(real, fake, kind="logistic", role="discriminator")
    assert_close(found, expected(real, fake, kind="logistic", role="discriminator")[0], 30.0)
    assert not found.statistics.requires_grad


@EVERY
def test_opcheck(kind: str, role: str) -> None:
    """Schema, shapes without values, and tracing agree with what the op does."""
    options = DEFAULTS | OPTIONS.get(kind, {})
    real = logits((4, 1, 2, 2)).detach() if role == "discriminator" or kind == "relativistic" else None
    torch.library.opcheck(_op, (real, logits((4, 1, 2, 2), seed=1).detach(), kind, role, options["label_smoothing"], *options["targets"]))


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore")  # of the compilers of some versions of torch
def test_compiled(backend: str) -> None:
    """The reference is traced into the graph, with its gradients."""
    torch._dynamo.reset()
    real, fake = logits(20), logits(20, seed=1)

    def loss(r: Tensor, f: Tensor) -> tuple[Tensor, Tensor]:
        found = gan_loss(r * 2, f * 2, kind="logistic", role="discriminator", label_smoothing=0.1)
        return found.loss * 3, found.statistics

    found, wanted = torch.compile(loss, backend=backend, fullgraph=True)(real, fake), loss(real, fake)
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(*(torch.autograd.grad(x[0], (real, fake)) for x in (found, wanted)))


X = torch.zeros(4)
BAD: dict[str, tuple[Tensor | None, Tensor, dict[str, Any], str]] = {
    "kind": (
        X,
        X,
        {"kind": "huber"},
        "kind must be one of logistic, minimax, hinge, .*relativistic .got 'huber'",
    ),
    "role": (X, X, {"role": "critic"}, "role must be discriminator or generator .got 'critic'"),
    "no real": (None, X, {}, "real_logits must be given for the logistic loss of the discriminator"),
    "no pair": (
        None,
        X,
        {"kind": "relativistic", "role": "generator"},
        "real_logits must be given for the relativistic loss",
    ),
    "empty real": (torch.zeros(0, 1), X, {}, r"real_logits must not be empty .got shape \[0, 1\]"),
    "empty fake": (X, torch.zeros(0), {}, r"fake_logits must not be empty .got shape \[0\]"),
    "integers": (X, X.long(), {}, "fake_logits must be float32, bfloat16, float16 or float64 .got torch.int64"),
    "dtypes": (X, X.double(), {}, "must have one dtype .got torch.float32 and torch.float64"),
    "unpaired": (X, X[:3], {"kind": "relativistic"}, r"relativistic logits must come in pairs .got shapes \[4\] and \[3\]"),
    "smoothing": (X, X, {"label_smoothing": 1.0}, "label_smoothing must be at least 0 and below 1 .got 1.0"),
    "not a number": (X, X, {"label_smoothing": float("nan")}, "label_smoothing must be at least 0 and below 1 .got nan"),
    "smoothed hinge": (X, X, {"kind": "hinge", "label_smoothing": 0.1}, "label_smoothing must be 0 for the hinge loss .got 0.1"),
    "targets": (X, X, {"targets": (0.9, 0.0, 1.0)}, "targets must be left alone for the logistic loss"),
    "two targets": (X, X, {"kind": "least-squares", "targets": (0.9, 0.0)}, "targets must be three numbers: real, fake, generator"),
    "devices": (X, X.to("meta"), {}, "all tensors must be on one device .got cpu, meta"),
    "impl": (X, X, {"impl": "cuda"}, "impl must be auto, triton or ref .got 'cuda'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case: str) -> None:
    """With the field, what it must be, and what it was."""
    real, fake, options, message = BAD[case]
    arguments = {"kind": "logistic", "role": "discriminator"} | options
    with pytest.raises(ValueError, match=message):
        gan_loss(real, fake, **arguments)


def test_a_generators_loss_alone_refuses_the_same() -> None:
    """Relativistic, it would need real logits."""
    with pytest.raises(ValueError, match="real_logits must be given for the relativistic loss"):
        generator_loss(X, kind="relativistic")
    with pytest.raises(ValueError, match="targets must be left alone for the hinge loss"):
        generator_loss(X, kind="hinge", targets=(1.0, 0.0, 0.5))


@pytest.mark.parametrize("case", [name for name in BAD if name != "impl"])
def test_the_reference_refuses_the_same(case: str) -> None:
    """A run that works on one must work on the other."""
    real, fake, options, message = BAD[case]
    arguments = {"kind": "logistic", "role": "discriminator"} | options
    with pytest.raises(ValueError, match=message):
        gan_loss_ref(real, fake, **arguments)
