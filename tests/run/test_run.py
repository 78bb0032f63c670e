"""One run from its configuration to its record, and back from a checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ganbench.errors import ConfigError, Interrupted, UsageError
from ganbench.record.directory import RunDirectory, run_directory_name
from ganbench.record.find import load_run
from ganbench.record.serialise import from_json
from ganbench.run.checkpoint import load_checkpoint
from ganbench.run.lifecycle import Run

Weights = dict[str, torch.Tensor]
NO_EVALUATION: dict[str, Any] = {"evaluation.metrics": ()}


def test_the_record_is_consistent(trained: Callable[..., Any]) -> None:
    """What is said twice is said alike, and what is on the disk is what was returned."""
    run = trained({"training.seed": 7})
    record = run.record
    assert from_json(run.directory.record_path.read_bytes(), "record.json") == record
    assert not run.directory.partial_record_path.exists()
    assert (record.status, record.status_detail, record.num_resumes) == ("complete", "", 0)
    assert record.run_id == run.directory.path.name
    assert record.seed == record.config["training.seed"] == 7
    assert record.work.samples_seen == record.evaluations[-1].samples_seen == 240
    assert record.work.generator_steps == 10
    assert record.work.parameters["generator"] == sum(p.numel() for p in run.materials.networks["generator"].parameters())
    assert record.dataset_hash == run.materials.dataset.train.content_hash
    assert [key.digest for key in record.keys.evaluation] == [v.evaluation_key for v in record.evaluations[-1].values]
    parts = [getattr(record.timing, f.name) for f in dataclasses.fields(record.timing) if f.name != "wall_seconds"]
    assert sum(parts) < record.timing.wall_seconds < sum(parts) + 30  # what no part claims: imports, pictures
    assert min(parts) >= 0
    assert {p.kind for p in record.plugins} == {"architecture", "loss", "dataset", "metric", "extractor"}
    assert all(p.source_hash and p.version for p in record.plugins)
    assert "threads 1: given" in record.notes
    work = dict(record.keys.work.fields)
    assert "training.seed" not in work
    assert float(str(work["training.total_kimg"])) == 0.24


def test_equal_seeds_give_equal_runs_and_others_do_not(
    trained: Callable[..., Any], weights: Callable[[Any], Weights], changed: Callable[[Weights, Weights], list[str]]
) -> None:
    """In one process, one after the other: no run leaves anything behind for the next."""
    first, other, again = trained(), trained({"training.seed": 1}), trained()
    assert changed(weights(first), weights(again)) == []
    assert first.record.work == again.record.work
    assert first.record.evaluations[-1].values == again.record.evaluations[-1].values
    assert first.record.work.trajectory_hash != other.record.work.trajectory_hash
    assert first.record.keys == other.record.keys


@pytest.mark.slow
def test_the_run_is_repeated_from_its_own_file(trained: Callable[..., Any], new_run: Callable[..., Run]) -> None:
    """config.toml holds every value that differs from nothing at all."""
    from ganbench.config.toml import read_settings

    first = trained({"training.seed": 5, "training.batch_size": 12, **NO_EVALUATION})
    settings = read_settings(first.directory.config_path)
    settings.pop("name")
    again = trained(settings)
    assert again.record.work == first.record.work
    assert again.record.config == first.record.config


def interrupted(new_run: Callable[..., Run], folder: Path, settings: dict[str, Any], after: int, name: str = "dcgan") -> RunDirectory:
    """Run until a number of iterations and stop there."""
    asked: list[int] = []
    directory = RunDirectory.create(folder, name="run", dataset="digits", seed=0)

    def stop() -> bool:
        asked.append(1)
        return len(asked) > after

    with pytest.raises(Interrupted):
        new_run(settings, should_stop=stop, name=name).start(lambda _: directory)
    return directory


@pytest.mark.slow(keep=3)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"training.precision": "bf16"},
        {"training.deterministic": True},
        {"training.channels_last": False, "training.horizontal_flip": True},
        {"training.shared_fakes": False, "training.generator_batch_factor": 2},
        {"training.ema_start_kimg": 0.1, "generator_optimizer.schedule": "linear", "discriminator_optimizer.schedule": "cosine"},
        {"architecture.options.discriminator_norm": "none", "loss.name": "wasserstein", "loss.options.gp_weight": 10.0},
        {"architecture.options.discriminator_norm": "none", "loss.options.r1_gamma": 1.0},
    ],
    ids=lambda s: "-".join(s) or "default",
)
@pytest.mark.parametrize("after", [0, 3])
def test_a_resumed_run_has_the_same_bits(
    new_run: Callable[..., Run],
    trained: Callable[..., Any],
    weights: Callable[[Any], Weights],
    changed: Callable[[Weights, Weights], list[str]],
    tmp_path: Path,
    settings: dict[str, Any],
    after: int,
) -> None:
    """With every kind of numerics, schedule, penalty and average."""
    settings = {**NO_EVALUATION, "training.total_kimg": 0.17, **settings}
    whole = trained(settings)
    directory = interrupted(new_run, tmp_path / "interrupted", settings, after)
    partial = load_run(directory.path)
    assert (partial.status, partial.work.generator_steps) == ("interrupted", after)
    resumed = new_run(settings)
    record = resumed.resume(RunDirectory.resume(directory.path))
    assert changed(weights(whole), weights(resumed)) == []
    assert record.work == whole.record.work
    assert record.num_resumes == 1
    assert record.created == partial.created


RANDOM = """
import random
import numpy as np
import torch
from torch import nn
from ganbench import Latents, Networks

class Generator(nn.Linear):
    def forward(self, latents, labels):
        return super().forward(latents).tanh().view(-1, 1, 8, 8)

class Discriminator(nn.Linear):
    def forward(self, images, labels):
        logits = super().forward(torch.dropout(images.flatten(1), 0.5, self.training)).squeeze(1)
        return logits * (1 + random.random() + np.random.rand() + np.random.randn())

def Random(options, shape):
    return Networks(modules={"generator": Generator(4, 64), "discriminator": Discriminator(64, 1)}, inputs=Latents(4))
"""


@pytest.mark.slow
def test_a_plugin_may_use_the_global_random_streams(
    new_run: Callable[..., Run],
    trained: Callable[..., Any],
    weights: Callable[[Any], Weights],
    changed: Callable[[Weights, Weights], list[str]],
    tmp_path: Path,
) -> None:
    """Dropout, numpy's generator and Python's go on where they were; evaluations and calibration take nothing from them."""
    (tmp_path / "random_plugin.py").write_text(RANDOM)
    name = f"{tmp_path / 'random_plugin.py'}:Random"
    whole = trained(NO_EVALUATION, name=name)
    watched = trained({"evaluation.every_kimg": 0.05}, name=name)
    directory = interrupted(new_run, tmp_path / "interrupted", NO_EVALUATION, 3, name=name)
    resumed = new_run(NO_EVALUATION, name=name)
    resumed.resume(RunDirectory.resume(directory.path))
    assert changed(weights(whole), weights(resumed)) == []
    assert changed(weights(whole), weights(watched)) == []


@pytest.mark.slow
def test_the_thread_count_of_a_run_is_kept(new_run: Callable[..., Run], tmp_path: Path) -> None:
    """Another count sums in another order; so it is not measured again, and the record still says why it was chosen."""
    directory = interrupted(new_run, tmp_path, NO_EVALUATION | {"training.threads": 1}, 2)
    record = new_run(NO_EVALUATION | {"training.threads": 2}).resume(RunDirectory.resume(directory.path))
    assert "threads 1: given" in record.notes
    assert torch.get_num_threads() == 1


@pytest.mark.slow
def test_a_run_that_goes_on_elsewhere_says_so(
    new_run: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its speed is of neither machine; once mixed, it stays mixed."""
    from ganbench.record.record import Key
    from ganbench.run import lifecycle, recording

    directory = interrupted(new_run, tmp_path, NO_EVALUATION, 2)
    with monkeypatch.context() as patch:
        for module in (lifecycle, recording):
            patch.setattr(module, "hardware_key", lambda *_, **__: Key.of(cpu="another"))
        with pytest.raises(Interrupted):
            new_run(NO_EVALUATION, should_stop=lambda: True).resume(RunDirectory.resume(directory.path))
    assert "this run began on another machine" in caplog.text
    record = new_run(NO_EVALUATION).resume(RunDirectory.resume(directory.path))
    assert "resumed on another machine: times and speed are a mixture of both" in record.notes
    assert record.num_resumes == 2


@pytest.mark.slow
def test_the_time_of_every_session_is_counted(new_run: Callable[..., Run], tmp_path: Path) -> None:
    """Start-up and calibration happened twice."""
    directory = interrupted(new_run, tmp_path, NO_EVALUATION, 2)
    before = load_run(directory.path).timing
    after = new_run(NO_EVALUATION).resume(RunDirectory.resume(directory.path)).timing
    assert after.startup_seconds > before.startup_seconds
    assert after.calibration_seconds > before.calibration_seconds
    assert after.training_seconds > before.training_seconds


@pytest.mark.slow
@pytest.mark.parametrize("change", ["device", "evaluation_keys"])
def test_a_run_is_not_mixed_with_another(new_run: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    """A checkpoint of another kind of device, or measured otherwise, is refused."""
    from ganbench.run import lifecycle

    directory = interrupted(new_run, tmp_path, {}, 2)
    state = load_checkpoint(directory.checkpoints_path)
    assert state is not None
    state[change] = {"device": "cuda", "evaluation_keys": ["0" * 12]}[change]
    monkeypatch.setattr(lifecycle, "load_checkpoint", lambda _, take: take(state))
    message = {
        "device": "the run began on cuda, this is cpu; resume it where there is a GPU",
        "evaluation_keys": "a metric or its extractor's",
    }
    with pytest.raises(UsageError, match=message[change]):
        new_run().resume(RunDirectory.resume(directory.path))


def test_a_bad_input_leaves_nothing_behind(new_run: Callable[..., Run], tmp_path: Path) -> None:
    """The run directory is made when everything is built."""
    with pytest.raises(ConfigError, match=r"training\.batch_size is 5000, and digits has 1437 train images; use a smaller --batch-size"):
        new_run({"training.batch_size": 5000}).start(lambda _: RunDirectory.create(tmp_path, name="run", dataset="digits", seed=0))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_bf16_runs_the_networks_in_bf16_and_keeps_the_weights(trained: Callable[..., Any]) -> None:
    """Autocast: other bits, the same types in the checkpoint, and the software key says so."""
    full, half = trained(NO_EVALUATION), trained(NO_EVALUATION | {"training.precision": "bf16"})
    assert half.record.work.trajectory_hash != full.record.work.trajectory_hash
    assert {p.dtype for p in half.materials.networks["generator"].parameters()} == {torch.float32}
    assert dict(half.record.keys.software.fields)["precision"] == "bf16"


@pytest.mark.slow
def test_deterministic_mode_is_torchs(trained: Callable[..., Any]) -> None:
    """It is switched on, recorded, and on a CPU it changes no bit."""
    plain = trained(NO_EVALUATION)
    assert not torch.are_deterministic_algorithms_enabled()
    strict = trained(NO_EVALUATION | {"training.deterministic": True})
    assert torch.are_deterministic_algorithms_enabled()
    assert strict.record.work == plain.record.work
    assert dict(strict.record.keys.software.fields)["deterministic"] is True


def test_a_run_directory_is_named_as_one_would_type_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative below the current folder, absolute elsewhere."""
    monkeypatch.chdir(tmp_path)
    assert run_directory_name(tmp_path / "results" / "run") == "results/run"
    assert run_directory_name(Path("/elsewhere/run")) == "/elsewhere/run"
