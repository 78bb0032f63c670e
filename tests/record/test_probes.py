"""What is asked of the operating system before torch is imported."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ganbench.errors import ConfigError
from ganbench.record.probes import refuse_missing_gpu


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only torch knows")
def test_a_gpu_that_no_driver_serves_is_refused(tmp_path: Path) -> None:
    """At once, and only a GPU."""
    driver = tmp_path / "nvidiactl"
    for device in ("cuda", "cuda:1"):
        with pytest.raises(ConfigError, match=f"training.device is '{device}', and this machine has no GPU; use --device cpu or auto"):
            refuse_missing_gpu(device, [str(driver)])
    for device in ("cpu", "auto"):
        refuse_missing_gpu(device, [str(driver)])
    driver.touch()
    refuse_missing_gpu("cuda", [str(driver)])
