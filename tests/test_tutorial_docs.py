"""docs/tutorial.md against the program: its commands are accepted, its files do what it says, and the site has its pages."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from ganbench.cli.main import cli, main

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
FILE = re.compile(r"^```(?:python|toml)\n# (\S+)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
FILES = dict(FILE.findall(PAGE))
COMMANDS = [line for line in re.sub(r"\\\n *", "", PAGE).splitlines() if line.startswith("ganbench ")]


def command(begin: str) -> list[str]:
    """Return the words of the only command line that begins so, without ``ganbench``."""
    (line,) = (line for line in COMMANDS if line.startswith(begin))
    return shlex.split(line)[1:]


def test_every_command_line_is_accepted() -> None:
    """With its options and the form of their values."""
    assert len(COMMANDS) >= 10
    for line in COMMANDS:
        found: Any = cli
        context, words = click.Context(cli, **cli.context_settings), shlex.split(line)[1:]
        while isinstance(found, click.Group):
            name, found, words = found.resolve_command(context, words)
            context = click.Context(found, parent=context, info_name=name)
        found.make_context(found.name, words, parent=context.parent)


def test_its_files_do_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The GAN is that of the page on plugins, whose tests train it; the pictures are a dataset; the matrix has the cells that are shown."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    for name, text in FILES.items():
        Path(name).write_text(text, encoding="utf-8")
    assert FILES["my_gan.py"] == dict(FILE.findall((ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")))["my_gan.py"]
    exec(compile(FILES["draw.py"], "draw.py", "exec"), {})
    assert sorted(path.name for path in Path("shapes").iterdir()) == ["disc", "square"]
    assert len(list(Path("shapes").rglob("*.png"))) == 600
    assert main([*command("ganbench run --plugin dcgan --dataset folder"), "--dry-run"]) == 0
    assert main([*command("ganbench run --plugin ./my_gan.py:build"), "--dry-run"]) == 0  # a matrix runs no file that its user has not run
    assert main(command("ganbench matrix widths.toml --dry-run")) == 0
    cells = [line for line in capsys.readouterr().out.splitlines() if "seed=" in line]
    assert len(cells) == 4
    assert all(" ".join(cell.split()) in " ".join(PAGE.split()) for cell in cells)


def test_the_site_has_pages_that_exist_and_the_gate_installs_what_the_extra_names() -> None:
    """Strict builds say the first too, where MkDocs is; `.ci/run` reads the extra from its line."""
    named = re.findall(r"'([\w/.-]+\.md)'", str(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]))
    assert len(named) == len(set(named))
    assert [name for name in named if not (ROOT / name).is_file()] == []
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (read,) = re.findall(r"^docs_requirements=\$\((.*)\)$", script, flags=re.MULTILINE)
    done = subprocess.run(("bash", "-c", read), cwd=ROOT, capture_output=True, text=True, check=True)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert done.stdout.split() == extras["docs"]
