"""What a wheel holds: exactly our top-level names, all files of ganbench, the shipped weights, and the entry points."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLUGINS = {path.parent.name for path in (ROOT / "plugins").glob("ganbench_*/__init__.py")}
LIBRARIES = {"ganbench_schedules"}
"""Those that register nothing."""


def wheel(project: Path, tmp_path: Path) -> zipfile.ZipFile:
    """Build a wheel from a copy, in this environment, without the network."""
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("setuptools is not installed here; the continuous integration builds the wheels in isolation")
    copy, out = tmp_path / "source", tmp_path / "wheels"
    elsewhere = {"results", "tests", "benchmarks", "build", "dist"} if project == ROOT else set()
    hidden = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__")
    shutil.copytree(project, copy, ignore=lambda folder, names: hidden(folder, names) | (elsewhere if Path(folder) == project else set()))
    out.mkdir()
    code = f"from setuptools.build_meta import build_wheel; build_wheel({str(out)!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Package would be ignored" not in done.stderr  # whoever installs from source would read it a dozen times
    return zipfile.ZipFile(next(out.glob("*.whl")))


def top_level(names: list[str]) -> set[str]:
    return {name.partition("/")[0] for name in names if ".dist-info" not in name}


def entry_points(archive: zipfile.ZipFile, names: list[str]) -> str:
    return archive.read(next(n for n in names if n.endswith("entry_points.txt"))).decode()


@pytest.mark.slow
def test_the_wheel_has_exactly_our_top_level_names(tmp_path: Path) -> None:
    """A top-level ``tests``, ``plugins`` or ``kernels`` would overwrite another package's; the example is a distribution of its own."""
    with wheel(ROOT, tmp_path) as archive:
        names = archive.namelist()
        assert top_level(names) == {"ganbench", "ganbench_kernels", *PLUGINS}
        assert {"ganbench/py.typed", "ganbench_kernels/py.typed"} <= set(names)
        weights = [n for n in names if n.startswith("ganbench_extractors/weights/")]
        shipped = [p.name for p in (ROOT / "plugins/ganbench_extractors/weights").iterdir()]
        assert sorted(Path(n).name for n in weights) == sorted(shipped)
        assets = [path for path in (ROOT / "plugins/ganbench_report/assets").rglob("*") if path.is_file()]
        assert {str(path.relative_to(ROOT / "plugins")) for path in assets} <= set(names)
        ours = (path for path in (ROOT / "ganbench").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        assert {str(path.relative_to(ROOT)) for path in ours} <= set(names)  # schemas and templates too
        text = entry_points(archive, names)
        assert all(f"= {plugin}\n" in text + "\n" for plugin in PLUGINS - LIBRARIES)


@pytest.mark.slow
def test_the_examples_wheel_is_one_package_with_one_entry_point(tmp_path: Path) -> None:
    """What a third party would publish."""
    with wheel(ROOT / "plugins" / "ganbench-example", tmp_path) as archive:
        names = archive.namelist()
        assert top_level(names) == {"ganbench_example"}
        assert entry_points(archive, names).split() == ["[ganbench]", "example", "=", "ganbench_example"]
        metadata = archive.read(next(n for n in names if n.endswith("METADATA"))).decode()
        assert "Requires-Dist: ganbench" in metadata
