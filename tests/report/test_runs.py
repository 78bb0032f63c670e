"""The table of runs, in every format."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ganbench import text as formats
from ganbench.record import cells
from ganbench.record.find import Unreadable
from ganbench.record.machine import describe_machine
from ganbench.record.record import Evaluation, Key
from ganbench.report.document import Cell, Column, Document, Row, Section
from ganbench.report.formats import FORMATS, render
from ganbench.report.runs import make_table


def test_the_settings_of_a_run_are_asked_for_once(make_record, monkeypatch):
    """Names need them of every other run too: once for each pair, a table of 200 runs took half a minute."""
    asked, settings_that_tell = [], cells._settings_that_tell
    monkeypatch.setattr(cells, "_settings_that_tell", lambda run: asked.append(run.run_id) or settings_that_tell(run))
    make_table([make_record(run_id=f"r{seed}", seed=seed) for seed in range(20)])
    assert len(asked) == 20


def _with_keys(record, **keys):
    return dataclasses.replace(record, keys=dataclasses.replace(record.keys, **keys))


def _measured(*values):
    return (Evaluation(samples_seen=1000, training_seconds=1.0, values=values),)


def _column(table, **wanted):
    return next(i for i, c in enumerate(table.sections[0].columns) if all(getattr(c, name) == value for name, value in wanted.items()))


def _texts(table, **wanted):
    i = _column(table, **wanted)
    return [row.cells[i].text for section in table.sections for row in section.rows]


def test_best_final_and_floor_stand_side_by_side(make_record):
    """The best of four evaluations, the last one, and real against real, with the spread of the ensemble."""
    table = make_table([make_record()])
    assert _texts(table, part="best") == ["12.25 ±0.50"]
    assert _texts(table, part="final") == ["13.50 ±0.50"]
    assert _texts(table, part="floor") == ["1.250"]


def test_what_the_floor_is_of_is_said(make_record, make_value):
    """Two halves of the train images, or held-out images on a side."""
    told = {
        "": "real: real against real, two halves of 718 real images",
        "train images against others": "real: real against real, 718 train images against others",
    }
    for of, words in told.items():
        values = (make_value(2.0, floor_of=of),)
        record = make_record(evaluations=(Evaluation(samples_seen=1, training_seconds=1.0, values=values),))
        assert words in make_table([record]).explanation[0]


def test_the_spread_and_the_range_of_the_splits_stand_beside_real_against_real(make_record, make_value):
    """The spread with the value, the range in the note."""
    value = make_value(
        2.0, floor=1.5, floor_splits=(1.0, 1.5, 2.0), floor_count=5000, floor_of="drawn from 718 train images against 719 others"
    )
    table = make_table([make_record(evaluations=(Evaluation(samples_seen=1, training_seconds=1.0, values=(value,)),))])
    assert _texts(table, part="floor") == ["1.500 ±0.50"]
    told = "real: real against real, 5,000 drawn from 718 train images against 719 others, 1.000 to 2.000 in 3 splits"
    assert told in table.explanation[0]


def test_splits_that_are_not_finite_have_no_spread(make_record, make_value):
    """As the fuzzer found them in a record."""
    value = make_value(2.0, floor=math.inf, floor_splits=(1.0, math.inf), floor_count=5, floor_of="train images against 5 others")
    table = make_table([make_record(evaluations=(Evaluation(samples_seen=1, training_seconds=1.0, values=(value,)),))])
    assert _texts(table, part="floor") == ["inf"]


def test_higher_is_better_takes_the_largest(make_record, make_value):
    """Precision's best is its maximum, and a NaN is never the best."""
    values = [make_value(v, name="precision1k", higher_is_better=True) for v in (0.2, 0.9, math.nan, 0.5)]
    record = make_record(evaluations=tuple(Evaluation(samples_seen=i, training_seconds=1.0, values=(v,)) for i, v in enumerate(values)))
    assert _texts(make_table([record]), part="best") == ["0.9000 ±0.50"]
    assert _texts(make_table([record]), part="final") == ["0.5000 ±0.50"]


def test_values_under_different_keys_are_never_in_one_column(make_record, make_value):
    """The same name measured in two ways has two columns and a note that says what differs."""
    keys = [Key.of(metric="fd1k_digits", weights_hash=text) for text in ("a", "b")]
    records = [
        _with_keys(make_record(run_id=f"r{i}", evaluations=_measured(make_value(10.0 + i, evaluation_key=key.digest))), evaluation=(key,))
        for i, key in enumerate(keys)
    ]
    table = make_table(records)
    for i, key in enumerate(keys):
        expected = ["", ""]
        expected[i] = f"{10 + i}.00 ±0.50"
        assert _texts(table, part="best", evaluation_key=key.digest) == expected
    headings = {c.metric_heading for c in table.sections[0].columns if c.metric}
    assert headings == {f"fd1k_digits digits [{key.digest}]" for key in keys} or headings == {f"fd1k_digits [{key.digest}]" for key in keys}
    assert "fd1k_digits was measured in different ways, which are not comparable: weights_hash differ" in table.legend


def test_one_metric_on_two_datasets_is_told_apart_by_the_dataset(make_record, make_value):
    """Different reference data are different keys; the heading says which."""
    records = [
        make_record(run_id=data, dataset=data, evaluations=_measured(make_value(1.0, name="fid10k", label="FID", evaluation_key=data)))
        for data in ("cifar10", "celeba")
    ]
    headings = {c.metric_heading for c in make_table(records).sections[0].columns if c.metric}
    assert headings == {"fid10k cifar10", "fid10k celeba"}


def test_two_counts_of_one_metric_are_told_apart_by_the_name(make_record, make_value):
    """FD of 1,000 and of 5,000 images have one label and two names."""
    values = (make_value(1.0), make_value(2.0, name="fd5k_digits", evaluation_key="other"))
    headings = {c.metric_heading for c in make_table([make_record(evaluations=_measured(*values))]).sections[0].columns if c.metric}
    assert headings == {"fd1k_digits", "fd5k_digits"}


def test_machines_are_groups(make_record):
    """Speeds on unlike hardware are not side by side; each group names its machine."""
    gpu = Key.of(
        cpu="Test CPU", cpu_cores=16, gpu="NVIDIA Test", gpu_count=1, gpu_memory_gib=80, gpu_power_limit_watts=700.0, memory_gib=64
    )
    table = make_table([make_record(run_id="a"), _with_keys(make_record(run_id="b"), hardware=gpu), make_record(run_id="c")])
    assert [section.title for section in table.sections] == [
        "NVIDIA Test, 80 GiB, 700 W | Test CPU, 16 cores, 64 GiB",
        "Test CPU, 2 cores, 24 GiB",
    ]
    run = _column(table, id="run")
    assert [[row.cells[run].text for row in section.rows] for section in table.sections] == [["b"], ["a", "c"]]


def test_order_ranks_nothing(make_record, make_value):
    """Rows are by dataset, name and seed, whatever they scored."""
    records = [
        make_record(run_id="1", dataset="digits", name="b", seed=0),
        make_record(run_id="2", dataset="digits", name="a", seed=10),
        make_record(run_id="3", dataset="digits", name="a", seed=9, evaluations=_measured(make_value(1e6))),
        make_record(run_id="4", dataset="array", name="z", seed=0),
    ]
    assert _texts(make_table(records), id="run") == ["4", "3", "2", "1"]


def test_other_software_in_a_group_is_marked(make_record):
    """The speed of the odd one out has a note that lists what differs; the others have none."""
    odd = _with_keys(make_record(run_id="odd", seed=9), software=Key.of(precision="bf16", threads=1, torch="2.15.0"))
    table = make_table([make_record(run_id="a"), make_record(run_id="b", seed=1), odd])
    (section,) = table.sections
    speed = _column(table, id="samples_per_second")
    note = "speed under other software, not comparable with the rest: precision bf16 (others fp32), threads 1 (others 2)"
    assert [row.cells[speed].notes for row in section.rows] == [(), (), (note,)]
    assert table.numbers() == {note: 1}


@pytest.mark.parametrize(
    ("changes", "status", "note"),
    [
        ({"status": "diverged", "status_detail": "loss became nan"}, "diverged", "diverged: loss became nan"),
        ({"status": "failed"}, "failed", "failed: no reason was recorded"),
        ({"status": "interrupted", "status_detail": "killed", "evaluations": ()}, "interrupted", "interrupted: killed"),
        ({"collapsed": True}, "collapsed", "collapsed: complete, but FD digits ended at 13.50 after a best of 12.25"),
    ],
)
def test_a_run_that_went_wrong_is_a_row_with_its_reason(make_record, changes, status, note):
    """In every format, never a gap."""
    table = make_table([make_record(**changes)])
    (section,) = table.sections
    assert _texts(table, id="status") == [status]
    assert section.notes == (note,)
    for form in FORMATS:
        text = render(table, form, width=250)
        assert status in text
        assert note in text


def test_an_unreadable_run_is_a_row_too(make_record):
    """Its folder and why it cannot be read, in every format."""
    table = make_table([make_record(), Unreadable(path=Path("runs/broken"), reason="record.json is damaged: not JSON")])
    for form in FORMATS:
        text = render(table, form, width=100)
        assert "broken" in text
        assert "record.json is damaged: not JSON" in text
        assert "dcgan" in text


def test_one_run_is_readable_at_80_columns(make_record):
    """No line is wider than the terminal, and every value is there in full."""
    text = render(make_table([make_record()]), "terminal", width=80)
    assert max(map(len, text.splitlines())) <= 80
    for expected in (
        "20261121-035800-dcgan-digits-s0",
        "non-saturating",
        "1,250",
        "0.8000",
        "1.07M",
        "12.25 ±0.50",
        "13.50 ±0.50",
        "1.250",
    ):
        assert expected in text
    assert re.search(r"FD digits ↓ +13\.50 ±0\.50 +12\.25 ±0\.50 +1\.250", text)


def test_a_wide_terminal_shows_one_line_for_a_run(make_record):
    """All columns side by side where they fit."""
    text = render(make_table([make_record()]), "terminal", width=200)
    (line,) = [line for line in text.splitlines() if "20261121-035800-dcgan-digits-s0" in line]
    assert re.search(r"dcgan .* 13\.50 ±0\.50 .* complete .* 1,250 .* 12\.25 ±0\.50 .* digits .* 1\.250", line)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_no_width_loses_a_run_or_its_quality(make_record, make_value, width, count):
    """Whatever is left out for width is named, and lines never run over."""
    records = [
        make_record(run_id=f"20261121-0{i}0000-dcgan-digits-s{i}", seed=i, evaluations=_measured(make_value(10.5 + i)))
        for i in range(count)
    ]
    text = render(make_table(records), "terminal", width=width)
    assert max(map(len, text.splitlines())) <= width
    for i in range(count):
        assert f"{10.5 + i:.2f}" in text
    words = " ".join(text.split())
    assert all(name in words for name in ("dcgan", "digits", "images/s", "non-saturating")) or "left out at this width" in words


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_long_metric_leaves_room_for_its_values(make_record, make_value, count):
    """At 40 columns a label is folded rather than the value lost."""
    label = "worst class accuracy of digits that are held out"
    records = [make_record(run_id=f"r{i}", seed=i, evaluations=_measured(make_value(10.5 + i, label=label))) for i in range(count)]
    text = render(make_table(records), "terminal", width=40)
    assert max(map(len, text.splitlines())) <= 40
    assert all(f"{10.5 + i:.2f}" in text for i in range(count))


def test_colour_is_only_on_request(make_record):
    """Escape sequences appear with colour and not without."""
    table = make_table([make_record()])
    assert "\x1b[" in render(table, "terminal", colour=True)
    assert "\x1b" not in render(table, "terminal", colour=False)


def test_names_in_a_record_cannot_steer_a_terminal(make_record):
    """Control characters and markup of a foreign record are shown, not obeyed."""
    record = make_record(name="\x1b[31mred\x07", run_id="[bold]x[/bold]", status="failed", status_detail="a\nb\x1b[2J")
    text = render(make_table([record]), "terminal", width=80)
    assert not any(unicodedata.category(c) == "Cc" and c != "\n" for c in text)
    assert "[bold]x[/bold]" in text
    assert "failed: a b?[2J" in text


@pytest.mark.parametrize("form", ["terminal", "markdown", "csv", "html", "latex"])
def test_no_format_lets_a_heading_steer(make_record, make_value, form):
    """An evaluation key of a stranger's record stands in a heading, where two metrics have one name."""
    values = (make_value(1.0), make_value(2.0, evaluation_key="\x1b]0;x\x07\x9b2J\r\u202e"))
    text = render(make_table([make_record(evaluations=_measured(*values))]), form)
    assert not any(unicodedata.category(c) in ("Cc", "Cf") and c != "\n" for c in text)


@pytest.mark.parametrize("name", ['=HYPERLINK("http://evil","x")', "+1+1", "@SUM(1)", "-2+3", "\uff1d1+1"])
def test_csv_holds_no_formula(make_record, name):
    """A spreadsheet computes what begins like one; a negative number stays a number."""
    (row,) = csv.DictReader(io.StringIO(render(make_table([make_record(run_id=name, name=name, dataset=name)]), "csv")))
    assert {value for value in row.values() if value and name in value} == {"'" + name}
    assert not [value for value in row.values() if value and value[0] in "=+@"]


def test_csv_keeps_negative_numbers():
    """They are no text."""
    section = Section(
        title="x", columns=(Column(heading="x", id="x"), Column(heading="=y")), rows=(Row((Cell("-1.5", value=-1.5), Cell("-"))),)
    )
    assert render(Document(sections=(section,)), "csv").splitlines() == ["x,'=y", "-1.5,-"]


def test_csv_holds_every_column_in_ascii(make_record, make_value):
    """A program gets numbers in full, the spread, the direction and the evaluation key."""
    record = make_record(evaluations=_measured(make_value(1 / 3), make_value(math.nan, name="kd1k_digits", label="KD digits", spread=0.0)))
    text = render(make_table([record]), "csv")
    assert text.isascii()
    (row,) = csv.DictReader(io.StringIO(text))
    key = record.evaluations[0].values[0].evaluation_key
    assert float(row[f"fd1k_digits@{key} best (lower is better)"]) == 1 / 3
    assert row[f"fd1k_digits@{key} best spread"] == "0.5"
    assert row[f"kd1k_digits@{key} final (lower is better)"] == "nan"
    assert row["samples_per_second"] == "1250.0"
    assert row["collapsed"] == "false"
    assert row["hardware_key"] == record.keys.hardware.digest


def test_json_is_versioned_and_complete(make_record, make_value):
    """Groups, rows and metrics with their keys; NaN is valid JSON."""
    record = make_record(evaluations=_measured(make_value(12.5), make_value(math.nan, name="kd1k_digits", label="KD digits")))
    data = json.loads(render(make_table([record]), "json"), parse_constant=pytest.fail)
    assert (data["schema"], data["schema_version"]) == ("ganbench-table", 1)
    (row,) = data["groups"][0]["rows"]
    assert row["run"] == record.run_id
    assert row["samples_per_second"] == 1250.0
    fd, kd = row["metrics"]
    assert (fd["name"], fd["best"], fd["best_spread"], fd["floor"], fd["better"]) == ("fd1k_digits", 12.5, 0.5, 1.25, "lower")
    assert fd["evaluation_key"] == record.evaluations[0].values[0].evaluation_key
    assert kd["final"] == {"$float": "nan"}


def test_markdown_has_as_many_cells_in_every_line(make_record):
    """Names with pipes and markup do not break the table."""
    record = make_record(name="a|b*c*", run_id="<script>`x`", status="failed", status_detail="x | y")
    lines = [line for line in render(make_table([record]), "markdown").splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert r"a\|b\*c\*" in lines[2]
    assert "<script>" not in lines[2]


class _Page(HTMLParser):
    """Collects tags and texts, and checks that they nest."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.texts, self.links = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_html_is_escaped_and_self_contained(make_record):
    """A hostile name is text, tags nest, nothing is fetched."""
    page = _Page()
    hostile = make_record(name="<script>alert('x')</script>", dataset='"&<b>')
    page.feed(render(make_table([hostile]).with_columns(["dataset"]), "html"))
    page.close()
    assert page.open == []
    assert "script" not in page.tags
    assert "<script>alert('x')</script>" in page.texts
    assert '"&<b>' in page.texts
    assert page.links == []


def test_latex_is_ascii_and_escaped(make_record):
    """Each special character is escaped, and every row has as many cells as the table has columns."""
    record = make_record(name="50%_a&b#$~^\\{ä}", run_id="[x]")
    text = render(make_table([record]), "latex")
    assert text.isascii()
    assert r"50\%\_a\&b\#\$\textasciitilde{}\textasciicircum{}\textbackslash{}\{?\}" in text
    columns = len(re.search(r"begin\{tabular\}\{([lr]+)\}", text)[1])
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 2
    assert r"\usepackage{booktabs}" in text
    assert all(len(re.findall(r"(?<!\\)&", row)) == columns - 1 for row in rows)
    for rule in (r"\toprule", r"\midrule", r"\bottomrule"):
        assert text.count(rule) == 1


def test_an_unknown_format_is_refused(make_record):
    """The allowed ones are listed."""
    with pytest.raises(ValueError, match="format must be one of terminal, markdown"):
        render(make_table([make_record()]), "pdf")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0.000"),
        (1.0, "1.000"),
        (12.345, "12.35"),
        (999.96, "1,000"),
        (0.99999, "1.000"),
        (1234.5, "1,234"),
        (1234567.0, "1,234,567"),
        (0.5, "0.5000"),
        (0.00123456, "0.001235"),
        (0.00001, "1.000e-05"),
        (-12.5, "-12.50"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
    ],
)
def test_numbers_have_four_digits(value, expected):
    """Readable at every size, and never a rounded zero."""
    assert formats.number(value) == expected


@pytest.mark.parametrize(
    ("function", "value", "expected"),
    [
        (formats.count, 999, "999"),
        (formats.count, 3_576_704, "3.58M"),
        (formats.count, 999_999, "1M"),
        (formats.count, 2_000_000_000_000, "2000G"),
        (formats.mib, 512.4, "512 MiB"),
        (formats.mib, 1280.0, "1.25 GiB"),
        (formats.seconds, 0.35, "0.35 s"),
        (formats.seconds, 125.0, "2 min 05 s"),
        (formats.seconds, 11040.0, "3 h 04 min"),
        (formats.seconds, float("inf"), "inf s"),
        (formats.seconds, float("nan"), "nan s"),
        (formats.plain, 100.0, "100"),
        (formats.plain, 12.5, "12.5"),
        (formats.plain, 1000.0, "1,000"),
    ],
)
def test_units_are_for_readers(function, value, expected):
    """Counts, sizes and durations."""
    assert function(value) == expected


def test_a_machine_of_which_nothing_is_known_has_a_name():
    """A record of an odd machine is still headed by a line."""
    assert describe_machine(Key(fields=())) == "unknown machine"
    assert describe_machine(Key.of(cpu="X", cpu_cores=1, cpu_quota=0.5)) == "X, 1 core, 0.5 CPUs allowed"


def test_networks_of_other_names_have_columns_of_their_own(make_record):
    """A model without a discriminator stands in one table with a GAN; each has empty cells where it has no such network."""
    gan = make_record()
    vae = dataclasses.replace(make_record(seed=1), work=dataclasses.replace(gan.work, parameters={"generator": 1000, "encoder": 2000}))
    (section,) = make_table([gan, vae]).sections
    names = [column.id for column in section.columns if column.id.endswith("_parameters")]
    assert names == ["generator_parameters", "discriminator_parameters", "encoder_parameters"]
    at = [[column.id for column in section.columns].index(name) for name in names]
    assert [[row.cells[i].value for i in at] for row in section.rows] == [[1_068_736, 662_528, None], [1000, None, 2000]]


def test_the_speed_is_in_the_unit_of_the_samples(make_record):
    """Points per second; where kinds of samples meet, samples per second."""
    points = dataclasses.replace(make_record(), space="points", unit="points")

    def heading(*records):
        return next(column.heading for column in make_table(records).sections[0].columns if column.id == "samples_per_second")

    assert (heading(make_record()), heading(points), heading(make_record(), points)) == ("images/s", "points/s", "samples/s")


def test_a_run_is_called_what_it_is(make_record):
    """Its model, and as little more as tells it from the others; never its id."""

    def record(name, run, seed=0, dataset="digits", **work):
        made = make_record(run_id=run, name=name, seed=seed, dataset=dataset)
        return _with_keys(made, work=Key.of(**{**dict(made.keys.work.fields), **{key.replace("__", "."): v for key, v in work.items()}}))

    def names(*records):
        return _texts(make_table(records), id="name")

    assert names(record("dcgan", "a")) == ["dcgan"]
    assert names(record("dcgan", "a"), record("mlp", "b", loss__name="hinge")) == ["dcgan", "mlp"]
    assert names(record("dcgan", "a", loss__name="hinge"), record("dcgan", "b", loss__name="logistic")) == ["dcgan hinge", "dcgan logistic"]
    assert names(record("dcgan", "a"), record("dcgan", "b", seed=1)) == ["dcgan seed 0", "dcgan seed 1"]
    assert names(record("dcgan", "a"), record("dcgan", "b")) == ["dcgan (1)", "dcgan (2)"]
    assert names(record("dcgan", "a"), record("dcgan", "b", dataset="mnist")) == ["dcgan digits", "dcgan mnist"]
    augmented = {"augmentation__name": "diffaugment", "augmentation__options__policy": "color"}
    plain = {"augmentation__name": "none", "augmentation__options__policy": None}
    assert names(record("dcgan", "a", **plain), record("dcgan", "b", **augmented)) == ["dcgan", "dcgan diffaugment"]
    wide = [
        record("resnet", str(i), architecture__options__width=width, architecture__options__head=head)
        for i, (width, head) in enumerate(((64, "plain"), (64, "classifier"), (128, "plain")))
    ]
    assert names(*wide) == ["resnet", "resnet head=classifier", "resnet width=128"]
