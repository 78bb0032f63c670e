"""One launch of a Triton kernel, as a value: what is run on a GPU and what the tests cross-compile are then the same thing.

A ``plan_*`` function of each kernel's module looks at shapes, strides and dtypes only (so it works for tensors on the meta device) and
returns a :class:`Launch`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Launch:
    """A kernel with everything that it is called with."""

    kernel: Any
    """What ``triton.jit`` made."""
    grid: tuple[int, ...]
    """Programs in each of up to three dimensions; a 0 means that there is nothing to do."""
    arguments: tuple[Tensor | int | float | tuple[Tensor, ...] | None, ...]
    """The kernel's run-time parameters, in order."""
    constants: dict[str, Any] = field(default_factory=dict)
    """Its ``tl.constexpr`` parameters."""
    num_warps: int = 4
    fuse_multiply_add: bool = True
    """False where every rounding of the reference must be kept."""

    def run(self) -> None:
        """Launch it on the current stream of the device of its first tensor."""
        if 0 in self.grid:
            return
        first = next(a for a in self.arguments if isinstance(a, Tensor))
        if first.is_cuda and first.device.index != torch.cuda.current_device():
            with torch.cuda.device(first.device):
                self._call()
        else:
            self._call()

    def _call(self) -> None:
        # Said each time: what triton does by default changes between its versions.
        self.kernel[self.grid](*self.arguments, **self.constants, num_warps=self.num_warps, enable_fp_fusion=self.fuse_multiply_add)
