"""From what ``ganbench ab`` is given to its two sides: refs, folders, the working tree, or configurations."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ganbench.ab.environment import isolated_python
from ganbench.ab.side import Side
from ganbench.ab.trees import find_tree
from ganbench.cli.pairs import read_pairs
from ganbench.config.toml import read_settings
from ganbench.errors import UsageError

_FLAG_PATHS = {
    "loss": "loss.name",
    "dataset": "dataset.name",
    "batch_size": "training.batch_size",
    "seed": "training.seed",
    "device": "training.device",
    "precision": "training.precision",
    "runner": "training.runner",
    "kernels": "training.kernels",
    "data_root": "data.root",
}


def read_sides(sides: tuple[str, ...], flags: Mapping[str, Any]) -> tuple[Side, Side]:
    """Return base and head.

    Raises:
        UsageError: they cannot be read, or are the same by oversight.
    """
    if len(sides) > 2:
        raise UsageError(f"two sides are compared (got {len(sides)})")
    differ = flags["base_settings"] or flags["head_settings"]
    if not sides and not differ:
        raise UsageError("BASE is missing", hint="give a git ref, a folder or a TOML file, or --base-set and --head-set")
    if len(sides) == 1 and sides[0].endswith(".toml"):
        raise UsageError("HEAD is missing", hint="give a second TOML file")
    texts = (*sides, "WORKTREE")[:2] if sides else ("", "")
    if flags["isolated"] and all(not text or text.endswith(".toml") for text in texts):
        raise UsageError("--isolated has a meaning only with a git ref or a folder", hint="leave it out, or name the two versions")
    base = _side(texts[0], flags, "--base-set", flags["base_settings"])
    head = _side(texts[1], flags, "--head-set", flags["head_settings"])  # before minutes pass, in which a ref may move
    return (_isolated(base), _isolated(head)) if flags["isolated"] else (base, head)


def _side(text: str, flags: Mapping[str, Any], own_option: str, own: tuple[str, ...]) -> Side:
    """Return one side.

    Args:
        text: as the user gave it; empty for the code that runs here.
        flags: for both sides.
        own_option: what the settings of this side are given with.
        own: those settings.
    """
    settings: dict[str, Any] = {}
    name = ""
    for file in (flags["config_file"], Path(text) if text.endswith(".toml") else None):
        if file is not None:
            found = read_settings(file)
            name = found.pop("name", "") or found.get("architecture.name", name)
            settings |= found
    name = flags["plugin"] or name
    if not name:
        raise UsageError("which GAN? --plugin is missing", hint="`ganbench plugins list` shows them")
    settings |= {path: flags[flag] for flag, path in _FLAG_PATHS.items() if flags[flag] is not None}
    settings |= read_pairs("--set", flags["settings"]) | read_pairs(own_option, own)
    tree = find_tree(text, Path.cwd()) if text and not text.endswith(".toml") else None
    label = ", ".join(filter(None, (tree.name if tree else text, *own))) or "unchanged"
    made = Side(name=label, plugin=str(name), settings=settings, options=read_pairs("--option", flags["options"]))
    if tree is None:
        return made
    return dataclasses.replace(made, tree=tree.folder, notes=tree.notes)


def _isolated(side: Side) -> Side:
    """Return a side with an environment of its own, where it has a tree."""
    if side.tree is None:
        return side
    return dataclasses.replace(side, python=isolated_python(side.tree, lambda said: click.echo(said, err=True)))


def configurations_differ(base: Side, head: Side) -> bool:
    """Tell whether something else than the code is compared."""
    return (base.plugin, base.settings, base.options) != (head.plugin, head.settings, head.options)
