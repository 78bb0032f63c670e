"""Quantising without a kernel: the arithmetic, the errors, and what the compiler makes of it."""

from __future__ import annotations

import pytest
import torch

from ganbench_kernels import to_uint8, to_uint8_ref


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_it_is_the_formula(dtype: torch.dtype) -> None:
    """clamp(127.5 x + 128, 0, 255) in float32, cut off."""
    x = torch.linspace(-1.5, 1.5, 601).to(dtype)
    assert to_uint8(x).tolist() == (x.float() * 127.5 + 128).clamp(0, 255).int().tolist()


def test_gradients_are_cut() -> None:
    """A generator's images may be passed as they are."""
    assert not to_uint8(torch.zeros(2, requires_grad=True)).requires_grad


@pytest.mark.parametrize("op", [to_uint8, to_uint8_ref])
def test_integers_are_refused(op) -> None:
    """uint8 images must not pass through twice."""
    with pytest.raises(ValueError, match=r"to_uint8: x must be floating point in \[-1, 1\] \(got torch.uint8\)"):
        op(torch.zeros(3, dtype=torch.uint8))


@pytest.mark.parametrize("view", [lambda x: x, lambda x: x.transpose(0, 1), lambda x: x[:, ::2], lambda x: x[:1].expand(4, -1)])
def test_the_registered_op_is_well_behaved(view) -> None:
    """PyTorch's own checks: schema, shape function with strides, tracing."""
    torch.library.opcheck(torch.ops.ganbench_kernels.to_uint8.default, (view(torch.randn(6, 10)),))


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")  # torch 2.11, importing Inductor
@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_a_compiled_region_has_the_same_levels(backend: str) -> None:
    """Traced as the reference, without a break."""
    x = torch.linspace(-1.1, 1.1, 777)
    assert torch.equal(torch.compile(to_uint8, backend=backend, fullgraph=True)(x), to_uint8(x))
