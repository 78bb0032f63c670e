"""bias_act without its kernels: the reference, the registered ops, compiled graphs, modules, errors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ganbench_kernels import BiasAct, ConvBiasAct, bias_act, bias_act_ref, has_triton, no_param_grads
from ganbench_kernels import bias_act_ops as ops

OP = torch.ops.ganbench_kernels.bias_act.default


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    """Forget compiled code, and let autograd.grad be compiled."""
    torch._dynamo.reset()
    with torch._dynamo.config.patch(trace_autograd_ops=True):
        yield
    torch._dynamo.reset()


@pytest.fixture
def fused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the registered ops on the CPU, where each runs its reference."""
    monkeypatch.setattr(sys.modules["ganbench_kernels.bias_act"], "takes_triton", lambda *_: True)
    monkeypatch.setattr(sys.modules["ganbench_kernels.modules"], "takes_triton", lambda *_: True)


@settings(deadline=None, max_examples=40)
@given(
    shape=st.lists(st.integers(1, 5), min_size=2, max_size=4).map(tuple),
    negative_slope=st.floats(0, 2),
    gain=st.floats(0.1, 3),
    clamp=st.none() | st.floats(0.1, 3),
    has_bias=st.booleans(),
    seed=st.integers(0, 99),
)
def test_the_formula(shape: tuple[int, ...], negative_slope: float, gain: float, clamp: float | None, has_bias: bool, seed: int) -> None:
    """The reference is the formula, written with other functions; the input stays what it was."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    bias = torch.randn(shape[1], generator=generator, dtype=torch.float64) if has_bias else None
    before = x.clone()
    t = x if bias is None else (x.movedim(1, -1) + bias).movedim(-1, 1)
    expected = gain * (t.clamp_min(0) + negative_slope * t.clamp_max(0))
    expected = expected if clamp is None else expected.clamp(-clamp, clamp)
    torch.testing.assert_close(bias_act_ref(x, bias, negative_slope=negative_slope, gain=gain, clamp=clamp), expected)
    assert torch.equal(x, before)


@pytest.mark.parametrize("bias_dtype", [None, torch.float32])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_the_reference_s_precision(dtype: torch.dtype, bias_dtype: torch.dtype | None) -> None:
    """The result has x's dtype and is float64's to its rounding, for a bias of either dtype."""
    rtol = {torch.float32: 1.3e-6, torch.float64: 1e-12, torch.float16: 1e-3, torch.bfloat16: 8e-3}[dtype]
    x, bias = torch.randn(4, 6, 5, 5).to(dtype), torch.randn(6).to(bias_dtype or dtype)
    for curve in ({}, {"negative_slope": 0.0}, {"gain": 2**0.5, "clamp": 1.0}):
        y = bias_act_ref(x, bias, **curve)
        assert y.dtype == dtype
        torch.testing.assert_close(y.double(), bias_act_ref(x.double(), bias.double(), **curve), rtol=rtol, atol=rtol)


def operands() -> list[tuple[Tensor, Tensor | None]]:
    """Return pairs of x and bias in several layouts and dtypes."""
    x = torch.randn(2, 3, 4, 5)
    return [
        (x, torch.randn(3)),
        (x.to(memory_format=torch.channels_last).bfloat16(), torch.randn(3)),
        (x[:, :, ::2].double(), None),
        (torch.randn(5, 6), torch.randn(6)),
    ]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # opcheck looks at that of clones
def test_registered_ops() -> None:
    """PyTorch's checks of schema, shapes, strides, aliasing and derivatives pass for each op and layout."""
    for x, bias in operands():
        arguments = (0.2, 1.4, 1.0)
        leaf, leaf_bias = x.detach().clone().requires_grad_(), None if bias is None else bias.clone().requires_grad_()
        torch.library.opcheck(OP, (leaf, leaf_bias, *arguments))
        y = ops.forward(x, bias, *arguments)
        torch.library.opcheck(ops.forward, (x, bias, *arguments))
        torch.library.opcheck(ops.backward, (x, y, *arguments))
        torch.library.opcheck(ops.backward_sums, (x, y, *arguments, torch.float32))
        if bias is not None:
            torch.library.opcheck(ops.double_backward, (x, bias, y, *arguments))
            torch.library.opcheck(ops.double_backward, (None, bias, y, *arguments))


def test_the_ops_are_the_reference(fused: None) -> None:
    """What runs for the registered ops on a CPU has the reference's values and first two derivatives."""
    for x, bias in operands():
        x = x.double().requires_grad_()
        bias = None if bias is None else bias.double().requires_grad_()
        inputs = [t for t in (x, bias) if t is not None]
        dy = torch.randn_like(x).requires_grad_()
        found = []
        for op in (bias_act, bias_act_ref):
            y = op(x, bias, gain=1.4, clamp=1.0)
            first = torch.autograd.grad(y, inputs, dy, create_graph=True)
            second = torch.autograd.grad(sum(g.square().sum() for g in first), dy)
            found.append([y, *first, *second])
        torch.testing.assert_close(found[0], found[1])


class Discriminator(nn.Module):
    """Two activated convolutions and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(
            ConvBiasAct(3, 8, 3, padding=1), ConvBiasAct(8, 8, 3, stride=2, gain=1.4, clamp=2.0), nn.Flatten(), nn.Linear(32, 1)
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits


def loss_with_r1(discriminator: nn.Module, images: Tensor) -> Tensor:
    """Return a loss that has a first and a second derivative of the network in it."""
    logits = discriminator(images)
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return F.softplus(-logits).mean() + gradient.square().sum(dim=(1, 2, 3)).mean()


def gradients(loss: Callable[[nn.Module, Tensor], Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the loss and the gradient of every parameter."""
    discriminator = Discriminator()
    images = torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(1)).requires_grad_()
    value = loss(discriminator, images)
    assert value.requires_grad
    value.backward()
    return value.detach(), {name: p.grad for name, p in discriminator.named_parameters()}


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")  # torch 2.11, importing Inductor
@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("aot_eager_decomp_partition", marks=pytest.mark.slow)])
def test_compiled_r1(fused: None, fresh_compiler: None, backend: str) -> None:
    """A compiled discriminator loss with R1 has eager's gradients of every parameter, and none of them is zero.

    The second backend parts the graph as Inductor does, whose own code for R1 tests/training/test_compile_runner.py compiles.
    """
    value, compiled = gradients(torch.compile(loss_with_r1, backend=backend, fullgraph=True))
    eager_value, eager = gradients(loss_with_r1)
    torch.testing.assert_close(value, eager_value)
    torch.testing.assert_close(compiled, eager, rtol=1e-4, atol=1e-6)
    assert all(g.count_nonzero() > 0 for g in compiled.values())


def test_eager_r1_is_the_reference_s(request: pytest.FixtureRequest) -> None:
    """The fused network's loss with R1 has the gradients of the reference's."""
    expected = gradients(loss_with_r1)
    request.getfixturevalue("fused")
    torch.testing.assert_close(gradients(loss_with_r1), expected, rtol=1e-4, atol=1e-6)


def test_auto_is_transparent_to_the_compiler(fresh_compiler: None) -> None:
    """Compiled, ``impl="auto"`` leaves plain PyTorch in the graph, for Inductor to fuse, and neither breaks it nor warns."""
    nodes: list[str] = []

    def spy(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., object]:
        nodes.extend(str(n.target) for n in graph.graph.nodes)
        return graph

    layer = BiasAct(3)
    torch.compile(lambda x: layer(x) + bias_act(x, clamp=1.0), backend=spy, fullgraph=True)(torch.randn(2, 3))
    assert any("leaky_relu" in n for n in nodes)
    assert not any("ganbench" in n for n in nodes)


def test_a_graph_compiled_without_parameter_gradients(fused: None, fresh_compiler: None) -> None:
    """A graph that is traced inside ``no_param_grads`` still has the gradient of the bias, which a later call may need."""
    x, bias = torch.randn(2, 3), torch.zeros(3, requires_grad=True)
    with no_param_grads():
        y = torch.compile(bias_act, backend="aot_eager", fullgraph=True)(x, bias)
    y.sum().backward()
    assert bias.grad is not None
    torch.testing.assert_close(bias.grad, torch.where(x > 0, 1.0, 0.2).sum(dim=0))


def test_no_param_grads_ends(fused: None) -> None:
    """It ends with its block, an error included."""
    bias = torch.zeros(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="stop"), no_param_grads():
        raise RuntimeError("stop")
    bias_act(torch.ones(2, 3), bias).sum().backward()
    torch.testing.assert_close(bias.grad, torch.full((3,), 2.0))


@pytest.mark.parametrize("negative_slope", [0.0, 0.2])
def test_the_convolution_on_a_cpu_is_pytorch_s(negative_slope: float) -> None:
    """One convolution with its bias and one activation in place: the same bits, and not a pass more."""
    layer, x = ConvBiasAct(3, 8, 3, negative_slope=negative_slope), torch.randn(2, 3, 9, 9)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], acc_events=True) as profile:
        y = layer(x)
    activation = F.leaky_relu if negative_slope else lambda t, _: F.relu(t)
    assert torch.equal(y, activation(F.conv2d(x, layer.weight, layer.bias), negative_slope))
    top = [e.name for e in profile.events() if e.cpu_parent is None and e.name.startswith("aten::")]
    assert top == ["aten::conv2d", "aten::leaky_relu_" if negative_slope else "aten::relu_"]


def test_modules_have_pytorch_s_state() -> None:
    """The convolution takes ``nn.Conv2d``'s arguments and state; the activation has its bias, or nothing."""
    plain = nn.Conv2d(3, 8, (3, 5), stride=2, padding=1, dilation=1, groups=1, bias=False, padding_mode="reflect")
    layer = ConvBiasAct(3, 8, (3, 5), stride=2, padding=1, dilation=1, groups=1, bias=False, padding_mode="reflect")
    layer.load_state_dict(plain.state_dict())
    x = torch.randn(1, 3, 9, 9)
    torch.testing.assert_close(layer(x), F.leaky_relu(plain(x), 0.2))
    assert list(BiasAct(4).state_dict()) == ["bias"]
    assert list(BiasAct(4, bias=False).state_dict()) == []
    assert repr(BiasAct(4, clamp=2.0)) == "BiasAct(4, bias=True, negative_slope=0.2, gain=1, clamp=2.0)"
    assert repr(layer).endswith("padding_mode=reflect, negative_slope=0.2, gain=1, clamp=None)")


X = torch.zeros(2, 3, 4, 4)


@pytest.mark.parametrize("op", [bias_act, bias_act_ref])
@pytest.mark.parametrize(
    ("x", "arguments", "message"),
    [
        (X.int(), {}, "x must be float32, bfloat16, float16 or float64 .got torch.int32"),
        (X.to(torch.complex64), {}, "x must be float32, bfloat16, float16 or float64 .got torch.complex64"),
        (torch.zeros(3), {}, r"x must be \[N, C, ...\] .got shape \[3\]"),
        (X, {"bias": torch.zeros(4)}, r"bias must be \[3\], the channels of x .got shape \[4\]"),
        (X, {"bias": torch.zeros(3, 1)}, r"bias must be \[3\], the channels of x .got shape \[3, 1\]"),
        (X, {"bias": torch.zeros(3).double()}, "bias must be torch.float32, like x, or torch.float32 .got torch.float64"),
        (X, {"bias": torch.zeros(3).half()}, "bias must be .* .got torch.float16"),
        (X, {"bias": torch.zeros(3, device="meta")}, "all tensors must be on one device .got cpu, meta"),
        (X, {"negative_slope": -0.1}, "negative_slope must be finite and 0 or more .got -0.1"),
        (X, {"negative_slope": float("nan")}, "negative_slope must be finite and 0 or more .got nan"),
        (X, {"gain": 0.0}, "gain must be finite and above 0 .got 0.0"),
        (X, {"gain": float("inf")}, "gain must be finite and above 0 .got inf"),
        (X, {"clamp": 0.0}, "clamp must be finite and above 0, or None .got 0.0"),
        (X, {"clamp": float("nan")}, "clamp must be finite and above 0, or None .got nan"),
    ],
)
def test_bad_input(op: Callable[..., Tensor], x: Tensor, arguments: dict[str, object], message: str) -> None:
    """Each says what was wrong with which field."""
    with pytest.raises(ValueError, match=f"^bias_act: {message}"):
        op(x, **arguments)


@pytest.mark.parametrize("make", [lambda **s: BiasAct(3, **s), lambda **s: ConvBiasAct(3, 3, 1, **s)])
def test_modules_check_when_they_are_made(make: Callable[..., nn.Module]) -> None:
    """A bad setting is an error of the constructor."""
    with pytest.raises(ValueError, match="bias_act: negative_slope must be"):
        make(negative_slope=-1.0)


@pytest.mark.slow
@pytest.mark.skipif(not has_triton(), reason="triton is not installed")
def test_more_than_two_to_the_31_elements() -> None:
    """Where the large tensors are read and written, the offsets have 64 bits before anything is multiplied."""
    import re

    from cross_compile import for_nvidia
    from planned_bias_act import planned

    for name in ("forward-bf16-last", "backward-bf16-first"):
        ttir = for_nvidia(planned()[name].launch, "sm_90").ttir
        offsets = re.findall(r"tt\.addptr .*tensor<\d+x\d+x!tt\.ptr<bf16>.*, tensor<\d+x\d+x(i\d+)>", ttir)
        assert set(offsets) == {"i64"}
        assert len(offsets) == (2 if name.startswith("forward") else 3)
        assert re.findall(r"muli .*: tensor<\S*xi32>", ttir) == []
