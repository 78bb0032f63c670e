"""Every architecture and recipe that comes with ganbench, a few steps each: the promises that any plugin makes, by the author's kit.

Each family states a small configuration of its names in ``zoo_<family>.py``.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from zoo import small_cases

from ganbench.plugin.manager import HOME, PluginManager
from ganbench.registration import ModelSpec
from ganbench.spec import ArchitectureSpec, RecipeSpec
from ganbench.testing import NotClaimed, Promise, Subject, Trial, promises_of

MANAGER = PluginManager()
CASES = small_cases()


def subject(name: str, **settings: Any) -> Subject:
    """Return a plugin with its small configuration."""
    return Subject(registered=MANAGER.find(ModelSpec, name), manager=MANAGER, target=name, settings={**CASES[name], **settings})


SLOW = ("bf16", "captured", "compiled")
PROMISES = [
    pytest.param(name, one, id=f"{name}-{one.name}", marks=[pytest.mark.slow] if any(word in one.name for word in SLOW) else [])
    for name in CASES
    for one in promises_of(subject(name).spec.kind)
]


def test_every_registered_architecture_and_recipe_has_a_case() -> None:
    """What is added to the zoo is tested with it."""
    ours = {r.spec.name for kind in (ArchitectureSpec, RecipeSpec) for r in MANAGER.specs(kind) if r.distribution == HOME}
    assert ours == set(CASES)


@pytest.mark.parametrize(("name", "promise"), PROMISES)
@pytest.mark.filterwarnings("ignore")  # of the compilers of some versions of torch
def test_it_keeps_every_promise(name: str, promise: Promise) -> None:
    """As any plugin does: samples, losses, bits, resume, bf16, captured and compiled steps, options."""
    try:
        promise.keep(subject(name))
    except NotClaimed as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("name", CASES)
def test_the_evaluated_generator_makes_sane_images_at_initialisation(name: str) -> None:
    """Of the size that they are compared in, near [-1, 1] (ProGAN has no tanh), not all alike."""
    made = Trial(subject(name)).materials
    inputs = made.networks.inputs
    reference = inputs.reference(made.dataset)
    labels = torch.arange(6) % reference.num_classes if inputs.labels else None
    with torch.inference_mode():
        samples = made.algorithm.sample(inputs.draw(6, torch.Generator().manual_seed(0), dataset=made.dataset), labels)
    assert samples.shape == (6, *reference.space.size)
    assert torch.isfinite(samples).all()
    assert float((samples - samples[:1]).abs().max()) > 0
    assert float(samples.abs().max()) < 4
