"""What goes into a page: curves, pictures, sources, and tables that are those of ``ganbench table``."""

from __future__ import annotations

import json
from pathlib import Path

from ganbench.config.toml import dump_settings
from ganbench.report.runs import table
from ganbench_report.content import make_content
from ganbench_report.curves import metrics_of, statistics_of
from ganbench_report.inputs import read_inputs
from ganbench_report.pictures import Picture, choose, pictures_of
from ganbench_report.sources import read_sources


def test_means_and_intervals_are_those_of_the_table(tmp_path, put_run, make_record):
    """From the same code: a page that averages by itself would differ one day."""
    for seed in range(3):
        changes = {
            "throughput": make_record().throughput.__class__(
                samples_per_second=1000.0 + seed, seconds_per_kimg=1.0, phase_milliseconds=(), peak_memory_mib=1.0
            )
        }
        put_run(tmp_path / "runs", run_id=f"r{seed}", seed=seed, **changes)
    content = make_content(read_inputs([str(tmp_path / "runs")]))
    section = content["boards"][0]["means"]["sections"][0]
    shown = {column["id"]: cell for column, cell in zip(section["columns"], section["rows"][0]["cells"], strict=True)}
    expected = table(str(tmp_path / "runs")).sections[0]
    cell = next(cell for column, cell in zip(expected.columns, expected.rows[0].cells, strict=True) if column.id == "samples_per_second")
    assert (shown["samples_per_second"]["t"], shown["samples_per_second"]["v"]) == (cell.text, cell.value)
    assert section["rows"][0]["runs"] == [0, 1, 2]
    json.dumps({name: value for name, value in content.items() if name != "pictures"}, allow_nan=False)


def test_neighbours_of_a_long_curve_are_averaged(tmp_path, put_run):
    """30 readings in 10 points: the mean of three, at the moment of the last."""
    curves = statistics_of(put_run(tmp_path, losses=30), most=10)
    assert curves["kimg"] == [3.0 * i for i in range(1, 11)]
    assert curves["values"]["generator_loss"][0] == 1.2
    assert list(curves["values"]) == ["generator_loss", "discriminator_loss", "real_logits"]
    assert statistics_of(tmp_path / "nowhere", most=10) == {}


def test_what_is_no_number_leaves_a_gap(tmp_path):
    """A run that diverged has NaN in its events, and damaged lines are nobody's fault here."""
    (tmp_path / "events.jsonl").write_text(
        '{"event": "progress", "samples_seen": 1000, "training_seconds": 1, "generator_loss": {"$float": "nan"}, "a": "text"}\n'
        '{"event": "progress", "samples_seen": "x", "generator_loss": 1}\n{torn\n'
        '{"event": "progress", "samples_seen": 2000, "training_seconds": 2, "generator_loss": 3}\n'
    )
    assert statistics_of(tmp_path, most=10) == {"kimg": [1.0, 2.0], "seconds": [1.0, 2.0], "values": {"generator_loss": [None, 3.0]}}


def test_best_is_never_the_untrained_network(make_record, make_value):
    """As in every table."""
    (metric,) = metrics_of(make_record())
    assert (metric["values"], metric["best"], metric["kimg"]) == ([80.0, 20.5, 12.25, 13.5], 2, [0.0, 25.0, 50.0, 75.0])


def test_sources_stand_behind_values_whatever_is_in_these(tmp_path):
    """A ``#`` in a string ends no value; a file without sources tells none."""
    settings = {"name": "a # b", "training.seed": 1, "training.list": ["x # y", "z"], "training.rate": float("inf"), "training.other": None}
    origins = {"name": "--plugin", "training.seed": "command line", "training.list": "my # file.toml", "training.rate": "recipe x"}
    (tmp_path / "config.toml").write_text(dump_settings(settings, "head", origins))
    assert read_sources(tmp_path / "config.toml") == {**origins, "training.other": "default"}
    (tmp_path / "config.toml").write_text(dump_settings(settings, "head"))
    assert read_sources(tmp_path / "config.toml") == {}
    assert read_sources(tmp_path / "none.toml") == {}


def test_moments_are_thinned_evenly_until_all_fit():
    """As many of each run as of others, and the last of each to the end."""
    runs = [[Picture(path=Path(f"{i}"), type="image/png", label="", kimg=float(i), size=10) for i in range(9)]] * 2
    kept = lambda found: [[picture.kimg for picture in pictures] for pictures in found]  # noqa: E731
    assert kept(choose(runs, 5, 1000)) == [[0, 2, 4, 6, 8]] * 2
    assert kept(choose(runs, 5, 60)) == [[0, 4, 8]] * 2
    assert kept(choose(runs, 5, 20)) == [[8]] * 2
    assert kept(choose(runs, 5, 15)) == [[8], []]
    assert kept(choose(runs, 0, 1000)) == [[], []]


def test_pictures_beside_the_record_are_taken_where_there_are_no_others(tmp_path):
    """Committed runs keep one picture; a file that no browser shows is none; sounds have the sheet of them beside them."""
    (tmp_path / "samples.png").write_bytes(b"1")
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "000000100.pt").write_bytes(b"1")
    (tmp_path / "samples" / "000000100.html").write_bytes(b"1")
    assert [picture.path.name for picture in pictures_of(tmp_path)] == ["samples.png"]
    (tmp_path / "samples" / "000000100.wav").write_bytes(b"1")
    assert [(picture.type, picture.kimg) for picture in pictures_of(tmp_path)] == [("audio/wav", 0.1), ("image/png", None)]
    (tmp_path / "samples" / "000000100.png").write_bytes(b"1")
    assert {picture.kimg for picture in pictures_of(tmp_path)} == {0.1}
