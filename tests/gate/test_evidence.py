"""That equal quality is shown by equal steps and an equal evaluation all over the budget, and by nothing less."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
import small_gan

from ganbench import PluginManager, Policy
from ganbench.config.resolve import Layer
from ganbench.run.build import build
from ganbench.run.plan import plan_run
from ganbench_gate import side_fingerprint
from ganbench_gate.evidence import changed_later, quality_finding


@functools.cache
def fingerprint(version: str = "", **settings: Any) -> dict[str, Any]:
    """Return what a side process says of a version of the small GAN; a setting's dots are double underscores."""
    manager = PluginManager()
    given = {"dataset.name": "ring8", "training.total_kimg": 20.0} | {path.replace("__", "."): value for path, value in settings.items()}
    plans = [
        plan_run(manager, f"{small_gan.__file__}:SPEC", [Layer(origin="test", settings=given | own)], {"version": version})
        for own in ({}, {"evaluation.metrics": ()})
    ]
    identities = plans[0].identities(manager)
    digests = side_fingerprint.fingerprint_of(build(plans[1], manager), plans[0], identities, steps=3, samples=32)
    return {"digests": digests, "kimg": plans[1].config.training.total_kimg}


def reason(head: dict[str, Any]) -> str:
    """Return why nothing is known of this head's quality."""
    found = quality_finding(fingerprint(), head, Policy())
    assert found.state == "inconclusive"
    assert not found.fails
    assert found.reason.startswith("quality was not tested")
    return found.reason.removeprefix("quality was not tested").lstrip(";: ")


@pytest.mark.slow
@pytest.mark.parametrize("version", ["", "refactored"])
def test_the_same_mathematics_are_the_same_quality(version: str) -> None:
    """Identical code, built anew, and code that only looks different."""
    head = fingerprint.__wrapped__(version)
    found = quality_finding(fingerprint(), head, Policy())
    assert found.state == "unchanged"
    assert "at 0, 25, 50, 75, 100 % of the budget of 20 kimg" in found.reason


def test_a_lost_average_leaves_the_steps_as_they_are() -> None:
    """What is trained is the same; what is averaged, and evaluated, is not."""
    said = reason(fingerprint(training__ema_halflife_kimg=0.0))
    assert said == "different at 0 % of the budget: generator_ema, evaluated samples"


def test_a_schedule_that_breaks_after_half_the_budget_is_seen_there() -> None:
    """The steps that begin at 50 % are the first that differ; all before are the same."""
    said = reason(fingerprint("late"))
    assert said.startswith("different at 50 % of the budget: generator, discriminator, generator_ema, generator_optimizer")


@pytest.mark.parametrize("version", ["train_mode", "untruncated"])
def test_what_only_an_evaluation_does_is_seen(version: str) -> None:
    """All that is trained until then is the same."""
    assert reason(fingerprint(version)).startswith("different at 0 % of the budget: evaluated samples")


def test_another_truncation_is_a_setting_of_the_evaluation() -> None:
    """And other samples."""
    said = reason(fingerprint(evaluation__truncation=0.5))
    assert said.startswith("different before the first step: settings of the evaluation; different at 0 % of the budget: evaluated samples")


@pytest.mark.slow
@pytest.mark.parametrize(
    "head",
    [("sigmoid", {"training__force": True}), ("", {"generator_optimizer__learning_rate": 0.1})],
    ids=["sigmoid", "learning rate x100"],
)
def test_other_steps_differ_from_the_first_ones_on(head: tuple[str, dict[str, Any]]) -> None:
    """Weights, averages and samples."""
    version, settings = head
    said = reason(fingerprint(version, **settings))
    assert said.startswith("different at 0 % of the budget: generator, discriminator, generator_ema")


def test_a_longer_budget_is_another_run() -> None:
    """Even where no step that was compared tells."""
    assert "different before the first step: budget;" in reason(fingerprint(training__total_kimg=40.0))


@pytest.mark.parametrize("said", [{}, {"error": "AttributeError: no such thing"}])
def test_without_a_fingerprint_nothing_is_known(said: dict[str, Any]) -> None:
    """An older version, or a plugin that cannot jump."""
    found = quality_finding(fingerprint(), said, Policy())
    assert found.state == "inconclusive"
    assert found.reason.startswith("quality was not tested: there is no fingerprint of head's run")


def test_a_digest_is_of_bits_shape_and_type() -> None:
    """Zeros of another type, a minus zero, and another order of a list."""
    import torch

    values = [
        torch.zeros(2),
        torch.zeros(2, dtype=torch.float64),
        -torch.zeros(2),
        torch.zeros(1, 2),
        [1, 2],
        [2, 1],
        {"a": 1},
        {"b": 1},
        "1",
        1,
    ]
    assert len({side_fingerprint.digest(value) for value in values}) == len(values)
    assert side_fingerprint.digest(torch.ones(3)) == side_fingerprint.digest(torch.ones(3))


def changed(head: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((one.key, one.field) for one in changed_later(fingerprint(), head))


def test_what_no_other_comparison_saw_is_told_with_its_moment() -> None:
    """The first moment decides; for equal runs, and without a fingerprint, there is nothing to tell."""
    assert changed(fingerprint("untruncated")) == (("evaluation", "evaluated samples at 0 % of the budget"),)
    assert changed(fingerprint("late")) == (("losses", "and weights at 50 % of the budget"),)
    assert changed(fingerprint(training__total_kimg=40.0)) == (("evaluation", "budget before the first step"),)
    assert changed(fingerprint()) == changed({"error": "none"}) == ()


def test_running_statistics_are_no_change_of_the_training() -> None:
    """A generator that is evaluated in train mode differs in its buffers; where its optimizer agrees, training is the same."""
    base = {"generator": "a", "generator_optimizer": "b", "evaluated samples": "c"}
    for head, told in (
        (base | {"generator": "x", "evaluated samples": "y"}, ("evaluation", "evaluated samples, generator at 0 % of the budget")),
        (base | {"generator": "x", "generator_optimizer": "y"}, ("losses", "and weights at 0 % of the budget")),
    ):
        (found,) = changed_later({"digests": {"0 %": base}}, {"digests": {"0 %": head}})
        assert (found.key, found.field) == told


def test_the_code_of_a_metric_is_what_it_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package may hold networks too: what is changed in them does not change how they are measured."""
    files = {
        "__init__": "",
        "networks": "WIDTH = 1",
        "metric": "from . import helper\nfrom twofold.deeper import DEPTH",
        "helper": "",
        "deeper": "DEPTH = 1",
    }
    (tmp_path / "twofold").mkdir()
    for name, source in files.items():
        (tmp_path / "twofold" / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    before = dict(side_fingerprint._modules("twofold.metric"))
    assert sorted(before) == ["twofold", "twofold.deeper", "twofold.helper", "twofold.metric"]
    for name, is_other in (("networks", False), ("deeper", True)):
        (tmp_path / "twofold" / f"{name}.py").write_text("DEPTH = WIDTH = 2")
        assert (dict(side_fingerprint._modules("twofold.metric")) != before) is is_other
