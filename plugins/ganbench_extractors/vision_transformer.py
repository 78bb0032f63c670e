"""Vision transformers (Dosovitskiy et al. 2021, https://arxiv.org/abs/2010.11929) in plain PyTorch, as DINOv2 and CLIP have them.

Patches, a class token, positions, blocks of attention and of a hidden layer, each behind a layer norm and beside the identity; the feature
is the class token behind a last norm. DINOv2 (Oquab et al. 2023, https://arxiv.org/abs/2304.07193) scales each branch channel by channel;
CLIP (Radford et al. 2021, https://arxiv.org/abs/2103.00020) has a norm before the blocks, no bias of the patches, ``x sigmoid(1.702 x)``
for GELU, and a projection at the end. Names are those of facebookresearch/dinov2, whose state dicts load as they are.

Shapes: N images, R their height and width, P patches, D = width, E = output.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_NUDGE = 0.1
"""Added by DINOv2 to the number of patches that positions are interpolated to, which moves all of them by a little."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TransformerForm:
    """The sizes of one, and which of the two it is."""

    width: int
    """D."""
    depth: int
    """Blocks."""
    heads: int
    patch: int
    """Height and width of a patch in pixels."""
    stored_grid: int
    """Patches along each side for which the weights have positions."""
    output: int = 0
    """E, of CLIP; 0 for DINOv2, which has no projection."""

    @property
    def is_clip(self) -> bool:
        """Whether it is built as CLIP's."""
        return self.output > 0

    @property
    def eps(self) -> float:
        """Added to the variance in layer norms."""
        return 1e-5 if self.is_clip else 1e-6


class Scale(nn.Module):
    """``[..., D]`` times a factor for each channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Return the product."""
        return x * self.gamma


class Attention(nn.Module):
    """Every position looks at every other one, by several heads."""

    def __init__(self, form: TransformerForm) -> None:
        super().__init__()
        self.heads = form.heads
        self.qkv, self.proj = nn.Linear(form.width, 3 * form.width), nn.Linear(form.width, form.width)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, 1 + P, D]``."""
        query, key, value = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each [N, heads, 1 + P, D / heads]
        seen = F.scaled_dot_product_attention(query, key, value)
        result: Tensor = self.proj(seen.transpose(1, 2).flatten(2))
        return result


class Hidden(nn.Module):
    """A hidden layer of four times the width at each position."""

    def __init__(self, form: TransformerForm) -> None:
        super().__init__()
        self.fc1, self.fc2, self.quick = nn.Linear(form.width, 4 * form.width), nn.Linear(4 * form.width, form.width), form.is_clip

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, 1 + P, D]``."""
        x = self.fc1(x)
        result: Tensor = self.fc2(x * torch.sigmoid(1.702 * x) if self.quick else F.gelu(x))
        return result


class Block(nn.Module):
    """Attention and a hidden layer."""

    def __init__(self, form: TransformerForm) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(form.width, form.eps) for _ in range(2))
        self.attn, self.mlp = Attention(form), Hidden(form)
        self.ls1, self.ls2 = (nn.Identity() if form.is_clip else Scale(form.width) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, 1 + P, D]``."""
        x = x + self.ls1(self.attn(self.norm1(x)))
        result: Tensor = x + self.ls2(self.mlp(self.norm2(x)))
        return result


class Patches(nn.Module):
    """``[N, 3, R, R]`` to ``[N, P, D]``."""

    def __init__(self, form: TransformerForm) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, form.width, form.patch, stride=form.patch, bias=not form.is_clip)

    def forward(self, images: Tensor) -> Tensor:
        """Return a vector for each patch, row by row."""
        patches: Tensor = self.proj(images).flatten(2).transpose(1, 2)
        return patches


class VisionTransformer(nn.Module):
    """``[N, 3, R, R]`` standardised images to ``[N, D]`` features, or to CLIP's ``[N, E]``; R is a multiple of the patch."""

    def __init__(self, form: TransformerForm) -> None:
        super().__init__()
        self.patch_embed = Patches(form)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, form.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + form.stored_grid**2, form.width))
        self.norm_pre = nn.LayerNorm(form.width, form.eps) if form.is_clip else nn.Identity()
        self.blocks = nn.ModuleList(Block(form) for _ in range(form.depth))
        self.norm = nn.LayerNorm(form.width, form.eps)
        self.head = nn.Linear(form.width, form.output, bias=False) if form.is_clip else nn.Identity()
        self.form = form

    def forward(self, images: Tensor) -> Tensor:
        """Return the features."""
        patches = self.patch_embed(images)
        x = torch.cat([self.cls_token.expand(len(images), -1, -1), patches], dim=1)
        x = self.norm_pre(x + self.positions(images.shape[-1] // self.form.patch))
        for block in self.blocks:
            x = block(x)
        features: Tensor = self.head(self.norm(x[:, 0]))
        return features

    def positions(self, grid: int) -> Tensor:
        """Return the positions of so many patches along each side, ``[1, 1 + P, D]``; bicubic between those that are stored."""
        stored = self.form.stored_grid
        if grid == stored:
            return self.pos_embed
        first, rest = self.pos_embed[:, :1], self.pos_embed[:, 1:]
        plane = rest.unflatten(1, (stored, stored)).permute(0, 3, 1, 2)
        turned = F.interpolate(plane, scale_factor=((grid + _NUDGE) / stored,) * 2, mode="bicubic")
        return torch.cat([first, turned.flatten(2).transpose(1, 2)], dim=1)
