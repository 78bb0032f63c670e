"""``ganbench plugins list`` and ``ganbench plugins show NAME``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ganbench.cli.main import main

Install = Callable[..., str]
Captured = pytest.CaptureFixture[str]


def rows(capsys: Captured, *arguments: str) -> dict[tuple[str, str, str], dict[str, str]]:
    """Run ``plugins list --json`` and return its rows by kind, distribution and name."""
    assert main([*arguments, "plugins", "list", "--json"]) == 0
    return {(r["kind"], r["distribution"], r["name"]): r for r in json.loads(capsys.readouterr().out)}


def shown(capsys: Captured, *arguments: str) -> list[dict[str, object]]:
    """Run ``plugins show ... --json``."""
    assert main(["plugins", "show", *arguments, "--json"]) == 0
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return found


def test_the_first_party_plugins_are_listed(capsys: Captured) -> None:
    """Every kind, with the distribution's version and status."""
    listed = rows(capsys)
    row = listed["architecture", "ganbench", "dcgan"]
    assert (row["status"], row["cause"]) == ("ok", "")
    assert row["version"][0].isdigit()
    images = {("dataset", "digits"), ("metric", "fd"), ("extractor", "digits"), ("frozen", "digits")}
    for kind, name in {("recipe", "dcgan-64"), ("loss", "wasserstein"), ("augmentation", "diffaugment"), *images}:
        assert (kind, "ganbench", name) in listed
    assert ("reproduction", "ganbench", "pacgan-table1") in listed


def test_failures_conflicts_and_hooks_are_rows(install: Install, loss_source: Callable[[str], str], capsys: Captured) -> None:
    """Nothing is left out: what failed says why, what clashes says how to tell it apart."""
    install("broken", "import no_such_module_at_all", version="9")
    install("rival", loss_source("hinge"))
    install("observer", "@hookimpl\ndef ganbench_environment(): return {}")
    listed = rows(capsys)
    assert listed["-", "broken", "broken"] == {
        "name": "broken",
        "kind": "-",
        "distribution": "broken",
        "version": "9",
        "status": "failed",
        "cause": "ModuleNotFoundError: No module named 'no_such_module_at_all'",
        "summary": "",
    }
    for distribution in ("rival", "ganbench"):
        clash = listed["loss", distribution, "hinge"]
        assert (clash["status"], clash["cause"]) == ("conflict", "say ganbench:hinge or rival:hinge")
    assert listed["hooks", "observer", "observer"]["status"] == "ok"


@pytest.mark.slow
def test_the_text_form_is_aligned_and_has_every_row(install: Install, capsys: Captured) -> None:
    """A line for each kind, and one with a summary for each plugin below it; no colour in a pipe."""
    install("broken", "import no_such_module_at_all")
    listed = rows(capsys)
    assert main(["plugins", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    heads = [line for line in lines if not line.startswith(" ")]
    assert heads == [*sorted({kind for kind, _, _ in listed if kind != "-"}), "could not be loaded"]
    assert len(lines) == len(listed) + len(heads)
    summary = str(listed["architecture", "ganbench", "mlp"]["summary"])
    start = next(line.index(summary) for line in lines if summary in line)
    assert {line[start - 2 : start].strip() for line in lines if line.startswith(" ")} == {""}
    assert all(any(line.endswith(str(row["summary"])) for line in lines) for row in listed.values())
    assert "\x1b" not in "".join(lines)


@pytest.mark.slow
def test_one_kind_is_listed_alone(capsys: Captured) -> None:
    """A kind that nothing is of gives the nearest one."""
    assert main(["plugins", "list", "--kind", "loss"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head == "loss"
    assert {"hinge", "wasserstein"} <= {line.split()[0] for line in lines}
    assert main(["plugins", "list", "--kind", "los"]) == 2
    assert "--kind: there is no plugin of kind 'los'; did you mean 'loss'?" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [("-p", "no:hinge", "plugins", "list", "--json"), ("plugins", "list", "--json", "-p", "no:hinge")])
def test_a_switch_works_before_and_behind_the_command(arguments: tuple[str, ...], capsys: Captured) -> None:
    """The row stays, and says that it is off."""
    assert main(list(arguments)) == 0
    off = [r for r in json.loads(capsys.readouterr().out) if r["name"] == "hinge"]
    assert [(r["status"], r["cause"]) for r in off] == [("off", "switched off by -p no:hinge")]


def test_show_gives_the_options_with_type_default_and_help(capsys: Captured) -> None:
    """As ``-o`` takes them."""
    (found,) = shown(capsys, "wasserstein")
    options = {o["name"]: o for o in found["options"]}  # type: ignore[attr-defined, index]
    assert options["weight_clip"] == {
        "name": "weight_clip",
        "type": "float|none",
        "default": "none",
        "help": "Bound on every discriminator weight (Arjovsky et al. 2017); unset: 0.01, or none with a gradient penalty "
        "(gp, DRAGAN, R1, R2).",
    }
    assert (options["gp_one_sided"]["type"], options["gp_one_sided"]["default"]) == ("bool", "false")
    assert found["factory"] == "ganbench_losses.objectives:build_wasserstein"
    assert "1701.07875" in str(found["paper"])


def test_show_gives_a_recipes_settings_and_deviations(capsys: Captured) -> None:
    """Everything that the source fixes, and where this differs from it."""
    (found,) = shown(capsys, "dcgan-32")
    assert (found["architecture"], found["resolution"]) == ("dcgan", 32)
    assert found["settings"]["training.batch_size"] == 128  # type: ignore[index]
    assert found["deviations"]
    assert main(["plugins", "show", "dcgan-32"]) == 0
    text = capsys.readouterr().out
    assert "architecture.options.norm_after_activation  true" in text
    assert "options: those of dcgan" in text


def test_show_gives_a_datasets_metrics(capsys: Captured) -> None:
    """A name of several kinds shows all of them."""
    by_kind = {one["kind"]: one for one in shown(capsys, "digits")}
    assert set(by_kind) == {"dataset", "extractor", "frozen"}
    assert by_kind["dataset"]["metrics"] == ["fd5k_digits"]


def test_show_tells_two_plugins_in_conflict_apart(install: Install, loss_source: Callable[[str], str], capsys: Captured) -> None:
    """Both by the bare name, one by the qualified one."""
    install("rival", loss_source("hinge"))
    both = shown(capsys, "hinge")
    assert {(o["distribution"], o["status"]) for o in both} == {("ganbench", "conflict"), ("rival", "conflict")}
    (one,) = shown(capsys, "rival:hinge")
    assert one["use"] == "ganbench run --plugin NAME --loss rival:hinge"


def test_show_reads_a_plugin_file(tmp_path: Path, capsys: Captured) -> None:
    """The options of a GAN in a file are shown like anyone's."""
    path = tmp_path / "mine.py"
    path.write_text("class MyGAN:\n    'A GAN.'\n")
    (found,) = shown(capsys, f"{path}:MyGAN")
    assert (found["name"], found["summary"], found["options"]) == ("mygan", "A GAN.", [])


BAD = {
    ("plugins", "show", "dgcan"): "ganbench: unknown plugin 'dgcan'; did you mean 'dcgan'?",
    ("plugins", "show", "nowhere:dcgan"): "ganbench: unknown plugin 'nowhere:dcgan'; did you mean 'dcgan'?",
    (
        "plugins",
        "show",
        "broken",
    ): "ganbench: the plugin 'broken' of broken failed: ModuleNotFoundError: No module named 'no_such_module_at_all'",
    ("plugins", "show", "./none.py:MyGAN"): "ganbench: no such plugin file: none.py",
    ("plugins", "show"): "ganbench: Missing argument 'NAME'.",
    ("plugins", "lst"): "ganbench: No such command 'lst'",
    ("plugins", "list", "-p", "hinge"): "ganbench: Invalid value for '-p': write no:NAME to switch a plugin off (got 'hinge')",
    ("plugins", "list", "-p", "no:hing"): "ganbench: -p no:hing: nothing has this name; did you mean 'hinge'?",
}


@pytest.mark.parametrize("arguments", BAD, ids=" ".join)
def test_a_bad_argument_is_one_line_and_exit_2(arguments: tuple[str, ...], install: Install, capsys: Captured) -> None:
    """stdout stays empty."""
    install("broken", "import no_such_module_at_all")
    assert main(list(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(BAD[arguments])
    assert captured.err.count("\n") == 1


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    """On a terminal, where click would colour the status."""
    monkeypatch.setattr("click.utils.should_strip_ansi", lambda stream=None, color=None: color is False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    main(["plugins", "list"])
    assert "\x1b" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    main(["plugins", "list"])
    assert "\x1b" not in capsys.readouterr().out
