"""Write a whole distribution for a plugin of some kind, which keeps every promise as it is written."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path
from string import Template

from ganbench.errors import UsageError, did_you_mean
from ganbench.plugin.manager import PluginManager

TEMPLATES = Path(__file__).with_name("templates")
_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")


def kinds() -> list[str]:
    """Return the kinds that there are templates for."""
    return sorted(_templates())


def _templates() -> dict[str, Path]:
    """Return the folder of each kind's templates: ours, and those beside the kit of a kind from outside."""
    kits = {one.spec.kind: one.spec.kit for one in PluginManager().registered if one.spec.kit}
    outside = {kind: spec.origin for kind, kit in kits.items() if (spec := importlib.util.find_spec(kit)) and spec.origin}
    folders = {kind: Path(origin).with_name("templates") / kind for kind, origin in outside.items()}
    ours = {path.name: path for path in TEMPLATES.iterdir()}
    return {kind: path for kind, path in {**folders, **ours}.items() if os.path.isdir(path)}


def write_plugin(kind: str, name: str, folder: Path) -> list[Path]:
    """Write the distribution.

    Args:
        kind: one of :func:`kinds`.
        name: what users will type: lower case letters, digits and hyphens.
        folder: where the distribution's own folder is made.

    Returns:
        The files, in the order of their names.

    Raises:
        UsageError: an unknown kind, a name that no plugin may have, or a folder that is there already.
    """
    templates = _templates()
    if kind not in templates:
        raise UsageError(f"unknown kind {kind!r}", hint=did_you_mean(kind, sorted(templates)))
    if not _NAME.fullmatch(name):
        raise UsageError(f"a plugin's name is lower case letters, digits and hyphens (got {name!r})", hint="for instance my-gan")
    words = _words(kind, name, templates[kind])
    target = folder / words["distribution"]
    if os.path.exists(target):
        raise UsageError(f"{target} exists", hint="choose another name, or another folder with --into")
    files = {
        "pyproject.toml": TEMPLATES / "pyproject.toml.txt",
        "README.md": TEMPLATES / "README.md.txt",
        f"tests/test_{words['identifier']}.py": TEMPLATES / "tests.py.txt",
        **{f"{words['package']}/{path.name.removesuffix('.txt')}": path for path in sorted(templates[kind].glob("*.txt"))},
    }
    written = []
    for place, template in sorted(files.items()):
        path = target / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template(template.read_text(encoding="utf-8")).substitute(words), encoding="utf-8")
        written.append(path)
    return written


def _words(kind: str, name: str, templates: Path) -> dict[str, str]:
    """Return what the templates leave open."""
    identifier = name.replace("-", "_")
    modules = [path.name.partition(".")[0] for path in templates.glob("*.py.txt") if path.name != "__init__.py.txt"]
    return {
        "kind": kind,
        "name": name,
        "identifier": identifier,
        "distribution": name if name.startswith("ganbench-") else f"ganbench-{name}",
        "package": identifier if identifier.startswith("ganbench_") else f"ganbench_{identifier}",
        "module": modules[0],
        "group": "ganbench.commands" if kind == "command" else "ganbench",
        "use": _USES.get(kind, "ganbench plugins show {}").format(name),
    }


_USES = {
    "architecture": "ganbench run --plugin {}",
    "recipe": "ganbench run --plugin {}",
    "loss": "ganbench run --plugin NAME --loss {}",
    "augmentation": "ganbench run --plugin NAME --augment {}",
    "dataset": "ganbench run --plugin NAME --dataset {}",
    "space": "ganbench plugins show {}",
    "metric": "ganbench run --plugin NAME --metric {}5k",
    "extractor": "ganbench run --plugin NAME --metric fd5k_{}",
    "frozen": "ganbench ci --plugin NAME",
    "reporter": "ganbench run --plugin NAME --reporter {}",
    "executor": "ganbench matrix FILE --executor {}",
    "command": "ganbench {}",
}
"""The command that shows a new plugin of a kind at work."""
