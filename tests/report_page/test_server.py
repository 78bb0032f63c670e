"""The server of a live page: whom it answers, and what it finds in the folders of runs."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from ganbench import CellRow, PluginManager, ReporterContext, ReporterSpec, Started, Unreadable, build_options, encode
from ganbench.cli.main import main
from ganbench_report.cells import Watched, find_watched
from ganbench_report.standing import standing_record, total_samples
from ganbench_report.watch import _bind

pytest.importorskip("starlette", reason="starlette is not installed: pip install 'ganbench[watch]'")
pytest.importorskip("uvicorn", reason="uvicorn is not installed: pip install 'ganbench[watch]'")

from ganbench_report.server import answers, make_app, place_of
from ganbench_report.watching import Follower, recent_speed

TOKEN = "0123abcd"
FOLDER = ", and what is watched is a folder; give the folder of a run or of a matrix\n"
OWN = {"host": "127.0.0.1:21000"}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))


def ask(follower: Follower, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Return the status, the headers and the body of an answer."""
    told: list[dict[str, Any]] = []
    sent = [{"type": "http.request", "body": body}] if method == "POST" else []

    async def call() -> None:
        async def send(message: Any) -> None:
            told.append(message)

        async def receive() -> Any:
            return sent.pop() if sent else await asyncio.sleep(3600)

        names = {name.replace("_", "-"): value for name, value in {**OWN, **headers}.items()}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "scheme": "http",
        }
        scope |= {
            "headers": [(name.encode(), value.encode()) for name, value in names.items()],
            "http_version": "1.1",
            "asgi": {"version": "3.0"},
        }
        await make_app(follower, TOKEN)(scope, receive, send)

    asyncio.run(call())
    answer = b"".join(message.get("body", b"") for message in told[1:])
    return told[0]["status"], {name.decode(): value.decode() for name, value in told[0]["headers"]}, answer


def progress(seen: int, loss: float = 1.5) -> str:
    """Return a line of events."""
    told = {"samples_seen": seen, "generator_steps": seen // 100, "training_seconds": seen / 2000, "generator_loss": loss}
    return json.dumps({"event": "progress", **told}) + "\n"


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/0123abcd/alive", {}, 200),
        ("/0123abcd/alive", {"host": "localhost:21000", "origin": "http://localhost:21000"}, 200),
        ("/0123abcd/alive", {"sec_fetch_site": "same-origin"}, 200),
        ("/0123abcd/alive", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}, 200),
        ("/0123abcd/alive", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"}, 403),
        ("/0123abcd/alive", {"sec_fetch_site": "same-site", "sec_fetch_mode": "no-cors"}, 403),
        ("/0123abcd/alive", {"origin": "https://evil.example"}, 403),
        ("/0123abcd/alive", {"origin": "null"}, 403),
        ("/0123abcd/alive", {"origin": "http://127.0.0.1:8888"}, 403),
        ("/0123abcd/alive", {"host": "evil.example:21000"}, 421),
        ("/0123abcd/alive", {"host": "127.0.0.1.evil.example"}, 421),
        ("/0123abcd/alive", {"host": ""}, 421),
        ("/", {}, 403),
        ("/alive", {}, 403),
        ("/0123abce/alive", {}, 403),
        ("/0123abcd0/alive", {}, 403),
        ("/0123abcd/../alive", {}, 404),
        ("/0123abcd/pictures/0/..%2F..%2Fsecret", {}, 404),
        ("/0123abcd/pictures/9/1.png", {}, 404),
        ("/0123abcd", {}, 307),
    ],
)
def test_who_is_answered(path, headers, status, tmp_path):
    """A foreign name, a foreign page and an address without the token are refused, before anything is looked at."""
    follower = Follower(Watched(tmp_path / "nothing", is_run=False))
    found, told, body = ask(follower, path, **headers)
    assert found == status
    assert (told["cache-control"], told["referrer-policy"], told["x-content-type-options"]) == ("no-store", "no-referrer", "nosniff")
    assert not any(name.startswith("access-control") for name in told)
    assert TOKEN.encode() not in body


COMMANDS = (
    ({}, b'{"do": "pause"}', 202, ""),
    ({}, b'{"do": "learning_rate", "optimizer": "generator", "value": 0.001}', 202, ""),
    ({}, b'{"do": "update", "optimizer": "discriminator"}', 202, ""),
    ({}, b'{"do": "update", "optimizer": 1}', 400, "an update is of an optimizer"),
    ({"origin": "https://evil.example"}, b'{"do": "pause"}', 403, "requests of other sites are refused"),
    ({"origin": "null"}, b'{"do": "pause"}', 403, "requests of other sites are refused"),
    ({"content_type": "text/plain"}, b'{"do": "pause"}', 415, "a command is application/json"),
    ({}, b"[" * 900, 400, "a command is a JSON object"),
    ({}, b'{"do": ["pause"]}', 400, "a command is one of pause, continue, step, update, learning_rate"),
    ({}, b'{"do": "learning_rate", "optimizer": "generator", "value": -1}', 400, "a learning rate is a number above 0, of an optimizer"),
    ({}, b'{"do": "learning_rate", "optimizer": "generator", "value": NaN}', 400, "a learning rate is a number above 0, of an optimizer"),
    ({}, b" " * 2000, 413, "no command is so long"),
)


def test_a_run_is_steered_by_its_page_alone_and_only_while_it_heeds(begin, tmp_path):
    """By POST with the token, from the page's own origin; a GET changes nothing, and what a killed run left is no ear."""

    async def looked(follower: Follower) -> None:
        await follower.look()
        follower._stay()

    with begin(tmp_path / "run") as directory:
        live = directory.path / "live"
        follower = Follower(Watched(directory.path, is_run=True))
        asyncio.run(looked(follower))
        pause: Any = {"method": "POST", "body": COMMANDS[0][1], "content_type": "application/json"}
        refusal = b"this run takes no commands: it has ended, or was not started with --reporter watch\n"
        assert ask(follower, "/0123abcd/commands/0", **pause)[::2] == (409, refusal)
        assert ask(follower, "/0123abcd/views/0")[0] == 404
        assert not live.exists()  # whom nobody may steer is told nothing
        live.mkdir()
        (live / "view.json").write_text(json.dumps({"process": os.getpid(), "samples_seen": 7}))
        follower = Follower(Watched(directory.path, is_run=True))
        asyncio.run(looked(follower))
        assert [one.is_heeding for one in follower._shown.values()] == [True]
        assert (live / "watched").stat().st_mode & 0o077 == 0
        assert json.loads(ask(follower, "/0123abcd/views/0")[2])["samples_seen"] == 7
        for headers, body, status, reason in COMMANDS:
            given: Any = {"content_type": "application/json", **headers}
            found, _, said = ask(follower, "/0123abcd/commands/0", method="POST", body=body, **given)
            assert (found, said.decode().strip()) == (status, reason)
        assert ask(follower, "/commands/0", **pause)[0] == 403  # no token
        assert ask(follower, "/0123abcd/commands/0")[0] == 405
        assert ask(follower, "/0123abcd/views/0", **pause)[0] == 405
        assert ask(follower, "/0123abcd/commands/9", **pause)[::2] == (409, b"there is no such run\n")
        lines = [tuple(json.loads(line).values()) for line in (live / "commands.jsonl").read_text().splitlines()]
        assert lines == [("pause", "", 0), ("learning_rate", "generator", 0.001), ("update", "discriminator", 0)]
        (live / "view.json").write_text(json.dumps({"process": os.getpid() + 1}))
        assert ask(follower, "/0123abcd/commands/0", **pause)[0] == 409


def test_a_picture_is_served_that_a_run_has_and_nothing_beside_it(tmp_path, put_run):
    """Whatever it holds, it runs nothing: its own policy is a sandbox."""
    run = put_run(tmp_path / "runs")
    (run / "samples" / "000001000.png").write_bytes(b"picture")
    (run / "samples" / "secret.pt").write_bytes(b"secret")
    follower = Follower(Watched(run, is_run=True))
    status, headers, page = ask(follower, "/0123abcd/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = re.search(rb'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert b"connect-src &#x27;self&#x27;" in policy[1]
    assert b"unsafe" not in policy[1]
    assert b'"url":"pictures/0/000001000.png?7"' in page
    status, headers, body = ask(follower, "/0123abcd/pictures/0/000001000.png")
    assert (status, body, headers["content-type"]) == (200, b"picture", "image/png")
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert ask(follower, "/0123abcd/pictures/0/secret.pt")[0] == 404


def test_a_run_before_its_first_checkpoint_is_shown_by_its_configuration_and_events(begin, tmp_path):
    """It has no record yet; what nobody has said is empty, and what its events say is there."""
    with begin(tmp_path / "run") as directory:
        record = standing_record(directory.path)
        assert not isinstance(record, Unreadable)
        assert (record.name, record.seed, record.dataset, record.status) == ("mlp", 3, "ring8", "running")
        assert (record.work.samples_seen, record.work.generator_steps, total_samples(record)) == (4000, 40, 10_000)
        assert (record.throughput.samples_per_second, record.timing.training_seconds) == (2000.0, 2.0)
    killed = standing_record(directory.path)
    assert not isinstance(killed, Unreadable)
    assert (killed.status, killed.status_detail) == ("interrupted", "ended before its first checkpoint")
    directory.config_path.write_text("training = [")
    assert isinstance(standing_record(directory.path), Unreadable)


def test_events_go_above_a_record_of_the_last_checkpoint_and_below_the_final_one(begin, tmp_path, make_record, make_value):
    """A checkpoint is rare, an event is not."""
    record = make_record(status="running")
    with begin(tmp_path / "run") as directory:
        directory.write_partial(record)
        line = {"event": "evaluation", "samples_seen": 101_000, "values": [encode(make_value(9.0))]}
        with directory.events_path.open("a") as file:
            file.write(f"{progress(101_000)}{json.dumps(line)}\n{{torn")
        now = standing_record(directory.path)
        assert not isinstance(now, Unreadable)
        assert (now.status, now.work.samples_seen, now.work.parameters) == ("running", 101_000, record.work.parameters)
        assert now.evaluations[:-1] == record.evaluations
        assert [(e.samples_seen, e.training_seconds, e.values[0].value) for e in now.evaluations[-1:]] == [(101_000, 50.5, 9.0)]
        directory.finish(make_record())
    assert standing_record(directory.path) == make_record()


def told(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


def test_pages_are_told_what_they_do_not_know_and_nothing_else(begin, tmp_path, monkeypatch):
    """Numbers of one run alone, while nothing but numbers changes; everything for whoever comes from another server."""
    monkeypatch.setattr("ganbench_report.watching._EVERY_SECONDS", 0.0)
    monkeypatch.setattr("ganbench_report.watching._SHARE", 0)

    async def call() -> None:
        with begin(tmp_path / "runs" / "a") as one, begin(tmp_path / "runs" / "b"):
            follower = Follower(Watched(tmp_path / "runs", is_run=False))
            first, content = await follower.content()
            assert [run["kimg"] for run in content["runs"]] == [4.0, 4.0]
            assert content["runs"][0]["live"] == {**content["runs"][0]["live"], "total_kimg": 10.0, "recent": 2000.0}
            await follower.look()
            assert told(follower.since(first)) == {"runs": {}, "live": content["live"]}
            with one.events_path.open("a") as file:
                file.write(
                    '{"event": "progress", "samples_seen": 5000, "generator_steps": 50, "training_seconds": 2.5, "generator_loss": 9}\n'
                )
            await follower.look()
            second = told(follower.since(first))
            assert {number: run["kimg"] for number, run in second["runs"].items()} == {"0": 5.0}
            assert second["runs"]["0"]["curves"]["values"]["generator_loss"][-1] == 9
            assert second["runs"]["0"]["row"] == content["runs"][0]["row"]
            assert set(told(follower.since("other.1"))) == {"content"}
            with begin(tmp_path / "runs" / "c"):
                await follower.look()
                assert [run["id"] for run in told(follower.since(first))["content"]["runs"]] == ["a", "b", "c"]
            assert follower.pages == 0
            stream = follower.tell("")
            assert await anext(stream) == "retry: 1000\n\n"
            assert re.match(r'id: [0-9a-f]{8}\.\d+\ndata: \{"content":\{.*\}\n\n$', await anext(stream))
            assert follower.pages == 1
            await stream.aclose()
            assert follower.pages == 0

    asyncio.run(call())


def test_a_resumed_run_is_read_again_from_its_events_beginning(begin, tmp_path, monkeypatch):
    """What was told after the checkpoint is taken back, and told again."""
    monkeypatch.setattr("ganbench_report.watching._EVERY_SECONDS", 0.0)
    monkeypatch.setattr("ganbench_report.watching._SHARE", 0)

    async def call() -> None:
        with begin(tmp_path / "a", seen=8000) as directory:
            follower = Follower(Watched(tmp_path / "a", is_run=True))
            place, content = await follower.content()
            assert content["runs"][0]["kimg"] == 8.0
            lines = directory.events_path.read_text().splitlines(keepends=True)
            directory.events_path.write_text("".join(lines[:3]))
            await follower.look()
            assert told(follower.since(place))["runs"]["0"]["kimg"] == 3.0

    asyncio.run(call())


def test_cells_of_a_matrix_are_what_their_runs_say(begin, tmp_path, put_run):
    """The matrix's file is written when a cell begins and ends; a run knows more."""
    folder = tmp_path / "m"
    done = put_run(folder, run_id="done")
    rows = [
        CellRow(name="mlp seed=0", state="running", directory=done.name),
        CellRow(name="mlp seed=1", state="running", directory="b"),
        CellRow(name="mlp seed=2", state="waiting", directory="later"),
        CellRow(name="dcgan", state="unsupported", reason="cannot be built for 12x12"),
    ]
    (folder / "matrix.json").write_text(
        json.dumps({"schema_version": 1, "ganbench_version": "0.1.0", "cells": [encode(row) for row in rows]})
    )

    async def content() -> dict[str, Any]:
        return (await Follower(find_watched(str(folder))).content())[1]

    with begin(folder / "b"):
        shown = asyncio.run(content())
    cells = {cell["name"]: (cell["state"], cell["run"]) for cell in shown["live"]["cells"]}
    ids = {run["id"]: number for number, run in enumerate(shown["runs"])}
    assert cells == {
        "mlp seed=0": ("done", ids["done"]),
        "mlp seed=1": ("running", ids["b"]),
        "mlp seed=2": ("waiting", None),
        "dcgan": ("unsupported", None),
    }


def test_the_speed_of_this_moment_is_over_the_last_points():
    """And of none where the clock stood still."""
    assert recent_speed(
        [0.1 * i for i in range(30)], [float(i) for i in range(20)] + [19 + 2.0 * i for i in range(1, 11)]
    ) == pytest.approx(50)
    assert recent_speed([1.0], [1.0]) is None
    assert recent_speed([1.0, 2.0], [1.0, None]) is None


def test_a_path_has_one_address_for_one_user(tmp_path, monkeypatch):
    """So that an open page finds the server again; nobody else can work it out, for the secret is in a file of this user."""
    port, token = place_of(tmp_path / "a")
    assert place_of(tmp_path / "x" / ".." / "a") == (port, token)
    assert place_of(tmp_path / "b")[1] != token
    key = tmp_path / "cache" / "watch.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert (20_000 <= port < 30_000, len(token)) == (True, 32)
    key.chmod(0o644)
    assert place_of(tmp_path / "a") != place_of(tmp_path / "a")
    monkeypatch.setenv("GANBENCH_CACHE", "/proc/none")
    assert place_of(tmp_path / "a") != place_of(tmp_path / "a")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 5, "ganbench: no run found in results/runs; make one with `ganbench run`\n"),
        (["nowhere"], 2, "ganbench: no run 'nowhere': neither a path nor a run id below results/runs; there is none yet\n"),
        (["empty"], 5, "ganbench: no run found in empty; make one with `ganbench run`\n"),
        (
            ["other.json"],
            2,
            "ganbench: other.json is a record alone, and what is watched is a folder; give the folder of a run or of a matrix\n",
        ),
        (["run", "--port", "70000"], 2, "ganbench: Invalid value for '--port': 70000 is not in the range 0<=x<=65535.\n"),
        (["run", "more"], 2, "ganbench: Got unexpected extra argument (more)\n"),
    ],
)
def test_what_cannot_be_watched_is_one_line(arguments, code, said, put_run, tmp_path, capsys):
    """And no server is started."""
    (put_run(tmp_path / "other") / "record.json").rename(tmp_path / "other.json")
    put_run(tmp_path, run_id="run")
    Path("empty").mkdir()
    assert main(["watch", *arguments]) == code
    assert capsys.readouterr() == ("", said)


def test_a_port_of_another_program_is_told(put_run, tmp_path, capsys):
    """One that the user named is an error."""
    run = put_run(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert _bind(port) is None
        assert main(["watch", str(run), "--port", str(port)]) == 2
    assert capsys.readouterr().err == f"ganbench: port {port} is in use by another program; choose another one, or leave --port out\n"


def test_without_the_extra_it_is_one_line(put_run, tmp_path, capsys, monkeypatch):
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["watch", str(put_run(tmp_path))]) == 2
    assert capsys.readouterr().err == "ganbench: ganbench watch needs starlette and uvicorn; pip install 'ganbench[watch]'\n"


@pytest.mark.slow
def test_a_server_in_the_background_ends_when_nobody_looks_and_nothing_runs(begin, tmp_path):
    """A second call finds the first; the real port refuses strangers too."""
    code = (
        "import sys, ganbench_report.watch as w; from ganbench.cli.main import main; w._GRACE_SECONDS = 0.5; sys.exit(main(sys.argv[1:]))"
    )
    words = [sys.executable, "-c", code, "watch", str(tmp_path / "going"), "--background"]
    with begin(tmp_path / "going"):
        first = subprocess.run(words, capture_output=True, text=True, check=True, env=os.environ)
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/([0-9a-f]{32})/\n", first.stdout)
        assert found is not None
        port, token = int(found[1]), found[2]
        assert answers(port, token)
        again = subprocess.run(words, capture_output=True, text=True, check=True, env=os.environ)
        assert (again.stdout, again.stderr) == (first.stdout, "it is watched already\n")
        for path, headers in (("/", {}), (f"/{token}/", {"Host": "evil.example"}), (f"/{token}/", {"Origin": "http://evil.example"})):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", path, headers=headers)
            assert connection.getresponse().status in (403, 421)
            connection.close()
    while answers(port, token):  # the run has ended: so does the server, in a second or two
        pass


@pytest.mark.slow
def test_the_reporter_starts_the_page_of_its_run_and_says_where(begin, tmp_path, capfd, monkeypatch):
    """Once the run has a folder; the page is that of ``ganbench watch``, at the same address."""
    monkeypatch.setattr("ganbench_reporters.page._PATIENCE_SECONDS", 600.0)
    registered = PluginManager().find(ReporterSpec, "watch")
    with begin(tmp_path / "going") as directory:
        listener = registered.build(build_options(registered.spec.options, {}, "watch"), ReporterContext())
        fields = {"name": "mlp", "dataset": "ring8", "seed": 0, "config": {}, "description": "", "resumed": False}
        listener(Started(directory=directory.path, **fields))
        port, token = place_of(directory.path)
        assert capfd.readouterr() == ("", f"watch it at http://127.0.0.1:{port}/{token}/\n")
        assert answers(port, token)
    while answers(port, token):  # nobody looks, and nothing runs: it ends by itself
        threading.Event().wait(1)
