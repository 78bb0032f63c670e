"""Batch norm + leaky-ReLU without a kernel: the reference is torch's own pair, the module is a batch norm, and what is wrong is said."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganbench_kernels import NormAct, has_triton, norm_act, norm_act_ref


def pair(slope: float, **options: Any) -> nn.Sequential:
    """Return what NormAct replaces."""
    activation = nn.ReLU(inplace=True) if slope == 0 else nn.LeakyReLU(slope, inplace=True)
    return nn.Sequential(nn.BatchNorm2d(6, **options), activation)


def images(*, channels_last: bool = False, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    """Return a batch away from zero mean and unit variance."""
    x = 2 * torch.randn(5, 6, 7, 3, generator=torch.Generator().manual_seed(seed)) + 1
    return x.to(dtype, memory_format=torch.channels_last if channels_last else torch.contiguous_format)


def spread_(module: nn.Module) -> None:
    """Give a batch norm a weight and a bias that matter."""
    with torch.no_grad():
        module.weight.copy_(torch.linspace(-1, 2, 6))
        module.bias.copy_(torch.linspace(1, -1, 6))


@pytest.mark.parametrize("impl", ["auto", "ref"])
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_on_a_cpu_the_bits_of_batch_norm_and_an_activation(slope: float, dtype: torch.dtype, channels_last: bool, impl: Any) -> None:
    """Outputs, gradients and running statistics, over steps of training and then in evaluation."""
    theirs, ours = pair(slope), NormAct(6, negative_slope=slope, impl=impl)
    spread_(theirs[0])
    ours.load_state_dict(theirs[0].state_dict())
    for seed in range(3):
        x, x_ours = (images(dtype=dtype, channels_last=channels_last, seed=seed).requires_grad_() for _ in range(2))
        y, y_ours = theirs(x), ours(x_ours)
        y.float().square().sum().backward()
        y_ours.float().square().sum().backward()
        assert torch.equal(y, y_ours)
        assert y.stride() == y_ours.stride()
        assert torch.equal(x.grad, x_ours.grad)
    assert all(torch.equal(p.grad, q.grad) for p, q in zip(theirs.parameters(), ours.parameters(), strict=True))
    assert all(torch.equal(ours.state_dict()[name], value) for name, value in theirs[0].state_dict().items())
    assert torch.equal(theirs.eval()(x), ours.eval()(x))


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_the_reference_can_be_differentiated_twice(slope: float) -> None:
    """Finite differences agree with both derivatives, away from the kink, though the activation works in place."""
    x = torch.randn(3, 2, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(4)).requires_grad_()
    weight, bias = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in ([1.0, -0.5], [4.0, -3.0]))
    assert torch.autograd.gradgradcheck(lambda *i: norm_act_ref(*i, None, None, negative_slope=slope), (x, weight, bias))


def test_a_penalty_through_the_module_has_gradients() -> None:
    """On a CPU auto is the reference, so R1 works and is that of the pair."""
    theirs, ours = pair(0.2), NormAct(6)
    x = images().requires_grad_()
    for module in (theirs, ours):
        (gradient,) = torch.autograd.grad(module(x).square().sum(), x, create_graph=True)
        gradient.square().sum().backward()
    assert ours.weight.grad.any()
    assert torch.equal(theirs[0].weight.grad, ours.weight.grad)


def test_state_dicts_go_both_ways() -> None:
    """The module is a batch norm in type, state and repr."""
    ours, theirs = NormAct(6), nn.BatchNorm2d(6)
    ours(images())
    theirs.load_state_dict(ours.state_dict())
    again = NormAct(6)
    again.load_state_dict(theirs.state_dict())
    assert isinstance(ours, nn.BatchNorm2d)
    assert all(torch.equal(again.state_dict()[name], value) for name, value in ours.state_dict().items())
    assert int(again.num_batches_tracked) == 1
    assert repr(ours) == repr(theirs).replace("BatchNorm2d", "NormAct")[:-1] + ", negative_slope=0.2)"


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_copies_compute_the_same(copied: Any) -> None:
    """Slope and implementation travel along."""
    ours = NormAct(6, eps=0.1, negative_slope=0.3, impl="ref")
    other = copied(ours)
    assert torch.equal(ours(images()), other(images()))
    assert (other.negative_slope, other.impl, other.eps) == (0.3, "ref", 0.1)


@pytest.mark.parametrize("options", [{"affine": False}, {"track_running_stats": False}, {"momentum": None}, {"momentum": 0.5, "eps": 0.1}])
def test_options_of_batch_norm(options: dict[str, Any]) -> None:
    """All of them mean what they mean there, a cumulative average included."""
    theirs, ours = pair(0.2, **options), NormAct(6, **options)
    for seed in range(3):
        assert torch.equal(theirs(images(seed=seed)), ours(images(seed=seed)))
    assert all(torch.equal(ours.state_dict()[name], value) for name, value in theirs[0].state_dict().items())
    assert torch.equal(theirs.eval()(images()), ours.eval()(images()))


def test_without_spatial_dimensions() -> None:
    """After a linear layer it is BatchNorm1d."""
    x = torch.randn(9, 6)
    assert torch.equal(NormAct(6, negative_slope=0.0)(x), torch.relu(nn.BatchNorm1d(6)(x)))


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated")  # by torch 2.11 itself, on importing Inductor
@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_a_compiled_module_is_the_pair_without_a_graph_break(backend: str) -> None:
    """Values, gradients, running statistics and the count of batches."""
    eager, compiled = NormAct(6), NormAct(6)
    step = torch.compile(compiled, backend=backend, fullgraph=True)
    for seed in range(2):
        x, x_compiled = (images(seed=seed).requires_grad_() for _ in range(2))
        y, y_compiled = eager(x), step(x_compiled)
        y.square().sum().backward()
        y_compiled.square().sum().backward()
        torch.testing.assert_close(y_compiled, y)
        torch.testing.assert_close(x_compiled.grad, x.grad)
    assert int(compiled.num_batches_tracked) == 2
    for name, value in eager.state_dict().items():
        torch.testing.assert_close(compiled.state_dict()[name], value)
    torch.testing.assert_close(compiled.weight.grad, eager.weight.grad)


@pytest.mark.slow
def test_the_registered_ops_have_references() -> None:
    """Without a GPU or the interpreter the ops compute the same, and pass torch's checks."""
    ops = torch.ops.ganbench_kernels
    x, dy = images(dtype=torch.float64).requires_grad_(), images(dtype=torch.float64, seed=1)
    weight, bias, mean, var = (torch.rand(6, dtype=torch.float64, generator=torch.Generator().manual_seed(i)) + 0.5 for i in range(4))
    expected_mean, expected_var = mean.clone(), var.clone()
    expected = norm_act_ref(x, weight, bias, expected_mean, expected_var)
    x_ = x.detach()
    y, batch_mean, invstd = ops.norm_act(x_, weight, bias, mean, var, 0.1, 1e-5, 0.2)
    torch.testing.assert_close((y, mean, var), (expected.detach(), expected_mean, expected_var))
    dx, *_ = ops.norm_act_backward(dy, x_, batch_mean, invstd, weight, bias, 0.2)
    torch.testing.assert_close(dx, torch.autograd.grad(expected, x, dy)[0])
    inference = ops.norm_act_inference(x_, weight, bias, mean, var, 1e-5, 0.2)
    torch.testing.assert_close(inference, norm_act_ref(x_, weight, bias, mean, var, training=False))
    torch.library.opcheck(ops.norm_act.default, (x_, weight, bias, mean, var, 0.1, 1e-5, 0.2))
    torch.library.opcheck(ops.norm_act_backward.default, (dy, x_, batch_mean, invstd, weight, None, 0.2))
    torch.library.opcheck(ops.norm_act_inference.default, (x_, None, bias, mean, var, 1e-5, 0.0))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "dtype": ({"x": torch.zeros(2, 6, 3, 3, dtype=torch.int32)}, "x must be floating point"),
    "dimensions": ({"x": torch.zeros(6)}, "x must be floating point and"),
    "weight's length": ({"weight": torch.zeros(5)}, r"weight must be \[6\] and torch.float32 \(got \[5\]"),
    "bias's dtype": ({"bias": torch.zeros(6, dtype=torch.float64)}, "bias must be"),
    "bfloat16's weight": (
        {"x": torch.zeros(2, 6, dtype=torch.bfloat16), "weight": torch.zeros(6, dtype=torch.float16)},
        "or torch.float32",
    ),
    "running statistics": ({"running_mean": torch.zeros(1), "running_var": torch.ones(6)}, "running_mean must be"),
    "one of two": ({"running_mean": torch.zeros(6)}, "running_var must be given"),
    "evaluation": ({"training": False}, "running_mean must be given"),
    "one value": ({"x": torch.zeros(1, 6, 1, 1)}, "Expected more than 1 value per channel when training"),
    "eps": ({"eps": 0.0}, "eps must be more than 0"),
    "slope": ({"negative_slope": -0.1}, "negative_slope must be 0 or more"),
    "implementation": ({"impl": "cuda"}, "impl must be auto, triton or ref"),
    "devices": ({"weight": torch.zeros(6, device="meta")}, "all tensors must be on one device"),
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_input_is_refused_by_name(name: str) -> None:
    """One line that names the field and what it got."""
    wrong, message = WRONG[name]
    given: dict[str, Any] = {"x": images(), "weight": None, "bias": None, "running_mean": None, "running_var": None} | wrong
    with pytest.raises(ValueError, match=message) as error:
        norm_act(**given)
    assert "\n" not in str(error.value)


def test_the_module_refuses_a_slope_when_it_is_made() -> None:
    """Not at the first batch."""
    with pytest.raises(ValueError, match="negative_slope must be 0 or more"):
        NormAct(6, negative_slope=float("nan"))


@pytest.mark.skipif(not has_triton(), reason="triton is not installed")
@pytest.mark.parametrize(("batch", "expected"), [(64, 62), (128, 62)])
def test_launches_of_the_norms_in_a_step_of_dcgan_64(batch: int, expected: int) -> None:
    """The 4x4 maps take one launch in each direction also at batch 128, the others three: the design asks for 30 in all."""
    from ganbench_kernels.jit.norm_act_tiling import small_tiling

    def launches(channels: int, side: int) -> int:
        x = torch.empty(batch, channels, side, side, dtype=torch.bfloat16, device="meta").contiguous(memory_format=torch.channels_last)
        return sum(1 if small_tiling(x, backward=backward) else 3 for backward in (False, True))

    generator = ((512, 4), (256, 8), (128, 16), (64, 32))
    discriminator = ((128, 16), (256, 8), (512, 4))
    assert sum(launches(*maps) for maps in generator + 3 * discriminator) == expected
