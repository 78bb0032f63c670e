"""Configuration files: what ``--config`` reads and what a run directory keeps as config.toml."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganbench.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_settings(path: Path) -> dict[str, Any]:
    """Read a TOML file as settings by path: ``[training] seed = 1`` is ``training.seed``.

    Raises:
        ConfigError: no such file, not readable, or not TOML.
    """
    try:
        with path.open("rb") as file:
            tree = tomllib.load(file)
    except FileNotFoundError:
        raise ConfigError(f"no such configuration file: {path}") from None
    except OSError as error:
        raise ConfigError(f"cannot read the configuration file {path}: {error.strerror}", hint="give a TOML file") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: it is not text in UTF-8 ({error.reason})", hint="give a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}", hint="mend that line") from error
    return dict(_walk(tree, ""))


def _walk(tree: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in tree.items():
        if isinstance(value, dict):
            found += _walk(value, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", value))
    return found


def dump_settings(settings: Mapping[str, Any], comment: str = "") -> str:
    """Write settings by path as TOML text. None, which TOML does not have, is written as ``"none"``, which reads back as None."""
    import tomli_w

    tree: dict[str, Any] = {}
    for path, value in settings.items():
        *parents, leaf = path.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = "none" if value is None else list(value) if isinstance(value, tuple) else value
    head = "".join(f"# {line}\n" for line in comment.splitlines())
    return head + tomli_w.dumps(tree)
