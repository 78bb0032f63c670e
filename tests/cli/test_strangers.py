"""A run directory, a configuration or a matrix of somebody else executes nothing, and writes nowhere but in its own folder."""

from __future__ import annotations

import os
import py_compile
from pathlib import Path

import pytest

from ganbench import PluginManager
from ganbench.cli.main import main
from ganbench.errors import PluginError
from ganbench.plugin import plugin_file
from ganbench.run.plan import plan_again

EVIL = """import os
from ganbench import NoOptions
with open(os.environ["GANBENCH_TEST_RAN"], "a") as file:
    file.write("ran ")
def X(options, shape): ...
"""
SMALL = ["--kimg", "0.1", "--batch-size", "30", "--quiet", "--no-eval", "-o", "generator_width=4", "-o", "discriminator_width=4"]


@pytest.fixture(autouse=True)
def _nothing_was_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what other tests have run in this process."""
    monkeypatch.setattr(plugin_file, "_run_here", set())


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stranger's folder as the working directory; the file that exists once the plugin file in it has run."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GANBENCH_TEST_RAN", str(tmp_path / "ran"))
    monkeypatch.chdir(tmp_path)
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    (stranger / "evil.py").write_text(EVIL)
    return tmp_path / "ran"


CONFIGURATIONS = {
    "architecture": '[architecture]\nname = "./stranger/evil.py:X"\n',
    "name": 'name = "./stranger/evil.py:X"\n',
    "loss": 'name = "dcgan"\n[loss]\nname = "./stranger/evil.py:X"\n',
    "dataset": 'name = "dcgan"\n[dataset]\nname = "stranger/evil.py:X"\n',
    "augmentation": 'name = "dcgan"\n[augmentation]\nname = "stranger/evil.py:X"\n',
}
MATRICES = {
    "axis": '[axes]\nplugin = ["dcgan", "./stranger/evil.py:X"]\n',
    "setting": '[axes]\nseed = [0]\n[settings]\nplugin = "./stranger/evil.py:X"\n',
    "path": '[axes]\nplugin = ["dcgan"]\n"loss.name" = ["./stranger/evil.py:X"]\n',
    "include": '[[include]]\nplugin = "./stranger/evil.py:X"\n',
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
@pytest.mark.parametrize("how", [["--config", "stranger/config.toml", "--dry-run"], ["--resume", "stranger"]])
def test_a_strangers_configuration_executes_nothing(name: str, how: list[str], ran: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One line says which file would run, and how to allow it."""
    Path("stranger/config.toml").write_text(CONFIGURATIONS[name])
    assert main(["run", *how]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert str(Path("stranger/evil.py").absolute()) in line
    assert "--trust-files" in line
    assert not ran.exists()


@pytest.mark.parametrize("name", MATRICES)
def test_a_strangers_matrix_executes_nothing(name: str, ran: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Wherever in the file the plugin is named."""
    Path("matrix.toml").write_text(MATRICES[name])
    assert main(["matrix", "matrix.toml", "--dry-run"]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert str(Path("stranger/evil.py").absolute()) in line
    assert "--trust-files" in line
    assert not ran.exists()


def test_a_flag_allows_it_and_the_content_is_remembered(ran: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Afterwards the same content runs without the flag, wherever it lies; another content is asked about again."""
    Path("stranger/config.toml").write_text(CONFIGURATIONS["architecture"])
    call = ["run", "--config", "stranger/config.toml", "--dry-run"]
    assert main([*call, "--trust-files"]) == 0
    assert ran.read_text() == "ran "
    Path("other").mkdir()
    Path("other/evil.py").write_text(EVIL)
    Path("other.toml").write_text(CONFIGURATIONS["architecture"].replace("stranger", "other"))
    assert main(["run", "--config", "other.toml", "--dry-run"]) == 0
    assert ran.read_text() == "ran ran "
    Path("stranger/evil.py").write_text(EVIL + "# edited\n")
    assert main(call) == 2
    assert ran.read_text() == "ran ran "
    capfd.readouterr()


def test_what_the_user_named_once_may_be_named_by_a_file(ran: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Whoever types ``--plugin ./file.py:Name`` has chosen to run it, and goes on with the run without being asked."""
    assert main(["run", "--plugin", "./stranger/evil.py:X", "--dry-run"]) == 0
    Path("stranger/config.toml").write_text(CONFIGURATIONS["name"])
    assert main(["run", "--config", "stranger/config.toml", "--dry-run"]) == 0
    capfd.readouterr()


def test_a_python_program_is_asked_too(ran: Path) -> None:
    """A resumed run is planned from its own configuration, whoever asks."""
    Path("stranger/config.toml").write_text(CONFIGURATIONS["loss"])
    with pytest.raises(PluginError, match="has not run before"):
        plan_again(PluginManager(), Path("stranger/config.toml"))
    assert not ran.exists()
    plan_again(PluginManager(), Path("stranger/config.toml"), trust_files=True)
    assert ran.exists()


def test_a_mark_of_another_user_counts_for_nothing(ran: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a shared cache a stranger could otherwise say what this user has run."""
    Path("stranger/config.toml").write_text(CONFIGURATIONS["loss"])
    plan_again(PluginManager(), Path("stranger/config.toml"), trust_files=True)
    plugin_file._run_here.clear()
    own = os.getuid()
    monkeypatch.setattr(plugin_file.os, "getuid", lambda: own + 1)
    with pytest.raises(PluginError, match="has not run before"):
        plan_again(PluginManager(), Path("stranger/config.toml"))


def test_a_cache_that_cannot_be_written_asks_in_the_next_process_only(ran: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a program, what was typed may be read back from a file."""
    Path("file").touch()
    monkeypatch.setenv("GANBENCH_CACHE", str(Path("file").absolute()))
    PluginManager().find(plugin_file.ModelSpec, "./stranger/evil.py:X")
    Path("stranger/config.toml").write_text(CONFIGURATIONS["loss"])
    plan_again(PluginManager(), Path("stranger/config.toml"))
    plugin_file._run_here.clear()
    with pytest.raises(PluginError, match="has not run before"):
        plan_again(PluginManager(), Path("stranger/config.toml"))


def test_compiled_code_beside_a_known_file_is_not_what_runs(ran: Path, tmp_path: Path) -> None:
    """A ``__pycache__`` with the time and the size of the harmless source would be believed by Python's own import."""
    plugin = Path("stranger/evil.py")
    os.utime(plugin, (0, 0))
    py_compile.compile(str(plugin))
    plugin.write_text(EVIL.replace('file.write("ran ")', '(          "ran ")'))
    os.utime(plugin, (0, 0))
    assert PluginManager().find(plugin_file.ModelSpec, "./stranger/evil.py:X").spec.name == "x"
    assert ran.read_text() == ""


@pytest.fixture
def unfinished(ran: Path, capfd: pytest.CaptureFixture[str]) -> Path:
    """A run that was interrupted before its record: its directory without record and checkpoints, and a file outside."""
    run = Path("run")
    assert main(["run", "--plugin", "dcgan", *SMALL, "--out", "run"]) == 0
    record = (run / "record.json").read_text()
    (run / "partial_record.json").write_text(record.replace('"status": "complete"', '"status": "running"'))
    (run / "record.json").unlink()
    outside = Path("outside")
    outside.mkdir()
    (outside / "file").write_text("mine\n")
    capfd.readouterr()
    return run


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize("name", [".lock", "events.jsonl", "log.txt", "samples", "checkpoints"])
def test_a_link_in_a_run_directory_is_refused_and_what_it_leads_to_stays(
    name: str, unfinished: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing is written, truncated or made before it is refused."""
    target = Path("outside") if name in ("samples", "checkpoints") else Path("outside/file")
    (unfinished / name).rename(f"kept{name}")
    (unfinished / name).symlink_to(target.absolute())
    before = {path: path.read_bytes() for path in sorted(unfinished.rglob("*")) if path.is_file() and path.name != name}
    assert main(["run", "--resume", "run"]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert f"run/{name} is a link" in line
    assert Path("outside/file").read_text() == "mine\n"
    assert [path.name for path in Path("outside").iterdir()] == ["file"]
    assert {path: path.read_bytes() for path in sorted(unfinished.rglob("*")) if path.is_file() and path.name != name} == before


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize("name", ["config.toml", "record.json", "partial_record.json", "curves.png", "progress.png", "progress.webp"])
def test_a_file_that_is_replaced_as_a_whole_replaces_the_link(name: str, unfinished: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What the link leads to is left as it was."""
    outside = Path("outside/file")
    if name == "config.toml":
        outside.write_bytes((unfinished / name).read_bytes())
    before = outside.read_bytes()
    (unfinished / name).unlink(missing_ok=True)
    if name == "record.json":
        outside, before = Path("outside/new"), b""
    (unfinished / name).symlink_to(outside.absolute())
    assert main(["run", "--resume", "run", "--quiet"]) == 0, capfd.readouterr().err
    assert (outside.read_bytes() if outside.exists() else b"") == before


@pytest.mark.slow
def test_a_pipe_for_a_lock_blocks_nobody(unfinished: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither who resumes the run nor who lists it waits for a writer."""
    (unfinished / ".lock").unlink()
    os.mkfifo(unfinished / ".lock")
    assert main(["run", "--resume", "run"]) == 2
    assert main(["show", "run"]) == 0
    assert ".lock is a link, or not what a run keeps there" in capfd.readouterr().err
