"""The page in a real browser, opened from its file."""

from __future__ import annotations

import dataclasses
import re
import wave
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import ganbench
from ganbench import Finding, Policy, conclude, table, to_json
from ganbench.cli.main import main
from ganbench.record.record import Key, Keys
from ganbench_report.content import make_content
from ganbench_report.inputs import read_inputs
from ganbench_report.page import render_page

ROOT = Path(__file__).parents[2]
expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
PLAY = """async () => {
    const sound = document.querySelector("audio");
    await sound.play();
    await new Promise((heard) => sound.addEventListener("timeupdate", () => sound.currentTime > 0.1 && heard()));
}"""
"""Ends when a tenth of a second of the first sound has been heard."""
NOTHING = "\N{EN DASH}"
VIEWS = ("table", "curves", "samples", "run", "compare", "verdicts")


def write(path: Path, *names: str, **wishes: Any) -> Path:
    path.write_text(render_page(make_content(read_inputs(names), **wishes)))
    return path


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the report of the boards that are committed."""
    return write(tmp_path_factory.mktemp("boards") / "report.html", str(ROOT / "results/leaderboard"), str(ROOT / "results/cpu"))


@pytest.fixture
def two(tmp_path, put_run, make_record) -> Path:
    """Return the report of two runs with losses, pictures of three moments, and another batch size."""
    for seed, batch in ((0, 64), (1, 128)):
        config = {"name": "dcgan", "training.batch_size": batch, "training.seed": seed}
        keys = dataclasses.replace(make_record().keys, work=Key.of(**{"training.batch_size": batch}))
        run = put_run(tmp_path / "runs", run_id=f"run-{batch}", seed=seed, config=config, keys=keys, losses=30)
        for number, moment in enumerate((0, 20000, 80000)):
            Image.new("RGB", (32, 32), (80 * number, 40 * seed, 0)).save(run / "samples" / f"{moment:09d}.png")
    return write(tmp_path / "two.html", str(tmp_path / "runs"))


def names(page: Any) -> list[str]:
    return page.locator("section.board").first.locator("tbody th.name").all_inner_texts()


def column(page: Any, heading: str) -> list[str]:
    board = page.locator("section.board").first
    at = [text.strip("▲▼ \n") for text in board.locator("thead th").all_inner_texts()].index(heading)
    return [row.locator("td, th").nth(at).inner_text() for row in board.locator("tbody tr").all()]


@pytest.mark.slow
def test_the_committed_boards_open_from_a_file_without_one_request(boards, visit):
    """What a reader gets who has the file and nothing else; the numbers are those of ``ganbench table``."""
    visitor = visit()
    page = visitor.open(boards)
    document = table(str(ROOT / "results/leaderboard/digits"))
    section = document.sections[0]
    at = {column.id: i for i, column in enumerate(section.columns)}
    assert names(page) == [row.cells[at["name"]].text for row in section.rows]
    assert column(page, "images/s") == [row.cells[at["samples_per_second"]].text for row in section.rows]
    assert column(page, "FD digits ↓ final") == [
        next(c.text for c, k in zip(row.cells, section.columns, strict=True) if k.metric) for row in section.rows
    ]
    assert [url.partition("#")[0] for url in visitor.requests if not url.startswith(("about:", "data:"))] == [boards.resolve().as_uri()]


def test_it_sorts_and_the_address_keeps_that(boards, visit):
    """The best first, by what is better; a second press turns it; whoever opens the address sees the same."""
    visitor = visit()
    page = visitor.open(boards)
    heading = page.locator("section.board").first.locator("thead button", has_text="images/s")
    heading.press("Enter")
    speeds = [float(text.split()[0].replace(",", "")) for text in column(page, "images/s")]
    assert speeds == sorted(speeds, reverse=True)
    assert page.evaluate("document.activeElement.textContent") == "images/s▼"
    heading.click()
    page.locator("section.board").first.locator('th[aria-sort="ascending"]').wait_for()
    assert "sort=samples_per_second%3Aup" in page.url
    other = visit()
    assert names(other.open(boards, page.url.partition("#")[2])) == names(page)


@pytest.mark.slow
def test_it_filters_by_words_and_by_settings_and_groups(boards, visit):
    """Many runs are useful only if one can ask for some."""
    page = visit().open(boards)
    page.get_by_label("Filter").fill("dcgan least")
    assert names(page) == ["dcgan least-squares"]
    page.get_by_label("Filter").fill("loss.name=hinge")
    assert all(name.startswith(("resnet", "biggan")) for name in names(page))
    page.get_by_label("Filter").fill("no such thing")
    assert page.get_by_text("no row has these words").count() > 0
    page.get_by_label("Filter").fill("")
    page.get_by_label("Group by").select_option("loss.name")
    groups = page.locator("section.board").first.locator("tr.group").all_inner_texts()
    assert groups == ["loss.name: hinge", "loss.name: least-squares", "loss.name: logistic", "loss.name: wasserstein"]
    page.get_by_label("Rows").select_option("runs")
    assert page.locator("section.board").first.locator("tbody th.name").count() == 29
    assert "group=loss.name" in page.url


@pytest.mark.slow
def test_curves_of_chosen_runs_are_drawn_and_tell_their_values(two, visit):
    """By the pointer, and by the keyboard."""
    page = visit().open(two, "view=curves")
    assert page.locator("figure.chart figcaption").all_inner_texts()[1:] == ["generator loss", "discriminator loss"]
    loss = page.locator("figure.chart").nth(1)
    loss.locator(".u-over").hover()
    assert re.search(r"dcgan.*\n.*\nat [\d.]+ kimg", loss.locator(".bubble").inner_text())
    quality = page.locator("figure.chart").first.locator(".plot")
    quality.focus()
    page.keyboard.press("ArrowRight")
    assert "13.50" in quality.locator(".bubble").inner_text()
    assert "(final)" in quality.locator(".bubble").inner_text()
    page.keyboard.press("ArrowLeft")
    assert "12.25" in quality.locator(".bubble").inner_text()
    assert "(best)" in quality.locator(".bubble").inner_text()
    assert "real 1.25" in page.locator("figure.chart figcaption").first.inner_text()
    page.get_by_label("Over").select_option("seconds")
    page.get_by_label("log x").check()
    page.locator("figure.chart").nth(1).locator(".u-over").hover()
    assert "of training" in page.locator(".bubble").nth(1).inner_text()
    assert "x=seconds" in page.url


@pytest.mark.slow
@pytest.mark.parametrize(("values", "floor", "words"), [((14.0, 18.4), 100.0, ["real 100.0, far above"]), ((0.58, 0.86), 1.0, [])])
def test_real_against_real_does_not_press_a_curve_flat(tmp_path, put_run, make_record, make_value, visit, values, floor, words):
    """Where it lies far from all values it is told at the edge, and the axis is that of the values."""
    one = make_record().evaluations[0]
    scores = [dataclasses.replace(make_value(value), spread=0.0, floor=floor, floor_splits=()) for value in values]
    evaluations = tuple(dataclasses.replace(one, samples_seen=1000 * i, values=(score,)) for i, score in enumerate(scores))
    put_run(tmp_path / "runs", evaluations=evaluations)
    page = visit().open(write(tmp_path / "page.html", str(tmp_path / "runs")), "view=curves")
    expect(page.locator(".u-over")).to_have_count(1)
    assert page.locator(".u-over .edge").all_inner_texts() == words
    low, high = page.evaluate("[drawn[0].plot.scales.y.min, drawn[0].plot.scales.y.max]")
    assert (low <= floor <= high) is not bool(words)
    assert all(low <= value <= high for value in values)


@pytest.mark.slow
def test_runs_are_chosen_in_the_table_and_shown_elsewhere(two, visit):
    """The choice is a part of the address too."""
    page = visit().open(two)
    page.get_by_label("show dcgan batch_size=128 in curves and samples").uncheck()
    assert "1 run chosen" in page.get_by_role("status").first.inner_text()
    page.get_by_role("link", name="Curves").click()
    page.locator(".chooser").wait_for()  # the page follows its address a moment later
    assert page.locator(".chooser input:checked").count() == 1
    assert "runs=run-64" in page.url
    page.get_by_label("dcgan batch_size=64").uncheck()
    page.get_by_text("no run is chosen").wait_for()


def test_an_evaluation_stands_beside_its_run_without_a_speed(tmp_path, put_run, make_record, visit):
    """In the same column of the same table; nothing was trained, so that no page may show 0 images a second."""
    run, work = make_record(), Key.of(kind="evaluation", source="run")
    put_run(tmp_path / "runs", run_id="trained")
    put_run(
        tmp_path / "runs",
        run_id="measured",
        kind="evaluation",
        name="dcgan (ema)",
        keys=dataclasses.replace(run.keys, work=work),
        throughput=dataclasses.replace(
            run.throughput, samples_per_second=0.0, seconds_per_kimg=0.0, phase_milliseconds=(), peak_memory_mib=0.0
        ),
        evaluations=(dataclasses.replace(run.evaluations[-1], training_seconds=0.0),),
    )
    page = visit().open(write(tmp_path / "r.html", str(tmp_path / "runs")))
    speeds, quality = (dict(zip(names(page), column(page, heading), strict=True)) for heading in ("images/s", "FD digits ↓ final"))
    assert speeds == {"dcgan": "1,250", "dcgan (ema)": NOTHING}
    assert len({text.split()[0] for text in quality.values()}) == 1
    page = visit().open(tmp_path / "r.html", "view=run&run=measured")
    headings = page.locator("h3").all_inner_texts()
    assert "Quality" in headings
    assert "Speed" not in headings
    assert page.locator("dl div", has_text="kind").first.inner_text().split() == ["kind", "evaluation"]
    page = visit().open(tmp_path / "r.html", "view=compare&a=trained&b=measured")
    row = page.locator("tr", has=page.get_by_role("rowheader", name="samples per second"))
    assert row.locator("td").all_inner_texts() == ["1,250", NOTHING]


def test_pictures_slide_over_training(two, visit):
    """The same latents at each moment."""
    page = visit().open(two, "view=samples")
    shown = lambda: page.locator(".media img").first.get_attribute("src")  # noqa: E731
    last = shown()
    assert page.locator("output").inner_text() == "80 kimg"
    page.get_by_role("slider").focus()
    page.keyboard.press("Home")
    assert page.locator("output").inner_text() == "0 kimg"
    assert shown() != last
    page.keyboard.press("ArrowRight")
    assert "at=20" in page.url
    assert page.locator(".media img").first.evaluate("image => image.complete && image.naturalWidth") == 32
    page.get_by_role("button", name="Play").click()
    expect(page.locator("output")).to_have_text("80 kimg")
    assert shown() == last


@pytest.mark.slow
def test_sounds_play_clips_move_and_texts_are_read(tmp_path, put_run, visit):
    """A space writes whatever files it likes; the page shows them by the kind that their names say."""
    run = put_run(tmp_path / "runs", run_id="sounds")
    with wave.open(str(run / "samples" / "000001000.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    clip = put_run(tmp_path / "runs", run_id="clips", name="clips")
    frames = [Image.new("L", (16, 16), grey) for grey in (0, 128, 255)]
    frames[0].save(clip / "samples" / "000001000.gif", save_all=True, append_images=frames[1:], duration=50, loop=0)
    text = put_run(tmp_path / "runs", run_id="texts", name="texts")
    (text / "samples" / "000001000.txt").write_text("to be <b>or</b> not\n")
    page = visit().open(write(tmp_path / "r.html", str(tmp_path / "runs")), "view=samples")
    page.evaluate(PLAY)
    assert page.locator("img").evaluate("image => image.naturalWidth") == 16
    assert page.locator("pre").inner_text() == "to be <b>or</b> not\n"


@pytest.mark.slow
def test_one_run_says_where_everything_came_from(tmp_path, visit, monkeypatch, capsys):
    """A real run's settings, each with its source, and where its time went."""
    monkeypatch.chdir(tmp_path)
    assert (
        main(
            [
                "run",
                "--plugin",
                "mlp",
                "--dataset",
                "ring8",
                "--kimg",
                "0.2",
                "--batch-size",
                "50",
                "--metric",
                "none",
                "--quiet",
                "--out",
                "run",
            ]
        )
        == 0
    )
    page = visit().open(write(tmp_path / "r.html", "run"), "view=run")
    row = page.locator("tr", has=page.get_by_role("rowheader", name="training.batch_size", exact=True))
    assert row.locator("td").all_inner_texts() == ["50", "command line"]
    seed = page.locator("tr", has=page.get_by_role("rowheader", name="training.seed", exact=True))
    assert seed.locator("td").all_inner_texts() == ["0", "default"]
    parts = page.get_by_role("region", name="where the time went").locator("tbody th").all_inner_texts()
    assert parts == ["training", "evaluation", "checkpoints", "samples", "start-up and data", "calibration", "other", "wall clock"]
    assert page.locator(".media img").count() == 1


@pytest.mark.slow
def test_two_runs_stand_side_by_side_with_what_differs(two, visit):
    """And with everything, where one wants that."""
    page = visit().open(two, "view=compare&a=run-64&b=run-128")
    settings = page.get_by_role("region", name="Settings")
    assert settings.locator("tbody tr").all_inner_texts() == ["training.batch_size\t64\t128", "training.seed\t0\t1"]
    page.get_by_label("only what differs").uncheck()
    assert settings.locator("tbody tr").count() == 3
    assert page.locator(".media img").count() == 2


@pytest.mark.slow
def test_a_verdict_is_shown_as_it_was_reached(tmp_path, put_run, visit):
    """The file of ``ganbench compare -o json=PATH``."""
    put_run(tmp_path / "runs")
    found = ganbench.compare_values(ganbench.rule_of("peak_memory_mib"), [100.0] * 3, [150.0] * 3)
    verdict = conclude("stored", [found], Policy(), base="main", head="branch", machine="here")
    (tmp_path / "verdict.json").write_text(to_json(verdict))
    page = visit().open(write(tmp_path / "r.html", str(tmp_path / "runs"), str(tmp_path / "verdict.json")), "view=verdicts")
    document = ganbench.verdict_document(verdict, show_all=True)
    assert page.locator(".verdict").inner_text() == document.heading[0]
    assert isinstance(found, Finding)
    assert found.state == "regressed"
    assert page.get_by_role("heading", name=document.sections[0].title).count() == 1
    page = visit().open(write(tmp_path / "alone.html", str(tmp_path / "verdict.json")))
    assert page.get_by_role("navigation").inner_text() == "Verdicts"
    assert page.locator(".verdict").inner_text() == document.heading[0]


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_and_nothing_sticks_out(scheme, width, two, visit):
    """On a wide window and on a phone, in both colours, in every view."""
    sync = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    visitor = visit(color_scheme=scheme, viewport={"width": width, "height": 900})
    for view in VIEWS:
        page = visitor.open(two, f"view={view}")
        found = sync.Axe().run(page).response["violations"]
        assert [(one["id"], one["impact"], one["nodes"][0]["html"]) for one in found] == [], view
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), view


@pytest.mark.slow
def test_on_paper_there_are_no_controls(two, visit):
    """What is printed is what was looked at."""
    page = visit(color_scheme="dark").open(two)
    page.emulate_media(media="print")
    assert not page.get_by_role("navigation").is_visible()
    assert not page.get_by_label("Filter").is_visible()
    assert page.locator("tbody th.name").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.slow
def test_a_record_with_markup_in_every_string_shows_it_and_runs_nothing(tmp_path, make_record, visit):
    """Records, settings, sources, texts and verdicts are of strangers; the page is opened in the reader's browser."""
    evil = '</script><img src=x onerror="owned=1"><script>owned=1</script>\'"<!--'
    record = hostile(make_record(), evil)
    run = tmp_path / "runs" / "evil"
    (run / "samples").mkdir(parents=True)
    (run / "record.json").write_text(to_json(record))
    (run / "samples" / "000001000.txt").write_text(evil)
    (run / "config.toml").write_text(f"[training]\nbatch_size = 64 # {evil}\n")
    (run / "events.jsonl").write_text(
        '{"event": "progress", "samples_seen": 1, "training_seconds": 1, "' + evil.replace('"', '\\"') + '_loss": 1}\n'
    )
    found = ganbench.plain_finding(ganbench.rule_of("peak_memory_mib"), "inconclusive", reason=evil)
    found = dataclasses.replace(found, cell=evil)
    (tmp_path / "verdict.json").write_text(to_json(conclude("stored", [found], Policy(), base=evil, head=evil, machine=evil)))
    path = write(tmp_path / "r.html", str(tmp_path / "runs"), str(tmp_path / "verdict.json"), title=evil)
    visitor = visit()
    for view in VIEWS:
        page = visitor.open(path, f"view={view}&rows=runs&columns=all&show={evil}_loss")
        assert page.get_by_role("heading", level=1).inner_text() == evil
        assert page.locator("main").inner_text().count(evil) > 0, view
        assert page.evaluate("'owned' in window") is False
        assert page.locator("img[src=x]").count() == 0
        assert page.locator("script").count() == page.locator("script[type='application/json']").count() + 1


def hostile(value: Any, evil: str) -> Any:
    """Return plain data with every string replaced, where a record may hold any."""
    if isinstance(value, str):
        return evil
    if isinstance(value, Key):
        return Key(fields=((evil, evil),))
    if isinstance(value, (tuple, list)):
        return type(value)(hostile(one, evil) for one in value)
    if isinstance(value, dict):
        return {(evil if i == 0 else f"{i}{evil}"): hostile(one, evil) for i, one in enumerate(value.values())}
    if isinstance(value, Keys):
        keys = Key(fields=((evil, evil),))
        return dataclasses.replace(value, hardware=keys, software=keys, work=keys, evaluation=(keys,))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kept = {"kind", "status", "created"} if hasattr(value, "status") else set()
        fields = (field.name for field in dataclasses.fields(value) if field.name not in kept)
        return dataclasses.replace(value, **{name: hostile(getattr(value, name), evil) for name in fields})
    return value
