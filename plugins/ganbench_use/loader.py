"""Somebody else's weights as a generator, by a loader plugin: what its author needs, and what a command does with it.

Shapes: n samples of a batch; ``size`` is of one sample as networks see it.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganbench import BuildContext, Dataset, Latents, Networks, PluginError, PluginIdentity, PluginManager, UsageError, build_options, stream
from ganbench_use.source import SampleSource
from ganbench_use.spec import LoaderSpec
from ganbench_use.weights import read_weights

SECTION = "loader."
"""What the options of the loader begin with, after ``-o``."""
_TRIED = 8
"""Samples that are looked at before any is measured."""
_FAR = 1.0
"""How far beyond [-1, 1] images may lie: a network without a bound strays a little, and is clamped."""
_SHOWN = 3


class AskedModules(dict[str, nn.Module]):
    """Modules by name, which remember who was asked."""

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        super().__init__(modules)
        self.names = dict[str, None]()

    def __getitem__(self, name: str) -> nn.Module:
        self.names[name] = None
        return super().__getitem__(name)


def fill(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy weights into a module, each to its place.

    ``num_batches_tracked`` of batch norms may be missing: files from before PyTorch 0.4.1 have none, and no sample depends on it.

    Args:
        module: with all parameters and buffers that there should be.
        weights: by name.

    Raises:
        ValueError: a name is missing or one too many, or a shape is another.
    """
    own = module.state_dict()
    if missing := [name for name in own if name not in weights and not name.endswith("num_batches_tracked")]:
        raise ValueError(f"the weights have no {_some(missing)}")
    if unexpected := [name for name in weights if name not in own]:
        raise ValueError(f"the weights have {_some(unexpected)}, for which the network has no place")
    for name, tensor in weights.items():
        if tensor.shape != own[name].shape:
            raise ValueError(f"{name} is {list(tensor.shape)}, and the network has {list(own[name].shape)} there")
    module.load_state_dict({**own, **weights})


def _some(names: list[str]) -> str:
    more = f" (and {len(names) - _SHOWN} more)" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LoadedGenerator:
    """A generator whose weights are loaded, on its device and in evaluation mode."""

    networks: Networks
    dataset: Dataset
    """What it is sampled for: its space, and its labels where the generator wants some."""
    device: torch.device
    identity: PluginIdentity
    """Of the loader."""
    config: Mapping[str, Any]
    """The loader and its options, by path."""
    weights_hash: str
    """sha256 over the weights as they were read."""

    @property
    def parameters(self) -> int:
        """Trainable numbers of all modules."""
        return sum(one.numel() for module in self.networks.modules.values() for one in module.parameters())

    def generate(self, inputs: Tensor, labels: Tensor | None) -> Tensor:
        """Return samples ``[n, *size]`` as networks see them."""
        return self.networks.generate(self.networks.modules, inputs, labels)

    def source(self, name: str) -> SampleSource:
        """Return what its samples are drawn from, under a name."""
        networks, dataset, device = self.networks, self.dataset, self.device
        return SampleSource(name=name, state=name, networks=networks, dataset=dataset, device=device, generate=self.generate)


def load_generator(
    manager: PluginManager,
    name: str,
    path: Path,
    key: str,
    options: Mapping[str, str],
    dataset: Dataset,
    device: str,
    *,
    truncation: float = 0.0,
) -> LoadedGenerator:
    """Read weights, have a loader make a generator of them, and look at a few samples.

    Args:
        manager: the plugins.
        name: of the loader.
        path: of the weights.
        key: where in the file the state dict is.
        options: as after ``-o``; those that begin with :data:`SECTION` are the loader's.
        dataset: what samples are for.
        device: where they are made.
        truncation: what is asked of its latents.

    Raises:
        UsageError: whatever is wrong with the loader, its options, the file, the weights or the samples.
    """
    registered = manager.find(LoaderSpec, name)
    own = {one.removeprefix(SECTION): value for one, value in options.items() if one.startswith(SECTION)}
    chosen = build_options(registered.spec.options, own, SECTION.removesuffix("."))
    weights = read_weights(path, key)
    context = BuildContext(space=dataset.space, num_classes=dataset.num_classes, class_names=dataset.class_names)
    networks = registered.build(chosen, context, weights)
    if not isinstance(networks, Networks):
        raise PluginError(f"loader {name!r} must return ganbench.Networks (got {type(networks).__name__})")
    for module in networks.modules.values():
        module.requires_grad_(False).to(device).eval()
    loaded = LoadedGenerator(
        networks=networks,
        dataset=dataset,
        device=torch.device(device),
        identity=registered.identity(),
        config={"loader.name": name, **{f"loader.options.{f.name}": getattr(chosen, f.name) for f in dataclasses.fields(chosen)}},
        weights_hash=_hash(weights.items()),
    )
    _try(loaded, f"loader {name!r}")
    if truncation and not (isinstance(networks.inputs, Latents) and networks.inputs.distribution == "normal"):
        raise UsageError(f"--truncation is for normal latents, and loader {name!r} has none", hint="leave it out")
    return loaded


def _hash(weights: Iterable[tuple[str, Tensor]]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(weights, key=lambda pair: pair[0]):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.detach().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _try(loaded: LoadedGenerator, whose: str) -> None:
    """Look at a few samples.

    Raises:
        UsageError: they are no samples of the data's space.
    """
    inputs, dataset = loaded.networks.inputs, loaded.dataset
    if inputs.labels and not dataset.num_classes:
        raise UsageError(f"{whose} asks for a class, and {dataset.name} has none")
    if inputs.reference(dataset) is not dataset:
        raise UsageError(f"{whose} makes other samples than those of {dataset.name}", hint="name the dataset that its samples are of")
    space = dataset.space
    asked = inputs.draw(_TRIED, stream(0, "evaluation"), dataset=dataset).to(loaded.device)
    labels = torch.arange(_TRIED, device=loaded.device) % dataset.num_classes if inputs.labels else None
    try:
        with torch.inference_mode():
            made = loaded.generate(asked, labels)
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        raise UsageError(f"{whose} raised {type(error).__name__}: {text}", hint="--debug shows where") from error
    wanted = f"[{_TRIED}, {', '.join(map(str, space.size))}]"
    if not isinstance(made, Tensor) or list(made.shape) != [_TRIED, *space.size] or not made.is_floating_point():
        found = f"{made.dtype} {list(made.shape)}" if isinstance(made, Tensor) else f"a {type(made).__name__}"
        hint = "choose the dataset's resolution with -o resolution=N" if space.name == "images" else "choose another dataset"
        raise UsageError(f"{whose} makes {found}, and {dataset.name} has floating point {wanted}", hint=hint)
    if not bool(torch.isfinite(made).all()):
        raise UsageError(f"{whose} makes NaN or Inf", hint="the weights are damaged, or of another network")
    if space.name == "images":
        _check_range(made, whose)


def _check_range(made: Tensor, whose: str) -> None:
    """Refuse what can be no images in [-1, 1].

    Raises:
        UsageError: values lie far outside, or none below 0.
    """
    least, most = float(made.min()), float(made.max())
    if least < -1 - _FAR or most > 1 + _FAR or least >= 0:
        text = f"{whose} makes values from {least:.3g} to {most:.3g}, and networks see images in [-1, 1]"
        raise UsageError(text, hint="the loader is to scale them")
