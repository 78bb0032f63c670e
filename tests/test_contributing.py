"""The examples of CONTRIBUTING.md are run as they stand there."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path

import pytest
import torch

from ganbench import BuildContext, ModelSpec
from ganbench.cli.main import main
from ganbench.config.resolve import resolve
from ganbench.plugin.manager import PluginManager
from ganbench_spaces.images import ImageSpace

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")


def block(language: str, number: int) -> str:
    """Return one of the document's blocks of code."""
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)
    return found[number]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ``my_gan.py`` as the document has it, on the path and the working directory."""
    (tmp_path / "my_gan.py").write_text(block("python", 0))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_the_minimal_plugin_runs_from_its_file(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both of its commands' names and options are right, and the networks keep to the contract."""
    commands = [line.split() for line in TEXT.splitlines() if line.startswith("ganbench") and "./my_gan.py" in line]
    assert [c[1] for c in commands] == ["plugins", "run"]
    assert main([*commands[0][1:], "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert [o["name"] for o in shown["options"]] == ["latent_dim", "width"]
    assert [o["help"] for o in shown["options"]] == ["Length of z.", "Units of the hidden layers."]
    name, option = commands[1][3], commands[1][5]
    resolved = resolve(PluginManager(), name, [], dict([option.split("=")]))
    made = resolved.architecture.build(resolved.config.architecture.options, BuildContext(space=ImageSpace.square(1, 16)))
    images = made["generator"](torch.randn(3, made.inputs.dim), None)
    assert images.shape == (3, 1, 16, 16)
    assert made["generator"].layers[0].out_features == 256
    assert made["discriminator"](images, None).shape == (3,)


def test_the_registration_and_its_entry_point_work(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed with exactly the lines of the document."""
    networks = block("python", 0)
    options = next(node for node in ast.parse(networks).body if isinstance(node, ast.ClassDef) and node.name == "Options")
    moved = networks.splitlines()[options.decorator_list[0].lineno - 1 : options.end_lineno]
    (site / "my_gan_options.py").write_text("\n".join(["from dataclasses import dataclass", *moved]))
    (site / "my_gan_plugin.py").write_text(block("python", 1))
    info = site / "my_gan-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-gan\nVersion: 1.0\n")
    table = block("toml", 0).replace("project.entry-points.ganbench", "ganbench").replace('"', "")
    (info / "entry_points.txt").write_text(table)
    monkeypatch.delenv("GANBENCH_PLUGINS", raising=False)
    try:
        found = PluginManager().find(ModelSpec, "my-gan")
        assert (found.distribution, found.spec.summary) == ("my-gan", "a multilayer perceptron")
        made = found.build(found.spec.options(width=16), BuildContext(space=ImageSpace.square(3, 8)))
        assert made["generator"](torch.randn(2, 32), None).shape == (2, 3, 8, 8)
    finally:
        for name in ("my_gan", "my_gan_options", "my_gan_plugin"):
            sys.modules.pop(name, None)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:ganbench|plugins|tests|benchmarks|\.ci)/[\w./-]*\w/?)`", TEXT))))
def test_every_path_that_is_named_exists(path: str) -> None:
    """A guide that points nowhere is worse than none."""
    assert (Path(__file__).parents[1] / path).exists()
