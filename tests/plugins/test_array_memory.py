"""An array in memory is there once: while it is read, split and hashed, and beside the sampler."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

MIB = 128
CHILD = """
import pathlib, re, sys
from ganbench import DataContext
from ganbench.data.choose import make_sampler
from ganbench_datasets import array, options

def mib(field):  # and not ru_maxrss, in which the parent's peak lives on
    return int(re.search(field + r":\\s*(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]) / 1024

small, path, fraction = sys.argv[1:]
for name in (small, path):  # the first has everything imported that the second needs
    before = mib("VmRSS")
    data = array.build(options.ArrayOptions(path=name, test_fraction=float(fraction)), DataContext())
    built = mib("VmHWM")
    data.train.content_hash
    sampler = make_sampler(data.train, batch_size=64, seed=0, channels_last=True)
    sampler.next(64)
print(built - before, mib("VmHWM") - before, sampler.stored.data_ptr() == data.train.stored.data_ptr())
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.parametrize(
    ("suffix", "layout", "fraction", "most"),
    [(".npy", "nhwc", 0.0, 1.2), (".npz", "nhwc", 0.0, 1.2), (".npy", "nhwc", 0.1, 1.3), (".npy", "nchw", 0.0, 2.2)],
)
def test_an_array_is_in_memory_once(tmp_path: Path, suffix: str, layout: str, fraction: float, most: float) -> None:
    """It peaked at three times its size and kept two; one with its channels first is turned once."""
    for name, count in (("small", 100), ("large", MIB * 2**20 // (64 * 64 * 3))):
        shape = (count, 64, 64, 3) if layout == "nhwc" else (count, 3, 64, 64)
        images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        np.savez(tmp_path / f"{name}.npz", images) if suffix == ".npz" else np.save(tmp_path / f"{name}.npy", images)
    files = [str(tmp_path / f"{name}{suffix}") for name in ("small", "large")]
    done = subprocess.run([sys.executable, "-c", CHILD, *files, str(fraction)], capture_output=True, text=True, check=True)
    built, whole, is_shared = done.stdout.split()
    assert 0.9 * MIB < float(built) < most * MIB
    assert float(whole) < (most + 0.1) * MIB
    assert is_shared == "True"


def test_the_splits_of_an_array_are_those_of_its_indices(tmp_path: Path) -> None:
    """They move within one memory, a block at a time, and none is overwritten before it has moved."""
    import torch

    from ganbench import DataContext
    from ganbench_datasets import array, options
    from ganbench_datasets.holdout import hold_out

    images = np.random.default_rng(0).integers(0, 256, (1000, 8, 8, 3), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    data = array.build(options.ArrayOptions(path=str(tmp_path / "images.npy"), test_fraction=0.3), DataContext())
    assert data.test is not None
    for source, ids in zip((data.train, data.test), hold_out(1000, 0.3), strict=True):
        read = source.read(torch.arange(len(ids)))
        assert read.is_contiguous()
        assert np.array_equal(read.permute(0, 2, 3, 1).numpy(), images[ids])
