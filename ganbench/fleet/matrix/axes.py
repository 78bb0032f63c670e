"""The axes of a matrix: which setting varies, over which values, and how both are written."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ganbench.config.model import PLUGIN_SECTIONS, SETTINGS, SHORT_NAMES
from ganbench.errors import UsageError, did_you_mean

PLUGIN = "plugin"
"""The setting that is no configuration path: what ``--plugin`` takes."""
_SHORT_NAMES = {PLUGIN: PLUGIN, **SHORT_NAMES}
"""What may be written for a configuration path."""
_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)")
_LARGEST_RANGE = 10_000


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """One setting and its values."""

    path: str
    """A configuration path, or ``plugin``."""
    values: tuple[Any, ...]
    """At least one; text from a flag, or what TOML holds."""


def axis(name: str, values: Any, where: str) -> Axis:
    """Return the axis that a user wrote.

    Args:
        name: a short name or a configuration path.
        values: a list; one value; or text, in which commas separate values and ``0..4`` is a range with both ends.
        where: what to call its place in an error.

    Raises:
        UsageError: no such setting, or no value.
    """
    path = setting_path(name, where)
    found = _read_text(values, where) if isinstance(values, str) else list(values) if isinstance(values, (list, tuple)) else [values]
    if not found:
        raise UsageError(f"{where}: the axis {name} has no value", hint=f"write {name}=VALUE,VALUE or {name}=0..4")
    if any(isinstance(value, Mapping) for value in found):
        raise UsageError(f"{where}: a value of {name} must not be a table")
    return Axis(path=path, values=tuple(found))


def setting_path(name: str, where: str) -> str:
    """Return the configuration path that a name means.

    Options of plugins are not looked up: which there are depends on the cell.

    Raises:
        UsageError: there is no such setting.
    """
    if name in _SHORT_NAMES:
        return _SHORT_NAMES[name]
    section, _, rest = name.partition(".")
    if section in PLUGIN_SECTIONS and (rest == "name" or rest.startswith("options.")):
        return name
    if section == "metrics" and rest.count(".") == 1:
        return name
    if name in SETTINGS:
        return name
    ends = [path for path in sorted(SETTINGS) if path.rpartition(".")[2] == name]
    hint = f"did you mean {ends[0]!r}?" if ends else did_you_mean(name, [*_SHORT_NAMES, *SETTINGS])
    raise UsageError(f"{where}: unknown setting {name!r}", hint=hint if "mean" in hint else "an option is architecture.options.NAME")


def short_name(path: str, others: Sequence[str]) -> str:
    """Return how a path is called in a cell's name: its short name, else its last part, else all of it.

    Args:
        path: a configuration path.
        others: every path of the matrix; a last part that two of them share is not short enough.
    """
    for name, meant in _SHORT_NAMES.items():
        if meant == path:
            return name
    leaf = path.rpartition(".")[2]
    return path if leaf in _SHORT_NAMES or any(other != path and other.rpartition(".")[2] == leaf for other in others) else leaf


def value_text(value: Any) -> str:
    """Return a value as a flag takes it: ``true``, ``0.1``, ``a,b``."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ",".join(map(value_text, value))
    return str(value)


def _read_text(text: str, where: str) -> list[Any]:
    values: list[Any] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _RANGE.fullmatch(part)
        values += _range(int(match[1]), int(match[2]), where) if match else [part]
    return values


def _range(first: int, last: int, where: str) -> list[int]:
    if not 0 <= last - first < _LARGEST_RANGE:
        raise UsageError(f"{where}: a range must rise, by at most {_LARGEST_RANGE} values (got {first}..{last})", hint="write 0..4")
    return list(range(first, last + 1))
