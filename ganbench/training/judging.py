"""What a discriminator is shown, and what it says.

Shapes: N images, m images in a pack, C channels.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from ganbench.training.objective import Judgement


def pack(images: Tensor, packing: int) -> Tensor:
    """Return ``[N / m, m * C, H, W]``: each m images of a batch, one behind the other (Lin et al. 2018, https://arxiv.org/abs/1712.04086).

    Args:
        images: ``[N, C, H, W]`` with N a multiple of m.
        packing: m.
    """
    if packing == 1:
        return images
    count, channels, *size = images.shape
    return images.reshape(count // packing, packing * channels, *size)


def as_judgement(answer: Tensor | tuple[Tensor, ...]) -> Judgement:
    """Return what a discriminator answered as a judgement in float32; a bare tensor is the logits."""
    if isinstance(answer, tuple):
        return Judgement(*(None if part is None else part.float() for part in answer))
    return Judgement(answer.float())


def add_terms(loss: Tensor, terms: Iterable[Tensor | None]) -> Tensor:
    """Return the sum of a loss and of what its terms gave."""
    for term in terms:
        loss = loss if term is None else loss + term
    return loss


def boosted_steps(iteration: int, d_steps: int, boost: int) -> int:
    """Return the discriminator steps of an iteration (martinarjovsky/WassersteinGAN main.py: 100 in the first 25 and in every 500th)."""
    return boost if boost and (iteration < 25 or iteration % 500 == 0) else d_steps


def steps_before(iteration: int, d_steps: int, boost: int) -> int:
    """Return the discriminator steps of all iterations before one."""
    boosted = min(iteration, 25) + max(0, (iteration - 1) // 500) if boost else 0
    return boosted * boost + (iteration - boosted) * d_steps
