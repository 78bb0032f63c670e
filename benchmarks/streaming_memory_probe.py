"""Streams a folder of hard-linked images in this process and prints its peak memory as JSON; run by the memory tests, one process a case.

Arguments: directory, number of images, batches. It streams without workers first, then with two. The directory is filled on the first call.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from pathlib import Path

_DISTINCT = 100


def fill(root: Path, num_images: int) -> None:
    """Make a flat folder of ``num_images`` names for a hundred distinct images of 16x16."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    originals = root.parent / f"{root.name}-originals"
    originals.mkdir(parents=True)
    root.mkdir()
    for number in range(_DISTINCT):
        Image.fromarray(random.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(originals / f"{number}.png")
    for number in range(num_images):
        os.link(originals / f"{number % _DISTINCT}.png", root / f"{number:06d}.png")


def peak_mib(process: int | str = "self") -> float:
    """Return the peak resident set of a process."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"the kernel tells no VmHWM of process {process}")


def main(root: Path, num_images: int, batches: int) -> None:
    """Stream and print."""
    if not root.exists():
        fill(root, num_images)
    import torch

    torch.set_num_threads(1)
    from ganbench.data.choose import make_sampler
    from ganbench.data.source import DataContext
    from ganbench_datasets.folder import build
    from ganbench_datasets.options import FolderOptions

    data = build(FolderOptions(path=str(root), resolution=64), DataContext(resident_limit_mib=0.1))
    assert not data.train.is_resident
    assert data.train.num_samples == num_images
    peaks = {}
    for workers in (0, 2):
        sampler = make_sampler(data.train, batch_size=64, seed=0, workers=workers)
        for _ in range(batches):
            sampler.next(64)
        peaks[f"main process, {workers} workers"] = peak_mib()
        children = [peak_mib(child.pid or 0) for child in multiprocessing.active_children()]
        assert len(children) == workers
        sampler.close()
    print(json.dumps(peaks | {"largest worker": max(children)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
