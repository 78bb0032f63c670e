"""The generator of pytorch/examples' dcgan/main.py and of PyTorch's DCGAN tutorial, from the files that they save (``netG_epoch_24.pth``).

One sequence ``main``: transposed convolutions ``main.0``, ``main.3``, ... with kernel 4 and no bias, the first from 1x1 to 4x4 and each
other one to twice the resolution; behind all but the last a batch norm and a ReLU; a tanh at the end. At 64x64 there are five. The sizes
are read off the weights, so that files of other widths, channels and numbers of levels load as well. Latents are N(0, 1) ``[n, L, 1, 1]``.

Shapes: n images, L the length of z, C, H, W an image.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from ganbench import BuildContext, Latents, Networks, NoOptions
from ganbench_spaces.images import ImageSpace
from ganbench_use.loader import fill

_KERNEL = 4
_PARALLEL = "module."
"""Before all names in what ``nn.DataParallel`` saves, as the tutorial does on several GPUs."""


class Generator(nn.Module):
    """``[n, L]`` latents to ``[n, C, H, W]`` images in [-1, 1].

    Args:
        widths: channels before each transposed convolution and after the last, from L to C.
    """

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for level, (before, after) in enumerate(pairwise(widths)):
            stride, padding = (2, 1) if level else (1, 0)
            layers.append(nn.ConvTranspose2d(before, after, _KERNEL, stride, padding, bias=False))
            layers += [nn.BatchNorm2d(after), nn.ReLU()] if level < len(widths) - 2 else [nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return images; there are no classes."""
        images: Tensor = self.main(latents[:, :, None, None])
        return images


def widths_of(weights: Mapping[str, Tensor]) -> tuple[int, ...]:
    """Return the channels of each level, from L to C.

    Args:
        weights: by name, as the example saves them.

    Raises:
        ValueError: they are of another network.
    """
    numbers = sorted(
        int(found[1]) for name, one in weights.items() if one.ndim == 4 and (found := re.fullmatch(r"main\.(\d+)\.weight", name))
    )
    if len(numbers) < 2 or numbers != list(range(0, 3 * len(numbers), 3)):
        names = ", ".join(list(weights)[:3])
        raise ValueError(f"these are no weights of pytorch/examples' DCGAN generator: main.0.weight, main.3.weight, ... (got {names}, ...)")
    shapes = [tuple(weights[f"main.{number}.weight"].shape) for number in numbers]
    if biased := [f"main.{number}.bias" for number in numbers if f"main.{number}.bias" in weights]:
        raise ValueError(f"the transposed convolutions of that generator have no bias, and the weights have {biased[0]}")
    widths = (shapes[0][0], *(shape[1] for shape in shapes))
    for number, shape, before in zip(numbers, shapes, widths, strict=False):
        if shape[0] != before or shape[2:] != (_KERNEL, _KERNEL):
            wanted = f"[{before}, any, {_KERNEL}, {_KERNEL}]"
            raise ValueError(f"main.{number}.weight is {list(shape)}, and {wanted} follows from what is before it")
    return widths


def build(options: NoOptions, context: BuildContext, weights: Mapping[str, Tensor]) -> Networks:
    """Build the generator and load the weights.

    Raises:
        ValueError: they are of another network, or one of them is missing or of another shape.
    """
    if all(name.startswith(_PARALLEL) for name in weights):
        weights = {name.removeprefix(_PARALLEL): tensor for name, tensor in weights.items()}
    widths = widths_of(weights)
    generator = Generator(widths)
    fill(generator, weights)
    return Networks(modules={"generator": generator}, inputs=Latents(widths[0], "normal"))


def example() -> tuple[BuildContext, dict[str, Tensor]]:
    """Return what a small file for grey 16x16 images holds, with random weights."""
    random = torch.Generator().manual_seed(0)
    generator = Generator((8, 8, 4, 1))
    weights = generator.state_dict()
    for tensor in weights.values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=random) - (0.5 if tensor.ndim > 1 else 0))
    return BuildContext(space=ImageSpace.square(1, 16)), weights
