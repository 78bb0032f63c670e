"""The dataset that another one is made of, as a user names it with the other's options."""

from __future__ import annotations

import dataclasses
from typing import Protocol

from ganbench import ConfigError, DataContext, Dataset, DatasetSpec, PluginManager, build_options, read_pairs


class UnderlyingOptions(Protocol):
    """What the options of a dataset say of the one below it."""

    @property
    def of(self) -> str:
        """Its name."""
        ...

    @property
    def of_options(self) -> tuple[str, ...]:
        """Its options, each as ``KEY=VALUE``."""
        ...

    @property
    def path(self) -> str:
        """Its option ``path``; empty for none."""
        ...

    @property
    def resolution(self) -> int | None:
        """Its option ``resolution``; None for its default."""
        ...


def underlying_dataset(options: UnderlyingOptions, context: DataContext) -> Dataset:
    """Build the dataset below.

    Args:
        options: of the dataset above.
        context: of the run.

    Raises:
        ConfigError: it is unknown, or does not have or take an option.
    """
    found = PluginManager().find(DatasetSpec, options.of)
    known = {field.name for field in dataclasses.fields(found.spec.options)}
    values: dict[str, object] = dict(read_pairs("dataset.of_options", options.of_options))
    for name, value in (("path", options.path), ("resolution", options.resolution)):
        if value:
            if name not in known:
                raise ConfigError(f"dataset.{name} is an option that {options.of} does not have", hint="leave it out")
            values[name] = value
    dataset: Dataset = found.build(build_options(found.spec.options, values, "dataset.of_options"), context)
    return dataset
