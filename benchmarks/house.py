"""How large the core is, and through how many of its files two things go: ``python benchmarks/house.py``.

The core is ``ganbench/`` without ``ganbench/testing/`` and the two files of the Python calls. A batch goes from the disk to the record: one
iteration of a run whose images stream from files, with its statistics told and the record written; no evaluation, picture or checkpoint is
due in it, and what the plugins do in their own packages is not counted. A verdict goes from two sets of records to the text of JUnit.
A file counts where a function of it runs, in this process.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).parents[1]
CORE = ROOT / "ganbench"
NEW_PARTS = (CORE / "testing", CORE / "run" / "call.py", CORE / "fleet" / "matrix" / "call.py")
"""What came with the redesign: the author's kit and the Python calls."""
AIMS = {"files": 170, "lines": 22_500, "public classes and functions": 550, "a batch": 23, "a verdict": 14}
"""Those of the redesign, and 500 lines and a file of each batch for one run on many processes, which came later and is of every part."""
BATCH = 16


def main() -> None:
    """Print the figures, each beside its aim, and then the files of the two walks."""
    if len(sys.argv) > 1:  # a walk, in a process of its own
        print(json.dumps({"batch": walk_batch, "verdict": walk_verdict}[sys.argv[1]]()))
        return
    sizes, classes = measure(core_files())
    walks = {name: in_a_fresh_process(name) for name in ("batch", "verdict")}
    for name, figure in {**sizes, **{f"a {name}": len(files) for name, files in walks.items()}}.items():
        print(f"{name:32} {figure:>7,}" + (f"   at most {AIMS[name]:,}" if name in AIMS else ""))
    print(f"classes of one name: {', '.join(classes) or 'none'}")
    for name, files in walks.items():
        print(f"\na {name}:", *files, sep="\n  ")


def core_files() -> list[Path]:
    """Return the files of the core."""
    return [path for path in sorted(CORE.rglob("*.py")) if not any(path == part or part in path.parents for part in NEW_PARTS)]


def measure(files: list[Path]) -> tuple[dict[str, int], list[str]]:
    """Return the sizes, and the names that two public classes have."""
    texts = [path.read_text() for path in files]
    names = [one for text in texts for one in public_names(ast.parse(text))]
    classes = Counter(name for kind, name in names if kind == "class")
    sizes = {
        "files": len(files),
        "lines": sum(len(text.splitlines()) for text in texts),
        "public classes and functions": sum(kind != "constant" for kind, _ in names),
        "public constants besides": sum(kind == "constant" for kind, _ in names),
    }
    return sizes, [name for name, count in classes.items() if count > 1]


def public_names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield kind and name of each class, function and constant of a module that has no underscore."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found = [("class", node.name)]
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found = [("function", node.name)]
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found = [("constant", target.id) for target in targets if isinstance(target, ast.Name)]
        else:
            continue
        yield from (one for one in found if not one[1].startswith("_"))


def in_a_fresh_process(walk: str) -> list[str]:
    """Return the files of a walk."""
    folders = os.pathsep.join(str(ROOT / folder) for folder in (".", "plugins", "kernels"))
    environment = {**os.environ, "PYTHONPATH": folders, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, __file__, walk], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    files: list[str] = json.loads(done.stdout.splitlines()[-1])
    return files


def walk_batch() -> list[str]:
    """Return the files between the disk and the record."""
    import numpy as np
    from PIL import Image

    from ganbench.plugin.manager import PluginManager
    from ganbench.record.directory import RunDirectory
    from ganbench.run.call import plan
    from ganbench.run.lifecycle import Run

    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images"
        images.mkdir()
        for number in range(2 * BATCH):
            Image.fromarray(np.full((16, 16, 3), number, np.uint8)).save(images / f"{number:03}.png")
        options = {"dataset.path": str(images), "dataset.resolution": "16"}
        settings = {"training.batch_size": BATCH, "training.threads": 1, "training.device": "cpu", "data.resident_limit_mib": 0.0}
        manager = PluginManager()
        planned = plan("dcgan", dataset="folder", kimg=1, metrics=(), options=options, settings=settings, manager=manager)
        with RunDirectory.create_at(Path(folder) / "run") as directory, Run(planned, manager).trainer(directory) as trainer:
            trainer.train_until(BATCH)  # with the first picture

            def train() -> None:
                trainer.train_until(2 * BATCH)
                directory.finish(trainer.record("complete"))

            return files_of(train)


def walk_verdict() -> list[str]:
    """Return the files between records and JUnit."""
    from ganbench.record.find import find_runs, load_runs
    from ganbench.record.record import RunRecord
    from ganbench.report.exchange.junit import render_junit
    from ganbench.verdict.policy import Policy
    from ganbench.verdict.stored import compare_records

    runs = load_runs(find_runs([str(path) for path in sorted((ROOT / "results" / "leaderboard" / "digits").glob("dcgan-seed=*"))]))
    records = [run for run in runs if isinstance(run, RunRecord)]
    return files_of(lambda: render_junit(compare_records(records[:1], records[1:], Policy()), created="2000-01-01T00:00:00"))


def files_of(call: Callable[[], Any]) -> list[str]:
    """Return the files of the core in which a function runs while something is called."""
    found: set[Path] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_name != "<module>":
            found.add(Path(frame.f_code.co_filename))

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return sorted(str(path.relative_to(CORE)) for path in found if CORE in path.parents)


if __name__ == "__main__":
    main()
