"""Fixtures that several folders of tests share, and how many processes run the tests."""

from __future__ import annotations

import ctypes
import dataclasses
import gc
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from ganbench.record.probes import cpu_cores, cpu_quota
from ganbench.record.record import SCHEMA_VERSION, Evaluation, Key, Keys, MetricValue, RunRecord, Throughput, Timing, Work
from ganbench.spec import PluginIdentity

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: the tests' tensors are small, and the processes share the CPUs
MOST_WORKERS = 8
"""Each of them imports torch."""

hypothesis.settings.register_profile("any-machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("any-machine")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Share the files of tests among the CPUs, where pytest-xdist is installed; ``-n`` stands above it; one file runs as ever."""
    untold = getattr(config.option, "numprocesses", 0) is None and not config.option.usepdb and not hasattr(config, "workerinput")
    workers = min(cpu_cores(), int(cpu_quota() or MOST_WORKERS), MOST_WORKERS)
    if untold and workers > 1 and any(Path(argument).is_dir() for argument in config.args):
        config.option.numprocesses, config.option.dist, config.option.loadscopereorder = workers, "loadfile", False


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the first so many cases of a test marked ``slow(keep=2)`` to everyday work."""
    kept: Counter[str] = Counter()
    for item in items:
        for mark in [one for one in item.own_markers if one.name == "slow" and "keep" in one.kwargs]:
            name = item.nodeid.partition("[")[0]
            kept[name] += 1
            if kept[name] <= mark.kwargs["keep"]:
                item.own_markers.remove(mark)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Leave what was imported so far out of the search for garbage: a twentieth of the time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _no_wait_for_the_disk() -> Iterator[None]:
    """What tests write need not survive a failure of the machine; their processes write as any user's do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Iterator[Any]:
    """Have processes that share the tests tell each other also of a name that is no text, which a log or a path may hold."""
    return _as_text((yield))


def _as_text(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_as_text(key): _as_text(item) for key, item in value.items()}
    return type(value)(map(_as_text, value)) if type(value) in (list, tuple) else value


EVALUATION_KEY = Key.of(metric="fd1k_digits", extractor="digits-1", num_generated=1000)


def _fd(value: float, **changes: Any) -> MetricValue:
    fields: dict[str, Any] = {
        "name": "fd1k_digits",
        "label": "FD digits",
        "value": value,
        "spread": 0.5,
        "num_generated": 1000,
        "num_reference": 1437,
        "higher_is_better": False,
        "evaluation_key": EVALUATION_KEY.digest,
        "floor": 1.25,
        "floor_count": 718,
    }
    return MetricValue(**{**fields, **changes})


def _record(**changes: Any) -> RunRecord:
    values = (80.0, 20.5, 12.25, 13.5)
    record = RunRecord(
        schema_version=SCHEMA_VERSION,
        run_id="20261121-035800-dcgan-digits-s0",
        status="complete",
        status_detail="",
        created="2026-11-21T03:58:00+00:00",
        ganbench_version="0.1.0",
        name="dcgan",
        seed=0,
        config={"name": "dcgan", "training.batch_size": 64, "training.precision": "fp32", "evaluation.metrics": ["fd1k_digits"]},
        plugins=(
            PluginIdentity(kind="architecture", name="dcgan", distribution="ganbench", version="0.1.0", source_hash="ab" * 32),
            PluginIdentity(kind="loss", name="non-saturating", distribution="ganbench", version="0.1.0"),
        ),
        dataset="digits",
        space="images",
        unit="images",
        dataset_hash="cd" * 32,
        keys=Keys(
            hardware=Key.of(cpu="Test CPU", cpu_cores=2, cpu_quota=None, gpu=None, gpu_count=0, memory_gib=24),
            software=Key.of(precision="fp32", threads=2, torch="2.15.0"),
            work=Key.of(batch_size=64),
            evaluation=(EVALUATION_KEY,),
        ),
        timing=Timing(
            training_seconds=80.0,
            evaluation_seconds=6.0,
            checkpoint_seconds=1.0,
            sampling_seconds=0.5,
            startup_seconds=2.0,
            calibration_seconds=3.0,
            wall_seconds=94.0,
        ),
        throughput=Throughput(
            samples_per_second=1250.0,
            seconds_per_kimg=0.8,
            phase_milliseconds=(("discriminator", 30.0), ("generator", 20.0)),
            peak_memory_mib=612.5,
        ),
        work=Work(
            parameters={"generator": 1_068_736, "discriminator": 662_528},
            flops_per_iteration=3_000_000_000,
            generator_steps=1563,
            samples_seen=100_032,
            trajectory_hash="ef" * 32,
        ),
        evaluations=tuple(
            Evaluation(samples_seen=25_000 * i, training_seconds=20.0 * i, values=(_fd(value),)) for i, value in enumerate(values)
        ),
        collapsed=False,
        num_resumes=0,
        notes=("a stated fallback",),
        host="test-host",
    )
    return dataclasses.replace(record, **changes)


@pytest.fixture
def make_record() -> Callable[..., RunRecord]:
    """Return a builder of records of a complete run; keyword arguments replace fields."""
    return _record


@pytest.fixture
def make_value() -> Callable[..., MetricValue]:
    """Return a builder of Frechet distances: ``make_value(12.5, name=...)``."""
    return _fd


def _obey_permissions() -> None:
    """Take from root, before another program begins, what lets it read and write whatever the permissions say."""
    drop_from_bounding_set, overrides = 24, (1, 2)  # PR_CAPBSET_DROP; CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    for capability in overrides:
        if ctypes.CDLL(None, use_errno=True).prctl(drop_from_bounding_set, capability, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "the capability cannot be dropped")


@pytest.fixture
def as_ordinary_user() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs ganbench as somebody for whom permissions hold, whoever runs the tests."""

    def call(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ganbench", *arguments],
            cwd=cwd,
            env={**os.environ, **environment},
            preexec_fn=_obey_permissions if os.geteuid() == 0 else None,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return call
