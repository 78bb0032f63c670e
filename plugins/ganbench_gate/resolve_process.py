"""What a tree of any version would run, said before anything is built; run by its path in a process whose ``PYTHONPATH`` is that tree.

The job comes in as one line of JSON and one line goes out: ``{"resolved": {...}}``. A tree leaves out what it cannot say, and one that will
not run what is asked has ``refusal``. Nothing here imports torch, so that a typing error costs no more than a start of Python.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import runpy
from pathlib import Path
from typing import Any

private_streams = runpy.run_path(str(Path(__file__).with_name("streams.py")))["private_streams"]
_LIBRARIES = ("torch", "numpy", "scipy")
_SOURCE_FOLDERS = (".", "src", "kernels", "plugins")


def main() -> None:
    """Take the job and answer it."""
    orders, say = private_streams()
    say({"resolved": _answer(json.loads(orders.readline()))})


def _answer(job: dict[str, Any]) -> dict[str, Any]:
    """Return what the tree would run, or why it will not.

    Args:
        job: ``plugin``, ``settings``, ``options``, ``off``, ``tree`` and ``foreign``.

    Returns:
        ``configuration`` and ``origins`` by path, ``metrics`` by name, ``plugins`` by kind and name, ``versions`` of what it runs with,
        and ``borrowed``: packages of the plugins that lie in another tree. Else ``refusal``: ``unknown`` where it has no such plugin,
        ``refused`` where it has no such setting or metric, or does not take the value, ``broken`` where its own code fails.
    """
    manager: Any = None
    try:
        from ganbench.plugin.manager import PluginManager

        manager = PluginManager(off=tuple(job["off"]))
        found = _resolve(manager, job)
        if job.get("evaluates") and hasattr(found, "find_files"):
            dataclasses.replace(found, metrics=found.metrics[:1]).find_files(manager)
    except BaseException as error:  # SystemExit of a plugin too
        return {"refusal": _kind(error, manager, job), "message": f"{type(error).__name__}: {error}", "options": _options(manager, job)}
    from ganbench.config.resolve import flatten

    used = [one for name in ("recipe", "architecture", "loss", "dataset", "augmentation") if (one := getattr(found, name, None))]
    return {
        "configuration": {path: _within(_plain(value), job["tree"]) for path, value in flatten(found.config).items()},
        "origins": dict(found.origins),
        "metrics": [one.name for one in getattr(found, "metrics", ())],
        "plugins": {f"{one.spec.kind} {one.spec.name}": _plugin(one) for one in used},
        "versions": _versions({one.distribution for one in used}),
        "borrowed": sorted({name for one in used for name in _packages(one) if _lies_below(name, job["foreign"], job["tree"])}),
    }


def _resolve(manager: Any, job: dict[str, Any]) -> Any:
    """Return the plan, with its metrics; earlier versions resolve a configuration only."""
    from ganbench.config.resolve import Layer, resolve

    layers = [Layer(origin="command line", settings=job["settings"])]
    try:
        from ganbench.run.plan import plan_run
    except ImportError:
        return resolve(manager, job["plugin"], layers, job["options"])
    return plan_run(manager, job["plugin"], layers, job["options"])


def _options(manager: Any, job: dict[str, Any]) -> list[str]:
    """Return the paths of all options where the tree takes everything but those that were given; none else."""
    if manager is not None and job["options"]:
        with contextlib.suppress(Exception):
            from ganbench.config.resolve import flatten

            found = _resolve(manager, {**job, "options": {}})
            return [path for path in flatten(found.config) if ".options." in path]
    return []


def _kind(error: BaseException, manager: Any, job: dict[str, Any]) -> str:
    """Return whether the tree lacks the plugin, does not take what is asked, or is broken."""
    if getattr(error, "exit_code", None) != 2:
        return "broken"
    if manager is None or type(error).__name__ != "PluginError":
        return "refused"
    if not str(error).startswith("unknown architecture or recipe"):
        return "refused" if str(error).startswith("unknown ") else "broken"
    failed = [status for status in manager.statuses if status.status == "failed"]
    return "broken" if any(_is_own(status, job["tree"]) for status in failed) else "unknown"


def _is_own(status: Any, tree: str) -> bool:
    """Tell whether a plugin that failed is the tree's, and there: one whose module the tree does not have yet did not break."""
    missing = re.search(r"No module named '([\w]+)", str(status.cause))
    groups = [importlib.metadata.entry_points(group=group) for group in ("ganbench", "ganbench.commands")] if tree else []
    points = [one for group in groups for one in group if one.name == status.entry]
    modules = {one.value.partition(":")[0].partition(".")[0].strip() for one in points}
    return any(_in_tree(module, tree) and (missing is None or missing[1] != module) for module in modules)


def _in_tree(module: str, tree: str) -> bool:
    places = (Path(tree, folder, module) for folder in _SOURCE_FOLDERS)
    return any(os.path.isdir(place) or os.path.isfile(place.with_suffix(".py")) for place in places)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it in a cell of a table."""
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value))
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _within(value: Any, tree: str) -> Any:
    """Return a path of the tree as one from it: where a tree was unpacked is no difference."""
    return value.removeprefix(f"{tree}{os.sep}") if isinstance(value, str) and tree else value


def _plugin(one: Any) -> dict[str, str]:
    identity = one.identity()
    return {"distribution": one.distribution, "version": one.version, "source_hash": identity.source_hash}


def _packages(one: Any) -> set[str]:
    """Return the top-level packages that a plugin is made of."""
    return {one.spec.factory.partition(":")[0].partition(".")[0], one.spec.options.__module__.partition(".")[0]} - {"", "ganbench"}


def _lies_below(package: str, folders: list[str], but: str) -> bool:
    """Tell whether a package would be imported from one of some folders, and not from an environment in it."""
    with contextlib.suppress(ImportError, ValueError):
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            path = Path(spec.origin).resolve()
            outside = "site-packages" in path.parts or bool(but and path.is_relative_to(but))
            return not outside and any(path.is_relative_to(folder) for folder in folders)
    return False


def _versions(distributions: set[str]) -> dict[str, str]:
    """Return the versions of Python, of the libraries, and of what some distributions require."""
    names = dict.fromkeys(_LIBRARIES)
    for distribution in sorted(distributions):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            lines = importlib.metadata.requires(distribution) or []
            names |= dict.fromkeys(re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in lines if "extra ==" not in line)
    versions = {"python": platform.python_version()}
    for name in names:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


if __name__ == "__main__":
    main()
