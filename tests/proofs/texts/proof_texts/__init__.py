"""Texts: bracket expressions as a dataset, a GAN of one-hot tokens, and a metric of what is well formed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ganbench import ArchitectureSpec, DatasetSpec, MetricSpec, PluginSpec, Quantity, Settings, hookimpl, setting


@dataclass(frozen=True, kw_only=True, slots=True)
class TextOptions(Settings):
    """Options of both networks."""

    width: int = setting(32, least=1)
    """Units of each hidden layer."""


@hookimpl
def ganbench_register() -> Iterator[PluginSpec]:
    """Register all three."""
    yield ArchitectureSpec(name="gumbel-gan", summary="tokens", factory="proof_texts.model:build", options=TextOptions, spaces=("texts",))
    yield DatasetSpec(name="brackets", summary="balanced", factory="proof_texts.brackets:build", metrics=("balanced1k",))
    valid, distinct = (Quantity(name=name, label=name, higher_is_better=True) for name in ("balanced", "distinct"))
    yield MetricSpec(
        name="balanced",
        summary="shares of balanced texts and of distinct ones",
        factory="proof_texts.balanced:build",
        quantities=(valid, distinct),
        looks_at="samples",
        spaces=("texts",),
    )
