"""``ganbench plugins``: what is installed, what became of it, and what its options are. Imports neither torch nor rich."""

from __future__ import annotations

import dataclasses
import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganbench.cli.main import Invocation, switched_off
from ganbench.errors import UsageError, did_you_mean
from ganbench.report.stream import stream_width

if TYPE_CHECKING:
    from ganbench.plugin.factory import Registered
    from ganbench.plugin.manager import PluginManager
    from ganbench.registration import PluginSpec

_COLUMNS = ("name", "kind", "distribution", "version", "status", "cause", "summary")
_COLOURS = {"ok": "green", "failed": "red", "conflict": "yellow", "off": "bright_black"}

_off = click.option("-p", "off", multiple=True, metavar="no:NAME", callback=switched_off, help="Switch a plugin off.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("plugins")
def command() -> None:
    """List plugins, or show one with its options."""


@command.command("list")
@click.option("--kind", metavar="KIND", shell_complete=lambda ctx, param, start: _complete_kinds(start), help="Only plugins of this kind.")
@_json
@_off
@click.pass_obj
def _list_command(invocation: Invocation, kind: str | None, as_json: bool, off: tuple[str, ...]) -> None:
    """List every plugin below its kind, with what it is.

    Distribution and version stand beside what does not come with ganbench. A plugin that could not be loaded is a row with the cause.
    Two of one name are a conflict, and are told apart as DISTRIBUTION:NAME.
    """
    from ganbench.plugin.manager import PluginManager

    rows = _list_rows(PluginManager(off=(*invocation.off, *off)))
    if kind is not None:
        known = sorted({row["kind"] for row in rows})
        if kind not in known:
            raise UsageError(f"--kind: there is no plugin of kind {kind!r}", hint=did_you_mean(kind, known))
        rows = [row for row in rows if row["kind"] == kind]
    if as_json:
        _print_json(rows)
        return
    _echo("\n".join(_by_kind(rows)))


@command.command("show")
@click.argument("name", metavar="NAME", shell_complete=lambda ctx, param, start: _complete(start))
@_json
@_off
@click.pass_obj
def _show_command(invocation: Invocation, name: str, as_json: bool, off: tuple[str, ...]) -> None:
    """Show a plugin: its source, what it can do, and its options.

    NAME is a name, DISTRIBUTION:NAME or ./file.py:Name. A name that stands for plugins of several kinds shows all of them.
    """
    from ganbench.plugin.manager import PluginManager

    manager = PluginManager(off=(*invocation.off, *off))
    found = [_describe(one, manager, name) for one in manager.find_all(name)]
    if as_json:
        _print_json(found)
        return
    _echo("\n\n".join(_as_text(one) for one in found))


@command.command("check")
@click.argument("name", metavar="NAME", shell_complete=lambda ctx, param, start: _complete(start))
@click.option("--kind", default="", metavar="KIND", help="Only the plugin of this kind, where several have the name.")
@click.option("--set", "settings", multiple=True, metavar="A.B=C", help="A setting of the trial runs, such as dataset.name=NAME.")
@click.option("-o", "options", multiple=True, metavar="KEY=VALUE", help="An option of the plugin in the trial runs.")
@_json
@_off
@click.pass_obj
def _check_command(
    invocation: Invocation, name: str, kind: str, settings: tuple[str, ...], options: tuple[str, ...], as_json: bool, off: tuple[str, ...]
) -> int:
    """Try every promise that a plugin makes, and say how to mend what is broken.

    NAME is a name, DISTRIBUTION:NAME or ./file.py:Name. The trials are a few iterations each, on the CPU. The exit code is 1 where a
    promise is broken.
    """
    from ganbench.config.values import read_pairs
    from ganbench.plugin.manager import PluginManager
    from ganbench.testing import find_subjects
    from ganbench.testing.check import outcome_lines, try_promises

    manager = PluginManager(off=(*invocation.off, *off))
    given = {"settings": read_pairs("--set", settings), "options": read_pairs("-o", options)}
    outcomes = []
    for subject in find_subjects(name, kind=kind, manager=manager, **given):
        if not as_json:
            _echo(click.style(f"{subject.spec.name}", bold=True) + f"  {subject.spec.kind} of {subject.registered.distribution}")
        for outcome in try_promises(subject):
            outcomes.append(outcome)
            if not as_json:
                _echo("\n".join(outcome_lines(outcome)))
    if as_json:
        facts = [(o.promise.name, o.promise.says, o.state, o.what, o.remedy) for o in outcomes]
        _print_json([dict(zip(("promise", "says", "state", "what", "remedy"), one, strict=True)) for one in facts])
    return 1 if any(outcome.state == "broken" for outcome in outcomes) else 0


@command.command("new")
@click.argument("kind", metavar="KIND", shell_complete=lambda ctx, param, start: _complete_kinds(start))
@click.argument("name", metavar="NAME")
@click.option("--into", type=click.Path(path_type=Path), default=Path(), metavar="DIR", help="Where its folder is made.  [default: here]")
def _new_command(kind: str, name: str, into: Path) -> None:
    """Write a whole distribution for a new plugin, with its tests and a README.

    KIND is architecture, recipe, loss, augmentation, dataset, space, metric, extractor, frozen, reporter, executor, command, or a plugin's
    kind that has a template. What is written keeps every promise as it is: install it, check it, and then change it step by step.
    """
    from ganbench.testing.new import write_plugin

    written = write_plugin(kind, name, into)
    for path in written:
        _echo(str(path))
    folder = written[0].parent if written[0].parent.name.startswith("ganbench-") else written[0].parent.parent
    _echo(f"\npip install -e {folder} && ganbench plugins check {name}")


def _list_rows(manager: PluginManager) -> list[dict[str, str]]:
    """Return one row for each registered name, and one for each entry point that registered none."""
    causes = {(s.distribution, s.entry): s.cause for s in manager.statuses if s.status == "ok"}
    rows = []
    for one in sorted(manager.registered, key=lambda r: (r.spec.kind, r.spec.name, r.distribution)):
        conflict = _conflict(one, manager)
        cause = conflict or causes.get((one.distribution, one.entry), "")
        rows.append(
            _row(one.spec.name, one.spec.kind, one.distribution, one.version, "conflict" if conflict else "ok", cause, one.spec.summary)
        )
    used = {(r.distribution, r.entry) for r in manager.registered}
    for s in manager.statuses:
        if s.status != "ok" or (s.distribution, s.entry) not in used:
            rows.append(_row(s.entry, "hooks" if s.status == "ok" else "-", s.distribution, s.version, s.status, s.cause, ""))
    return rows


def _conflict(one: Registered[PluginSpec], manager: PluginManager) -> str:
    """Say how to name a plugin whose name is taken; nothing where it is not."""
    from ganbench.cli.plugin_commands import has_name_of_an_own_command

    own = f"{one.distribution}:{one.spec.name}"
    if has_name_of_an_own_command(one):
        return f"ganbench has a command of this name; say {own}"
    others = [f"{r.distribution}:{r.spec.name}" for r in manager.conflicts(one)]
    return f"say {' or '.join(sorted([own, *others]))}" if others else ""


def _row(*values: str) -> dict[str, str]:
    from ganbench.text import clean

    return dict(zip(_COLUMNS, map(clean, values), strict=True))


def _by_kind(rows: list[dict[str, str]]) -> Iterator[str]:
    """Yield a line for each kind and one for each of its plugins; on a terminal a summary ends at its edge."""
    width = max(len(row["name"]) for row in rows)
    room = stream_width() - width - 4 if sys.stdout.isatty() else 0
    for kind, of_kind in itertools.groupby(sorted(rows, key=lambda row: (row["kind"] == "-", row["kind"])), lambda row: row["kind"]):
        yield click.style({"-": "could not be loaded"}.get(kind, kind), bold=True)
        for row in of_kind:
            yield f"  {row['name']:<{width}}  {_what(row, room)}"


def _what(row: dict[str, str], room: int) -> str:
    """Return the summary of a plugin; before it where it comes from, and what is wrong with it."""
    origin = "" if row["distribution"] == "ganbench" else f"[{row['distribution']} {row['version']}] "
    if row["status"] != "ok":
        return f"{origin}{click.style(row['status'], fg=_COLOURS[row['status']])}  {row['cause']}".rstrip()
    text = f"{origin}{'; '.join(filter(None, (row['summary'], row['cause'])))}"
    return f"{text[: room - 3]}..." if 3 < room < len(text) and not row["cause"] else text


def _describe(one: Registered[PluginSpec], manager: PluginManager, target: str) -> dict[str, Any]:
    """Return everything that a plugin's registration says, without importing its factory; ``target`` is what the user asked for."""
    from ganbench.cli.plugin_commands import typed_name
    from ganbench.config.values import describe_fields
    from ganbench.registration import PluginSpec

    spec, conflict, in_a_file = one.spec, _conflict(one, manager), one.distribution.startswith("file:")
    use = spec.use(target if in_a_file else typed_name(one, manager))
    if in_a_file and target not in use.split():
        use = ""  # a metric's name holds its protocol: one that is not registered has none
    common = {f.name for f in dataclasses.fields(PluginSpec)}
    # `getattr` and not `asdict`: the options are a class, and nested quantities are turned into dicts below.
    own = {f.name: getattr(spec, f.name) for f in dataclasses.fields(spec) if f.name not in common}
    return {
        "name": spec.name,
        "kind": spec.kind,
        "summary": spec.summary,
        "paper": spec.paper,
        "distribution": one.distribution,
        "version": one.version,
        "status": "conflict" if conflict else "ok",
        "conflict": conflict,
        "factory": f"{target.rpartition(':')[0]}:{spec.factory.partition(':')[2]}" if in_a_file and spec.factory else spec.factory,
        "use": use,
        **{name: _plain(value) for name, value in own.items()},
        "options": [dataclasses.asdict(f) for f in describe_fields(spec.options)],
    }


def _plain(value: Any) -> Any:
    """Turn what a spec holds into what JSON holds; a tuple of settings becomes a mapping."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, tuple):
        pairs = value and all(isinstance(v, tuple) and len(v) == 2 for v in value)
        return {k: _plain(v) for k, v in value} if pairs else [_plain(v) for v in value]
    return value


def _as_text(one: dict[str, Any]) -> str:
    """Return a description for reading."""
    version = f" {one['version']}" if one["version"] else ""
    lines = [click.style(f"{one['name']}", bold=True) + f"  {one['kind']} of {one['distribution']}{version}", f"  {one['summary']}"]
    for key, value in one.items():
        if key not in ("name", "kind", "summary", "distribution", "version", "options", "status") and value not in ("", [], {}, 0, None):
            lines += _entry(key, value)
    if one["options"]:
        lines += ["", *_options_table(one["options"])]
    else:
        lines += ["", f"  options: those of {one['architecture']}" if one["kind"] == "recipe" else "  no options"]
    return "\n".join(lines)


def _entry(key: str, value: Any) -> list[str]:
    """Return a labelled value; lists of sentences and mappings take a line each."""
    label = f"  {key.replace('_', ' '):<16}"
    if isinstance(value, dict):
        width = max(map(len, value))
        return [label.rstrip(), *(f"    {k:<{width}}  {str(v).lower() if isinstance(v, bool) else _text(v)}" for k, v in value.items())]
    if isinstance(value, list) and any(isinstance(v, dict) or " " in str(v) for v in value):
        return [label.rstrip(), *(f"    {_text(v)}" for v in value)]
    return [f"{label}{_text(value)}"]


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k.replace('_', ' ')} {_text(v)}" for k, v in value.items() if v != "")
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _options_table(options: list[dict[str, str]]) -> list[str]:
    """Return the options with their types and defaults; the help is wrapped under them."""
    import textwrap

    rows = [("option", "type", "default"), *((o["name"], o["type"], o["default"] or "required") for o in options)]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    heads = ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines = [click.style(heads[0], bold=True)]
    for head, option in zip(heads[1:], options, strict=True):
        lines.append(head)
        lines += textwrap.wrap(option["help"], max(stream_width() - 6, 40), initial_indent=" " * 6, subsequent_indent=" " * 6)
    return lines


def _complete(start: str) -> list[str]:
    from ganbench.plugin.manager import PluginManager

    return sorted({r.spec.name for r in PluginManager().registered if r.spec.name.startswith(start)})


def _complete_kinds(start: str) -> list[str]:
    from ganbench.testing.new import kinds

    return [kind for kind in kinds() if kind.startswith(start)]


def _print_json(value: Any) -> None:
    import json

    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _echo(text: str) -> None:
    """Print to stdout; in colour only on a terminal that wants it."""
    click.echo(text, color=False if os.environ.get("NO_COLOR") else None)
