"""The averaged generator: half-life in images, buffers, start, and that the trained network is left alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganbench.training.optimizers import EMA


def module() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


def fill(network: nn.Module, value: float) -> None:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(value)


def test_an_old_weight_counts_half_after_the_half_life() -> None:
    """From 0 towards 1: after n images the average is 1 - 0.5^(n / halflife)."""
    network = module()
    fill(network, 0.0)
    ema = EMA(network, halflife_kimg=0.5, start_kimg=0, images_per_update=50)
    fill(network, 1.0)
    for _ in range(10):
        ema.update()
    for parameter in ema.module.parameters():
        torch.testing.assert_close(parameter, torch.full_like(parameter, 0.5), rtol=1e-5, atol=0)
    for _ in range(10):
        ema.update()
    for parameter in ema.module.parameters():
        torch.testing.assert_close(parameter, torch.full_like(parameter, 0.75), rtol=1e-5, atol=0)


def test_buffers_are_copied_and_not_averaged() -> None:
    """Trap 11: running statistics of old weights describe nothing; the integer counter of batch norm comes along."""
    network = module()
    ema = EMA(network, halflife_kimg=100, start_kimg=0, images_per_update=64)
    network(torch.randn(4, 1, 8, 8) * 3 + 5)
    ema.update()
    theirs, ours = dict(network.named_buffers()), dict(ema.module.named_buffers())
    assert theirs["1.num_batches_tracked"] == 1
    assert theirs.keys() == ours.keys()
    for name, buffer in theirs.items():
        assert torch.equal(ours[name], buffer), name
        assert ours[name].data_ptr() != buffer.data_ptr()


def test_buffers_are_copied_in_one_call_for_each_dtype(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU a list of several dtypes is a copy for each buffer, and each is a node of the captured step."""
    network = nn.Sequential(module(), module())
    ema = EMA(network, halflife_kimg=100, start_kimg=0, images_per_update=64)
    copied: list[list[torch.dtype]] = []
    monkeypatch.setattr(torch, "_foreach_copy_", lambda own, source: copied.append([one.dtype for one in (*own, *source)]))
    ema.update()
    assert sorted(map(str, map(set, copied))) == ["{torch.float32}", "{torch.int64}"]
    assert sum(map(len, copied)) == 2 * len(list(network.buffers()))


def test_a_network_without_buffers_is_averaged() -> None:
    """As an MLP is."""
    network = nn.Linear(2, 2)
    ema = EMA(network, halflife_kimg=0, start_kimg=0, images_per_update=64)
    fill(network, 3.0)
    ema.update()
    assert torch.equal(ema.module.weight, network.weight)  # type: ignore[arg-type]


@pytest.mark.parametrize(("halflife", "start"), [(0.0, 0.0), (10.0, 1.0)])
def test_without_a_half_life_or_before_its_start_it_is_a_copy(halflife: float, start: float) -> None:
    """Bit for bit, so that evaluating the average evaluates the generator."""
    network = module()
    ema = EMA(network, halflife_kimg=halflife, start_kimg=start, images_per_update=64)
    for value in (0.1, 0.7, -3.3):
        fill(network, value)
        ema.set_progress(999)
        ema.update()
        for a, b in zip(ema.module.parameters(), network.parameters(), strict=True):
            assert torch.equal(a, b)


def test_averaging_starts_when_its_time_has_come() -> None:
    """At start_kimg, from the copy that it was."""
    network = module()
    fill(network, 0.0)
    ema = EMA(network, halflife_kimg=0.064, start_kimg=1, images_per_update=64)
    ema.set_progress(0)
    ema.update()
    fill(network, 1.0)
    ema.set_progress(1000)
    ema.update()
    for parameter in ema.module.parameters():
        torch.testing.assert_close(parameter, torch.full_like(parameter, 0.5))


def test_the_average_is_in_evaluation_mode_and_the_trained_network_untouched() -> None:
    """No gradient, no training mode, no shared storage, the same memory layout."""
    network = module().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    before = [p.clone() for p in network.parameters()]
    ema = EMA(network, halflife_kimg=1, start_kimg=0, images_per_update=64)
    ema.update()
    assert network.training
    assert not any(m.training for m in ema.module.modules())
    assert not any(p.requires_grad for p in ema.module.parameters())
    assert all(p.requires_grad for p in network.parameters())
    for old, now, average in zip(before, network.parameters(), ema.module.parameters(), strict=True):
        assert torch.equal(old, now)
        assert average.data_ptr() != now.data_ptr()
        assert average.stride() == now.stride()


def test_a_half_life_that_moves_gives_the_bits_of_one_that_stands() -> None:
    """Set before each step to what it was, it changes nothing; set to 0, the average is a copy. What is captured follows the tensor."""
    network = module()
    fill(network, 0.0)
    standing, moving = (EMA(network, halflife_kimg=0.5, start_kimg=0, images_per_update=50) for _ in range(2))
    fill(network, 1.0)
    assert moving.capture_key() == (True, False)
    for _ in range(3):
        moving.set_halflife(0.5)
        standing.update()
        moving.update()
    for one, other in zip(standing.module.parameters(), moving.module.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=0)
    moving.set_halflife(0)
    assert moving.capture_key() == (True, True)
    moving.update()
    assert all(torch.equal(one, other) for one, other in zip(network.parameters(), moving.module.parameters(), strict=True))
