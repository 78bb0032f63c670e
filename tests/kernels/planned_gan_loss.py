"""The launches of the adversarial losses, for cross-compilation."""

from __future__ import annotations

import torch
from cross_compile import Planned

from ganbench_kernels.gan_loss import empty_outputs
from ganbench_kernels.jit.gan_loss import plan_gan_loss


def plan(kind: str, role: str, dtype: torch.dtype = torch.float32, *, has_real: bool = True, label_smoothing: float = 0.0) -> Planned:
    """Plan one for the logits of a patch discriminator; those of half precision are read in accesses of 64 bits.

    It may have more registers than 64: there is one program, which crowds no other out.
    """
    logits = torch.empty(64, 1, 30, 30, dtype=dtype, device="meta")
    real = logits if has_real else None
    launch = plan_gan_loss(real, logits, empty_outputs(real, logits, kind, role), kind=kind, role=role, label_smoothing=label_smoothing)
    return Planned(launch, wide=dtype in (torch.float32, torch.float64), registers=96)


def planned() -> dict[str, Planned]:
    """Return the launches by name."""
    return {
        "logistic-smoothed-fp32": plan("logistic", "discriminator", label_smoothing=0.1),
        "logistic-generator-bf16": plan("logistic", "generator", torch.bfloat16, has_real=False),
        "minimax-generator-fp64": plan("minimax", "generator", torch.float64),
        "hinge-fp16": plan("hinge", "discriminator", torch.float16),
        "least-squares-fp32": plan("least-squares", "discriminator"),
        "wasserstein-fp32": plan("wasserstein", "discriminator"),
        "relativistic-fp32": plan("relativistic", "discriminator"),
        "relativistic-generator-bf16": plan("relativistic", "generator", torch.bfloat16),
    }
