"""Who may import whom, and what the light commands must not import."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run this interpreter with the sources of this checkout in front."""
    paths = [str(ROOT), str(ROOT / "plugins"), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "NO_COLOR": "1"}
    environment.pop("GANBENCH_PLUGINS", None)
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=folder, env=environment, check=False)


def test_the_import_contracts_hold() -> None:
    """Layers, independence of plugins, and a harness that knows none of them: the contracts of pyproject.toml."""
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(cache_dir=None))"
    done = run("-c", code)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def inner_imports(file: Path) -> list[str]:
    """Return the modules below ganbench that a file imports, wherever in it, under TYPE_CHECKING too; ``ganbench.testing`` is public."""
    modules: list[str] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "ganbench":
            modules += [f"ganbench.{alias.name}" for alias in node.names if is_module(alias.name)]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.append(node.module)
    return [module for module in modules if module.startswith("ganbench.") and module.split(".")[1] != "testing"]


def is_module(name: str) -> bool:
    """Tell whether ganbench has a module of that name."""
    return (ROOT / "ganbench" / name).is_dir() or (ROOT / "ganbench" / f"{name}.py").is_file()


IN_ANOTHER_TREE = {
    "plugins/ganbench_gate/side_process.py",
    "plugins/ganbench_gate/frozen_process.py",
    "plugins/ganbench_gate/resolve_process.py",
}
"""Scripts that are run in the tree of any version of ganbench, and know the modules that those have."""


def test_plugins_import_public_names_alone() -> None:
    """What a plugin needs of ganbench is in ``ganbench`` itself, for anybody's plugin."""
    found = {str(file.relative_to(ROOT)): inner_imports(file) for file in (ROOT / "plugins").rglob("*.py")}
    assert len(found) > 100
    assert {file for file, modules in found.items() if modules} == IN_ANOTHER_TREE


def imported_by(*arguments: str) -> set[str]:
    """Return the top-level packages that a command line has imported when it ends."""
    code = f"""
import sys
from ganbench.cli.main import main
code = main({list(arguments)!r})
print("IMPORTED", *sorted({{name.partition(".")[0] for name in sys.modules}}))
raise SystemExit(code)
"""
    done = run("-c", code)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("IMPORTED")[2].split())


LIGHT = [
    ("--help",),
    ("--version",),
    ("run", "--help"),
    ("plugins", "--help"),
    ("plugins", "list"),
    ("plugins", "list", "--json"),
    ("plugins", "show", "dcgan"),
    ("ab", "--help"),
    ("ci", "--help"),
    ("completion", "bash"),
]


@pytest.mark.parametrize("arguments", LIGHT, ids=" ".join)
def test_a_light_command_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    """``--help``, listing plugins and completion must stay far below a second."""
    assert imported_by(*arguments) & {"torch", "torchvision", "numpy", "scipy", "sklearn", "PIL", "matplotlib", "rich"} == set()


def test_the_help_imports_little_for_the_commands_of_plugins() -> None:
    """It lists them by their specs; reading all metadata, hooks and logging would take longer than the help itself."""
    packages = imported_by("--help")
    assert {"ganbench_bench", "ganbench_reproduce"} <= packages
    assert packages & {"importlib_metadata", "email", "csv", "zipfile", "pluggy", "logging", "ganbench_dcgan"} == set()


def test_importing_ganbench_imports_nothing_heavy() -> None:
    """Its public names are loaded when they are used."""
    done = run(
        "-c", "import sys, ganbench; ganbench.ArchitectureSpec; print(sorted({'torch', 'numpy', 'rich', 'click'} & set(sys.modules)))"
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]")
