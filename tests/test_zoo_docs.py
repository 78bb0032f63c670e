"""docs/zoo.md names everything that is registered, and nothing else; its networks have the sizes that it says."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from ganbench import BuildContext
from ganbench.cli.main import main
from ganbench.config.resolve import resolve
from ganbench.plugin.manager import HOME, PluginManager
from ganbench_clips.space import ClipSpace
from ganbench_rows.columns import Category, Column, Mode, Number
from ganbench_rows.space import RowSpace
from ganbench_sound.space import WaveformSpace
from ganbench_spaces.images import ImageSpace
from ganbench_spaces.pairs import PairedImages
from ganbench_spaces.points import PointSpace
from ganbench_text.space import TokenSpace

ROOT = Path(__file__).parents[1]
DOCS = (ROOT / "docs" / "zoo.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
MANAGER = PluginManager()
KINDS = ("architecture", "recipe", "loss", "augmentation", "dataset", "metric", "extractor", "reproduction", "loader")


def rows(kind: str) -> dict[str, dict[str, str]]:
    """Return the rows of a kind's table by name: what stands in each column."""
    (section,) = re.findall(rf"^## {kind}\w*\n(.*?)(?=^## |\Z)", DOCS, flags=re.DOTALL | re.MULTILINE | re.IGNORECASE)
    head, _, *lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")]
    assert head[0] == "name"
    return {line[0].strip("`"): dict(zip(head, line, strict=True)) for line in lines}


def registered(kind: str) -> dict[str, Any]:
    """Return what comes with ganbench, by name."""
    return {r.spec.name: r.spec for r in MANAGER.registered if r.spec.kind == kind and r.distribution == HOME}


ARCHITECTURES, RECIPES = rows("architecture"), rows("recipe")


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_of_a_kind_has_a_row_and_no_row_another_name(kind: str) -> None:
    """What is added to ganbench is added to the page."""
    assert set(rows(kind)) == set(registered(kind))


def test_only_what_is_not_trained_or_measured_has_no_table() -> None:
    """A new kind of plugin is seen."""
    without = {"frozen", "command", "executor", "reporter", "space"}
    assert {r.spec.kind for r in MANAGER.registered if r.distribution == HOME} - without == set(KINDS)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_is_what_its_row_says(name: str) -> None:
    """Article, resolutions, labels, packs, losses and runners."""
    spec, row = registered("architecture")[name], ARCHITECTURES[name]
    sizes = spec.resolutions
    assert not row["article"] or f"arxiv.org/abs/{row['article']}" in spec.paper
    assert row["resolutions"] == (f"{min(sizes)} to {max(sizes)}" if sizes else "any")
    assert (row["labels"] in ("yes", "always"), row["packs"] == "yes") == (spec.conditional, spec.packing)
    assert row["losses"] == (", ".join(spec.losses) or "any")
    module, _, attribute = spec.algorithm.partition(":")
    assert row["runners"] == ", ".join(getattr(importlib.import_module(module), attribute).runners)


def shape(text: str) -> BuildContext:
    """Read ``32x32x3, 10 classes``, ``points, packs of 2``, ``96x96x6, enlarged 4 times``, ``4096 samples at 8000 Hz``, ``rows ...``,
    ``16 frames of 64x64x3`` or ``texts of 20 tokens of 5,000``."""
    size, _, rest = text.partition(", ")
    more = {"classes": 0, "packs": 1} | {word: int(number) for number, word in re.findall(r"(\d+) (classes)", rest)}
    more |= {word: int(number) for word, number in re.findall(r"(packs) of (\d+)", rest)}
    if size.startswith("texts"):
        length, vocabulary = (int(number.replace(",", "")) for number in re.findall(r"[\d,]+", text))
        return BuildContext(space=TokenSpace(length, tuple(map(str, range(vocabulary)))))
    if size.startswith("rows"):
        numbers, modes, columns, categories = map(int, re.findall(r"\d+", size))
        modes_of_each, shares = (Mode(1 / modes, 0.0, 1.0),) * modes, (1 / categories,) * categories
        row: list[Column] = [Number(f"number {i}", modes_of_each, (0.0, 1.0)) for i in range(numbers)]
        row += [Category(f"category {i}", tuple(map(str, range(categories))), shares) for i in range(columns)]
        return BuildContext(space=RowSpace(tuple(row)), packing=more["packs"])
    if clip := re.fullmatch(r"(\d+) frames of (\d+)x(\d+)x(\d+)", size):
        frames, height, width, channels = map(int, clip.groups())
        return BuildContext(space=ClipSpace(channels, frames, height, width), num_classes=more["classes"])
    if sound := re.fullmatch(r"(\d+) samples at (\d+) Hz", size):
        return BuildContext(space=WaveformSpace(int(sound[1]), int(sound[2])), num_classes=more["classes"])
    if enlarged := re.fullmatch(r"enlarged (\d+) times", rest):
        height, width, channels = map(int, size.split("x"))
        return BuildContext(space=PairedImages(channels, height, width, scale=int(enlarged[1])), num_classes=0)
    space = PointSpace() if size == "points" else ImageSpace.square(int(size.split("x")[2]), int(size.split("x")[0]))
    return BuildContext(space=space, num_classes=more["classes"], packing=more["packs"])


@pytest.mark.slow(keep=6)
@pytest.mark.parametrize("name", RECIPES)
def test_a_recipes_networks_have_the_parameters_of_its_row(name: str) -> None:
    """Built at the published size; the architecture and the source are the recipe's."""
    row, spec = RECIPES[name], registered("recipe")[name]
    assert row["architecture"] == f"`{spec.architecture}`"
    if "/" in row["source"]:
        assert row["source"].split()[0].strip(",") in spec.paper
    resolved = resolve(MANAGER, name, [])
    # Spectral norm begins with power iterations, for which weights must have values.
    with torch.device("cpu" if name.startswith(("sngan", "biggan", "sagan")) else "meta"):
        made = resolved.architecture.build(resolved.config.architecture.options, shape(row["images"]))
    names = [name for name in ("generator", "discriminator") if name in made.modules] if "generator" in made.modules else list(made.modules)
    there = [made[name] for name in names]
    counts = [sum(p.numel() for p in network.parameters()) for network in there]
    assert row["parameters"] == ", ".join(f"{count:,}" for count in counts)


@pytest.mark.parametrize("name", rows("dataset"))
def test_a_datasets_metrics_are_its_own(name: str) -> None:
    """What a run that names none is scored by."""
    named = re.findall(r"`([\w-]+)`", rows("dataset")[name]["metrics of a run that names none"])
    assert named == list(registered("dataset")[name].metrics)


@pytest.mark.parametrize("name", rows("loss"))
def test_a_losss_options_are_its_own_or_named_below_the_table(name: str) -> None:
    """Each option stands on the page, and none that there is not."""
    (below,) = re.findall(r"^Every loss takes (.*?)^`historical_averaging`", DOCS, flags=re.DOTALL | re.MULTILINE)
    shared = {"historical_averaging", *re.findall(r"`(\w+)`", below)}
    own = set(re.findall(r"`(\w+)`", rows("loss")[name]["options of its own"]))
    assert own | shared == set(registered("loss")[name].options.__dataclass_fields__)
    assert own.isdisjoint(shared)


def test_the_readme_counts_what_there_is_and_leads_to_the_page() -> None:
    """Its table names every dataset, loss, metric and extractor, and every architecture."""
    (table,) = re.findall(r"^## What can be run\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
    named = set(re.findall(r"`([\w-]+)`", table))
    for kind in KINDS:
        assert set(registered(kind)) - named == set(), kind
    assert "(docs/zoo.md)" in table


def test_the_reproduction_can_be_run_as_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    """The command and the options of the last paragraph are there."""
    assert main(["reproduce", "--help"]) == 0
    text = capsys.readouterr().out
    for option in re.findall(r"--\w+", DOCS[DOCS.index("## Reproductions") :]):
        assert option in text
