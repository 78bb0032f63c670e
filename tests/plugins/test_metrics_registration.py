"""The metrics register cheaply, and each spec leads to a metric that returns what the spec says."""

import subprocess
import sys

import pytest
import torch

import ganbench_metrics
from ganbench.evaluation.protocol import SampleSet
from ganbench.evaluation.statistics import FeatureSpread, FeatureStatistics
from ganbench.plugin.factory import load_attribute

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
        *("lpips", "msssim", "cas", "class_accuracy", "memorised"),
    }
    assert {name: inception for name, inception in names.items() if inception} == {
        "fd": "fid",
        "kd": "kid",
        "cs": "is",
        "fd_class": "fid_class",
    }


@pytest.mark.slow(keep=4)
@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if spec.looks_at != "targets"])
def test_each_spec_builds_a_metric_with_its_quantities(name):
    """Built with its default options, it returns one finite number for each quantity, the ranked one under the family's name or label."""
    spec = SPECS[name]
    metric = load_attribute(spec.factory, owner=name)(spec.options())
    generator = torch.Generator().manual_seed(0)
    sides = []
    for _ in range(2):
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
            )
        )
    values = metric.compute(*sides)
    assert len(values) == len(spec.quantities)
    assert all(isinstance(v, float) and v == v for v in values)
    assert all(isinstance(v, (str, int, float)) for v in metric.parameters().values())
