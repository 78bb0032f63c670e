"""The reporters that come with ganbench: what each writes is read back by whoever reads it, and none of them can harm a run."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ganbench
from ganbench import (
    Ended,
    Evaluated,
    Event,
    Listener,
    PluginManager,
    Progressed,
    ReporterContext,
    ReporterSpec,
    Saved,
    build_options,
)
from ganbench.cli.main import main
from ganbench_reporters.aside import Aside

RUN = {"training.batch_size": 20, "training.device": "cpu", "training.threads": 1, "evaluation.every_kimg": 0.3, "evaluation.grid_size": 2}


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    """Return what happens in a short run of points in the plane, whose folder stays."""
    heard: list[Event] = []
    out = tmp_path_factory.mktemp("runs") / "short"
    ganbench.run("mlp", dataset="ring8", kimg=0.6, metrics=["modes200"], settings=RUN, out=out, on_event=heard.append)
    return heard


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder, with nothing of the user's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ganbench_reporters.aside.PATIENCE_SECONDS", 600.0)  # a machine may be busy
    for name in [name for name in os.environ if name.startswith(("WANDB_", "MLFLOW_"))]:
        monkeypatch.delenv(name)


def reporter(name: str, **options: object) -> Listener:
    """Build a reporter as the command line does."""
    registered = PluginManager().find(ReporterSpec, name)
    built: Listener = registered.build(build_options(registered.spec.options, options, name), ReporterContext())
    return built


def tell(listener: Listener, events: list[Event]) -> None:
    for event in events:
        listener(event)


def losses(events: list[Event]) -> list[tuple[int, float]]:
    return [(event.samples_seen, event.statistics["generator_loss"]) for event in events if isinstance(event, Progressed)]


def metrics(events: list[Event]) -> list[tuple[int, str, float]]:
    found = [event.evaluation for event in events if isinstance(event, Evaluated)]
    return [(one.samples_seen, value.name, value.value) for one in found for value in one.values]


def test_lines_hold_every_event_whole(events):
    """Whoever reads them needs no other file; a number that JSON lacks is written as in records."""
    listener = reporter("jsonl", file="new/told.jsonl")
    first = next(event for event in events if isinstance(event, Progressed))
    odd = dataclasses.replace(first, statistics={"generator_loss": math.nan})
    tell(listener, [*events[:-1], odd, events[-1], Event()])
    lines = [json.loads(line) for line in Path("new/told.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == [type(event).__name__.lower() for event in [*events[:-1], odd, events[-1]]]
    assert {line["run"] for line in lines} == {"short"}
    told = [(line["samples_seen"], line["statistics"]["generator_loss"]) for line in lines if line["event"] == "progressed"]
    assert told == [*losses(events), (first.samples_seen, {"$float": "nan"})]
    assert ganbench.decode(ganbench.RunRecord, lines[-1]["record"], "record") == events[-1].record
    assert [line["what"] for line in lines if line["event"] == "saved"] == [e.what for e in events if isinstance(e, Saved)]


def test_cells_that_share_a_pipe_leave_each_others_lines_whole(events):
    """Though none of their lines fits into it at once."""
    os.mkfifo("pipe")
    cells = [[dataclasses.replace(events[0], description=word * 300_000)] * 4 + [events[-1]] for word in "abc"]
    with Path("pipe").open("r+b", buffering=0) as held, Path("pipe").open("rb") as pipe:  # held: a writer that is late finds it open
        for told in cells:
            threading.Thread(target=tell, args=(reporter("jsonl", file="pipe"), told), daemon=True).start()
        lines = [json.loads(next(pipe))["event"] for _ in range(15)]
        assert held.writable()
    assert sorted(lines) == ["ended"] * 3 + ["started"] * 12


@pytest.mark.slow
def test_tensorboards_own_reader_finds_curves_samples_and_settings(events):
    """The step is samples seen; real against real stands beside each metric."""
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed")
    tell(reporter("tensorboard", dir="boards"), events)
    found = reading.EventAccumulator("boards/short", size_guidance={"images": 0, "scalars": 0}).Reload()
    read = [(one.step, pytest.approx(one.value, rel=1e-6)) for one in found.Scalars("training/generator_loss")]
    assert losses(events) == read
    name = metrics(events)[0][1]
    assert [(one.step, one.value) for one in found.Scalars(f"quality/{name}")] == [
        (step, pytest.approx(value, rel=1e-6)) for step, of, value in metrics(events) if of == name
    ]
    assert {
        f"real/{value.name}" for e in events if isinstance(e, Evaluated) for value in e.evaluation.values if value.floor is not None
    } <= {*found.Tags()["scalars"]}
    pictures = [event.path for event in events if isinstance(event, Saved) and event.what == "samples"]
    assert [image.encoded_image_string for image in found.Images("samples")] == [path.read_bytes() for path in pictures]
    texts = {tag: found.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in found.Tags()["tensors"]}
    assert "| training.total_kimg | 0.6 |" in texts["configuration/text_summary"]
    assert texts["status/text_summary"] == "complete"


def test_tensorboard_forgets_what_a_resumed_run_does_again(events):
    """Else every curve has a loop where the run was killed."""
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed")
    half = [event for event in events if isinstance(event, Progressed)]
    tell(reporter("tensorboard", dir="boards"), [events[0], *half, events[-1]])
    again = dataclasses.replace(events[0], resumed=True)
    later = [dataclasses.replace(event, statistics={"generator_loss": 7.0}) for event in half[5:]]
    tell(reporter("tensorboard", dir="boards"), [again, *later, events[-1]])
    found = reading.EventAccumulator("boards/short", size_guidance={"scalars": 0}).Reload().Scalars("training/generator_loss")
    assert [(one.step, one.value == 7.0) for one in found] == [(e.samples_seen, i >= 5) for i, e in enumerate(half)]


def test_mlflows_own_store_has_the_run(events, monkeypatch):
    """Settings, curves, samples, record and status; a resumed run goes on in the same one."""
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed: pip install 'ganbench[mlflow]'")
    tell(reporter("mlflow", uri="store", experiment="ring"), events)
    client = mlflow.MlflowClient(tracking_uri=Path("store").resolve().as_uri())
    experiment = client.get_experiment_by_name("ring").experiment_id
    (run,) = client.search_runs([experiment])
    assert (run.info.run_name, run.info.status, run.data.tags["ganbench.status"]) == ("short", "FINISHED", "complete")
    assert run.data.params["training.total_kimg"] == "0.6"
    history = client.get_metric_history(run.info.run_id, "training/generator_loss")
    assert [(one.step, one.value) for one in history] == losses(events)
    pictures = [event.path for event in events if isinstance(event, Saved) and event.what == "samples"]
    assert [artifact.path for artifact in client.list_artifacts(run.info.run_id, "samples")] == [
        f"samples/{path.name}" for path in pictures
    ]
    assert "record.json" in [artifact.path for artifact in client.list_artifacts(run.info.run_id)]
    again = dataclasses.replace(events[0], resumed=True)
    tell(reporter("mlflow", uri="store", experiment="ring"), [again, events[-1]])
    assert [one.info.run_id for one in client.search_runs([experiment])] == [run.info.run_id]
    find, unseen = mlflow.MlflowClient.get_experiment_by_name, [None]  # of another cell that makes it at the same time
    monkeypatch.setattr(mlflow.MlflowClient, "get_experiment_by_name", lambda *of: unseen.pop() if unseen else find(*of))
    tell(reporter("mlflow", uri="store", experiment="ring"), events)
    assert len(client.search_runs([experiment])) == 2


def test_weights_and_biases_keeps_an_offline_run(events):
    """Without an account and without the network; every number is in its file, in its own words."""
    pytest.importorskip("wandb", reason="wandb is not installed: pip install 'ganbench[wandb]'")
    from wandb.proto import wandb_internal_pb2 as words

    tell(reporter("wandb", dir="results", project="ring"), events)
    (path,) = Path("results/wandb").glob("offline-run-*/*.wandb")
    read = []
    for data in logged(path.read_bytes()):
        record = words.Record.FromString(data)
        items = {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in record.history.item}
        if "training/generator_loss" in items:
            read.append((items["samples_seen"], items["training/generator_loss"]))
    assert read == losses(events)


def logged(content: bytes) -> Iterator[bytes]:
    """Yield the records of a log in LevelDB's format, behind the seven bytes of Weights & Biases: blocks of 32 KiB, whole or in pieces."""
    at, whole = 7, b""
    while at < len(content):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", content[at : at + 7])
        whole += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield whole
            whole = b""


@pytest.mark.parametrize(("name", "module"), [("tensorboard", "tensorboard"), ("mlflow", "mlflow"), ("wandb", "wandb")])
def test_what_is_missing_is_one_line_before_the_run(name, module, monkeypatch, capfd):
    """With the command that installs it, and no folder."""
    import builtins
    import sys

    real = builtins.__import__

    def without(imported: str, *rest: Any) -> Any:
        if imported.partition(".")[0] == module:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)
        return real(imported, *rest)

    for loaded in [one for one in sys.modules if one.partition(".")[0] == module or one.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr(sys, "meta_path", [_Without(module), *sys.meta_path])
    assert main(["run", "--plugin", "mlp", "--dataset", "ring8", "--out", "run", "--reporter", name]) == 2
    assert capfd.readouterr().err == f"ganbench: the reporter {name} needs {module}; pip install 'ganbench[{name}]'\n"
    assert list(Path().iterdir()) == []


class _Without:
    """A finder that finds a package nowhere."""

    def __init__(self, module: str) -> None:
        self.module = module

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] == self.module:
            raise ModuleNotFoundError(f"No module named {self.module!r}", name=self.module)


@pytest.mark.slow
def test_a_reader_that_goes_away_costs_a_warning_and_no_run(capfd):
    """A pipe into another program: that one ends, and training goes on."""
    os.mkfifo("pipe")
    read: list[str] = []

    def read_one() -> None:
        with Path("pipe").open() as pipe:
            read.append(pipe.readline())

    reader = threading.Thread(target=read_one)
    reader.start()
    wanted = ["--kimg", "0.6", "--device", "cpu", "--threads", "1", "--no-eval", "--out", "run", "--quiet"]
    assert main(["run", "--plugin", "mlp", "--dataset", "ring8", *wanted, "--reporter", "jsonl", "-o", "jsonl.file=pipe"]) == 0
    reader.join(10)
    assert json.loads(read[0])["event"] == "started"
    assert capfd.readouterr().err.count("the listener jsonl reporter raised BrokenPipeError") == 1
    assert ganbench.load("run").record.status == "complete"


def test_a_pipe_that_nobody_reads_does_not_hold_the_run(events, monkeypatch):
    """Opening it waits for ever, and the run does not: only its end waits a little."""
    os.mkfifo("pipe")
    monkeypatch.setattr("ganbench_reporters.aside.PATIENCE_SECONDS", 0.1)
    listener = reporter("jsonl", file="pipe")
    tell(listener, events[:-1])
    with pytest.raises(TimeoutError, match=f"{len(events)} events were not taken within 0.1 seconds"):
        listener(events[-1])
    with Path("pipe").open() as pipe:  # lets the thread end
        assert json.loads(pipe.readline())["event"] == "started"


def test_a_slow_listener_gets_everything_and_holds_nobody(events):
    """A call comes back while the listener is still at the first event; the end waits for the last."""
    heard: list[Event] = []
    go, began = threading.Event(), threading.Event()

    def slow(event: Event) -> None:
        began.set()
        assert go.wait(10)
        heard.append(event)

    listener = Aside("slow", slow)
    tell(listener, events[:-1])
    assert began.wait(10)
    assert heard == []
    go.set()
    listener(events[-1])
    assert heard == events


def test_a_listener_that_fails_is_told_of_by_its_name_once(events, caplog):
    """A library's SystemExit too: the thread has nobody else to tell."""

    def fail(event: Event) -> None:
        raise SystemExit("no account")

    from ganbench.record.events import Listeners

    with caplog.at_level(logging.WARNING):
        listeners = Listeners([Aside("broken", fail)])
        for event in events:
            listeners.tell(event)
    assert [record.getMessage() for record in caplog.records] == [
        "the listener broken reporter raised SystemExit: no account; it is not told anything more"
    ]
    assert isinstance(events[-1], Ended)
