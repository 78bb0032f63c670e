"""The frozen samples: do head's metrics still give the values that are stored beside the images? Its own code is asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ganbench.fleet.pairs.side import Side, launch_script
from ganbench.fleet.worker import Worker
from ganbench.verdict import Policy
from ganbench.verdict.quality import FrozenVerdict, frozen_verdict

_TIMEOUT_SECONDS = 600.0


def check_frozen_samples(
    head: Side, policy: Policy, *, threads: int, device: str = "auto", data_root: str = "", off: Sequence[str] = ()
) -> FrozenVerdict:
    """Score all frozen samples with head's code, in a process of its own.

    Args:
        head: whose metrics, extractors and samples.
        policy: thresholds and gates.
        threads: CPU threads of the process.
        device: where the extractors run; ``auto`` for a GPU where there is one.
        data_root: folder of datasets; empty for the default.
        off: plugins that are switched off.

    Raises:
        WorkerFailed: the process died, hung or answered nonsense.
    """
    job = {"off": list(off), "device": device, "threads": threads, "data_root": data_root}
    worker = Worker(launch_script("frozen samples", head, Path(__file__).parents[1] / "frozen_process.py", job, threads=threads))
    try:
        answer = worker.answer("scores", _TIMEOUT_SECONDS)
    finally:
        worker.close()
    return frozen_verdict(answer, policy)
