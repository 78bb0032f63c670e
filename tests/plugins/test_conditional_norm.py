"""Conditional batch norm against batch norm with each class's own gain and bias."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from ganbench_resnet.conditional_norm import ConditionalNormAct, ModulatedNormAct


def test_each_sample_has_the_gain_and_bias_of_its_class() -> None:
    """Statistics over all classes together; the input stays as it was."""
    torch.manual_seed(0)
    norm = ConditionalNormAct(3, 4)
    torch.nn.init.normal_(norm.gains.weight)
    torch.nn.init.normal_(norm.biases.weight)
    x, labels = torch.randn(5, 3, 2, 2), torch.tensor([0, 3, 3, 1, 2])
    before = x.clone()
    y = norm(x, labels)
    normalised = F.batch_norm(x, None, None, training=True)
    for sample, label in enumerate(labels):
        expected = normalised[sample] * norm.gains.weight[label, :, None, None] + norm.biases.weight[label, :, None, None]
        torch.testing.assert_close(y[sample], expected.relu())
    assert torch.equal(x, before)


def test_it_begins_as_plain_batch_norm() -> None:
    """Gains 1 and biases 0 for every class, and the same running statistics."""
    torch.manual_seed(0)
    norm, plain = ConditionalNormAct(3, 4), torch.nn.BatchNorm2d(3)
    x, labels = torch.randn(5, 3, 2, 2), torch.tensor([0, 3, 3, 1, 2])
    torch.testing.assert_close(norm(x, labels), plain(x).relu())
    torch.testing.assert_close(norm.running_var, plain.running_var)
    torch.testing.assert_close(norm.eval()(x, labels), plain.eval()(x).relu())
    assert (norm.eps, norm.momentum) == (1e-5, 0.1)


def test_gradients_reach_gains_biases_and_input() -> None:
    """The activation in place must not overwrite what they need."""
    torch.manual_seed(0)
    norm = ModulatedNormAct(2, negative_slope=0.2).double()
    x, gain, bias = (torch.randn(size, dtype=torch.float64, requires_grad=True) for size in ((3, 2, 2, 2), (3, 2), (3, 2)))
    assert torch.autograd.gradcheck(norm.modulate, (x, gain, bias))


def test_a_half_precision_map_stays_one() -> None:
    """Gains in fp32 do not widen it."""
    norm = ConditionalNormAct(3, 4)
    assert norm(torch.randn(2, 3, 2, 2).bfloat16(), torch.tensor([0, 1])).dtype == torch.bfloat16
