"""docs/configuration.md from the declarations of the settings; run this file to write it again."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ganbench.config.model import PLUGIN_SECTIONS, SECTIONS, SETTINGS, may_change, part_of
from ganbench.config.setting import PARTS, bound_of
from ganbench.config.values import describe_fields
from ganbench.plugin.manager import HOME, PluginManager

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
UNITS = {"_kimg": "kimg", "_mib": "MiB"}
"""What the end of a name says."""
HEAD = """<!-- Written by tests/config/configuration_page.py from the fields of the settings; change them there, and run that file. -->

# Every setting

A run is set by the values below. You can give each of them

- on the command line: `ganbench run --plugin dcgan --set training.batch_size=128`; the common ones have flags of their own (`ganbench run --help`), and
  an option of a plugin is also `-o width=32`;
- in a TOML file (`ganbench run --config FILE`): `[training]`, then `batch_size = 128`. Every run keeps such a file, `config.toml`, with all its values;
- as the axis of a matrix: `ganbench matrix -a plugin=dcgan -a training.batch_size=64,128`.

The highest of these counts: the command line, the file, the recipe, the dataset's and the architecture's own defaults, the defaults below.
`ganbench run ... --dry-run` prints every value of a run and where it came from.

A *kimg* is a thousand real samples shown to the discriminator. "unset" as a default means that something else decides, which the text then says.

## What a setting is part of

It decides which runs may be compared, which ones are seeds of one row, and what a run that goes on (`--resume`) may change.

| part of | meaning |
|---|---|
"""


def page() -> str:
    """Return the page's text."""
    parts = "".join(f"| {part} | {meaning} |\n" for part, meaning in PARTS.items())
    changes = ", ".join(f"`{path}`" for path in SETTINGS if may_change(path) and part_of(path) != "place")
    after = f"\nWhat is a place may change when a run goes on; so may {changes}. An option of a plugin is part of the work, that of a metric of the measuring.\n"
    return HEAD + parts + after + "".join([*_tables(), *_plugin_names(), *_plugin_options()])


def _tables() -> Iterator[str]:
    for section, settings in SECTIONS.items():
        if section == "discriminator_optimizer":
            continue  # the same settings
        title = "generator_optimizer and discriminator_optimizer" if section == "generator_optimizer" else section
        yield f"\n## {title}\n\n{settings.__doc__}\n\n| setting | type | default | unit | must be | part of | meaning |\n|---|---|---|---|---|---|---|\n"
        yield from _rows(settings, f"{section}.", {name: part_of(f"{section}.{name}") for name in typing.get_type_hints(settings)})


def _rows(settings: Any, prefix: str, parts: dict[str, str]) -> Iterator[str]:
    """Yield a line for each setting; without a part where none is given."""
    for field, told in zip(dataclasses.fields(settings), describe_fields(settings), strict=True):
        unit = field.metadata.get("unit") or next((unit for end, unit in UNITS.items() if told.name.endswith(end)), "")
        default = "unset" if field.default is None else f"`{told.default}`" if told.default else "*required*"
        cells = [f"`{prefix}{told.name}`", f"`{told.type}`", default, unit, str(bound_of(field)), *([parts[told.name]] if parts else []), told.help]
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _plugin_names() -> Iterator[str]:
    yield "\n## The plugins of a run\n\n| setting | meaning |\n|---|---|\n"
    for section in PLUGIN_SECTIONS:
        none = "; `none` for none" if section == "augmentation" else ""
        yield f"| `{section}.name` | Which {section}, by its name, `DISTRIBUTION:NAME` or `./file.py:NAME`{none}. |\n"
        yield f"| `{section}.options.NAME` | An option of that plugin, below. |\n"
    yield "| `metrics.FAMILY.NAME` | An option of the metrics of that family, below. |\n"
    yield "\nThese are the plugins that come with ganbench; `ganbench plugins show NAME` prints the options of any. Those that are not named have none.\n"


def _plugin_options() -> Iterator[str]:
    """Yield a table for each class of options, under the names of the plugins that have it."""
    for kind in (*PLUGIN_SECTIONS, "metric"):
        owners: dict[type, list[str]] = {}
        for one in sorted(PluginManager().registered, key=lambda one: one.spec.name):
            if one.spec.kind == kind and one.distribution == HOME and dataclasses.fields(one.spec.options):
                owners.setdefault(one.spec.options, []).append(one.spec.name)
        for options, names in owners.items():
            yield f"\n### {kind} {', '.join(f'`{name}`' for name in names)}\n\n"
            yield "| option | type | default | unit | must be | meaning |\n|---|---|---|---|---|---|\n"
            yield from _rows(options, "", {})


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
