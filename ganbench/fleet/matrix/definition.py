"""What the user asked for: axes, settings of every cell, what is included and excluded; from a TOML file and from flags."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ganbench.config.toml import by_path, read_settings
from ganbench.errors import UsageError, did_you_mean
from ganbench.fleet.matrix.axes import Axis, axis, setting_path

_TABLES = ("axes", "settings", "options")
_KEYS = ("name", "exclusive", "include", "exclude", *_TABLES)
_NAME_DIGITS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Product:
    """One cross product: the axes of the matrix, or one ``[[include]]`` table."""

    axes: tuple[Axis, ...]
    exclusive: bool = False
    """Whether its cells run alone on the machine."""
    included: bool = False
    """Whether it is an ``[[include]]``, of which nothing is excluded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Definition:
    """A matrix before it is expanded."""

    name: str
    """What its folder is called; stable, so that a second call finds it."""
    products: tuple[Product, ...]
    """The product of the axes comes first, then what is included."""
    exclude: tuple[tuple[Axis, ...], ...] = ()
    """A cell of the product is left out where one of these agrees with it in every setting."""
    settings: tuple[tuple[str, Any], ...] = ()
    """The settings of every cell, by path; a cell's own stand above them."""
    options: tuple[tuple[str, str], ...] = ()
    """What ``-o`` gave."""


def read_definition(path: Path, *, trust_files: bool = False) -> Definition:
    """Read a TOML file; ``trust_files`` as in :func:`~ganbench.config.toml.read_settings`.

    Raises:
        UsageError: not readable, an unknown key, an unknown setting.
    """
    tables: dict[str, dict[str, Any]] = {name: {} for name in _TABLES}
    others: dict[str, Any] = {}
    for key, value in read_settings(path, trust_files=trust_files).items():
        head, _, rest = key.partition(".")
        if head not in _KEYS or bool(rest) != (head in _TABLES):
            hint = did_you_mean(head, list(_KEYS))
            raise UsageError(f"{path}: unknown key {key!r}", hint=hint if "mean" in hint else f"known: {', '.join(_KEYS)}")
        if rest:
            tables[head][rest] = value
        else:
            others[key] = value
    exclusive = _flag(others, "exclusive", str(path))
    axes = tuple(axis(name, values, f"{path}, [axes]") for name, values in tables["axes"].items())
    included = tuple(_included(table, f"{path}, [[include]]", exclusive) for table in _array(others, "include", path))
    return Definition(
        name=_checked_name(others.get("name", path.stem), path),
        products=((Product(axes=axes, exclusive=exclusive),) if axes else ()) + included,
        exclude=tuple(_axes(table, f"{path}, [[exclude]]") for table in _array(others, "exclude", path)),
        settings=_settings(tables["settings"], f"{path}, [settings]"),
        options=tuple((name, str(value)) for name, value in tables["options"].items()),
    )


def with_flags(
    definition: Definition | None,
    *,
    axes: Sequence[str] = (),
    settings: Sequence[str] = (),
    options: Sequence[str] = (),
    exclusive: bool = False,
) -> Definition:
    """Add what the command line says, which stands above the file.

    Args:
        definition: of the file, if there is one.
        axes: each ``name=values``; an axis that the file has too gets these values.
        settings: each ``path=value``, of ``--set``.
        options: each ``key=value``, of ``-o``.
        exclusive: run every cell alone.

    Raises:
        UsageError: an axis or a setting that is none, or no axis at all.
    """
    given = tuple(axis(*_pair("-a", text), "-a") for text in axes)
    if (twice := [one.path for one in given]) and len(set(twice)) < len(twice):
        raise UsageError(f"-a: {next(p for p in twice if twice.count(p) > 1)} is given twice", hint="write all its values in one -a")
    pairs = dict(_pair("--set", text) for text in settings)
    return with_values(
        definition, axes=given, settings=pairs, options=[_pair("-o", text) for text in options], exclusive=exclusive, where="--set"
    )


def with_values(
    definition: Definition | None,
    *,
    axes: Sequence[Axis],
    settings: Mapping[str, Any],
    options: Sequence[tuple[str, str]],
    exclusive: bool,
    where: str = "settings",
) -> Definition:
    """Add axes, settings and options, which stand above the file's.

    Args:
        definition: of the file, if there is one.
        axes: an axis that the file has too gets these values.
        settings: of every cell, by short name or path.
        options: of the plugins of every cell.
        exclusive: run every cell alone.
        where: what to call the place of the settings in an error.

    Raises:
        UsageError: a setting that is none, or no axis at all.
    """
    wanted = definition or Definition(name="", products=())
    products = _with_axes(wanted.products, tuple(axes)) if axes else wanted.products
    if not products:
        raise UsageError("which runs? the matrix has no axis", hint="give FILE.toml, or -a plugin=dcgan -a seed=0..4")
    wanted = replace(
        wanted,
        products=tuple(replace(product, exclusive=product.exclusive or exclusive) for product in products),
        settings=wanted.settings + _settings(settings, where),
        options=wanted.options + tuple(options),
    )
    return wanted if wanted.name else replace(wanted, name=_name_of(wanted))


def _pair(flag: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UsageError(f"{flag} wants NAME=VALUE (got {text!r})")
    return name.strip(), value.strip()


def _with_axes(products: tuple[Product, ...], given: tuple[Axis, ...]) -> tuple[Product, ...]:
    """Replace or add axes of the product."""
    product = Product(axes=()) if not products or products[0].included else products[0]
    own = {one.path: one for one in (*product.axes, *given)}
    return (replace(product, axes=tuple(own.values())), *(product for product in products if product.included))


def _included(table: Mapping[str, Any], where: str, exclusive: bool) -> Product:
    own = dict(table)
    alone = _flag(own, "exclusive", where)
    own.pop("exclusive", None)
    return Product(axes=_axes(own, where), exclusive=exclusive or alone, included=True)


def _axes(table: Mapping[str, Any], where: str) -> tuple[Axis, ...]:
    found = tuple(axis(name, values, where) for name, values in by_path(table).items())
    if not found:
        raise UsageError(f"{where}: the table is empty", hint="name a setting in it, or leave it out")
    return found


def _settings(table: Mapping[str, Any], where: str) -> tuple[tuple[str, Any], ...]:
    return tuple((setting_path(name, where), value) for name, value in table.items())


def _array(others: Mapping[str, Any], key: str, path: Path) -> list[Mapping[str, Any]]:
    found = others.get(key, [])
    if not isinstance(found, list) or not all(isinstance(table, Mapping) for table in found):
        raise UsageError(f"{path}: {key} must be tables", hint=f"write [[{key}]]")
    return found


def _flag(table: Mapping[str, Any], key: str, where: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise UsageError(f"{where}: {key} must be true or false (got {value!r})")
    return value


def _checked_name(name: object, path: Path) -> str:
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_+][A-Za-z0-9_.+-]*", name):
        raise UsageError(f"{path}: name must be letters, digits and . _ + - (got {name!r})", hint='write name = "losses"')
    return name


def _name_of(definition: Definition) -> str:
    """Return a name that is the same for the same flags."""
    said = [[(one.path, list(map(str, one.values))) for one in product.axes] for product in definition.products]
    text = json.dumps([said, [(p, str(v)) for p, v in definition.settings], definition.options])
    return f"matrix-{hashlib.sha256(text.encode()).hexdigest()[:_NAME_DIGITS]}"
