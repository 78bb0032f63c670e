"""Rows of a table: people with two numbers and a category, a GAN of perceptrons, and a metric of marginals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ganbench import ArchitectureSpec, DatasetSpec, MetricSpec, PluginSpec, Quantity, Settings, hookimpl, setting


@dataclass(frozen=True, kw_only=True, slots=True)
class RowOptions(Settings):
    """Options of both networks."""

    width: int = setting(32, least=1)
    """Units of each hidden layer."""


@hookimpl
def ganbench_register() -> Iterator[PluginSpec]:
    """Register all three."""
    yield ArchitectureSpec(name="table-gan", summary="rows", factory="proof_rows.model:build", options=RowOptions, spaces=("rows",))
    yield DatasetSpec(name="people", summary="size and age", factory="proof_rows.people:build", metrics=("marginals400",))
    yield MetricSpec(
        name="marginals",
        summary="mean distance of the columns' marginals",
        factory="proof_rows.marginals:build",
        quantities=(Quantity(name="marginals", label="marginals", higher_is_better=False),),
        looks_at="samples",
        spaces=("rows",),
    )
