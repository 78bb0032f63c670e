"""A plugin of pytest for benchmarks/gpu_tests.py: run one of several shares of the tests, and write down each as it ends.

``pytest -p gpu_shard FILES`` with ``GPU_SHARD`` (``2/16``: the third of 16 shares), ``GPU_SHARD_OUT`` (a file of one JSON value a line: the
names of the share first, then a result each) and ``GPU_SHARD_STRIDE`` (take every so-many-th test only).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

_LONGEST_MESSAGE = 400
BROKEN_DEVICE = 77
"""Exit code where the device no longer works: in this process every further test would fail for that."""


def _write(value: Any) -> None:
    with Path(os.environ["GPU_SHARD_OUT"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(value) + "\n")


def _done() -> set[str]:
    """Return the tests that an earlier process of this share began."""
    path = Path(os.environ["GPU_SHARD_OUT"])
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {one["test"] for one in map(json.loads, lines) if "test" in one}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep this share; neighbours go to different shares, for they need about as long."""
    index, count = map(int, os.environ["GPU_SHARD"].split("/"))
    ordered = sorted(items, key=lambda item: item.nodeid)  # as every process has them: a plugin may have shuffled them
    own, done = ordered[:: int(os.environ.get("GPU_SHARD_STRIDE", "1"))][index::count], _done()
    _write({"share": [item.nodeid for item in own]})
    items[:] = [item for item in own if item.nodeid not in done]


def pytest_runtest_logstart(nodeid: str) -> None:
    """Write down that a test begins: one that ends its process is not begun again."""
    _write({"test": nodeid, "outcome": "began"})


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write down what became of it."""
    if report.when != "call" and report.passed:
        return
    message = ""
    if report.skipped:
        message = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    elif report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        message = str(crash.message if crash else report.longrepr)
    result = {"test": report.nodeid, "outcome": report.outcome, "seconds": round(report.duration, 2), "message": message[:_LONGEST_MESSAGE]}
    _write(result | {"measured": dict(report.user_properties)})
    if report.failed and _is_broken():
        os._exit(BROKEN_DEVICE)


def _is_broken() -> bool:
    """Whether the GPU answers no more, as after an access outside of its memory."""
    import torch

    if not torch.cuda.is_available() or not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return False
    try:
        torch.cuda.synchronize()
    except RuntimeError:
        return True
    return False
