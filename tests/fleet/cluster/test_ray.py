"""A matrix on a Ray cluster: the same runs as on one machine, and whatever goes away, nothing finished is lost or run twice."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from simulated import CELLS, Matrix, Nodes, records, rows

import ganbench
from ganbench.cli.main import main

pytestmark = pytest.mark.slow

QUALITY = ("name", "n", "kimg", "modes2500_points.final", "high_quality2500_points.final", "reverse_kl2500_points.final")
Call = Callable[..., Matrix]
PATIENT = f"{Path(__file__).with_name('patient.py')}:build"


def on_ray(nodes: Nodes, *more: str) -> tuple[str, ...]:
    """Return the arguments of a matrix on the cluster."""
    return ("--executor", "ray", "-x", f"address={nodes.address}", "-x", "grace_seconds=5", *more)


def patient(folder: Path, seeds: str) -> tuple[str, ...]:
    """Return the arguments of a matrix of which each second cell is held as long as a file is there."""
    (folder / "notes").mkdir(exist_ok=True)
    axes = ("-a", f"plugin={PATIENT}", "-a", f"architecture.options.hold=-,{folder / 'hold'}", "-a", f"seed={seeds}")
    settings = ("dataset=ring8", "kimg=0.2", "batch_size=40", "device=cpu", "evaluation.metrics=none", "evaluation.grid_size=2")
    return (*axes, *(f"--set={one}" for one in settings), "-o", f"notes={folder / 'notes'}", "--out", str(folder / "m"))


def table(folder: str, capfd: pytest.CaptureFixture[str]) -> str:
    """Return a table of what is the same on every machine."""
    capfd.readouterr()
    assert main(["table", folder, "--columns", ",".join(QUALITY)]) == 0
    return capfd.readouterr().out


def test_twenty_four_cells_are_the_runs_that_one_machine_makes(
    nodes: Nodes, workplace: Path, call: Call, capfd: pytest.CaptureFixture[str]
) -> None:
    """To the bit; Ray prints nothing, and nothing but runs is left."""
    seeds = ("-a", "seed=0..23")
    there = call(*CELLS, *seeds, *on_ray(nodes, "--jobs", "6", "--out", "m"))
    assert there.end() == 0, there.err
    assert there.out[-1] == "24 cells: 24 done, 0 failed, 0 unsupported, 0 skipped; everything is in m"
    assert len(there.err) == 48  # a line for each beginning and each end
    assert main(["matrix", *CELLS, *seeds, "--jobs", "2", "--out", "here", "--quiet"]) == 0
    ours, theirs = records(workplace / "here"), records(workplace / "m")
    assert len(theirs) == 24
    hashes = [{name: record["work"]["trajectory_hash"] for name, record in each.items()} for each in (ours, theirs)]
    assert hashes[0] == hashes[1]
    assert table("m", capfd) == table("here", capfd)
    inside = {path.name for path in (workplace / "m").iterdir()}
    assert inside == {".matrix.json.lock", ".matrix.lock", "matrix.json", *(row["directory"] for row in rows(workplace / "m").values())}


def test_what_is_killed_is_tried_again_and_the_next_call_runs_the_rest(nodes: Nodes, workplace: Path, call: Call) -> None:
    """A Ray worker by SIGKILL, a node, the driver; a second driver is refused, and no record is written twice."""
    command = (*patient(workplace, "0..1"), *on_ray(nodes, "--jobs", "4", "--retries", "2"))
    (workplace / "hold").touch()
    first = call(*command)
    first.until(lambda: len(records(workplace / "m")) == 2 and len(list((workplace / "notes").iterdir())) == 4)
    before = {name: record["created"] for name, record in records(workplace / "m").items()}

    victim, name = next(iter(first.until(nodes.cells).items()))
    os.kill(victim, signal.SIGKILL)
    first.until(lambda: any("begins, attempt 2: its Ray worker on the node" in line and "was killed" in line for line in first.err))
    orphans = [int(path.name) for path in (workplace / "notes").iterdir()]
    first.until(lambda: sum(os.path.exists(f"/proc/{pid}") for pid in orphans) == 1 and len(nodes.cells()) == 2)
    assert rows(workplace / "m")[name]["state"] == "running"

    (workplace / "second").mkdir()
    beside = call(*patient(workplace, "0..1"), *on_ray(nodes), folder=workplace / "second")
    assert beside.end() == 2
    assert "m is in use by process" in beside.err[-1]

    where = nodes.of_cells()[name]
    nodes.remove(where)
    first.until(lambda: any(f"({where[:6]}) has gone" in line and "attempt" in line for line in first.err))
    first.until(lambda: len(nodes.cells()) == 2)
    assert not [line for line in first.err if "FAILED" in line or "attempt 4" in line]  # nothing is tried on a node that has just died
    first.kill()
    (workplace / "hold").unlink()
    nodes.add()
    again = call(*command)
    assert again.end() == 0, again.err
    after = {name: record["created"] for name, record in records(workplace / "m").items()}
    assert len(after) == 4
    assert {name: after[name] for name in before} == before
    assert again.out[-1].startswith("4 cells: 2 done, 0 failed, 0 unsupported, 2 skipped")
    assert len([line for line in again.err if "begins" in line]) == 2


def test_a_full_disk_on_the_driver_is_one_line_and_loses_nothing_finished(nodes: Nodes, workplace: Path, call: Call) -> None:
    """Of what does not fit nothing is left, and the next call runs it."""
    command = (*CELLS, "--set=evaluation.metrics=none", "-a", "seed=0..2", *on_ray(nodes, "--jobs", "3", "--out", "m"))
    full = call(*command, largest_file=100_000)
    assert full.end() == 3, full.err
    assert [line for line in full.err if line.startswith("ganbench: ")] == full.err[-1:]
    assert "File too large; free space, then" in full.err[-1]
    assert records(workplace / "m") == {}
    assert not list((workplace / "m").glob("*/*")) + list((workplace / "m").glob(".arriving"))
    assert call(*command).end() == 0
    assert len(records(workplace / "m")) == 3


def test_a_node_with_other_sources_gets_no_cell(nodes: Nodes, workplace: Path, call: Call) -> None:
    """One line says which it is and what differs; where there is no other node the call ends."""
    others = workplace / "others" / "ganbench_losses"
    shutil.copytree(Path(ganbench.__path__[0]).parent / "plugins" / "ganbench_losses", others)
    with (others / "__init__.py").open("a") as file:
        file.write("# changed\n")
    odd = nodes.add(PYTHONPATH=str(others.parent))
    mixed = call(*patient(workplace, "0..1"), *on_ray(nodes, "--jobs", "8"))
    assert mixed.end() == 0, mixed.err
    (line,) = [line for line in mixed.err if "gets no cell" in line]
    assert line.startswith("warning: the node ")
    assert line.endswith(f"({odd[:6]}) gets no cell: its ganbench_losses is not what this machine has")
    for node in (one for one in nodes.ids if one != odd):
        nodes.remove(node)
    alone = call("-a", "plugin=mlp", "-a", "seed=0..1", *on_ray(nodes), "--out", str(workplace / "n"))
    assert alone.end() == 2
    assert alone.err[-1].startswith("ganbench: no node of the Ray cluster can run a cell: ")
    assert "its ganbench_losses is not what this machine has; install the same there, or say -x ship=true" in alone.err[-1]
    shipped = call(*patient(workplace, "2"), *on_ray(nodes, "-x", "ship=true"))
    assert shipped.end() == 0, shipped.err
