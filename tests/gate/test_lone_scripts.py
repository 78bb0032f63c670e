"""The scripts that run by their path in a tree of any version: they speak the protocol of workers from one copy of it."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ganbench.fleet import worker
from ganbench_gate import frozen_process, resolve_process, seed_process, side_process

scripts = pytest.mark.parametrize(
    "script", [side_process, frozen_process, resolve_process, seed_process], ids=["side", "frozen", "resolve", "seed"]
)


@scripts
def test_the_copy_of_the_streams_is_the_original(script: ModuleType) -> None:
    """So that what is mended in one place is mended in all."""
    assert inspect.getsource(script.private_streams) == inspect.getsource(worker.private_streams)  # type: ignore[attr-defined]


@scripts
def test_nothing_of_ganbench_is_imported_before_the_job_is_there(script: ModuleType, tmp_path: Path) -> None:
    """What ``ganbench`` is depends on the tree, and an import that fails must become an answer."""
    code = f"import runpy, sys; runpy.run_path({script.__file__!r}); print('ganbench' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "False"


JOB: dict[str, Any] = {"plugin": "dcgan", "settings": {}, "options": {}, "off": [], "tree": "", "foreign": []}


def test_what_would_be_run_is_said_without_torch() -> None:
    """Every value with where it comes from, the plugins, and the versions of what they need; torch is not imported."""
    had_torch = "torch" in sys.modules
    said = resolve_process._answer({**JOB, "settings": {"training.batch_size": 8}, "options": {"latent_dim": "16"}})
    assert "refusal" not in said, said
    assert said["configuration"]["training.batch_size"] == 8
    assert said["configuration"]["architecture.options.latent_dim"] == 16
    assert (said["origins"]["training.batch_size"], said["borrowed"]) == ("command line", [])
    assert {"architecture dcgan", "dataset digits"} <= set(said["plugins"])
    assert {"python", "torch", "numpy", "click"} <= set(said["versions"])
    assert ("torch" in sys.modules) == had_torch


def test_where_a_tree_lies_is_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin file of two trees is called alike, and told by its content."""
    configurations = []
    for name in ("base", "head"):
        tree = tmp_path / name
        tree.mkdir()
        (tree / "my_gan.py").write_text("def build(options, context):\n    raise NotImplementedError\n")
        monkeypatch.chdir(tree)
        said = resolve_process._answer({**JOB, "plugin": "./my_gan.py:build", "tree": str(tree)})
        assert "refusal" not in said, said
        configurations.append(said["configuration"])
    assert configurations[0] == configurations[1]
    assert configurations[0]["architecture.name"] == "my_gan.py:build"


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"plugin": "dcga"}, "unknown", "did you mean 'dcgan'?"),
        ({"settings": {"dataset.name": "digts"}}, "refused", "did you mean 'digits'?"),
        ({"settings": {"training.batchsize": 3}}, "refused", "did you mean 'batch_size'?"),
        ({"settings": {"training.batch_size": "many"}}, "refused", "must be"),
        ({"settings": {"evaluation.metrics": "fdd5k_digits"}}, "refused", "fdd5k_digits"),
        ({"options": {"latentdim": "3"}}, "refused", "did you mean 'latent_dim'?"),
        ({"options": {"latent": "3"}}, "refused", "did you mean 'latent_dim'?"),
        ({"off": ["nothing"]}, "refused", "nothing has this name"),
    ],
)
def test_what_is_not_taken_is_told_from_what_is_not_there(changes: dict[str, Any], kind: str, message: str) -> None:
    """A misspelt name is the user's on both sides; a plugin that only base lacks makes the call a first one."""
    said = resolve_process._answer({**JOB, **changes})
    assert said["refusal"] == kind
    assert message in said["message"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({}, "unknown"),
        ({"tiny_plugins.py": "def ("}, "broken"),
        ({"tiny_plugins.py": "import nothing_of_the_kind"}, "broken"),
        ({"tiny_plugins.py": "from ganbench import hookimpl\n\n@hookimpl\ndef ganbench_register():\n    return []\n"}, "unknown"),
    ],
)
def test_a_tree_without_the_plugin_is_new_and_one_whose_plugin_fails_is_broken(tmp_path: Path, files: dict[str, str], kind: str) -> None:
    """The entry point is that of the installed distribution; the module is the tree's, or there is none yet."""
    installed, tree = tmp_path / "installed", tmp_path / "tree"
    (installed / "tiny-1.0.dist-info").mkdir(parents=True)
    (installed / "tiny-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
    (installed / "tiny-1.0.dist-info" / "entry_points.txt").write_text("[ganbench]\ntiny = tiny_plugins\n")
    (tree / "src").mkdir(parents=True)
    for name, text in files.items():
        (tree / "src" / name).write_text(text)
    job = {**JOB, "plugin": "tiny-gan", "tree": str(tree)}
    paths = [str(tree / "src"), str(installed), *filter(None, sys.path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    code = f"import runpy; main = runpy.run_path({resolve_process.__file__!r}); print(main['_answer']({job!r})['refusal'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path, env=environment)
    assert done.stdout.strip() == kind


def test_what_measures_is_not_what_is_measured() -> None:
    """The files beside the script come from this checkout, whichever tree a side runs, and no verdict speaks of them."""
    module = side_process._beside("side_memory")
    assert module.__name__ in sys.modules
    assert module.__name__ not in side_process._packages_below([str(Path(side_process.__file__).parents[2])], [])
