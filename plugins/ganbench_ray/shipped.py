"""The sources of this machine as one folder, which Ray brings to the nodes: packages, and what their installer wrote of their plugins."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from ganbench import PluginManager, UsageError

OWN = ("ganbench", "ganbench_kernels", "ganbench_ray")


def packages_and_distributions() -> tuple[list[str], list[str]]:
    """Return the top-level packages of ganbench and of every plugin, and the distributions that they come from."""
    registered = [one for one in PluginManager().registered if one.spec.factory]
    packages = {*OWN, *(name for one in registered for name in (one.spec.factory.partition(":")[0].partition(".")[0], *one.spec.sources))}
    return sorted(packages), sorted({"ganbench", *(one.distribution for one in registered)})


def stage(packages: Iterable[str], distributions: Iterable[str], folder: Path) -> None:
    """Copy them into a folder from which Python can import them, and find the plugins.

    Raises:
        UsageError: a package is in no folder, so that it cannot be copied.
    """
    for package in packages:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None or not os.path.isfile(spec.origin):
            raise UsageError(f"ship: the sources of {package} cannot be found", hint="install them on the nodes, and leave ship out")
        origin = Path(spec.origin)
        if origin.name == "__init__.py":
            shutil.copytree(origin.parent, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(origin, folder)
    for name in distributions:
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            raise UsageError(f"ship: {name} is not installed here, and its plugins would not be found there", hint="install it") from None
        information = folder / f"{name.replace('-', '_')}-{found.version}.dist-info"
        information.mkdir()
        for file in ("METADATA", "entry_points.txt"):
            if text := found.read_text(file):
                (information / file).write_text(text, encoding="utf-8")
