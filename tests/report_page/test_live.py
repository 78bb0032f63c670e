"""The live page in a real browser, beside a real run."""

from __future__ import annotations

import dataclasses
import json
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import ganbench
from ganbench import CellRow, Ended, Event, Key, Message, Progressed, Started, encode
from ganbench.record.cells import cells_of, group_replicates, match_cells
from ganbench_reporters.steering import Steering, Training
from ganbench_toy.own import read_points

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
pytest.importorskip("starlette", reason="starlette is not installed: pip install 'ganbench[watch]'")
pytest.importorskip("uvicorn", reason="uvicorn is not installed: pip install 'ganbench[watch]'")

HOLD_SECONDS = 1800
"""A run on a busy machine waits for a page that is slow to come, or to give a sign of life."""


class Server:
    """``ganbench watch`` in a process of its own."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", "ganbench", "watch", str(path)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()

    def stop(self) -> int:
        """Press Ctrl-C, and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(600)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


class Held:
    """Holds a run on its way; from there on its page steers it."""

    def __init__(self, at: int = 1000) -> None:
        self.at, self.reached, self.go = at, threading.Event(), threading.Event()
        self.messages: list[str] = []

    def release(self) -> None:
        """Let the run go on to its end, though a page has paused it: else a test that failed waits as long as a paused run for a page."""
        self.go.set()
        with (self.directory / "live" / "commands.jsonl").open("a") as commands:
            commands.write('{"do": "continue"}\n')

    def __call__(self, event: Event) -> None:
        match event:
            case Started():
                self.directory = event.directory
                self.steering = Steering(event.directory, HOLD_SECONDS)
            case Message():
                self.messages.append(event.text)
            case Ended():
                self.steering.close()
            case Progressed() if event.samples_seen >= self.at and not self.reached.is_set():
                self.reached.set()
                self.go.wait(HOLD_SECONDS)

    def after_step(self, training: Training) -> None:
        self.steering.after_step(training)


def steer(page, run: Path) -> None:
    """Look into a paused run, let it take a step, and one of a network alone, change a learning rate, once in vain, and let it go on."""
    expect(page.locator(".steered")).to_have_text("paused at 1.1 kimg, step 11")
    picture = page.get_by_role("img", name="real and generated points of mlp seed 0 at 1.1 kimg")
    expect(picture).to_be_visible()
    assert re.search(r"\d of 8 modes found, Jensen-Shannon divergence [\d.]+ bit$", picture.get_attribute("aria-label"))
    view = json.loads((run / "live" / "view.json").read_text())["plane"]
    counts = [len(view[name]) for name in ("real", "fake", "cells", "arrows", "manifold")]
    assert (counts, view["without"], view["modes"]["all"]) == ([400, 400, 900, 100, 256], "", 8)
    pictures = [page.locator("canvas.plane").evaluate("canvas => canvas.toDataURL()")]
    for layer in ("generated points", "discriminator", "gradients", "generator's manifold"):
        page.get_by_label(layer, exact=True).uncheck()
        pictures.append(page.locator("canvas.plane").evaluate("canvas => canvas.toDataURL()"))
    assert len(set(pictures)) == len(pictures)  # each layer shows something
    assert "layers=real" in page.url
    page.get_by_label("discriminator", exact=True).check()

    page.get_by_role("button", name="One step").click()
    expect(page.locator(".steered")).to_have_text("paused at 1.2 kimg, step 12")
    page.get_by_role("button", name="Discriminator", exact=True).click()
    paused = "paused at 1.2 kimg, step 12, with 1 of the discriminator alone"
    expect(page.locator(".steered")).to_have_text(paused)
    page.get_by_label("Learning rate", exact=True).fill("0")
    page.get_by_role("button", name="Change", exact=True).click()
    expect(page.locator(".steered")).to_have_text("a learning rate is a number above 0, of an optimizer")
    page.get_by_label("Learning rate", exact=True).fill("0.0005")
    page.get_by_role("button", name="Change", exact=True).click()
    expect(page.locator(".steered")).to_have_text(paused)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("button", name="Discriminator", exact=True)).to_be_disabled()


def draw(page, path: Path) -> None:
    """Draw a line by the mouse, a point by the keyboard, take something back, and save what is left."""
    page.get_by_role("link", name="Draw", exact=True).click()
    said, pad = page.locator("#drawn"), page.get_by_role("application")
    expect(said).to_have_text("0 points")
    expect(page.get_by_role("button", name="Save drawn.csv")).to_be_disabled()
    page.get_by_label("Points at once").fill("1")
    page.get_by_label("Spread").fill("0")
    box = pad.bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.down()
    for i in range(1, 15):
        page.mouse.move(box["x"] + 10 + 20 * i, box["y"] + 10)
    page.mouse.up()
    expect(said).to_have_text("15 points")
    for key in ("ArrowRight", "Shift+ArrowUp", "Enter", "Enter", "Backspace"):
        pad.press(key)
    expect(said).to_have_text("16 points · cross at 0.05, 0.2")
    text = page.get_by_label("Points, one a line: x,y")
    lines = text.input_value()
    text.fill(f"{lines}1,x")
    expect(said).to_have_text("16 points · line 17 is no point: two numbers, as 0.5,-0.2")
    text.fill(f"{lines}-1,-1")
    page.reload()
    expect(said).to_have_text("17 points")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save drawn.csv").click()
    download.value.save_as(path)
    points = read_points(path)
    assert points[15:].tolist() == [[0.05, 0.2], [-1, -1]]
    assert len({y for _, y in points[:15].tolist()}) == 1
    assert points[:15, 0].tolist() == sorted(points[:15, 0].tolist())
    expect(page.locator("pre.command")).to_have_text(
        "ganbench run --plugin mlp --dataset points -o dataset.path=drawn.csv --reporter watch"
    )


@pytest.mark.slow
def test_a_page_follows_a_run_to_its_end(tmp_path, monkeypatch, open_page):
    """Its curves and samples grow while it trains; the server may go and come again; a second browser sees the same; and it steers it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    hold = Held()
    reached, go = hold.reached, hold.go

    settings = {"training.device": "cpu", "training.threads": 1, "training.batch_size": 100, "evaluation.every_kimg": 0.5}
    run = threading.Thread(
        target=lambda: ganbench.run(
            "mlp", dataset="ring8", kimg=2, metrics=["modes200"], settings=settings, out=tmp_path / "run", on_event=hold
        )
    )
    run.start()
    assert reached.wait(HOLD_SECONDS)
    server = Server(Path("run"))
    try:
        page = open_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(server.address)
        expect(page.get_by_text("50 % 1 of 2 kimg")).to_be_visible()
        expect(page.locator("dd .tone.going")).to_have_text("running")
        assert page.title().startswith("50 % · Live")
        captions = page.locator("figure.chart figcaption").all_inner_texts()
        assert {"generator loss", "discriminator loss"} < set(captions)
        assert page.locator(".media img").evaluate("image => image.complete && image.naturalWidth") > 0
        assert page.get_by_label("Training", exact=True).get_attribute("aria-valuetext") == "0.5 kimg"
        address = page.url
        stranger = open_page()
        other = open_page()
        other.goto(server.address)
        for url in (re.sub("/[0-9a-f]{32}/", "/", address), re.sub("[0-9a-f]/$", "x/", address)):
            assert stranger.goto(url).status == 403
        stranger.goto("about:blank")
        assert stranger.evaluate(f"fetch('{address}alive').then(() => 'read', () => 'refused')") == "refused"

        assert server.stop() == 0
        expect(page.get_by_text("No server: what you see is what was last told.")).to_be_visible()
        expect(page.get_by_text("50 % 1 of 2 kimg")).to_be_visible()
        server = Server(Path("run"))
        assert server.address == address
        expect(page.locator(".connection")).to_have_text("")

        (tmp_path / "run" / "live" / "commands.jsonl").write_text('{"do": "pause"}\n')
        go.set()
        steer(page, tmp_path / "run")
        run.join()
        for one in (page, other):
            expect(one.get_by_text("100 % 2 of 2 kimg")).to_be_visible()
            expect(one.locator("dd .tone.good")).to_have_text("complete")
        assert page.get_by_label("Training", exact=True).get_attribute("aria-valuetext") == "2 kimg"
        assert page.title().startswith("Live")
        page.get_by_role("link", name="Table").click()
        record = ganbench.load("run").record
        assert "intervention at 1.2 kimg: learning rate 0.0005 of generator" in record.notes
        assert [text.partition(":")[0] for text in hold.messages[1:]] == [
            "paused at 1.1 kimg by its page",
            *["intervention at 1.2 kimg"] * 2,
        ]
        fields = dict(record.keys.work.fields)
        path, before = "generator_optimizer.learning_rate", record.config["generator_optimizer.learning_rate"]
        assert fields[path] == f"{before}, 0.0005 of generator from 1.2 kimg in run"
        assert fields["training.d_steps"] == "1, 1 more of discriminator alone at 1.2 kimg in run"
        assert "intervention at 1.2 kimg: 1 update of discriminator alone" in record.notes
        untouched = dataclasses.replace(
            record, run_id="other", keys=dataclasses.replace(record.keys, work=Key.of(**{**fields, path: before, "training.d_steps": 1}))
        )
        assert len(group_replicates([record, untouched])) == 2
        (match,) = match_cells(cells_of([record]), cells_of([untouched]))
        assert [difference.field for difference in match.differences] == [path, "training.d_steps"]
        assert page.locator("section.board tbody th.name").all_inner_texts() == [record.name]
        page.get_by_role("link", name="One run").click()
        expect(page.get_by_role("heading", name="Where the time went")).to_be_visible()
        draw(page, tmp_path / "drawn.csv")
        expected = ("net::ERR_", "400 (Bad Request)")  # the server was away for a while, and refused a command
        assert [text for text in complaints if not any(one in text for one in expected)] == []
    finally:
        hold.release()
        server.stop()


@pytest.mark.slow
def test_a_page_on_a_phone_follows_a_run_of_images_to_its_end(tmp_path, monkeypatch, open_page):
    """A real run of ``digits``: it has no plane, and all else that a run of points has; axe finds no fault in it."""
    sync = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    hold = Held(at=100)
    settings = {"training.device": "cpu", "training.threads": 1, "training.batch_size": 50, "evaluation.every_kimg": 0.1}
    widths = {"generator_width": 8, "discriminator_width": 8}
    run = threading.Thread(
        target=lambda: ganbench.run(
            "dcgan",
            dataset="digits",
            kimg=0.3,
            metrics=["fd100_digits"],
            options=widths,
            settings=settings,
            out=tmp_path / "run",
            on_event=hold,
        )
    )
    run.start()
    assert hold.reached.wait(HOLD_SECONDS)
    server = Server(Path("run"))
    try:
        page = open_page(viewport={"width": 400, "height": 900}, color_scheme="dark")
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(server.address)
        expect(page.locator("p.progress")).to_contain_text("33 % 0.1 of 0.3 kimg")
        expect(page.locator("dd .tone.going")).to_have_text("running")
        (tmp_path / "run" / "live" / "commands.jsonl").write_text('{"do": "pause"}\n')
        hold.go.set()
        expect(page.locator(".steered")).to_have_text("paused at 0.15 kimg, step 3")
        page.get_by_role("button", name="One step").click()
        expect(page.locator(".steered")).to_have_text("paused at 0.2 kimg, step 4")
        captions = page.locator("figure.chart figcaption").all_inner_texts()
        assert {"generator loss", "discriminator loss"} < set(captions)
        expect(page.locator("canvas.plane")).to_be_hidden()
        assert page.locator(".media img").evaluate("image => image.complete && image.naturalWidth") > 0
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            found = sync.Axe().run(page).response["violations"]
            assert [(one["id"], one["impact"], one["nodes"][0]["html"]) for one in found] == [], scheme
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        page.get_by_role("button", name="Continue").click()
        run.join(HOLD_SECONDS)
        expect(page.locator("p.progress")).to_contain_text("100 % 0.3 of 0.3 kimg")
        expect(page.locator("dd .tone")).to_have_text(re.compile("^(complete|collapsed)$"))  # so few steps may leave all images alike
        assert page.get_by_label("Training", exact=True).get_attribute("aria-valuetext") == "0.3 kimg"
        record = ganbench.load("run").record
        label = record.evaluations[-1].values[0].label
        assert any(text.startswith(label) for text in page.locator("figure.chart figcaption").all_inner_texts())
        assert not [note for note in record.notes if "intervention" in note]
        assert complaints == []
    finally:
        hold.release()
        server.stop()


@pytest.mark.slow
def test_a_matrix_shows_its_cells_as_they_run(tmp_path, monkeypatch, open_page, begin, put_run):
    """One that has ended, one that has not begun, one that cannot run; and then the next begins."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "m"
    done = put_run(folder, run_id="a", losses=20)

    def write(*rows: CellRow) -> None:
        text = json.dumps({"schema_version": 1, "ganbench_version": "0.1.0", "cells": [encode(row) for row in rows]})
        (folder / "new.json").write_text(text)
        (folder / "new.json").replace(folder / "matrix.json")

    first = CellRow(name="dcgan seed=0", state="done", directory=done.name)
    last = CellRow(name="<b>evil</b>", state="unsupported", reason="cannot be built")
    write(first, CellRow(name="mlp seed=3", state="waiting", directory="b"), last)
    server = Server(folder)
    try:
        page = open_page(viewport={"width": 400, "height": 900})
        page.goto(server.address)
        cells = lambda: [row.split("\t")[:2] for row in page.locator("table tbody tr").all_inner_texts()]  # noqa: E731
        expect(page.get_by_text("1 done · 1 waiting · 1 unsupported")).to_be_visible()
        assert cells() == [["dcgan seed=0", "done"], ["mlp seed=3", "waiting"], ["<b>evil</b>", "unsupported"]]
        with begin(folder / "b"):
            write(first, CellRow(name="mlp seed=3", state="running", directory="b"), last)
            expect(page.get_by_text("1 done · 1 running · 1 unsupported")).to_be_visible()
            expect(page.get_by_text("40 % 4 of 10 kimg")).to_be_visible()
            page.get_by_role("link", name="dcgan seed=0").first.click()
            expect(page.get_by_role("heading", name="dcgan seed 0")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    finally:
        server.stop()
