"""What a run will be: its configuration, its plugins and its metrics, settled before anything is built. Nothing here imports torch."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench.config.model import PLUGIN_NAMES, may_change, without_folder
from ganbench.config.resolve import Layer, Resolved, flatten, resolve
from ganbench.config.toml import dump_settings, read_settings
from ganbench.errors import ConfigError
from ganbench.evaluation.naming import PlannedMetric, plan_metrics
from ganbench.plugin.factory import Registered, load_attribute
from ganbench.plugin.manager import PluginManager
from ganbench.spec import ExtractorContext, ExtractorSpec, MetricSpec, PluginIdentity, check_space


@dataclass(frozen=True, kw_only=True, slots=True)
class RunPlan(Resolved):
    """A resolved configuration with the metrics that it asks for; from it alone a run can be built."""

    metrics: tuple[PlannedMetric, ...]
    began: float = dataclasses.field(compare=False)
    """When the call began, by ``time.perf_counter``."""

    def identities(self, manager: PluginManager) -> tuple[PluginIdentity, ...]:
        """Return every plugin that takes part: the recipe, what a step is made of, the metrics and their extractors."""
        metrics = [manager.find(MetricSpec, one.spec.name) for one in self.metrics]
        used = (self.recipe, *self.plugins, *metrics, *self.extractors(manager).values())
        return tuple(dict.fromkeys(one.identity() for one in used if one is not None))

    def extractors(self, manager: PluginManager) -> dict[str, Registered[ExtractorSpec]]:
        """Return what the metrics look through, by name."""
        return {one.extractor_name: manager.find(ExtractorSpec, one.extractor_name) for one in self.metrics if one.extractor_name}

    @property
    def extractor_context(self) -> ExtractorContext:
        """What extractors are given, but for the device."""
        named = self.config.evaluation.extractor_weights
        return ExtractorContext(weights=Path(os.path.expanduser(named)) if named else None, download=self.config.data.download)

    def find_files(self, manager: PluginManager) -> None:
        """Find what the dataset's options name, and the extractors' weights, before anything is imported that takes seconds.

        Raises:
            ConfigError: there is no such file or folder.
            WeightsError: there are no weights, and they cannot or may not be downloaded.
        """
        options: Any = self.config.dataset.options
        for option in dataclasses.fields(options):
            text, name = str(getattr(options, option.name)), f"dataset.{option.name}"
            is_path = option.metadata.get("part") == "place" and (option.default is dataclasses.MISSING or os.sep in text)
            if is_path and not os.path.exists(text):
                raise ConfigError(f"{name}: there is no file or folder {text!r}", hint=f"say -o {name}=PATH")
        for one in filter(lambda one: one.spec.find_weights, self.extractors(manager).values()):
            load_attribute(one.spec.find_weights, owner=str(one))(self.extractor_context)

    def describe(self) -> str:
        """Return the configuration as TOML lines with the origin of each value behind it."""
        metrics = f"metrics: {', '.join(one.name for one in self.metrics) or 'none'}"
        return dump_settings(flatten(self.config), metrics, self.origins).rstrip()


def plan_run(manager: PluginManager, name: str, layers: Iterable[Layer] = (), options: Mapping[str, str] | None = None) -> RunPlan:
    """Plan a run. Whoever runs something begins here: the command line, a matrix, a pair, a benchmark, a Python program.

    Args:
        manager: the plugins.
        name: what ``--plugin`` takes: an architecture, a recipe, or ``./file.py:Name``.
        layers: the settings, lowest first, by configuration path.
        options: of the plugins, as after ``-o``; a bare key belongs to the architecture, or else to the one plugin that has it.

    Raises:
        ConfigError: an unknown path, a wrong value, an unknown metric, or one that its extractor may not bear.
        PluginError: an unknown or broken plugin.
    """
    began = time.perf_counter()
    resolved = resolve(manager, name, layers, options)
    parts = {field.name: getattr(resolved, field.name) for field in dataclasses.fields(resolved)}
    plan = RunPlan(**parts, metrics=_metrics(resolved, manager), began=began)
    model, data = plan.architecture.spec, plan.dataset.spec
    for what, spaces in ((f"{model.name} makes", model.spaces), *((f"metric {m.name!r} looks at", m.spec.spaces) for m in plan.metrics)):
        check_space(what, spaces, data.name, data.space)
    return plan


def plan_again(
    manager: PluginManager,
    config: Path,
    *,
    trust_files: bool = False,
    settings: Mapping[str, object] | None = None,
    options: Mapping[str, str] | None = None,
) -> RunPlan:
    """Plan a run that has begun from the ``config.toml`` that it left, which decides everything but where files lie.

    Args:
        manager: the plugins.
        config: the file.
        trust_files: whether the plugin files that it names may run although this user has never run them.
        settings: other values, by configuration path, of what may change: places, the folder of a plugin's file.
        options: the same, as after ``-o``.

    Raises:
        ConfigError: the file is damaged or no longer fits the plugins, or a setting that may not change would.
        PluginError: an unknown or broken plugin.
    """
    given = dict(settings or {})
    kept = read_settings(config, trust_files=trust_files)
    kept.setdefault("name", kept.get("architecture.name"))
    if not kept["name"]:
        raise ConfigError(f"{config} names neither an architecture nor a recipe", hint="restore it, or start a new run")
    for path in PLUGIN_NAMES:
        if path in given and without_folder(str(given[path])) != without_folder(str(kept.get(path))):
            raise _kept_as_it_is(path)
    if "name" in given and kept.get("architecture.name") == kept["name"]:
        given["architecture.name"] = given["name"]
    name = str(given.pop("name", kept.pop("name")))
    plan = plan_run(manager, name, [Layer(origin=str(config), settings=kept), Layer(origin="command line", settings=given)], options)
    for path, origin in plan.origins.items():
        if origin == "command line" and not (path in PLUGIN_NAMES or may_change(path, plan.config)):
            raise _kept_as_it_is(path)
    return plan


def _kept_as_it_is(path: str) -> ConfigError:
    return ConfigError(f"a run goes on with its own configuration; {path} cannot be given", hint="leave it out, or start a new run")


def _metrics(resolved: Resolved, manager: PluginManager) -> tuple[PlannedMetric, ...]:
    """Return the metrics of a run: those that it names, the dataset's own, or none."""
    spec, names = resolved.dataset.spec, resolved.config.evaluation.metrics
    if names == ("auto",):
        names = spec.metrics
    if names == ("none",):
        names = ()
    metrics = {r.spec.name: r.spec for r in manager.specs(MetricSpec)}
    return plan_metrics(names, metrics, {r.spec.name: r.spec for r in manager.specs(ExtractorSpec)}, spec.extractor)
