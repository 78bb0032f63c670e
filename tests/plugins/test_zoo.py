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


COSTLY = ("bf16", "captured", "compiled", "same_bits")
"""Parts of the names of what is slow."""
OF_EACH = ("it_can_be_built", "its_first_losses_are_finite", "its_deviations_are_sentences")
"""The others are tried with each architecture, and with the first recipe alone that joins it to a loss; the costly ones with none."""
EVERYDAY = ("it_", "its_first", "its_deviations", "its_options", "its_factory", "a_wrong_option", "its_samples_are_finite")
"""Beginnings of the names of what is tried every day."""
COMPILED = (
    *("dcgan", "mlp", "resnet", "progressive", "r3gan", "stylegan2", "srgan", "vae", "ctgan"),
    *("wavegan", "gumbel-softmax", "seqgan", "mocogan", "ganomaly"),
)
"""What the others are made of too; of translation, `test_translation_training.py` compiles whole trainings."""


def promises() -> list[Any]:
    """Return them, those of each recipe and those of each pair of architecture and loss, and the slow ones marked."""
    found, seen = [], set()
    for name in CASES:
        spec = subject(name).spec
        pair = (getattr(spec, "architecture", name), *(s for s in getattr(spec, "settings", ()) if s[0].startswith("loss.")))
        for one in promises_of(spec):
            costly = any(word in one.name for word in COSTLY)
            tried = not isinstance(spec, RecipeSpec) if costly else pair not in seen
            if one.name in OF_EACH or (tried and ("compiled" not in one.name or name in COMPILED)):
                everyday = one.name in OF_EACH[1:] if isinstance(spec, RecipeSpec) else not costly and one.name.startswith(EVERYDAY)
                found.append(pytest.param(name, one, id=f"{name}-{one.name}", marks=[] if everyday else [pytest.mark.slow]))
        seen.add(pair)
    return found


def test_every_registered_architecture_and_recipe_has_a_case() -> None:
    """What is added to the zoo is tested with it."""
    ours = {r.spec.name for kind in (ArchitectureSpec, RecipeSpec) for r in MANAGER.specs(kind) if r.distribution == HOME}
    assert ours == set(CASES)


@pytest.mark.parametrize(("name", "promise"), promises())
@pytest.mark.filterwarnings("ignore")  # of the compilers of some versions of torch
def test_it_keeps_every_promise(name: str, promise: Promise) -> None:
    """As any plugin does: samples, losses, bits, resume, bf16, captured and compiled steps, options."""
    try:
        promise.keep(subject(name))
    except NotClaimed as reason:
        pytest.skip(str(reason))


@pytest.mark.slow(keep=12)
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
