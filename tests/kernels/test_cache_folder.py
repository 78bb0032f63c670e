"""Where Triton compiles to, for somebody who has a home and for somebody who has none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ganbench_kernels import has_triton
from ganbench_kernels.jit import cache_folder

NO_HOME = "/dev/null/nobody"
"""Not even root can make it."""
COMPILE = """
import os
from cross_compile import for_nvidia
from planned_to_uint8 import planned
assert for_nvidia(planned()["fp32"].launch, "sm_90").registers > 0
print(os.environ["TRITON_CACHE_DIR"], len(os.listdir(os.environ["TRITON_CACHE_DIR"])))
"""


@pytest.fixture
def provided(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str | None]:
    """Return a function that says which folder is set under some variables of the environment, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cache_folder.atexit, "register", lambda *_, **__: None)
    monkeypatch.setattr(cache_folder.tempfile, "mkdtemp", lambda prefix: f"/tmp/{prefix}mine")

    def ask(**environment: str) -> str | None:
        for name in ("TRITON_CACHE_DIR", "TRITON_HOME", "GANBENCH_CACHE", "HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        cache_folder.provide_cache_folder()
        return os.environ.get("TRITON_CACHE_DIR")

    return ask


def test_a_home_is_where_triton_looks_itself(provided, tmp_path):
    """And what the user says stands, whatever the home is."""
    assert provided(HOME=str(tmp_path)) is None
    assert provided(HOME=NO_HOME, TRITON_CACHE_DIR="/mine") == "/mine"
    assert provided(HOME=NO_HOME, TRITON_HOME="/mine") is None


def test_without_a_home_it_lies_in_ganbenchs_cache_or_in_a_folder_of_this_process(provided, tmp_path):
    """A cache that cannot be written is none; an empty variable says nothing."""
    assert provided(HOME=NO_HOME, GANBENCH_CACHE=str(tmp_path / "cache")) == str(tmp_path / "cache" / "triton")
    assert provided(HOME=NO_HOME, GANBENCH_CACHE="cache") == str(tmp_path / "cache" / "triton")  # a process may change its folder
    assert provided(HOME=NO_HOME, GANBENCH_CACHE=f"{NO_HOME}/cache") == "/tmp/triton-mine"
    assert provided(HOME=NO_HOME, TRITON_CACHE_DIR="") == "/tmp/triton-mine"


def test_a_user_whom_the_system_does_not_know_gets_no_folder_of_the_name_of_home(provided, tmp_path, monkeypatch):
    """Triton alone would write below ``./~``."""
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert provided() == "/tmp/triton-mine"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(not has_triton(), reason="triton is not installed")
def test_a_process_without_a_home_compiles(tmp_path):
    """A kernel, for a GPU that is not here; what was kept for this process alone is gone at its end."""
    unset = ("TRITON_CACHE_DIR", "TRITON_HOME", "GANBENCH_CACHE")
    environment = {**{name: value for name, value in os.environ.items() if name not in unset}, "HOME": NO_HOME, "TMPDIR": str(tmp_path)}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(Path(__file__).parent), environment.get("PYTHONPATH")]))
    done = subprocess.run([sys.executable, "-c", COMPILE], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    folder, count = done.stdout.split()
    assert Path(folder).parent == tmp_path
    assert int(count) > 0
    assert not Path(folder).exists()
