"""docs/configuration.md says of every setting what its declaration says. Run this file to write the page again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ganbench.config.model import PLUGIN_SECTIONS, SECTIONS, SETTINGS, may_change, part_of
from ganbench.config.setting import PARTS, _bound_of
from ganbench.config.values import describe_fields
from ganbench.plugin.manager import HOME, PluginManager

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
OPTIMIZERS = ("generator_optimizer", "discriminator_optimizer")
UNITS = {"_kimg": "kimg", "_mib": "MiB"}
"""What the end of a name says."""
HEAD = """<!-- Written by tests/config/test_configuration_page.py from the fields of the settings: change them there, and run that file. -->

# Every setting

A run is set by the values below. You can give each of them

- on the command line: `ganbench run --plugin dcgan --set training.batch_size=128`; the common ones have flags of their own
  (`ganbench run --help`), and an option of a plugin is also `-o generator_width=32`;
- in a TOML file (`ganbench run --config FILE`): `[training]`, then `batch_size = 128`. Every run keeps such a file, `config.toml`, with all
  its values;
- as the axis of a matrix: `ganbench matrix -a plugin=dcgan -a training.batch_size=64,128`.

The highest of these counts: the command line, the file, the recipe, the dataset's and the architecture's own defaults, the defaults below.
`ganbench run ... --dry-run` prints every value of a run and where it came from.

A *kimg* is a thousand real samples shown to the discriminator. Where a default is "unset", something else decides, and the text says what.

## What a setting is part of

It decides which runs may be compared, which ones are seeds of one row, and what may change when a run goes on (`--resume`).

"""


def page() -> str:
    """Return the page's text."""
    parts = _table(("part of", "meaning"), PARTS.items())
    free = ", ".join(f"`{path}`" for path in SETTINGS if may_change(path) and part_of(path) != "place")
    after = f"\nA place may change when a run goes on; so may {free}.\n"
    after += "An option of a plugin is part of the work, that of a metric of the measuring.\n"
    return HEAD + parts + after + "".join([*_sections(), *_plugin_names(), *_plugin_options()])


def _table(head: Sequence[str], rows: Any) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _sections() -> Iterator[str]:
    for section, settings in SECTIONS.items():
        if section == OPTIMIZERS[1]:
            continue  # it has the same settings
        yield f"\n## {' and '.join(OPTIMIZERS) if section in OPTIMIZERS else section}\n\n{settings.__doc__}\n\n"
        head = ("setting", "type", "default", "unit", "must be", "part of", "meaning")
        yield _table(head, ([f"`{section}.{name}`", *cells, part_of(f"{section}.{name}"), text] for name, cells, text in _told(settings)))


def _told(settings: Any) -> Iterator[tuple[str, list[str], str]]:
    """Yield for each setting its name; its type, default, unit and bound; its help."""
    for field, told in zip(dataclasses.fields(settings), describe_fields(settings), strict=True):
        unit = field.metadata.get("unit") or next((unit for end, unit in UNITS.items() if told.name.endswith(end)), "")
        default = "unset" if field.default is None else f"`{told.default}`" if told.default else "*required*"
        yield told.name, [f"`{told.type}`", default, unit, str(_bound_of(field))], told.help.replace("``", "`")


def _plugin_names() -> Iterator[str]:
    yield "\n## The plugins of a run\n\n"
    rows = []
    for section in PLUGIN_SECTIONS:
        none = "; `none` for none" if section == "augmentation" else ""
        rows.append([f"`{section}.name`", f"Which {section}: its name, `DISTRIBUTION:NAME` or `./file.py:NAME`{none}."])
        rows.append([f"`{section}.options.NAME`", "An option of that plugin, below."])
    rows.append(["`metrics.FAMILY.NAME`", "An option of the metrics of that family, below."])
    yield _table(("setting", "meaning"), rows)
    yield "\nThese are the plugins that come with ganbench; those that are not named have no options.\n"
    yield "`ganbench plugins show NAME` prints the options of any plugin that is installed.\n"


def _plugin_options() -> Iterator[str]:
    """Yield a table for each class of options, under the names of the plugins that have it."""
    for kind in (*PLUGIN_SECTIONS, "metric"):
        owners: dict[type, list[str]] = {}
        for spec in _specs(kind):
            owners.setdefault(spec.options, []).append(spec.name)
        for options, names in owners.items():
            if dataclasses.fields(options):  # type: ignore[arg-type]
                yield f"\n### {kind} {', '.join(f'`{name}`' for name in names)}\n\n"
                head = ("option", "type", "default", "unit", "must be", "meaning")
                yield _table(head, ([f"`{name}`", *cells, text] for name, cells, text in _told(options)))


def _specs(kind: str) -> list[Any]:
    """Return what comes with ganbench, by name."""
    found = [one.spec for one in PluginManager().registered if one.spec.kind == kind and one.distribution == HOME]
    return sorted(found, key=lambda spec: spec.name)


def test_the_page_is_what_the_code_says() -> None:
    """To the letter; after a change: python tests/config/test_configuration_page.py."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_setting_and_every_plugin_with_options_has_its_place() -> None:
    """A setting a line, with its path; a plugin a table."""
    text = PAGE.read_text(encoding="utf-8")
    assert [path for path in SETTINGS if f"\n| `{path.replace(OPTIMIZERS[1], OPTIMIZERS[0])}` |" not in text] == []
    tables = "".join(line for line in text.splitlines() if line.startswith("### "))
    for kind in (*PLUGIN_SECTIONS, "metric"):
        assert [spec.name for spec in _specs(kind) if dataclasses.fields(spec.options) and f"`{spec.name}`" not in tables] == []


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
