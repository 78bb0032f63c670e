"""Peak memory of a streamed folder does not grow with it: 10,000 images against 200,000, within 5 %.

Takes about a minute, most of it the first scan. A smaller one runs with the tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROBE = Path(__file__).parent / "streaming_memory_probe.py"
SMALL, LARGE = 10_000, 200_000
BATCHES = 2_000


def _peak(root: Path, num_images: int, workers: int) -> dict[str, float]:
    # glibc's adaptive threshold keeps up to 20 MiB of freed blocks or not, by chance; fixed, the peak is that of what is in use.
    environment = os.environ | {"GANBENCH_CACHE": str(root.parent / "cache"), "MALLOC_MMAP_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(PROBE), str(root), str(num_images), str(workers), str(BATCHES)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for both folders, filled by the probe."""
    return tmp_path_factory.mktemp("streaming")


@pytest.mark.parametrize("workers", [0, 2])
def test_peak_memory_does_not_grow_with_the_dataset(folders: Path, workers: int) -> None:
    """Neither the main process nor a worker needs 5 % more for twenty times the images."""
    small, large = (_peak(folders / str(n), n, workers) for n in (SMALL, LARGE))
    for process in ("main_mib", "largest_child_mib"):
        print(f"{workers} workers, {process}: {small[process]:.1f} MiB for {SMALL:,} images, {large[process]:.1f} for {LARGE:,}")
        assert large[process] <= 1.05 * small[process]
