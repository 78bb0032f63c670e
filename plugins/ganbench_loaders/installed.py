"""The generator of an architecture that is installed here, from its weights alone: what ``ganbench export`` wrote, or a state dict.

Names are those of the modules that generate, ``generator.blocks.0.weight``, as ``generator.safetensors`` has them; or, where one module
does it all, its own, ``blocks.0.weight``. How the architecture was built is not in the weights: ``generator.json`` beside them says it,
or the run's ``config.toml``, or the user.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganbench import (
    ArchitectureSpec,
    BuildContext,
    DataError,
    Latents,
    Networks,
    PluginManager,
    build_options,
    read_file,
    read_pairs,
    read_settings,
    stream,
)
from ganbench_loaders.options import InstalledOptions
from ganbench_use.loader import AskedModules, fill

_NAME, _OPTIONS = "architecture.name", "architecture.options."
_TRIED = 2
"""Samples that are asked for to see which modules take part."""


def build(options: InstalledOptions, context: BuildContext, weights: Mapping[str, Tensor]) -> Networks:
    """Build the architecture, and put the weights into the modules that generate.

    Raises:
        DataError: the file that says how it was built cannot be read.
        UsageError: there is no such architecture, or it has no such option.
        ValueError: the weights are of another network, or no latents are asked of it.
    """
    said = _settings(Path(options.config)) if options.config else {}
    name = options.name or str(said.get(_NAME, ""))
    if not name:
        raise ValueError("which architecture are the weights of? Say it with -o loader.name=NAME, or -o loader.config=generator.json")
    if ":" in name:
        raise ValueError(f"{name} is a file, which would run; an architecture that is installed has a name")
    registered = PluginManager().find(ArchitectureSpec, name)
    own = {path.removeprefix(_OPTIONS): value for path, value in said.items() if path.startswith(_OPTIONS) and said[_NAME] == name}
    given = read_pairs("-o loader.options", options.options)
    networks = registered.build(build_options(registered.spec.options, {**own, **given}, name), context)
    return _filled(networks, context, weights, name)


def _settings(path: Path) -> Mapping[str, Any]:
    """Return the settings of a run by path.

    Raises:
        DataError: a ``.json`` that is no layout of an exported generator.
        ConfigError: another file that is no configuration.
    """
    if path.suffix.lower() != ".json":
        return read_settings(path)
    try:
        settings = json.loads(read_file(path))["settings"]
        if isinstance(settings, dict) and isinstance(settings[_NAME], str):
            return settings
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}", hint="give the generator.json of `ganbench export`") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise DataError(f"{path} does not say how a generator was built", hint="give the generator.json of `ganbench export`")


def _filled(networks: Networks, context: BuildContext, weights: Mapping[str, Tensor], name: str) -> Networks:
    """Return the modules that generate, and no others, with the weights."""
    if not isinstance(networks.inputs, Latents):
        raise ValueError(f"{name} is asked with samples, and not with latents: measure its run")
    asked = AskedModules(networks.modules)
    labels = torch.arange(_TRIED) % context.num_classes if networks.inputs.labels else None
    for module in networks.modules.values():
        module.eval()
    with torch.inference_mode():
        networks.generate(asked, networks.inputs.draw(_TRIED, stream(0, "export")), labels)
    parts = {one: networks[one] for one in asked.names}
    if len(parts) == 1 and not all(key.partition(".")[0] in parts for key in weights):
        fill(next(iter(parts.values())), weights)
    else:
        fill(nn.ModuleDict(parts), weights)
    return Networks(modules=parts, inputs=networks.inputs, averaged=tuple(parts), generate=networks.generate)
