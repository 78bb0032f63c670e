"""An augmentation whose strength follows the discriminator (ADA, Karras et al. 2020, https://arxiv.org/abs/2006.06676)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ganbench import AugmentationSpec, Settings, hookimpl, setting


@dataclass(frozen=True, kw_only=True, slots=True)
class AdaptiveOptions(Settings):
    """Options of ``adaptive``."""

    target: float = setting(0.6, least=0.0, most=1.0)
    """The mean sign of the real logits that it aims at."""
    speed_kimg: float = setting(500.0, above=0.0)
    """Thousands of real samples in which the strength can go from 0 to 1."""


@hookimpl
def ganbench_register() -> Iterator[AugmentationSpec]:
    """Register it."""
    yield AugmentationSpec(name="adaptive", summary="shifts, adaptively", factory="proof_adaptive.model:Adaptive", options=AdaptiveOptions)
