"""The harness's networks and numerics (fused Adam, channels_last, one generator forward, frozen discriminator) and nothing else.

Real images are ready as float32, nothing is counted, scheduled or recorded.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganbench_bench.step.harness import Harness, logits_of


class ByHand:
    """A loop of non-saturating logistic losses, as one would write it.

    Args:
        harness: whose networks, images and latents.
        average: keep an average of the generator, as the harness does.
        dtype: of all of it.
    """

    def __init__(self, harness: Harness, *, average: bool, dtype: torch.dtype = torch.float32) -> None:
        self._generator, self._discriminator = (
            n.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
            for n in harness.networks()
        )
        self._frozen = list(self._discriminator.parameters())
        config = harness.materials.config
        self._adams = [
            torch.optim.Adam(n.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True) for n in (self._generator, self._discriminator)
        ]
        self._average = copy.deepcopy(self._generator).requires_grad_(False) if average else None
        halflife = config.training.ema_halflife_kimg
        self._weight = 1 - 0.5 ** (harness.batch_size / (1000 * halflife)) if halflife else 1.0
        self._images = harness.real_images(dtype).contiguous(memory_format=torch.channels_last)
        self._latents = harness.draw_latents(dtype)
        self._order = harness.order()

    def step(self) -> tuple[Tensor, Tensor]:
        """Update both networks and return their losses."""
        real = self._images[next(self._order)]
        fake = self._generator(self._latents())
        d_loss = softplus(-self._judge(real)).mean() + softplus(self._judge(fake.detach())).mean()
        self._update(1, d_loss)
        for parameter in self._frozen:
            parameter.requires_grad_(False)
        g_loss = softplus(-self._judge(fake)).mean()
        self._update(0, g_loss)
        for parameter in self._frozen:
            parameter.requires_grad_(True)
        if self._average is not None:
            with torch.no_grad():
                torch._foreach_lerp_(list(self._average.parameters()), list(self._generator.parameters()), self._weight)
                torch._foreach_copy_(list(self._average.buffers()), list(self._generator.buffers()))
        return d_loss.detach(), g_loss.detach()

    def _judge(self, images: Tensor) -> Tensor:
        return logits_of(self._discriminator(images))

    def _update(self, which: int, loss: Tensor) -> None:
        self._adams[which].zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._adams[which].step()

    def run(self, steps: int) -> None:
        """Take so many steps."""
        for _ in range(steps):
            self.step()

    def losses(self, steps: int) -> Tensor:
        """Take the first steps and return ``[steps, 2]``: the discriminator's and the generator's loss."""
        return torch.stack([torch.stack(self.step()) for _ in range(steps)]).cpu()
