"""A real browser, which opens pages from files and writes down whatever it complains of or asks for."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ganbench.config.toml import dump_settings
from ganbench.record.directory import RunDirectory
from ganbench.record.record import RunRecord
from ganbench.record.serialise import to_json

ROOT = Path(__file__).parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 600_000
"""Milliseconds; a browser on a busy machine is slow."""


class Visitor:
    """A page of a browser, and what happened in it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def open(self, path: Path, address: str = "") -> Any:
        """Open a report from its file, as a double click does, and return the page."""
        self.page.goto("about:blank")
        self.page.goto(f"{path.resolve().as_uri()}#{address}")
        return self.page

    def close(self) -> None:
        """End, and hold against the page what the browser said of it and what it asked for."""
        self.page.context.close()
        assert self.complaints == []
        assert [url for url in self.requests if not url.startswith(("file:", "data:", "about:"))] == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return headless Chromium, driven by Playwright, whose event loop runs in this thread until the file of tests is done."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.skip("there is no Chromium on this machine: apt-get install chromium")
    arguments = ["--autoplay-policy=no-user-gesture-required", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    playwright.expect.set_options(timeout=PATIENCE)
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=executable, args=arguments)
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser: Any) -> Callable[..., Any]:
    """Return a function that gives a page of a context of its own: ``open_page(color_scheme="dark")``."""

    def open_one(**options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(PATIENCE)
        return context.new_page()

    return open_one


@pytest.fixture
def visit(open_page: Callable[..., Any]) -> Iterator[Callable[..., Visitor]]:
    """Return a function that gives a visitor: ``visit(color_scheme="dark")``. Each is closed, and judged, at the end of the test."""
    visitors: list[Visitor] = []

    def come(**options: Any) -> Visitor:
        visitors.append(Visitor(open_page(**options)))
        return visitors[-1]

    yield come
    for visitor in visitors:
        visitor.close()


@pytest.fixture
def put_run(make_record: Callable[..., RunRecord]) -> Callable[..., Path]:
    """Return a function that writes a run folder with a record and events: ``put_run(folder, run_id="a", seed=1)``."""

    def put(folder: Path, *, losses: int = 0, **changes: Any) -> Path:
        record = make_record(**changes)
        run = folder / record.run_id[:40].replace("/", "-")
        (run / "samples").mkdir(parents=True)
        (run / "record.json").write_text(to_json(record))
        lines = [
            f'{{"event": "progress", "samples_seen": {1000 * i}, "generator_steps": {i}, "training_seconds": {i}, '
            f'"generator_loss": {1 + i / 10}, "discriminator_loss": {2 - i / 10}, "real_logits": 0.5}}\n'
            for i in range(1, losses + 1)
        ]
        if lines:
            (run / "events.jsonl").write_text("".join(lines))
        return run

    return put


@pytest.fixture
def begin() -> Callable[..., RunDirectory]:
    """Return a function that makes the folder of a run before its first checkpoint, with its lock held; the caller closes it."""

    def make(run: Path, seen: int = 4000, **settings: Any) -> RunDirectory:
        directory = RunDirectory.create_at(run)
        config = {"name": "mlp", "training.seed": 3, "training.total_kimg": 10.0, "dataset.name": "ring8", **settings}
        directory.config_path.write_text(dump_settings(config))
        lines = [
            {"event": "progress", "samples_seen": n, "generator_steps": n // 100, "training_seconds": n / 2000, "generator_loss": 1.5}
            for n in range(1000, seen + 1, 1000)
        ]
        directory.events_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return directory

    return make
