"""A run that cannot come back stops with the status ``diverged``, and everything that it had is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

BROKEN = """
import torch
from torch import nn
from ganbench import Latents, Networks

class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 64)

    def forward(self, latents, labels):
        return self.layer(latents).tanh().view(-1, 1, 8, 8)

class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 1)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, images, labels):
        logits = self.layer(images.flatten(1)).squeeze(1)
        if self.training:
            self.calls += 1
        return {body}

def Broken(options, shape):
    return Networks(modules={"generator": Generator(), "discriminator": Discriminator()}, inputs=Latents(4))
"""
NAN = "logits * torch.where(self.calls > 30, torch.nan, 1.0)"
EXPLODING = "logits * 10 ** self.calls.clamp(max=30)"
RAISING = "logits if self.calls < 30 else self.missing"


@pytest.fixture
def broken(call: Callable[..., Any], tiny: tuple[str, ...], tmp_path: Path) -> Callable[[str], Any]:
    """Return a function that runs a plugin in a file whose discriminator returns an expression."""

    def run(body: str) -> Any:
        (tmp_path / "broken.py").write_text(BROKEN.replace("{body}", body))
        kept = tiny[tiny.index("--kimg") : tiny.index("-o")]
        options = (
            "-o",
            "dataset.resolution=8",
            "--metric",
            "fd200_digits",
            "--set",
            "evaluation.every_kimg=0.1",
            "--out",
            "results/runs/run",
        )
        return call("run", "--plugin", "./broken.py:Broken", *kept, *options)

    return run


@pytest.mark.parametrize(
    ("body", "reason"),
    [(NAN, "discriminator_loss became nan at 0."), (EXPLODING, "the mean absolute logit reached ")],
    ids=["nan", "exploding"],
)
def test_divergence_is_a_result(broken: Callable[[str], Any], call: Callable[..., Any], tmp_path: Path, body: str, reason: str) -> None:
    """Exit code 3, a record with the evaluations up to then, and tables that show it."""
    child = broken(body)
    assert child.code == 3, child.stderr
    assert "Traceback" not in child.stderr
    run = tmp_path / "results/runs/run"
    record = json.loads((run / "record.json").read_text())
    assert record["status"] == "diverged"
    assert record["status_detail"].startswith(reason)
    assert 0 < record["work"]["samples_seen"] < 600
    assert record["evaluations"][0]["values"][0]["value"] > 0
    assert "diverged" in child.stdout
    assert {"curves.png", "progress.png", "events.jsonl"} <= {p.name for p in run.iterdir()}
    for command in (("table",), ("show", "results/runs/run"), ("table", "--format", "json")):
        shown = call(*command)
        assert shown.code == 0, shown.stderr
        assert "diverged" in shown.stdout
    assert call("run", "--resume", "results/runs/run").code == 2


def test_a_plugin_that_fails_in_a_step_leaves_a_record(broken: Callable[[str], Any], call: Callable[..., Any], tmp_path: Path) -> None:
    """The run is not finished: with the plugin mended it could go on."""
    child = broken(RAISING)
    assert child.code == 3
    assert "ganbench: architecture 'broken' of file:broken.py failed in phase " in child.stderr
    told = "AttributeError: 'Discriminator' object has no attribute 'missing' (broken.py:24)"
    assert told + "; the traceback is in results/runs/run/log.txt" in child.stderr
    assert "report" not in child.stderr
    assert "Traceback" not in child.stderr
    run = tmp_path / "results/runs/run"
    record = json.loads((run / "partial_record.json").read_text())
    assert record["status"] == "failed"
    assert record["status_detail"].startswith("architecture 'broken' of file:broken.py failed in phase ")
    assert record["status_detail"].endswith("AttributeError: 'Discriminator' object has no attribute 'missing' (broken.py:24)")
    assert len(record["evaluations"]) >= 2
    assert "Traceback" in (run / "log.txt").read_text()
    shown = call("show", "results/runs/run")
    assert shown.code == 0, shown.stderr
    assert "failed" in shown.stdout
