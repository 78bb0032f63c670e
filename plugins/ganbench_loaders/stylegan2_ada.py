"""StyleGAN2 generators as NVlabs/stylegan2-ada-pytorch publishes them: its pickles (``ffhq.pkl``), and state dicts of the same names.

``mapping.fc0`` ... are the layers to w, ``mapping.embed`` the labels', ``synthesis.b4``, ``synthesis.b8``, ... all that happens at a
resolution: ``conv0`` and ``conv1`` with their ``affine`` styles, and ``torgb``. The architecture ``stylegan2`` that is installed here is
built in these sizes and given the weights; it computes the same, with the noise that the file holds (the source's ``noise_mode="const"``).

Facts of the layout are from training/networks.py; no code was copied.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ganbench import ArchitectureSpec, BuildContext, Networks, PluginManager, build_options
from ganbench_loaders.checks import check_filter, check_images
from ganbench_loaders.options import StyleGAN2ADAOptions
from ganbench_spaces.images import ImageSpace
from ganbench_use.loader import fill

_PARTS = {
    "affine.weight": "style.weight",
    "affine.bias": "style.bias",
    "noise_const": "noise",
    **{name: name for name in ("weight", "bias", "noise_strength")},
}
_MAPPING_RATE, _CLAMP = "mapping.fc0.bias_gain", "synthesis.b4.conv1.conv_clamp"
"""Attributes that a pickle holds beside the weights."""


def build(options: StyleGAN2ADAOptions, context: BuildContext, weights: Mapping[str, Tensor]) -> Networks:
    """Build the generator in the sizes of the weights, and load them.

    Raises:
        ValueError: they are of another network, of other images, or of labels that the data lack.
    """
    sizes = _sizes(weights)
    _check_images(context, weights, sizes)
    registered = PluginManager().find(ArchitectureSpec, "stylegan2")
    networks = registered.build(build_options(registered.spec.options, _options(options, weights, sizes), "stylegan2"), context)
    generator: nn.Module = networks["generator"]
    fill(generator, {place: weights[name] for name, place in _places(weights, sizes).items()})
    return Networks(modules={"generator": generator}, inputs=networks.inputs)


def _sizes(weights: Mapping[str, Tensor]) -> list[int]:
    """Return 4, 8, ... up to the images' resolution."""
    sizes = sorted({int(found[1]) for name in weights if (found := re.match(r"synthesis\.b(\d{1,5})\.conv1\.weight$", name))})
    if not sizes or sizes != [4 << level for level in range(len(sizes))] or "mapping.fc0.weight" not in weights:
        names = ", ".join(list(weights)[:3])
        raise ValueError(
            f"these are no weights of a StyleGAN2-ADA generator: mapping.fc0.weight, synthesis.b4.conv1.weight, ... (got {names}, ...)"
        )
    if kind := next((name for name in weights if re.match(r"synthesis\.b\d+\.skip\.", name)), None):
        raise ValueError(f"generators with residual blocks are not known here, and the weights have {kind}")
    return sizes


def _check_images(context: BuildContext, weights: Mapping[str, Tensor], sizes: list[int]) -> None:
    painted, embedding = weights.get(f"synthesis.b{sizes[-1]}.torgb.weight"), weights.get("mapping.embed.weight")
    check_images(
        context,
        channels=0 if painted is None else painted.shape[0],
        resolution=sizes[-1],
        classes=0 if embedding is None else embedding.shape[-1],
    )


def _options(options: StyleGAN2ADAOptions, weights: Mapping[str, Tensor], sizes: list[int]) -> dict[str, object]:
    """Return the architecture's options: sizes are read off the weights, numbers that a pickle tells, and else what the user says."""
    channels = [weights[f"synthesis.b{size}.conv1.weight"].shape[0] for size in sizes]
    from_pickle = _MAPPING_RATE in weights
    rate = float(weights[_MAPPING_RATE]) if from_pickle else options.mapping_rate
    clamp = (float(weights[_CLAMP]) if _CLAMP in weights else None) if from_pickle else options.clamp
    return {
        "latent_dim": weights["mapping.fc0.weight"].shape[0],
        "mapping_layers": sum(re.match(r"mapping\.fc\d+\.weight$", name) is not None for name in weights),
        "mapping_rate": rate,
        "channel_base": channels[-1] * sizes[-1],
        "max_channels": max(channels),
        "generator_kind": "skip" if "synthesis.b4.torgb.weight" in weights else "orig",
        "conditional": "mapping.embed.weight" in weights,
        "clamp": clamp,
        "truncation": options.truncation,
    }


def _places(weights: Mapping[str, Tensor], sizes: list[int]) -> dict[str, str]:
    """Return where each tensor belongs; the filters must be the one that is built in, and the other numbers are left out."""
    places: dict[str, str] = {}
    for name, tensor in weights.items():
        if name.endswith("resample_filter"):
            check_filter(name, tensor)
        elif (place := _place(name, sizes)) is not None:
            places[name] = place
        elif tensor.ndim or tensor.dtype != torch.float64:  # what a pickle tells of a layer
            raise ValueError(f"the weights have {name}, for which the network has no place")
    return places


def _place(name: str, sizes: list[int]) -> str | None:
    if name == "mapping.w_avg":
        return "mean_style"
    if found := re.fullmatch(r"mapping\.(embed|fc(\d+))\.(weight|bias)", name):
        return f"mapping.{'embedding' if found[2] is None else f'layers.{int(found[2])}'}.{found[3]}"
    found = re.fullmatch(r"synthesis\.b(\d+)\.(?:(const)|(torgb|conv[01])\.(.+))", name)
    if found is None or int(found[1]) not in sizes:
        return None
    level = sizes.index(int(found[1]))
    if found[2]:
        return f"blocks.{level}.basis"
    if found[4] not in _PARTS:
        return None
    layer = "to_image" if found[3] == "torgb" else f"layers.{int(found[3][-1]) - (level == 0)}"
    return f"blocks.{level}.{layer}.{_PARTS[found[4]]}"


def example() -> tuple[BuildContext, dict[str, Tensor]]:
    """Return what a small file for grey 8x8 images holds, with random weights."""
    random = torch.Generator().manual_seed(0)
    style = 8
    shapes: dict[str, tuple[int, ...]] = {"mapping.w_avg": (style,), "synthesis.b4.const": (6, 4, 4)}
    for i in range(2):
        shapes |= {f"mapping.fc{i}.weight": (style, style), f"mapping.fc{i}.bias": (style,)}
    for name, before, after, kernel, size in (
        ("b4.conv1", 6, 6, 3, 4),
        ("b4.torgb", 6, 1, 1, 0),
        ("b8.conv0", 6, 4, 3, 8),
        ("b8.conv1", 4, 4, 3, 8),
        ("b8.torgb", 4, 1, 1, 0),
    ):
        at = f"synthesis.{name}"
        shapes |= {f"{at}.weight": (after, before, kernel, kernel), f"{at}.bias": (after,)}
        shapes |= {f"{at}.affine.weight": (before, style), f"{at}.affine.bias": (before,)}
        shapes |= {f"{at}.noise_const": (size, size), f"{at}.noise_strength": ()} if size else {}
    weights = {name: 0.2 * torch.randn(shape, generator=random) for name, shape in shapes.items()}
    return BuildContext(space=ImageSpace.square(1, 8)), weights
