"""Every exit code of the commands that end in a verdict, each reached as a user would reach it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganbench.cli.main import main
from ganbench.record.record import RunRecord
from ganbench.record.serialise import to_json
from ganbench_gate.frozen import FrozenVerdict

Call = Callable[..., int]
REFUSES, DIES = {"mode": "refuse"}, {"mode": "die@block"}
LACKS = {"resolved": {"refusal": "unknown", "message": "PluginError: unknown architecture or recipe 'dcgan'"}}


@pytest.fixture
def call(call_with_fakes: Call, monkeypatch: pytest.MonkeyPatch, make_record: Callable[..., RunRecord]) -> Call:
    """Return a caller of ``ab``, ``ci`` or ``compare``; there are checkouts ``a`` and ``b``, four runs, and a folder without one."""
    monkeypatch.setattr("ganbench_gate.frozen.check_frozen_samples", lambda *_, **__: FrozenVerdict(notes=("not asked",)))
    base = make_record()
    larger = dataclasses.replace(base.work, parameters={**base.work.parameters, "generator": base.work.parameters["generator"] + 1})
    records = {
        "old": base,
        "same": base,
        "large": dataclasses.replace(base, work=larger),
        "other": dataclasses.replace(base, dataset="cifar10"),
    }
    for name, record in records.items():
        Path(name, record.run_id).mkdir(parents=True)
        Path(name, record.run_id, "record.json").write_text(to_json(record))
    Path("empty").mkdir()

    def invoke(command: str, *arguments: str, **given: dict[str, Any]) -> int:
        if command == "compare":
            return main([command, *arguments])
        return call_with_fakes(command, *arguments, "--plugin", "dcgan", **given)

    return invoke


@pytest.mark.slow(keep=8)
@pytest.mark.parametrize(
    ("code", "command", "arguments", "given"),
    [
        (0, "compare", ("old", "same"), {}),
        (0, "ab", ("./a", "./b"), {}),
        (0, "ci", ("./a", "./b"), {}),
        (1, "compare", ("old", "large"), {}),
        (1, "ab", ("./a", "./b", "--inject-slowdown", "10%"), {}),
        (1, "ci", ("./a", "./b"), {"head": {"generator_parameters": 1001}}),
        (2, "compare", ("old", "nowhere"), {}),
        (2, "ab", ("./a", "nowhere"), {}),
        (2, "ci", ("./a", "./b"), {"base": REFUSES, "head": REFUSES}),
        (1, "ab", ("./a", "./b"), {"head": DIES}),
        (1, "ci", ("./a", "./b"), {"head": REFUSES}),
        (0, "ci", ("./a", "./b"), {"base": LACKS}),
        (1, "ci", ("./a", "./b"), {"base": LACKS, "head": DIES}),
        (1, "ci", ("./a", "./b"), {"head": LACKS}),
        (2, "ci", ("./a", "./b"), {"base": LACKS, "head": LACKS}),
        (3, "ci", ("./a", "./b"), {"base": DIES}),
        (4, "compare", ("old", "other"), {}),
        (4, "ab", ("./a", "./b"), {"base": REFUSES}),
        (4, "ci", ("./a", "./b"), {"base": REFUSES}),
        (5, "compare", ("old", "empty"), {}),
        (5, "ci", ("./a", "./b", "--baseline", "old", "--runs", "empty"), {}),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value) if isinstance(value, int) else "",
)
def test_the_exit_code_says_what_happened(
    call: Call, capsys: pytest.CaptureFixture[str], code: int, command: str, arguments: tuple[str, ...], given: dict[str, Any]
) -> None:
    """With a verdict on stdout, or without one a line on stderr that says why; never a traceback."""
    assert call(command, *arguments, **given) == code
    out, err = capsys.readouterr()
    starts = {
        0: ("passed: no regression", "undecided: ", "new: "),
        1: ("failed: ", "broken: head "),
        3: "broken: base ",
        4: "not comparable: ",
    }
    if code in starts:
        assert out.startswith(starts[code])
    else:
        assert out == ""
        assert err.splitlines()[-1].startswith("ganbench: ")
    assert "Traceback" not in out + err


def test_an_option_that_head_calls_otherwise_is_named(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """The one that went and the one that came, and none of the others."""
    base = {"configuration": {"architecture.options.width": 48, "architecture.options.depth": 2}}
    head = {
        "refusal": "refused",
        "message": "ConfigError: -o width: no plugin of this run has this option; known: depth, drift, units",
        "options": ["architecture.options.units", "architecture.options.depth"],
    }
    assert call("ci", "./a", "./b", "--option", "width=48", base={"resolved": base}, head={"resolved": head}) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("broken: head cannot be run: it no longer has the option width, and has units instead (1 broken)")


def test_a_verdict_names_no_folder_of_this_machine(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """The end of a path says which file it is."""
    head = {
        "refusal": "broken",
        "message": "ImportError: no name 'x' (/home/me/cache/trees/12ab/src/tinygan/gan.py), see https://a.b/c/d/e",
    }
    assert call("ci", "./a", "./b", head={"resolved": head}) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "no name 'x' (tinygan/gan.py), see https://a.b/c/d/e" in said
