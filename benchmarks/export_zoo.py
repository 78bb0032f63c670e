"""Which generators leave ganbench in which form: every architecture and recipe in its small configuration, exported and compared.

    python benchmarks/export_zoo.py [NAME ...] > export.md

A generator that draws random numbers by itself, or whose code cannot be traced, is a row with the reason.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from ganbench import ModelSpec, PluginManager, UsageError
from ganbench.testing import Subject, Trial

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "plugins"))

from zoo import small_cases

from ganbench_use.exported import FILES, export
from ganbench_use.generator import EvaluatedGenerator, draw_inputs

COMPARED = 8


def main(names: list[str]) -> None:
    """Print a row for each name."""
    torch.set_num_threads(1)
    manager, cases = PluginManager(), small_cases()
    print(f"Largest difference from the generator over batches of 8, 3 and 1; torch {torch.__version__}, CPU.\n")
    print(f"| name | inputs | {' | '.join(FILES)} |\n| --- | --- |{' ---: |' * len(FILES)}")
    for name in names or sorted(cases):
        materials = Trial(Subject(registered=manager.find(ModelSpec, name), manager=manager, target=name, settings=cases[name])).materials
        inputs, labels = draw_inputs(materials, COMPARED)
        generator = EvaluatedGenerator(materials, "ema")
        cells = []
        for form in FILES:
            try:
                cells.append(f"{export(generator, form, {}, inputs, labels)[1]:.1e}")
            except UsageError as error:
                cells.append(str(error).partition("\n")[0])
        asked = "x".join(map(str, inputs.shape[1:])) + (", class" if labels is not None else "")
        print(f"| {name} | {asked} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
