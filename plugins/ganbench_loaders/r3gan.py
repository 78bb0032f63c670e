"""R3GAN generators as brownvc/R3GAN saves them: its pickles (``network-snapshot-....pkl``), and state dicts of the same names.

``Model.MainLayers.0`` is what happens at 4x4, the next ones at twice the resolution each: ``Layers.0`` makes or enlarges the map, the
others are residual blocks. ``Model.AggregationLayer`` makes the image, ``Model.EmbeddingLayer`` embeds labels. The architecture ``r3gan``
that is installed here is built in these sizes and given the weights. It computes the same, but that its authors let some stages run in
bfloat16, which are float32 here.

Facts of the layout (names, shapes, and that a snapshot is a plain pickle of the modules ``G``, ``D`` and ``G_ema`` beside the state of
the optimizers) are from R3GAN/Networks.py, Resamplers.py, FusedOperators.py and training/training_loop.py of public copies of that
repository; no code was copied, and no published file has been read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ganbench import ArchitectureSpec, BuildContext, Networks, NoOptions, PluginManager, build_options
from ganbench_loaders.checks import check_filter, check_images
from ganbench_spaces.images import ImageSpace
from ganbench_use.loader import fill

_MODEL = "Model."
"""Before all names of a snapshot; the network alone has them without."""
_BASIS, _SCALE = "MainLayers.0.Layers.0.Basis", "MainLayers.0.Layers.0.LinearLayer.weight"
_EMBEDDING, _OUTPUT = "EmbeddingLayer.weight", "AggregationLayer.Layer.weight"
_PARTS = {
    "LinearLayer1.Layer.weight": "widen.weight",
    "NonLinearity1.Bias": "widen.bias",
    "LinearLayer2.Layer.weight": "mix.weight",
    "NonLinearity2.Bias": "mix.bias",
    "LinearLayer3.Layer.weight": "narrow.weight",
}
"""Of a residual block."""


def build(options: NoOptions, context: BuildContext, weights: Mapping[str, Tensor]) -> Networks:
    """Build the generator in the sizes of the weights, and load them.

    Raises:
        ValueError: they are of another network, of other images, or of labels that the data lack.
    """
    weights = {
        name.removeprefix(_MODEL): tensor
        for name, tensor in weights.items()
        if tensor.ndim or tensor.dtype != torch.float64  # the rest is what a pickle tells of a layer beside its weights
    }
    chosen = _options(weights)
    classes = weights[_EMBEDDING].shape[1] if _EMBEDDING in weights else 0
    check_images(context, channels=weights[_OUTPUT].shape[0], resolution=4 << (_count(weights, 0) - 1), classes=classes)
    places = _places(weights)
    registered = PluginManager().find(ArchitectureSpec, "r3gan")
    networks = registered.build(build_options(registered.spec.options, chosen, "r3gan"), context)
    generator: nn.Module = networks["generator"]
    fill(generator, {place: weights[name].T if name == _EMBEDDING else weights[name] for name, place in places.items()})
    return Networks(modules={"generator": generator}, inputs=networks.inputs)


def _count(weights: Mapping[str, Tensor], part: int) -> int:
    """Return how many stages there are (0), or blocks in the first (1)."""
    pattern = (r"MainLayers\.(\d+)\.Layers\.1\.LinearLayer1\.Layer\.weight", r"MainLayers\.0\.Layers\.(\d+)\.LinearLayer1\.Layer\.weight")
    return sum(re.fullmatch(pattern[part], name) is not None for name in weights)


def _options(weights: Mapping[str, Tensor]) -> dict[str, object]:
    """Return the architecture's options, which are read off the shapes; what the architecture cannot be is found when it is filled."""
    first = "MainLayers.0.Layers.1."
    needed = {_BASIS: 3, _SCALE: 2, _OUTPUT: 4, f"{first}LinearLayer1.Layer.weight": 4, f"{first}LinearLayer2.Layer.weight": 4}
    lacking = next((name for name, ndim in needed.items() if name not in weights or weights[name].ndim != ndim), None)
    if lacking is not None or (_EMBEDDING in weights and weights[_EMBEDDING].ndim != 2):
        names = ", ".join(list(weights)[:3])
        raise ValueError(f"these are no weights of an R3GAN generator: {lacking or _EMBEDDING} (got {names}, ...)")
    width, conditional = weights[_BASIS].shape[0], _EMBEDDING in weights
    latent_dim = weights[_SCALE].shape[1] - (weights[_EMBEDDING].shape[0] if conditional else 0)
    if latent_dim < 1 or (conditional and weights[_EMBEDDING].shape[0] != latent_dim):
        raise ValueError(f"z must be as long as the embedding of a label, and is {latent_dim} of {weights[_SCALE].shape[1]} numbers")
    narrow = [weights.get(f"MainLayers.{level}.Layers.1.LinearLayer3.Layer.weight") for level in range(_count(weights, 0))]
    widths = [one.shape[0] for one in narrow if one is not None and one.ndim]
    return {
        "latent_dim": latent_dim,
        "width": width,
        "full_width_resolution": 4 << (max(widths.count(width), 1) - 1),
        "blocks": _count(weights, 1),
        "expansion": weights[f"{first}LinearLayer1.Layer.weight"].shape[0] // max(width, 1),
        "group_channels": weights[f"{first}LinearLayer2.Layer.weight"].shape[1],
        "conditional": conditional,
    }


def _places(weights: Mapping[str, Tensor]) -> dict[str, str]:
    """Return where each tensor belongs; the filters must be the one that is built in."""
    places: dict[str, str] = {}
    for name, tensor in weights.items():
        if name.endswith("Resampler.Kernel"):
            check_filter(name, tensor)
        elif (place := _place(name, weights)) is not None:
            places[name] = place
        else:
            raise ValueError(f"the weights have {name}, for which the network has no place")
    return places


def _place(name: str, weights: Mapping[str, Tensor]) -> str | None:
    own = {_BASIS: "basis", _SCALE: "scale.weight", _EMBEDDING: "embedding.weight", _OUTPUT: "output.weight"}
    if name in own:
        return own[name]
    found = re.fullmatch(r"MainLayers\.(\d+)\.Layers\.(\d+)\.(.+)", name)
    if found is None:
        return None
    level, layer, part = int(found[1]), int(found[2]), found[3]
    if layer == 0:
        return f"main.stages.{level}.0.weight" if level and part == "LinearLayer.Layer.weight" else None
    if part not in _PARTS:
        return None
    before = 0 if not level else 1 + (f"MainLayers.{level}.Layers.0.LinearLayer.Layer.weight" in weights)
    return f"main.stages.{level}.{before + layer - 1}.{_PARTS[part]}"


def example() -> tuple[BuildContext, dict[str, Tensor]]:
    """Return what a small file for colour 8x8 images holds, with random weights and without the filter, which is the same in all."""
    random = torch.Generator().manual_seed(0)
    shapes: dict[str, tuple[int, ...]] = {_BASIS: (8, 4, 4), _SCALE: (8, 6), _OUTPUT: (3, 8, 1, 1)}
    for level in range(2):
        at = f"MainLayers.{level}.Layers.1"
        shapes |= {f"{at}.LinearLayer1.Layer.weight": (16, 8, 1, 1), f"{at}.LinearLayer2.Layer.weight": (16, 4, 3, 3)}
        shapes |= {f"{at}.LinearLayer3.Layer.weight": (8, 16, 1, 1), f"{at}.NonLinearity1.Bias": (16,), f"{at}.NonLinearity2.Bias": (16,)}
    weights = {f"{_MODEL}{name}": 0.3 * torch.randn(shape, generator=random) for name, shape in shapes.items()}
    return BuildContext(space=ImageSpace.square(3, 8)), weights
