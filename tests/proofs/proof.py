"""What is asked of each proof: a distribution of its own below this folder, of public names alone, that a run takes as it takes any other.

A proof lies in ``tests/proofs/<name>`` with its ``pyproject.toml`` and its package ``proof_<name>``: what it registers in ``__init__.py``
and its networks in ``model.py``.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import ganbench
from ganbench.cli.main import main
from ganbench.testing import RecordedGraphs, check
from ganbench.training.algorithm import execute
from ganbench.training.compile_runner import CompileRunner
from ganbench.training.graph_runner import GraphRunner

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent
PUBLIC = {"ganbench", "ganbench_kernels", "ganbench_spaces"}
LIBRARIES = {"torch", "numpy", "PIL", "matplotlib", "scipy", "sklearn", "click", *sys.stdlib_module_names}
OF_DATA = {"DatasetSpec", "ExtractorSpec", "MetricSpec", "Quantity", "SpaceSpec"}
STEPS, BATCH = 12, 16


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What is trained, and what is expected of it."""

    name: str
    """Of its folder."""
    plugin: str
    dataset: str
    metrics: tuple[str, ...]
    judge: str = ""
    """The extractor or the metric that comes with it."""
    suffix: str = ".png"
    """Of its pictures."""
    runners: tuple[str, ...] = ("eager", "cuda_graph", "compile")
    """What its algorithm claims."""
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def all_settings(self) -> dict[str, Any]:
        """A run of a few seconds, with three checkpoints and pictures of each."""
        kimg = STEPS * BATCH / 1000
        return {
            "training.batch_size": BATCH,
            "training.total_kimg": kimg,
            "training.ema_halflife_kimg": kimg / 8,
            "training.device": "cpu",
            "training.threads": 1,
            "evaluation.every_kimg": kimg / 3,
            "checkpoint.every_kimg": kimg / 3,
            **self.settings,
        }


def read_project(name: str) -> dict[str, Any]:
    """Return the project's table of a proof's ``pyproject.toml``."""
    project: dict[str, Any] = tomllib.loads((FOLDER / name / "pyproject.toml").read_text())["project"]
    return project


def install(name: str, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a proof a distribution that this process finds beside ganbench, with the entry points of its own ``pyproject.toml``."""
    folder, project = FOLDER / name, read_project(name)
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in table.items()) for group, table in project["entry-points"].items()]
    (info / "entry_points.txt").write_text("\n".join(groups))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.syspath_prepend(site)
    monkeypatch.delenv("GANBENCH_PLUGINS", raising=False)


def sources(name: str) -> dict[str, str]:
    """Return the files of a proof's package by their names."""
    package = FOLDER / name / f"proof_{name}"
    return {str(path.relative_to(package)): path.read_text() for path in sorted(package.rglob("*.py"))}


def check_public_names_alone(name: str) -> None:
    """Nothing of ganbench but its public names, and registration without torch."""
    for file, source in sources(name).items():
        for node in ast.walk(ast.parse(source)):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file} imports relatively"
                modules = [node.module or ""]
            for module in modules:
                top, _, inner = module.partition(".")
                assert top in PUBLIC | LIBRARIES | {f"proof_{name}"}, f"{file} imports {module}"
                assert top != "ganbench" or inner in ("", "testing"), f"{file} imports {module}"
                assert file != "__init__.py" or top in {"ganbench", f"proof_{name}", *sys.stdlib_module_names}, f"{file} imports {module}"


def lines_for_ganbench(source: str, without: set[str] | frozenset[str] = frozenset()) -> set[int]:
    """Return the lines of the statements, decorators and signatures that use a name imported from ganbench.

    Blank lines, comments, docstrings, and the bodies of classes and functions do not count unless they use one themselves.

    Args:
        source: of a module.
        without: imported names whose uses are not counted; their import is.
    """
    tree = ast.parse(source)
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module == "ganbench"]
    ours = {alias.name for one in imports for alias in one.names} - without
    lines = {line for one in imports for line in range(one.lineno, (one.end_lineno or one.lineno) + 1)}

    def uses(node: ast.AST) -> bool:
        return any(isinstance(n, ast.Name) and n.id in ours for n in ast.walk(node))

    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            head = [*node.decorator_list, *([node.args, node.returns] if isinstance(node, ast.FunctionDef) else node.bases)]
            if any(n is not None and uses(n) for n in head):
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                lines |= set(range(first, node.lineno + 1))
        elif isinstance(node, ast.stmt) and not isinstance(node, (ast.If, ast.For, ast.With, ast.Try)) and uses(node):
            lines |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def count_lines(name: str) -> tuple[int, int]:
    """Return how many lines are not the model itself: those on its side, and those of the whole distribution with data and metrics.

    On the model's side are the two lines of ``pyproject.toml``, what ``__init__.py`` registers of it, and ``model.py``.
    """
    toml = sum(1 + len(table) for table in read_project(name)["entry-points"].values())
    files = sources(name)
    everything = toml + sum(len(lines_for_ganbench(source)) for source in files.values())
    model = toml + len(lines_for_ganbench(files["__init__.py"], OF_DATA)) + len(lines_for_ganbench(files.get("model.py", "")))
    return model, everything


def run(proof: Proof, out: Path, on_event: ganbench.Listener | None = None) -> ganbench.StoredRun:
    """Train from Python."""
    return ganbench.run(
        proof.plugin,
        dataset=proof.dataset,
        metrics=proof.metrics,
        options=proof.options,
        settings=proof.all_settings,
        out=out,
        on_event=on_event,
    )


def check_trains_evaluates_and_draws(proof: Proof, out: Path) -> ganbench.StoredRun:
    """Through the command line, to a finite value of each metric and a picture of each moment; returns the run."""
    metrics = [flag for metric in proof.metrics for flag in ("--metric", metric)]
    options = [flag for key, value in proof.options.items() for flag in ("-o", f"{key}={value}")]
    settings = [f"--set={path}={value}" for path, value in proof.all_settings.items()]
    assert main(["run", "--plugin", proof.plugin, "--dataset", proof.dataset, *metrics, *options, *settings, "--out", str(out)]) == 0
    stored = ganbench.load(out)
    assert stored.record.status == "complete"
    assert stored.record.unit in ganbench.table(stored)._repr_html_()
    assert len(stored.record.evaluations) >= 2
    values = stored.record.evaluations[-1].values
    assert {value.name for value in values} >= set(proof.metrics)
    assert all(abs(value.value) < float("inf") for value in values)
    pictures = sorted((out / "samples").iterdir())
    assert len(pictures) >= 2
    assert {path.suffix for path in pictures} == {proof.suffix}
    assert pictures[0].read_bytes() != pictures[-1].read_bytes()
    return stored


def check_resumes_to_the_same_bits(proof: Proof, folder: Path) -> None:
    """Stopped at its first checkpoint and resumed: values, losses and every tensor of the last checkpoint are those of a whole run."""

    def stop(event: ganbench.Event) -> None:
        if isinstance(event, ganbench.Saved) and event.what == "checkpoint":
            raise KeyboardInterrupt

    whole = run(proof, folder / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(proof, folder / "stopped", on_event=stop)
    stopped = ganbench.load(folder / "stopped").record
    assert stopped.status == "interrupted"
    assert 0 < stopped.work.samples_seen < whole.record.work.samples_seen
    resumed = ganbench.resume(folder / "stopped")
    assert resumed.record.num_resumes == 1
    assert resumed.record.work == whole.record.work
    assert [e.values for e in resumed.record.evaluations] == [e.values for e in whole.record.evaluations]
    expected, found = (ganbench.load_checkpoint(one.directory / "checkpoints") for one in (whole, resumed))
    assert expected is not None
    assert found is not None
    assert different(expected["algorithm"], found["algorithm"]) == []
    first, second = ({path.name: path.read_bytes() for path in (one.directory / "samples").iterdir()} for one in (whole, resumed))
    assert first == second


def different(expected: Any, found: Any, path: str = "") -> list[str]:
    """Return where two states differ."""
    if isinstance(expected, Tensor):
        return [] if torch.equal(expected, found) else [path]
    if isinstance(expected, Mapping):
        assert expected.keys() == found.keys(), path
        return [where for key in expected for where in different(expected[key], found[key], f"{path}.{key}")]
    if isinstance(expected, (list, tuple)):
        assert len(expected) == len(found), path
        return [where for i, pair in enumerate(zip(expected, found, strict=True)) for where in different(*pair, f"{path}.{i}")]
    return [] if expected == found else [path]


def algorithm_of(proof: Proof) -> ganbench.Algorithm:
    """Build what a run trains, as a run does."""
    manager = ganbench.PluginManager()
    planned = ganbench.plan(
        proof.plugin, dataset=proof.dataset, metrics=(), options=proof.options, settings=proof.all_settings, manager=manager
    )
    return ganbench.build(planned, manager).algorithm


def check_keeps_its_promises(proof: Proof) -> None:
    """The author's kit finds nothing to mend, in the networks, the data and what judges them."""
    for name in (proof.plugin, proof.dataset, *filter(None, [proof.judge])):
        outcomes = check(name, settings={"dataset.name": proof.dataset})
        assert outcomes
        assert [outcome for outcome in outcomes if outcome.state == "broken"] == []


def check_captured_steps(proof: Proof) -> None:
    """What is recorded once and replayed gives the bits of the eager steps; the runner compares its first iterations itself, too."""
    eager, captured = algorithm_of(proof), algorithm_of(proof)
    assert captured.runners == proof.runners
    if "cuda_graph" not in captured.runners:
        return
    runner = GraphRunner(captured, torch.device("cpu"), RecordedGraphs())
    runner.start()
    seen = 0
    for i in range(5):
        for algorithm in (eager, captured):
            algorithm.set_progress(seen)
        execute(eager, i)
        runner.run(i)
        seen += eager.samples_shown(i)
    expected, found = ({name: m.state_dict() for name, m in algorithm.modules().items()} for algorithm in (eager, captured))
    assert different(expected, found) == []


def check_compiled_steps(proof: Proof) -> None:
    """What ``torch.compile`` traces repeats the eager losses, which the runner compares; and it goes on."""
    algorithm = algorithm_of(proof)
    if "compile" not in algorithm.runners:
        return
    runner = CompileRunner(algorithm, torch.device("cpu"), backend="aot_eager")
    runner.start()
    runner.run(0)
    assert algorithm.trajectory().isfinite().all()
