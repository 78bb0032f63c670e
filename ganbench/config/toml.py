"""Configuration files: what ``--config`` reads and what a run directory keeps as config.toml.

A path may hold bytes that are no text. Python has them as surrogates, which TOML lacks; they are written as a NUL, which no path has, and
two hexadecimal digits: ``"donn\\u0000e9es"``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganbench.errors import ConfigError
from ganbench.plugin.plugin_file import check_stored_name
from ganbench.reading import read_file
from ganbench.text import clean

_DEEPEST = 50
"""Lists and tables inside each other, within one value."""
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BYTE = re.compile("\0([89a-f][0-9a-f])")
_SURROGATE = re.compile("[\udc80-\udcff]")


def read_settings(path: Path, *, trust_files: bool = False) -> dict[str, Any]:
    """Read a TOML file as settings by path: ``[training] seed = 1`` is ``training.seed``.

    Args:
        path: the file.
        trust_files: whether the plugin files that it names may run although this user has never run them.

    Raises:
        ConfigError: no such file, not readable, or not TOML.
        PluginError: it names a plugin file that is not trusted.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        text = read_file(path).decode("utf-8-sig")  # editors on Windows write a byte order mark
        if any(line.count(".") > 100 * _DEEPEST for line in text.splitlines()):
            raise RecursionError  # the parser's time and memory grow with the square of a key's parts
        settings = by_path(_with_bytes(tomllib.loads(text)))
        texts = _texts(settings)
    except FileNotFoundError:
        raise ConfigError(f"no such configuration file: {path}") from None
    except OSError as error:
        raise ConfigError(f"cannot read the configuration file {path}: {error.strerror}", hint="give a TOML file") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: it is not text in UTF-8 ({error.reason})", hint="give a TOML file") from error
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, and a number of thousands of digits
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).partition(";")[0]
        raise ConfigError(f"{path} is not valid TOML: {reason}", hint="mend that line") from None
    for text in texts if not trust_files else ():
        check_stored_name(text, path)
    return settings


def _with_bytes(value: Any) -> Any:
    """Return tables and values with the bytes that :func:`_string` wrote."""
    if isinstance(value, str):
        return _BYTE.sub(lambda found: bytes([int(found[1], 16)]).decode("utf-8", "surrogateescape"), value)
    if isinstance(value, list):
        return [_with_bytes(one) for one in value]
    return {key: _with_bytes(one) for key, one in value.items()} if isinstance(value, dict) else value


def _texts(settings: Mapping[str, Any]) -> list[str]:
    """Return every text among values, and in the lists and tables among them.

    Raises:
        RecursionError: they are nested deeper than anybody writes.
    """
    found, waiting = [], [(value, 0) for value in settings.values()]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, (list, Mapping)):
            if depth > _DEEPEST:
                raise RecursionError
            waiting += [(inner, depth + 1) for inner in (value.values() if isinstance(value, Mapping) else value)]
    return found


def by_path(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values of nested tables by path: ``{"training": {"seed": 1}}`` is ``{"training.seed": 1}``."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        found |= by_path(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def dump_settings(settings: Mapping[str, Any], comment: str = "", origins: Mapping[str, str] | None = None) -> str:
    """Write settings by path as TOML text. None, which TOML does not have, is written as ``"none"``, which reads back as None.

    Args:
        settings: bool, int, float, str, None, and tuples or lists of them; ``training.seed`` goes into the table ``training``.
        comment: lines for the head of the text.
        origins: where values came from, by path, to stand behind each; None for no such comments.

    Raises:
        TypeError: a value of another type.
    """
    tables: dict[tuple[str, ...], list[str]] = {}
    for path, value in settings.items():
        *parents, leaf = path.split(".")
        origin = "" if origins is None else f" # {clean(origins.get(path, 'default'))}"
        tables.setdefault(tuple(parents), []).append(f"{f'{_key(leaf)} = {_value(value)}':<{44 if origin else 0}}{origin}\n")
    head = "".join(f"# {line}\n" for line in comment.splitlines())
    top = "".join(tables.pop((), []))  # what has no table must come before the first one
    parts = [f"[{'.'.join(map(_key, table))}]\n{''.join(lines)}" for table, lines in tables.items()]
    return head + "\n".join(filter(None, [top, *parts]))


def _key(text: str) -> str:
    return text if _BARE_KEY.fullmatch(text) else _string(text)


def _value(value: object) -> str:
    """Return one value as TOML writes it."""
    if value is None:
        return '"none"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return float.__repr__(value)  # nan and inf are TOML's own words
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    raise TypeError(f"a setting must be bool, int, float, str, None or a tuple of them (got {type(value).__name__})")


def _string(text: str) -> str:
    """Return a basic string: JSON's escapes are TOML's, but for the one control character that JSON lets pass."""
    return json.dumps(_SURROGATE.sub(lambda found: f"\0{ord(found[0]) & 0xFF:02x}", text), ensure_ascii=False).replace("\x7f", "\\u007f")
