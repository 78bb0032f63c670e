"""A connection to a Ray cluster, and what to try where there is none."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ganbench import LocalExecutor, UsageError
from ganbench_ray import RayOptions
from ganbench_ray.shipped import stage


def connect(options: RayOptions, packages: list[str], distributions: list[str]) -> Any:
    """Return Ray, connected.

    Raises:
        UsageError: it cannot be imported, or there is no such cluster.
    """
    try:
        import ray
    except ImportError as error:
        raise UsageError(f"ray cannot be imported: {error}", hint="pip install 'ganbench[ray]'") from None
    keywords: dict[str, Any] = {"address": options.address, "log_to_driver": False, "logging_level": "ERROR", "ignore_reinit_error": False}
    if options.address == "local":
        keywords |= {"num_cpus": LocalExecutor(1).cpus, "include_dashboard": False}
    with tempfile.TemporaryDirectory() as folder:
        if options.ship:
            stage(packages, distributions, Path(folder))
            keywords["runtime_env"] = {"working_dir": folder}
        try:
            ray.init(**keywords)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise UsageError(f"no Ray cluster at {options.address}: {first_line(error)}", hint=_hint_for(options.address)) from None
    return ray


def _hint_for(address: str) -> str:
    """Return what to try where there is no cluster at an address."""
    if address == "auto":
        return "start one with `ray start --head`, or say -x address=local"
    if address.startswith("ray://"):
        return "if it asks for a token, say RAY_AUTH_MODE=token in the environment; see -x address"
    return "see -x address"


def first_line(error: BaseException) -> str:
    """Return the kind of an error and the first line of what it says."""
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
