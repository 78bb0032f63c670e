"""The metrics register cheaply, and each spec leads to a metric that returns what the spec says."""

import subprocess
import sys

import pytest
import torch

import ganbench_metrics
from ganbench.evaluation.protocol import SampleSet
from ganbench.evaluation.statistics import FeatureSpread, FeatureStatistics
from ganbench.plugin.factory import load_attribute
from ganbench.testing import check

SPECS = {spec.name: spec for spec in ganbench_metrics.ganbench_register()}


def test_registration_imports_nothing_heavy():
    """``ganbench --help`` imports this module."""
    code = "import sys, ganbench_metrics; print([m for m in ('torch', 'numpy', 'scipy', 'rich') if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert result.stdout.strip() == "[]"


def test_the_families_and_their_inception_names():
    """FID, KID and IS are names for the Inception network only."""
    names = {name: spec.inception_name for name, spec in SPECS.items()}
    assert {name for name in names if not names[name]} == {
        *("pr", "dc", "modes", "target_accuracy", "mse"),
        *("mmd_rbf", "lpips", "msssim", "cas", "class_accuracy", "memorised"),
        *("nas_5_per_class", "nas_10_per_class", "nas_50_per_class", "birthday", "birthday_pixels", "ivom"),
    }
    assert {name: inception for name, inception in names.items() if inception} == {
        "fd": "fid",
        "fd_inf": "fid_inf",
        "kd": "kid",
        "cs": "is",
        "sw": "mind",
        "fd_class": "fid_class",
    }


@pytest.mark.slow(keep=4)
@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if spec.looks_at != "targets"])
def test_each_spec_builds_a_metric_with_its_quantities(name):
    """Built with its default options, but for budgets, it returns one finite number for each quantity, the ranked one first."""
    spec = SPECS[name]
    cheap = {"steps": 3, "num_seeds": 1} if name.startswith("nas") else {"steps": 3} if name in ("cas", "ivom") else {}
    metric = load_attribute(spec.factory, owner=name)(spec.options(**cheap))
    generator = torch.Generator().manual_seed(0)
    sides = []
    for held_out in (SampleSet(samples=torch.zeros(8, 1, 16, 16, dtype=torch.uint8), labels=torch.arange(8) % 4), None):
        features = torch.randn(1000, 3, generator=generator)
        statistics = FeatureStatistics(3)
        statistics.update(features)
        logits = features + torch.tensor([3.0, 0.0, 0.0])  # of one class, mostly
        spread = FeatureSpread(3)
        spread.update(features)
        sides.append(
            SampleSet(
                statistics=statistics,
                features=features,
                logits=logits,
                mode_counts=torch.tensor([9, 500, 491]),
                spread=spread,
                samples=torch.randint(0, 256, (1000, 1, 16, 16), dtype=torch.uint8, generator=generator),
                labels=logits.argmax(dim=1) if name == "class_accuracy" else torch.arange(1000) % 4,
                held_out=held_out,
                inputs=torch.randn(8, 5, generator=generator),
                ask=lambda latents, labels: latents.mean(dim=1).tanh()[:, None, None, None].expand(-1, 1, 16, 16),
            )
        )
    values = metric.compute(*sides)
    assert len(values) == len(spec.quantities)
    assert all(isinstance(v, float) and v == v for v in values)
    assert all(isinstance(v, (str, int, float)) for v in metric.parameters().values())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kept"), [("class_accuracy", 9), ("birthday", 9), ("memorised", 8), ("ivom", 7)])
def test_the_kit_finds_nothing_to_mend(name: str, kept: int) -> None:
    """One is asked for by label, one wants many samples and looks at variety, one at copies, and one at the generator itself."""
    states = [outcome.state for outcome in check(name)]
    assert (states.count("broken"), states.count("kept")) == (0, kept)
