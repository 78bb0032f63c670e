"""docs/plugins.md against the code: its examples run, its tables have the fields that there are, and it names nothing else."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import importlib
import inspect
import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import torch

import ganbench
from ganbench import PluginManager, PluginSpec
from ganbench.cli.main import cli, main
from ganbench.config.resolve import resolve
from ganbench.plugin import hookspecs
from ganbench.testing import NotClaimed, find_subjects, promises_of
from ganbench_spaces.images import ImageSpace

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NAMES = (
    "ganbench_reproduce",
    "ganbench_reproduce.experiment",
    "ganbench_schedules",
    "ganbench_schedules.number",
    "ganbench_spaces.images",
    "ganbench_use",
    "ganbench_use.loader",
)
LIBRARIES = [importlib.import_module(name) for name in NAMES]


def blocks(language: str) -> list[str]:
    """Return the page's blocks of a language; an empty one for commands."""
    return [text for name, text in re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE) if name == language]


def files() -> dict[str, str]:
    """Return the page's examples by file, as their first lines say; pieces of one file stand behind each other."""
    texts: dict[str, str] = {}
    for text in blocks("python"):
        name, _, rest = text.partition("\n")
        texts[name.removeprefix("# ")] = texts.get(name.removeprefix("# "), "") + rest
    return texts


FILES = files()


def sections() -> dict[str, str]:
    """Return what stands under each heading of the second level."""
    parts = re.split(r"^## (.*)$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


SECTIONS = sections()


def public(name: str) -> Any:
    """Return what a name of the page means, of ganbench or of the libraries that plugins may use."""
    for home in (ganbench, *LIBRARIES):
        if hasattr(home, name):
            return getattr(home, name)
    raise AssertionError(f"nothing public is called {name}")


def specs() -> dict[str, type[PluginSpec]]:
    """Return every kind that a plugin can be of, by the name of its spec."""
    registered = {type(one.spec) for one in PluginManager().registered}
    own = {value for value in (getattr(ganbench, name) for name in ganbench.__all__) if inspect.isclass(value) and hasattr(value, "mro")}
    kinds = {one.__name__: one for one in registered | own if issubclass(one, PluginSpec) and one.kind}
    return dict(sorted(kinds.items()))  # every process that runs tests must find the same order


def members(described: type) -> set[str]:
    """Return what an author reads, writes or sets of a class: its own fields, and of a protocol or base its methods."""
    own = vars(described)
    annotated = {name for name, kind in own.get("__annotations__", {}).items() if not name.startswith("_")}
    if issubclass(described, PluginSpec):
        return {name for name in annotated if "ClassVar" not in str(own["__annotations__"][name])}
    if dataclasses.is_dataclass(described):
        return {field.name for field in dataclasses.fields(described)}
    methods = {
        name for name, value in own.items() if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property))
    }
    return annotated | methods


def tables() -> list[tuple[str, set[str]]]:
    """Return the tables that are headed by a class: its name and their rows."""
    found = []
    for head, body in re.findall(r"^\| `(\w+)` \|.*\n\|[ -|]*\n((?:\|.*\n)+)", PAGE, flags=re.MULTILINE):
        if head[0].isupper():
            found.append((head, set(re.findall(r"^\| `(\w+)` ", body, flags=re.MULTILINE))))
    return found


TABLES = tables()


@pytest.mark.parametrize(("name", "rows"), TABLES, ids=[name for name, _ in TABLES])
def test_a_table_has_a_row_for_each_field_and_none_for_another(name: str, rows: set[str]) -> None:
    """What is added to a class is added to the page."""
    assert rows == members(public(name))


@pytest.mark.parametrize("spec", specs().values(), ids=specs())
def test_a_kind_has_its_section_with_fields_signature_and_use(spec: type[PluginSpec]) -> None:
    """As the class itself says them."""
    title = {"frozen": "Frozen samples"}.get(spec.kind, spec.kind.capitalize())
    section = " ".join(SECTIONS[title].split())
    if members(spec) and spec.__base__ is not None:
        assert spec.__name__ in dict(TABLES)
    else:
        assert f"`{spec.__name__}` has the shared fields only" in section
    for signature in re.findall(r"``(factory\(.*?)``", " ".join((spec.__doc__ or "").split())):
        assert f"`{signature}`" in section
    example = next((one.spec for one in PluginManager().specs(spec)), None)
    if example is not None and (use := re.sub(r" --plugin (?!NAME).*", " --plugin NAME", example.use("NAME"))):
        words = use.split(" NAME")[0].split(" --executor")[0]
        assert words in section


def test_every_spec_and_context_has_a_table() -> None:
    """Those that a factory is given and those that it returns."""
    contexts = {name for name in ganbench.__all__ if name.endswith("Context")}
    values = {name: getattr(ganbench, name) for name in ganbench.__all__}
    events = {name for name, value in values.items() if inspect.isclass(value) and ganbench.Event in value.__mro__[1:]}
    assert {"PluginSpec", *contexts, *events} <= set(dict(TABLES))


def test_hooks_have_their_headings_with_exactly_their_arguments() -> None:
    """And no other heading is a hook."""
    hooks = [value for name, value in vars(hookspecs).items() if name.startswith("ganbench_")]
    expected = [f"{hook.__name__}{inspect.signature(hook)}".replace("'", "") for hook in hooks]
    assert re.findall(r"^### `(.*)`$", PAGE, flags=re.MULTILINE) == expected


def test_every_command_has_a_row() -> None:
    """Those that plugins add too."""
    rows = re.findall(r"^\| `ganbench ([\w-]+)` ", SECTIONS["Where plugins meet the command line"], flags=re.MULTILINE)
    context = cli.make_context("ganbench", ["--help"], resilient_parsing=True)
    assert rows == cli.list_commands(context)


@pytest.mark.parametrize("line", sorted({line for text in blocks("") for line in text.splitlines() if line.startswith("ganbench ")}))
def test_every_command_line_is_accepted(line: str, installed: Path) -> None:
    """With its options and the form of their values."""
    command, context, words = cli, click.Context(cli, **cli.context_settings), shlex.split(line)[1:]
    while isinstance(command, click.Group):
        name, command, words = command.resolve_command(context, words)
        context = click.Context(command, parent=context, info_name=name)
    command.make_context(command.name, words, parent=context.parent)


def test_nothing_is_named_that_does_not_exist() -> None:
    """Classes and functions in the prose are public or the page's own, paths are there, links lead to headings."""
    own = set(re.findall(r"^\s*(?:class|def) (\w+)|^(\w+) = ", "\n".join(FILES.values()), flags=re.MULTILINE))
    words = {"None", "False", "True", "FILE", "KIND", "NAME", "ValueError", "GANBENCH_API_VERSION", "GANBENCH_DATA"}
    known = words | {name for pair in own for name in pair}
    prose = re.sub(r"^```.*?^```$", "", PAGE, flags=re.DOTALL | re.MULTILINE)
    for name in re.findall(r"`([A-Z]\w+)`", prose):
        assert name in known or public(name)
    for module, name in re.findall(r"\b(ganbench\w*(?:\.[a-z_]+)*)\.([A-Z]\w+)", prose):
        assert hasattr(importlib.import_module(module), name)
    for path in re.findall(r"`((?:tests|plugins|ganbench)/[\w./-]+)`", prose):
        assert (ROOT / path).exists()
    headings = {re.sub(r"[^\w -]", "", line).lower().replace(" ", "-") for line in re.findall(r"^#+ (.*)$", PAGE, flags=re.MULTILINE)}
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) <= headings


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory with one file, ``my_gan.py``."""
    (tmp_path / "my_gan.py").write_text(FILES["my_gan.py"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANBENCH_PLUGINS", raising=False)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith(("my_", "test_my_"))]:
        del sys.modules[name]


@pytest.fixture
def installed(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every example of the page, as one distribution with the page's entry points; options stand where no torch is."""
    site = place / "site"
    info = site / "my_plugins-1.0.dist-info"
    info.mkdir(parents=True)
    for name, size in (("old.pt", 1000), ("new.pt", 1030)):
        (place / name).write_bytes(bytes(size))
    gan = FILES["my_gan.py"]
    options = next(node for node in ast.parse(gan).body if isinstance(node, ast.ClassDef) and node.name == "Options")
    moved = "\n".join(gan.splitlines()[options.decorator_list[0].lineno - 1 : options.end_lineno])
    for name, text in FILES.items():
        (site / name).write_text(f"{text}\n\n{moved}\n" if name == "my_options.py" else text)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-plugins\nVersion: 1.0\n")
    (table,) = blocks("toml")
    groups = tomllib.loads(table)["project"]["entry-points"]
    lines = [f"[{group}]\n" + "".join(f"{name} = {module}\n" for name, module in entries.items()) for group, entries in groups.items()]
    (info / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(site)
    return place


SHORT = ["--kimg", "0.2", "--device", "cpu", "--threads", "1", "--quiet", "-o", "dataset.num_samples=64"]


@pytest.mark.slow
def test_the_one_file_runs_by_its_two_commands(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its options have their help, and the width is heeded."""
    show, run = (line.split()[1:] for line in blocks("")[0].splitlines())
    assert main([*show, "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert [(o["name"], o["help"]) for o in shown["options"]] == [("latent_dim", "Length of z."), ("width", "Units of the hidden layers.")]
    assert main([*run, "--dataset", "digits", *SHORT[:-2], "--no-eval", "--out", "run"]) == 0
    record = ganbench.load("run").record
    assert record.work.parameters["generator"] == 32 * 256 + 256 + 256 * 256 + 256


def test_its_networks_keep_to_the_contract(place: Path) -> None:
    """Samples of the space's size, one logit for each, and the option that the command sets."""
    words = blocks("")[0].splitlines()[1].split()
    resolved = resolve(PluginManager(), words[3], [], dict([words[5].split("=")]))
    made = resolved.architecture.build(resolved.config.architecture.options, ganbench.BuildContext(space=ImageSpace.square(1, 16)))
    images = made["generator"](torch.randn(3, made.inputs.dim), None)
    assert images.shape == (3, 1, 16, 16)
    assert made["generator"].layers[0].out_features == 256
    assert made["discriminator"](images, None).shape == (3,)


def test_the_package_registers_everything_and_imports_no_torch(installed: Path) -> None:
    """Each kind of the page has its plugin, and nothing odd is said of the two modules."""
    manager = PluginManager()
    mine = {one.spec.kind for one in manager.registered if one.distribution == "my-plugins"}
    assert mine == {spec.kind for spec in specs().values()}
    assert [(s.status, s.cause) for s in manager.statuses if s.distribution == "my-plugins"] == [("ok", ""), ("ok", "")]


def test_the_registered_architecture_is_found_by_its_name(installed: Path) -> None:
    """Of its distribution, with its options where no torch is."""
    found = PluginManager().find(ganbench.ModelSpec, "my-gan")
    assert (found.distribution, found.spec.summary) == ("my-plugins", "a multilayer perceptron")
    made = found.build(found.spec.options(width=16), ganbench.BuildContext(space=ImageSpace.square(3, 8)))
    assert made["generator"](torch.randn(2, 32), None).shape == (2, 3, 8, 8)


@pytest.mark.slow
def test_a_run_goes_through_every_example_of_a_runs_plugins(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Recipe, architecture, loss, augmentation, dataset, space, metric, extractor, reporter and hooks; then the command is asked."""
    chosen = ["--dataset", "sines", "--loss", "my-hinge", "--augment", "my-loudness", "--reporter", "diary"]
    measured = ["--metric", "power50", "--metric", "fd50_spectrum"]
    assert main(["run", "--plugin", "my-gan-narrow", *chosen, *measured, *SHORT, "--out", "run"]) == 0
    record = ganbench.load("run").record
    assert (record.unit, record.dataset) == ("waves", "sines")
    assert [value.name for value in record.evaluations[-1].values] == ["power50", "fd50_spectrum"]
    assert len((installed / "diary.txt").read_text().splitlines()) == len(record.evaluations)
    assert "over: complete" in "".join(capsys.readouterr())
    assert list((installed / "run" / "samples").glob("*.txt"))
    assert main(["seconds", "--run", "run"]) == 0
    assert record.run_id in capsys.readouterr().out


def test_the_command_with_a_verdict_decides_gates_and_writes(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the commands of ganbench do: an exit code, a sentence, a file; and the user's threshold counts."""
    assert main(["grown", "old.pt", "old.pt"]) == 0
    assert capsys.readouterr().out.startswith("passed: no regression (1 unchanged)")
    assert main(["grown", "old.pt", "new.pt", "-o", "junit=verdict.xml"]) == 1
    assert capsys.readouterr().out.startswith("failed: size is 3")
    assert "<failure" in (installed / "verdict.xml").read_text()
    assert main(["grown", "old.pt", "new.pt", "--threshold", "file_bytes=5%"]) == 0


def test_the_algorithm_trains_without_a_discriminator(installed: Path) -> None:
    """The metrics are the dataset's own; its loss falls."""
    assert main(["run", "--plugin", "my-vae", "--dataset", "sines", *SHORT, "--kimg", "2", "--out", "run"]) == 0
    record = ganbench.load("run").record
    assert set(record.work.parameters) == {"encoder", "decoder"}
    events = [json.loads(line) for line in (installed / "run" / "events.jsonl").read_text().splitlines()]
    losses = [event["loss"] for event in events if "loss" in event]
    assert losses[-1] < losses[0]


def test_the_scheduled_penalty_fades(installed: Path) -> None:
    """Halfway to 50 kimg it weighs half, and what is no schedule is refused by its name."""
    module = importlib.import_module("my_fading")
    penalty = module.Fading(module.FadingOptions())
    values = []
    for seen in (0, 25_000, 50_000):
        penalty.set_progress(seen)
        values.append(float(penalty(lambda real: real, torch.full((2,), 2.0), None, None)))
    assert values == pytest.approx([0.4, 0.2, 0.0])
    with pytest.raises(ValueError, match="weight must be 0 or more"):
        module.FadingOptions(weight="linear:1:-1:0:5")


@pytest.mark.slow
def test_the_executor_runs_a_matrix(installed: Path, tiny_sines: list[str]) -> None:
    """In the threads of this process."""
    axes = ["-a", "plugin=my-gan", "-a", "seed=0", "--executor", "my-threads", "--out", "m"]
    assert main(["matrix", *axes, *tiny_sines]) == 0
    assert [row["state"] for row in json.loads((installed / "m" / "matrix.json").read_text())["cells"]] == ["done"]


@pytest.fixture
def tiny_sines() -> list[str]:
    """Settings of a cell that takes a second."""
    values = {"dataset.name": "sines", "dataset.options.num_samples": 64, "training.total_kimg": 0.2, "device": "cpu"}
    return [f"--set={path}={value}" for path, value in values.items()]


def test_the_reproduction_runs_and_goes_on(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Published stands beside measured."""
    assert main(["reproduce", "coins", "--seeds", "2", "--budget", "0.5", "--out", "coins"]) == 0
    out = capsys.readouterr().out
    assert "heads, %" in out
    assert "a fair coin" in out


def test_the_frozen_samples_have_their_score(installed: Path) -> None:
    """As the metric gives it today."""
    manager = PluginManager()
    samples = manager.find(ganbench.FrozenSamplesSpec, "black-digits").build(ganbench.NoOptions())
    (one,) = ganbench.rescore(samples, manager)
    assert one.values[0].value == pytest.approx(one.stored.values["fd500_digits"], rel=1e-3)


@pytest.mark.slow
def test_the_command_that_measures_measures(installed: Path) -> None:
    """The real samples themselves are nearer to the data than their mirror images are, and both values have one key."""
    manager = PluginManager()
    options = manager.find(ganbench.DatasetSpec, "digits").spec.options()
    digits = manager.find(ganbench.DatasetSpec, "digits").build(options, ganbench.DataContext())
    measure = importlib.import_module("my_measure").measure

    def real(start: int, count: int) -> torch.Tensor:
        return digits.train.read(torch.arange(start, start + count))

    near, key = measure(manager, digits, real, "fd500_digits")
    far, same = measure(manager, digits, lambda start, count: real(start, count).flip(-1), "fd500_digits")
    assert near < far / 4
    assert key == same


@pytest.mark.parametrize("name", ["my-gan-narrow", "power", "waves", "seconds", "coins", "published"])
def test_examples_keep_the_promises_of_their_kinds(name: str, installed: Path) -> None:
    """As the kit says them; the other kinds are tried whole above, or in the kit's own tests."""
    light = {"my-gan-narrow": ("options", "deviations")}.get(name)
    settings = {"dataset.name": "sines"} if name in ("power", "my-gan-narrow") else {}
    for subject in find_subjects(name, settings=settings):
        for one in promises_of(subject.spec):
            if light is None or any(word in one.name for word in light):
                with contextlib.suppress(NotClaimed):
                    one.keep(subject)


def test_the_line_of_the_kit_is_a_test(installed: Path) -> None:
    """One case for each promise."""
    (marks,) = [mark for mark in importlib.import_module("test_my_gan").test_my_gan.pytestmark if mark.name == "parametrize"]
    assert len(marks.args[1]) > 10


def test_the_kind_of_ones_own_can_be_registered_and_found(installed: Path) -> None:
    """By a plugin that imports it."""
    kind = importlib.import_module("my_kind")
    spec = kind.TokenizerSpec(name="letters", summary="one token a letter", factory="builtins:ord")
    assert (spec.kind, spec.options) == ("tokenizer", ganbench.NoOptions)
    with pytest.raises(ganbench.PluginError, match="unknown tokenizer 'letters'"):
        kind.tokenizer("letters")
