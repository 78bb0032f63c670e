"""Features are float32 whatever the training around them uses: no autocast, no TF32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def full_float32(device: torch.device) -> Iterator[None]:
    """Run a block without autocast and, on a GPU, without TF32; then put the switches back."""
    with torch.autocast(device.type, enabled=False):
        if device.type != "cuda":
            yield
            return
        switches = torch.backends.cuda.matmul, torch.backends.cudnn
        before = [switch.allow_tf32 for switch in switches]
        try:
            for switch in switches:
                switch.allow_tf32 = False
            yield
        finally:
            for switch, value in zip(switches, before, strict=True):
                switch.allow_tf32 = value
