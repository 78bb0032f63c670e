"""SAGAN and BigGAN generators as POSTECH-CVLab/PyTorch-StudioGAN saves them (``model=G-best-weights-step=....pth``, key ``state_dict``).

``linear0`` makes the first map. ``blocks.N.0`` is a residual block or, where it has a ``sigma``, self-attention behind the last one:
``conv2d0`` is the shortcut, ``bn1`` and ``bn2`` are batch norms whose gain and bias depend on the class. These are tables (``embed0``,
``embed1``) in its older SAGAN, linear maps of a one-hot class (``gain``, ``bias``) in its newer one, and linear maps of ``shared`` and a
part of z in BigGAN. ``bn4`` and ``conv2d5`` make the image. A weight under spectral norm is ``weight_orig`` with both singular vectors
``weight_u`` and ``weight_v``, and in evaluation it is divided by ``u . W v``; the architecture ``sagan`` or ``biggan`` that is installed
here is built without the norm and given the quotient, so that it computes the same.

Facts of the layout are from src/models/resnet.py, src/models/big_resnet.py and src/utils/ops.py (MIT licence), older and newer; no code
was copied, and no published file has been read. The numbers of parameters are those of its logs, see :mod:`ganbench_sagan.networks`.

Shapes: N images, L the length of z, K classes, C channels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ganbench import ArchitectureSpec, BuildContext, Networks, NoOptions, PluginManager, build_options
from ganbench_loaders.checks import check_images
from ganbench_spaces.images import ImageSpace
from ganbench_use.loader import fill

_PARALLEL = "module."
_EPS = 1e-4
"""Of its batch norms."""
_LAST_UNIT = {3: 4, 4: 1, 5: 1, 6: 1, 7: 1}
"""Channels of the last map in units of the width, by the number of blocks."""
_WHOLE = {"linear0": "linear", "shared": "shared", "bn4": "norm", "conv2d5": "conv"}
_OF_BLOCKS = {
    "conv2d0": "shortcut",
    "conv2d1": "conv1",
    "conv2d2": "conv2",
    **{
        f"bn{n}{theirs}": f"norm{n}{ours}"
        for n in (1, 2)
        for theirs, ours in (("", ""), (".bn", ""), (".embed0", ".gain"), (".embed1", ".shift"))
    },
    **{f"bn{n}.{theirs}": f"norm{n}.{ours}" for n in (1, 2) for theirs, ours in (("gain", "gain"), ("bias", "shift"))},
}
_OF_ATTENTION = {"conv1x1_theta": "query", "conv1x1_phi": "key", "conv1x1_g": "value", "conv1x1_attn": "out"}


def build(options: NoOptions, context: BuildContext, weights: Mapping[str, Tensor]) -> Networks:
    """Build the generator in the sizes of the weights, and load them.

    Raises:
        ValueError: they are of another network, of other images, or of labels that the data lack.
    """
    if all(name.startswith(_PARALLEL) for name in weights):
        weights = {name.removeprefix(_PARALLEL): tensor for name, tensor in weights.items()}
    plain = _divided(weights)
    levels, attended = _levels(plain)
    kind, chosen, classes = _options(plain, levels, attended)
    check_images(context, channels=plain["conv2d5.weight"].shape[0], resolution=4 << len(levels), classes=classes)
    registered = PluginManager().find(ArchitectureSpec, kind)
    networks = registered.build(build_options(registered.spec.options, chosen, kind), context)
    generator: nn.Module = networks["generator"]
    fill(generator, _placed(plain, levels, attended, kind))
    return Networks(modules={"generator": generator}, inputs=networks.inputs)


def _divided(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights as they are in evaluation: those under spectral norm divided by the singular value that the file implies."""
    plain = {}
    for name, tensor in weights.items():
        layer = name.removesuffix("_orig")
        if layer == name:
            if not name.endswith(("weight_u", "weight_v")):
                plain[name] = tensor
            continue
        u, v = (weights.get(f"{layer}_{which}") for which in "uv")
        matrix = tensor.flatten(1) if tensor.ndim > 1 else tensor[None]
        if u is None or v is None or u.shape != matrix.shape[:1] or v.shape != matrix.shape[1:]:
            raise ValueError(f"{name} lacks the singular vectors {layer}_u and {layer}_v of its shape")
        plain[layer] = tensor / torch.dot(u, torch.mv(matrix, v))
    return plain


def _levels(weights: Mapping[str, Tensor]) -> tuple[list[int], list[int]]:
    """Return the numbers under which residual blocks stand, and those of self-attention.

    Raises:
        ValueError: they are of another network.
    """
    needed = {"linear0.weight": 2, "conv2d5.weight": 4, "blocks.0.0.conv2d1.weight": 4}
    lacking = next((name for name, ndim in needed.items() if name not in weights or weights[name].ndim != ndim), None)
    if lacking is not None:
        names = ", ".join(list(weights)[:3])
        raise ValueError(f"these are no weights of a SAGAN or BigGAN generator of PyTorch-StudioGAN: {lacking} (got {names}, ...)")
    levels, attended = (
        sorted(int(found[1]) for name in weights if (found := re.fullmatch(rf"blocks\.(\d{{1,3}})\.0\.{part}", name)))
        for part in (r"conv2d1\.weight", "sigma")
    )
    if len(attended) > 1 or len(levels) not in _LAST_UNIT or sorted(levels + attended) != list(range(len(levels) + len(attended))):
        raise ValueError(f"the weights have blocks {levels} and self-attention {attended}, which no such generator has")
    return levels, attended


def _options(weights: Mapping[str, Tensor], levels: list[int], attended: list[int]) -> tuple[str, dict[str, object], int]:
    """Return the architecture, its options, and the number of classes."""
    table, shared = _norm(weights, "embed0"), weights.get("shared.weight")
    gain = _norm(weights, "gain")
    length = weights["linear0.weight"].shape[1]
    chosen: dict[str, object] = {
        "generator_width": max(weights["conv2d5.weight"].shape[1] // _LAST_UNIT[len(levels)], 1),
        "attention_resolution": 4 << attended[0] if attended else 0,
        "generator_spectral_norm": False,
        "norm_eps": _EPS,
    }
    if shared is not None or (gain is not None and gain.shape[1] == length):
        if shared is not None and shared.ndim != 2:
            raise ValueError(f"shared.weight is {list(shared.shape)}, and a table was expected")
        classes = 0 if shared is None else shared.shape[0]
        chosen |= {"latent_dim": length * (len(levels) + 1), "hierarchical": True, "conditional": classes > 0}
        return "biggan", chosen | ({} if shared is None else {"shared_dim": shared.shape[1]}), classes
    classes = gain.shape[1] if gain is not None else 0 if table is None else table.shape[0]
    return "sagan", chosen | {"latent_dim": length, "conditional": classes > 0}, classes


def _norm(weights: Mapping[str, Tensor], part: str) -> Tensor | None:
    tensor = weights.get(f"blocks.0.0.bn1.{part}.weight")
    if tensor is not None and tensor.ndim != 2:
        raise ValueError(f"blocks.0.0.bn1.{part}.weight is {list(tensor.shape)}, and a table was expected")
    return tensor


def _placed(weights: Mapping[str, Tensor], levels: list[int], attended: list[int], kind: str) -> dict[str, Tensor]:
    """Return the weights under the names that the architecture has for them.

    Raises:
        ValueError: it has no place for one.
    """
    placed = {}
    for name, tensor in weights.items():
        layer, _, last = name.rpartition(".")
        place = _WHOLE.get(layer)
        if found := re.fullmatch(r"blocks\.(\d{1,3})\.0\.(.+)", layer):
            number = int(found[1])
            if number in levels and found[2] in _OF_BLOCKS:
                place = f"blocks.{levels.index(number)}.{_OF_BLOCKS[found[2]]}"
            elif number in attended and found[2] in _OF_ATTENTION:
                place = f"attention.{number - 1}.{_OF_ATTENTION[found[2]]}"
            if kind == "sagan" and found[2] in ("bn1.gain", "bn1.bias", "bn2.gain", "bn2.bias"):
                tensor = tensor.T  # a linear map of a one-hot class is a table
        elif last == "sigma" and attended and layer == f"blocks.{attended[0]}.0":
            placed[f"attention.{attended[0] - 1}.gamma"] = tensor.reshape(())
            continue
        if place is None:
            raise ValueError(f"the weights have {name}, for which the network has no place")
        placed[f"{place}.{last}"] = tensor
    return placed


def example() -> tuple[BuildContext, dict[str, Tensor]]:
    """Return what a small file of SAGAN for colour 32x32 images of three classes holds, with random weights."""
    random = torch.Generator().manual_seed(0)
    width, classes, shapes = 8, 3, dict[str, tuple[int, ...]]()
    for name, shape in {"linear0": (width * 16, 5), "conv2d5": (3, width, 3, 3)}.items():
        shapes |= {f"{name}.weight_orig": shape, f"{name}.bias": shape[:1]}
    for number in (0, 1, 3):
        at = f"blocks.{number}.0"
        for which, kernel in enumerate((1, 3, 3)):
            shapes |= {f"{at}.conv2d{which}.weight_orig": (width, width, kernel, kernel), f"{at}.conv2d{which}.bias": (width,)}
        for norm in ("bn1", "bn2"):
            shapes |= {f"{at}.{norm}.embed{which}.weight_orig": (classes, width) for which in range(2)}
            shapes |= {f"{at}.{norm}.bn.running_mean": (width,), f"{at}.{norm}.bn.running_var": (width,)}
    for name, before, after in (("theta", width, 1), ("phi", width, 1), ("g", width, width // 2), ("attn", width // 2, width)):
        shapes[f"blocks.2.0.conv1x1_{name}.weight_orig"] = (after, before, 1, 1)
    shapes |= {"blocks.2.0.sigma": (1,), **{f"bn4.{of}": (width,) for of in ("weight", "bias", "running_mean", "running_var")}}
    weights = {name: torch.rand(shape, generator=random) - (0 if name.endswith("running_var") else 0.5) for name, shape in shapes.items()}
    for name in [one for one in weights if one.endswith("_orig")]:
        u, _, v = torch.linalg.svd(weights[name].flatten(1), full_matrices=False)
        weights |= {f"{name.removesuffix('orig')}u": u[:, 0].contiguous(), f"{name.removesuffix('orig')}v": v[0].contiguous()}
    return BuildContext(space=ImageSpace.square(3, 32), num_classes=classes, class_names=("a", "b", "c")), weights
