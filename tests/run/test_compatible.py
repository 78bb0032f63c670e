"""What couples the samples of a batch, and the penalties that make no sense with it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganbench.config.resolve import resolve
from ganbench.plugin.manager import PluginManager
from ganbench.run.compatible import _refusals, _what_couples
from ganbench.spec import ArchitectureSpec
from ganbench.training.inputs import Latents
from ganbench.training.networks import Networks
from ganbench.training.objective import Judgement, Objective

MANAGER = PluginManager()


class Neighbours(nn.Module):
    """Says of itself that it looks at the whole batch."""

    couples_samples = "a look at its neighbours"


class Penalty:
    name = "by-sample"

    def __init__(self, needs_independent_samples: bool) -> None:
        self.needs_independent_samples = needs_independent_samples

    def __call__(self, *_: Any) -> Tensor:
        return torch.zeros(())


def reasons(discriminator: nn.Module, *, by_sample: bool = True) -> list[str]:
    """Return why a penalty is refused with a discriminator."""
    objective = Objective(discriminator_loss=lambda r, f: r, generator_loss=lambda f: f, penalties=(Penalty(by_sample),))
    networks = Networks(modules={"generator": nn.Identity(), "discriminator": discriminator}, inputs=Latents(1))
    spec = ArchitectureSpec(name="thing", summary="", factory="a:b")
    return [r.reason for r in _refusals(resolve(MANAGER, "dcgan", []).config, spec, networks, objective, Judgement(torch.zeros(2)))]


@pytest.mark.parametrize(
    ("layer", "what"),
    [
        (nn.BatchNorm1d(2), "batch norm"),
        (nn.BatchNorm2d(2), "batch norm"),
        (Neighbours(), "a look at its neighbours"),
        (nn.InstanceNorm2d(2), ""),
        (nn.GroupNorm(1, 2), ""),
        (nn.Linear(2, 2), ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_a_module_that_couples_samples_is_known_or_says_so(layer: nn.Module, what: str) -> None:
    """Batch norm is known; others have an attribute, whatever package they are of; norms of single samples couple nothing."""
    assert _what_couples(layer) == what
    found = reasons(nn.Sequential(nn.Linear(2, 2), nn.Sequential(layer)))
    wanted = f"the penalty by-sample takes gradients by sample, and the discriminator has {what}, which couples samples"
    assert found == ([wanted] if what else [])


def test_each_coupling_is_one_reason_and_other_penalties_are_not_refused() -> None:
    """However often a layer occurs."""
    discriminator = nn.Sequential(nn.BatchNorm2d(2), Neighbours(), nn.BatchNorm2d(2))
    assert ["batch norm" in r for r in reasons(discriminator)] == [True, False]
    assert reasons(discriminator, by_sample=False) == []
