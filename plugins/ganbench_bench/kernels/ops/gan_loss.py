"""Cases of ``gan_loss``: losses of float32 logits. They save launches, not bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

from ganbench_bench.kernels.case import Case, Inputs, normal
from ganbench_bench.kernels.sizes import Sizes

Kind = Literal["logistic", "hinge", "relativistic"]
Role = Literal["discriminator", "generator"]

_PLAIN: dict[tuple[Kind, Role], Callable[[Tensor, Tensor], Tensor]] = {
    ("logistic", "discriminator"): lambda real, fake: softplus(-real).mean() + softplus(fake).mean(),
    ("logistic", "generator"): lambda real, fake: softplus(-fake).mean(),
    ("hinge", "discriminator"): lambda real, fake: relu(1 - real).mean() + relu(1 + fake).mean(),
    ("relativistic", "discriminator"): lambda real, fake: softplus(fake - real).mean(),
}
"""The loss alone; the op returns five statistics of the logits besides."""


def cases(sizes: Sizes, dtypes: tuple[torch.dtype, ...]) -> list[Case]:
    """Each loss for each batch size, in float32 whatever the dtypes are."""
    return [_case(kind, role, count) for kind, role in _PLAIN for count in sizes.logits]


def _case(kind: Kind, role: Role, count: int) -> Case:
    from ganbench_kernels import gan_loss, gan_loss_ref

    plain, takes_real = _PLAIN[kind, role], role == "discriminator"

    def make(device: torch.device, random: torch.Generator) -> Inputs:
        real, fake = (normal((count,), torch.float32, device, random) for _ in range(2))
        return (real, fake) if takes_real else (None, fake)

    size = (2 if takes_real else 1) * 4 * count
    return Case(
        op="gan_loss",
        title="the loss; ours returns five statistics of the logits besides",
        variant=f"{kind}, {role}",
        shape=(count,),
        dtype=torch.float32,
        make=make,
        plain=plain,
        fused=lambda real, fake: gan_loss(real, fake, kind=kind, role=role, impl="triton").loss,
        reference=lambda real, fake: gan_loss_ref(real, fake, kind=kind, role=role).loss,
        output_dtype=torch.float32,
        gradients=(0, 1) if takes_real else (1,),
        num_bytes={"forward": 2 * size + 4, "backward": 2 * size + 4},  # logits, and their gradients, which the forward makes
    )
