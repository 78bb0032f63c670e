"""Whether two versions of ganbench train the same bits: ``python benchmarks/same_bits.py BASE HEAD``, two source trees.

Each tree trains the cases below for 200 steps through its own command line, on one CPU thread. What is compared are the tensors of the
networks in the last checkpoint, whatever they are called there, the losses of the first steps and every metric. A tree that changes no
arithmetic prints ``same`` for each case; the exit code is 1 where one differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

STEPS = 200
COMMON = ("--seed", "0", "--set", "training.threads=1", "--set", "evaluation.metrics=none")
CASES: dict[str, tuple[int, tuple[str, ...]]] = {
    "dcgan": (64, ("--plugin", "dcgan")),
    "dcgan with R1 and diffaugment": (
        64,
        ("--plugin", "dcgan", "--augment", "diffaugment", "-o", "discriminator_norm=none", "-o", "loss.r1_gamma=0.1"),
    ),
    "progan": (8, ("--plugin", "progan", "--dataset", "digits", "-o", "max_channels=4", "-o", "stage_kimg=0.2", "-o", "fade_kimg=0.2")),
    "cyclegan": (4, ("--plugin", "cyclegan", "-o", "width=8", "-o", "discriminator_width=8")),
    "pix2pix": (4, ("--plugin", "pix2pix", "-o", "width=8", "-o", "discriminator_width=8")),
    "mlp on ring8": (64, ("--plugin", "mlp", "--dataset", "ring8")),
    "r3gan": (8, ("--plugin", "r3gan", "--dataset", "digits", "-o", "width=8", "-o", "group_channels=4", "-o", "blocks=1")),
    "biggan": (8, ("--plugin", "biggan", "--dataset", "digits", "-o", "generator_width=4", "-o", "discriminator_width=4")),
}
"""By name: real samples of a step, and what is said on the command line."""


def main() -> None:
    """Compare two trees, case by case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", type=Path)
    parser.add_argument("head", type=Path)
    parser.add_argument("--only", help="a part of a case's name")
    chosen = parser.parse_args()
    different = False
    for name in (*CASES, "pacgan-table1"):
        if chosen.only and chosen.only not in name:
            continue
        base, head = (list(facts(tree.resolve(), name)) for tree in (chosen.base, chosen.head))
        missing = [fact for fact in base if fact not in head]
        different |= bool(missing) or not base
        print(f"{name}: {'same' if base and not missing else 'DIFFERENT'} ({len(base)} tensors and values)", flush=True)
        for fact in missing[:5]:
            print(f"    base has {fact}, head has not")
    sys.exit(different)


def facts(tree: Path, name: str) -> Iterator[str]:
    """Yield a line for each tensor and value that a tree comes to."""
    with tempfile.TemporaryDirectory() as folder:
        if name == "pacgan-table1":
            yield from reproduction_facts(tree, Path(folder) / "out")
            return
        batch, arguments = CASES[name]
        kimg = STEPS * batch / 1000
        out = Path(folder) / "out"
        record = json.loads(
            command(tree, "run", *arguments, *COMMON, "--batch-size", str(batch), "--kimg", str(kimg), "--json", "--out", str(out))
        )
        yield f"losses {record['work']['trajectory_hash']}"
        newest = max((out / "checkpoints").iterdir(), key=lambda path: int(path.name.partition("-")[0]))
        state = torch.load(newest, map_location="cpu", weights_only=True)
        yield from sorted(map(tensor_fact, tensors_in(state["algorithm"]["modules"])))


def reproduction_facts(tree: Path, out: Path) -> Iterator[str]:
    """Yield the scores of every cell of PacGAN's table after 200 steps."""
    protocol = ("-o", "num_samples=10000", "-o", "epochs=2", "--seeds", "2", "--threads", "1")
    printed = command(tree, "reproduce", "pacgan-table1", *protocol, "--json", "--out", str(out))
    for cell in json.loads(printed)["cells"]:
        yield json.dumps({key: cell[key] for key in sorted(cell) if "second" not in key and "per_step" not in key and "memory" not in key})


def command(tree: Path, *arguments: str) -> str:
    """Return what a tree's command line prints on stdout."""
    paths = os.pathsep.join(str(tree / part) for part in (".", "plugins", "kernels"))
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "ganbench", *arguments],
        cwd=tempfile.gettempdir(),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{tree}: ganbench {' '.join(arguments)} ended with {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def tensors_in(state: Any) -> Iterator[torch.Tensor]:
    """Yield every tensor of nested dictionaries."""
    if isinstance(state, torch.Tensor):
        yield state
    elif isinstance(state, dict):
        for value in state.values():
            yield from tensors_in(value)


def tensor_fact(tensor: torch.Tensor) -> str:
    """Return a tensor's shape and the hash of its bytes."""
    return f"tensor {list(tensor.shape)} {hashlib.sha256(tensor.numpy().tobytes()).hexdigest()[:16]}"


if __name__ == "__main__":
    main()
