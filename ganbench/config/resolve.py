"""From layers of settings to one RunConfig, remembering where each value came from.

Lowest to highest: built-in defaults, the architecture's, the dataset's, the recipe's, the configuration file, the command line.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganbench.config.model import NO_PLUGIN, PLUGIN_SECTIONS, SECTIONS, SETTINGS, PluginChoice, RunConfig, part_of
from ganbench.config.values import build_options, coerce, field_types
from ganbench.errors import ConfigError, did_you_mean
from ganbench.plugin.factory import Registered
from ganbench.plugin.manager import HOME, PluginManager
from ganbench.registration import ModelSpec, PluginSpec
from ganbench.spec import ArchitectureSpec, AugmentationSpec, DatasetSpec, LossSpec, MetricSpec, RecipeSpec

_KIND_OF: dict[str, type[PluginSpec]] = {
    "architecture": ArchitectureSpec,
    "loss": LossSpec,
    "dataset": DatasetSpec,
    "augmentation": AugmentationSpec,
}
"""The kind of plugin that each of the sections names."""

DEFAULTS = {"loss.name": "logistic", "dataset.name": "digits", "augmentation.name": NO_PLUGIN}


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """Settings with one origin: ``training.seed = 3`` from ``command line``."""

    origin: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """A configuration with everything that the harness needs to act on it."""

    config: RunConfig
    architecture: Registered[ArchitectureSpec]
    loss: Registered[LossSpec] | None
    dataset: Registered[DatasetSpec]
    augmentation: Registered[AugmentationSpec] | None
    recipe: Registered[RecipeSpec] | None
    origins: Mapping[str, str]
    """Configuration path to the layer that set it; paths that are absent have their default."""
    overridden: tuple[str, ...] = field(default=())
    """Paths that the recipe fixes and that something above it changed."""

    @property
    def plugins(self) -> tuple[Registered[PluginSpec], ...]:
        """What a step is made of: architecture and dataset, and loss and augmentation where there are such."""
        return tuple(one for one in (self.architecture, self.loss, self.dataset, self.augmentation) if one is not None)


def resolve(manager: PluginManager, name: str, layers: Iterable[Layer], bare_options: Mapping[str, str] | None = None) -> Resolved:
    """Resolve a run.

    Args:
        manager: the plugins.
        name: what ``--plugin`` got: an architecture, a recipe, or ``./file.py:Name``.
        layers: the user's settings, lowest first, by configuration path (``training.seed``, ``loss.name``, ``loss.options.r1_gamma``).
        bare_options: ``-o key=value``; a key without a section belongs to the architecture, or else to the one plugin that has it.

    Raises:
        ConfigError: unknown paths, wrong values.
        PluginError: unknown or broken plugins.
    """
    user = list(layers)
    model = manager.find(ModelSpec, name)
    recipe = model.of(RecipeSpec)
    recipe_layer = [] if recipe is None else [Layer(origin=f"recipe {recipe.spec.name}", settings=dict(recipe.spec.settings))]
    names = _plugin_names(manager, name, recipe, user)
    architecture = manager.find(ArchitectureSpec, names["architecture"])
    loss = manager.find(LossSpec, names["loss"]) if "loss" in names else None
    dataset = manager.find(DatasetSpec, names["dataset"])
    augmentation = manager.find(AugmentationSpec, names["augmentation"]) if "augmentation" in names else None
    used = (architecture, loss, dataset, augmentation)
    plugins: dict[str, Registered[PluginSpec]] = {one.spec.kind: one for one in used if one is not None}
    if recipe is None and architecture != model:
        message = f"--plugin names the architecture {name!r}, and the settings name {names['architecture']!r}"
        raise ConfigError(message, hint="leave one of them out")
    own_names = _plugin_names(manager, name, recipe, [])
    replaced = {s for s, own in own_names.items() if s not in plugins or manager.find(_KIND_OF[s], own) != plugins[s]}
    user.append(Layer(origin="command line", settings=_scope_options(bare_options or {}, plugins, _metric_families(manager))))
    recipe_layer = _with_resolution(recipe_layer, recipe, dataset)
    suits = [Layer(origin=f"{s.kind} {s.name}", settings=dict(s.defaults)) for s in (architecture.spec, dataset.spec)]
    below = [*suits, *_without_options_of(replaced, recipe_layer)]
    values, origins = _merge([Layer(origin="default", settings=DEFAULTS), *below, *user])
    origins.setdefault("architecture.name", recipe_layer[0].origin if recipe_layer else "--plugin")
    config = _build(name, names, values, plugins, manager)
    return Resolved(
        config=config,
        architecture=architecture,
        loss=loss,
        dataset=dataset,
        augmentation=augmentation,
        recipe=recipe,
        origins=origins,
        overridden=_overridden(config, plugins, replaced, recipe_layer),
    )


def _plugin_names(manager: PluginManager, name: str, recipe: Registered[RecipeSpec] | None, user: list[Layer]) -> dict[str, str]:
    """Return the name of each section's plugin; nothing where it is none.

    It is the user's last word, else the recipe's, else for the loss and the dataset the architecture's, else the default.
    """
    said, _ = _merge(user)
    names = {"architecture.name": name, **DEFAULTS}
    home = dict.fromkeys(names, HOME)
    own: dict[str, Any] = {}
    if recipe is not None:
        own = {"architecture.name": recipe.spec.architecture, **dict(recipe.spec.settings)}
        for path in names.keys() & own.keys():
            names[path], home[path] = str(own[path]), recipe.distribution
    chosen = {}
    for section in PLUGIN_SECTIONS:
        path = f"{section}.name"
        chosen[section] = str(said[path]) if path in said else _unambiguous(manager, section, names[path], home[path])
        if section == "architecture":
            defaults = manager.find(ArchitectureSpec, chosen[section]).spec.defaults
            names |= {p: str(value) for p, value in defaults if p in ("loss.name", "dataset.name") and p not in own}
    return {section: one for section, one in chosen.items() if one != NO_PLUGIN or section not in ("loss", "augmentation")}


def _unambiguous(manager: PluginManager, section: str, name: str, home: str) -> str:
    """Say which one a default or a recipe means where two distributions have that name: its own distribution's, or ganbench's."""
    owners = {r.distribution for r in manager.specs(_KIND_OF[section]) if r.spec.name == name}
    meant = [owner for owner in (home, HOME) if owner in owners]
    return f"{meant[0]}:{name}" if len(owners) > 1 and meant else name


def _without_options_of(replaced: set[str], layers: list[Layer]) -> list[Layer]:
    """Leave out a recipe's options for a plugin that the user replaced by another; only the resolution means the same everywhere."""

    def stays(path: str) -> bool:
        section, _, rest = path.partition(".")
        return section not in replaced or not rest.startswith("options.") or path == "dataset.options.resolution"

    return [Layer(origin=one.origin, settings={p: v for p, v in one.settings.items() if stays(p)}) for one in layers]


def _overridden(
    config: RunConfig, plugins: Mapping[str, Registered[PluginSpec]], replaced: set[str], layers: list[Layer]
) -> tuple[str, ...]:
    """Return the paths that a recipe fixes and whose value is another in the end."""
    final = flatten(config)
    changed = {f"{section}.name" for section in replaced} if layers else set()
    for path, value in layers[0].settings.items() if layers else ():
        section, _, rest = path.partition(".")
        if rest == "name" and section in PLUGIN_SECTIONS:
            continue
        options = plugins[section].spec.options if section in plugins else SECTIONS.get(section)
        annotation = field_types(options).get(rest.removeprefix("options.")) if options else type(value)
        if path not in final or final[path] != coerce(value, annotation, path):
            changed.add(path)
    return tuple(sorted(changed))


def _with_resolution(layers: list[Layer], recipe: Registered[RecipeSpec] | None, dataset: Registered[DatasetSpec]) -> list[Layer]:
    """Add the recipe's resolution where the dataset can choose its own; elsewhere the images are what they are."""
    if recipe is None or not recipe.spec.resolution or "resolution" not in field_types(dataset.spec.options):
        return layers
    return [Layer(origin=layers[0].origin, settings={**layers[0].settings, "dataset.options.resolution": recipe.spec.resolution})]


def _merge(layers: Iterable[Layer]) -> tuple[dict[str, Any], dict[str, str]]:
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        for path, value in layer.settings.items():
            values[path] = value
            origins[path] = layer.origin
    return values, origins


def _metric_families(manager: PluginManager) -> dict[str, str]:
    """Return each name of a metric family, the Inception name too, with its plugin's name."""
    specs = [r.spec for r in manager.specs(MetricSpec)]
    inception = {s.inception_name: s.name for s in specs if s.inception_name}
    return {**inception, **{s.name: s.name for s in specs}}


def _scope_options(
    options: Mapping[str, str], plugins: Mapping[str, Registered[PluginSpec]], families: Mapping[str, str]
) -> dict[str, str]:
    """Give each ``-o key=value`` its section: the architecture's if it has that option, else the one plugin that does.

    A metric's options are always written with the family: ``-o kd.subset_size=500``.
    """
    scoped: dict[str, str] = {}
    for key, value in options.items():
        section, dot, name = key.partition(".")
        if dot:
            if section in families:
                scoped[f"metrics.{families[section]}.{name}"] = value
                continue
            if section not in plugins:
                raise ConfigError(f"-o {key}: unknown section {section!r}", hint=f"say {', '.join(plugins)} or a metric's family")
            scoped[f"{section}.options.{name}"] = value
            continue
        owners = [s for s, p in plugins.items() if key in field_types(p.spec.options)]
        if not owners:
            known = sorted({n for p in plugins.values() for n in field_types(p.spec.options)})
            raise ConfigError(f"-o {key}: no plugin of this run has this option", hint=did_you_mean(key, known))
        if len(owners) > 1 and "architecture" not in owners:
            raise ConfigError(f"-o {key}: more than one plugin has it", hint=" or ".join(f"say -o {s}.{key}=..." for s in owners))
        scoped[f"{owners[0]}.options.{key}"] = value
    return scoped


def _build(
    name: str, names: Mapping[str, str], values: Mapping[str, Any], plugins: Mapping[str, Registered[PluginSpec]], manager: PluginManager
) -> RunConfig:
    sections: dict[str, dict[str, Any]] = {s: {} for s in (*SECTIONS, *PLUGIN_SECTIONS)}
    metrics: dict[str, dict[str, Any]] = {}
    for path, value in values.items():
        section, _, rest = path.partition(".")
        if section in SECTIONS and rest:
            sections[section][rest] = value
        elif section in PLUGIN_SECTIONS and section not in plugins and rest.startswith("options."):
            raise ConfigError(f"{path} is set, and this run has no {section}", hint=f"choose one with {section}.name")
        elif section in PLUGIN_SECTIONS and rest.startswith("options."):
            sections[section][rest.removeprefix("options.")] = value
        elif section == "metrics" and "." in rest:
            family, _, option = rest.partition(".")
            metrics.setdefault(family, {})[option] = value
        elif not (section in PLUGIN_SECTIONS and rest == "name"):
            raise ConfigError(f"unknown setting {path!r}", hint=_closest_path(path, plugins))
    choices: dict[str, Any] = {
        s: PluginChoice(name=_from_anywhere(names[s]), options=build_options(p.spec.options, sections[s], s)) for s, p in plugins.items()
    }
    built = {s: build_options(cls, sections[s], s) for s, cls in SECTIONS.items()}
    set_metrics = tuple(
        PluginChoice(
            name=family, options=build_options(manager.find(MetricSpec, family).spec.options, metrics[family], f"metrics.{family}")
        )
        for family in sorted(metrics)
    )
    return _with_absolute_places(RunConfig(name=_from_anywhere(name), **choices, **built, metrics=set_metrics))


def _with_absolute_places(config: RunConfig) -> RunConfig:
    """Return a configuration that means the same files in any folder."""
    changed: dict[str, Any] = {}
    for section in SECTIONS:
        changed[section] = _located(getattr(config, section), f"{section}.", config)
    for section in PLUGIN_SECTIONS:
        choice: PluginChoice | None = getattr(config, section)
        if choice is not None:
            options = _located(choice.options, f"{section}.options.", config)
            changed[section] = dataclasses.replace(choice, options=options)
    return dataclasses.replace(config, **changed)


def _located(settings: Any, prefix: str, config: RunConfig) -> Any:
    """Return settings with absolute paths in the place of relative ones."""
    values = {f.name: getattr(settings, f.name) for f in dataclasses.fields(settings) if part_of(prefix + f.name, config) == "place"}
    paths = {name: _absolute(value) for name, value in values.items() if isinstance(value, str)}
    return dataclasses.replace(settings, **paths) if any(paths[name] != values[name] for name in paths) else settings


def _absolute(text: str) -> str:
    """Return a path from the root; a word that names nothing here is left to whoever knows what it means."""
    path = os.path.expanduser(text)
    return str(Path(path).absolute()) if text and (os.sep in path or os.path.lexists(path)) else text


def _from_anywhere(name: str) -> str:
    """Return the name of a plugin as it means the same in any folder."""
    file, dot, attribute = name.rpartition(".py:")
    return f"{Path(os.path.expanduser(file + '.py')).absolute()}:{attribute}" if dot else name


def _closest_path(path: str, plugins: Mapping[str, Registered[PluginSpec]]) -> str:
    """Say which setting may have been meant: one with the same last part, else the most similar one."""
    if path in SECTIONS or path in plugins:
        return f"it is a table; set what is in it, as {'training.seed' if path in SECTIONS else path + '.name'}"
    known = [*SETTINGS]
    for section, plugin in plugins.items():
        known += [f"{section}.name", *(f"{section}.options.{name}" for name in field_types(plugin.spec.options))]
    ends = [k for k in known if k.endswith("." + path.rpartition(".")[2])]
    hint = did_you_mean(path, ends or known)
    return hint if "mean" in hint else f"did you mean {ends[0]!r}?" if ends else f"tables: {', '.join([*SECTIONS, *PLUGIN_SECTIONS])}"


def flatten(config: RunConfig) -> dict[str, Any]:
    """Return every value of a configuration by path, in the order of the dataclasses."""
    flat: dict[str, Any] = {"name": config.name}
    for section in PLUGIN_SECTIONS:
        choice: PluginChoice | None = getattr(config, section)
        flat[f"{section}.name"] = NO_PLUGIN if choice is None else choice.name
        if choice is None:
            continue
        options: Any = choice.options
        for f in dataclasses.fields(options):
            flat[f"{section}.options.{f.name}"] = getattr(options, f.name)
    for section in SECTIONS:
        value = getattr(config, section)
        for f in dataclasses.fields(value):
            flat[f"{section}.{f.name}"] = getattr(value, f.name)
    for choice in config.metrics:
        options = choice.options
        for f in dataclasses.fields(options):
            flat[f"metrics.{choice.name}.{f.name}"] = getattr(options, f.name)
    return flat
