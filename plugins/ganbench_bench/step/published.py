"""The loop of pytorch/examples dcgan/main.py in our words, around the harness's networks, and the same with ``torch.compile``.

Contiguous NCHW, sigmoid and BCELoss, one backward for real and one for generated images, the generator's step through a discriminator that
is not frozen, torch's default Adam, five ``item()`` an iteration. Printing and incomplete batches are left out; images are decoded already.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ganbench import both_optimizers
from ganbench_bench.step.harness import Harness, logits_of

RULES: dict[str, object] = {
    "loss.name": "logistic",
    "training.d_steps": 1,
    "training.generator_batch_factor": 1,
    "training.shared_fakes": True,
    "training.ema_halflife_kimg": 0.0,
    "training.horizontal_flip": False,
    **dict(both_optimizers(kind="adam", learning_rate=2e-4, beta1=0.5, beta2=0.999, eps=1e-8, weight_decay=0.0)),
}
"""What the published loop fixes, whatever is trained: settings under which the harness does the same arithmetic."""


class Published:
    """The loop.

    Args:
        harness: whose networks and latents.
        batches: real images ``[N, C, H, W]`` on the device.
        dtype: of the weights.
        precision: bf16 runs the networks under autocast.
        compiled: ``torch.compile``'s mode for both networks; None as it stands.
        tuned: in channels_last and with fused Adam, which a user can ask of any loop.
    """

    def __init__(
        self,
        harness: Harness,
        batches: Iterator[Tensor],
        dtype: torch.dtype = torch.float32,
        *,
        precision: str = "fp32",
        compiled: str | None = None,
        tuned: bool = False,
    ) -> None:
        layout = torch.channels_last if tuned else torch.contiguous_format
        self._generator, self._discriminator = (n.to(dtype=dtype, memory_format=layout) for n in harness.networks())  # type: ignore[call-overload]
        self._sigmoid, self._criterion = nn.Sigmoid(), nn.BCELoss()
        self._adam_d, self._adam_g = (
            torch.optim.Adam(n.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=tuned or None)
            for n in (self._discriminator, self._generator)
        )
        self._latents, self._batches, self._device = harness.draw_latents(dtype), batches, harness.device
        self._generate: Any = self._generator
        self._probability: Any = self._probabilities
        self._replays = compiled == "reduce-overhead"
        self._bf16 = precision == "bf16"
        if compiled is not None:
            self._generate, self._probability = (torch.compile(f, mode=compiled) for f in (self._generate, self._probability))

    def _probabilities(self, images: Tensor) -> Tensor:
        logits = logits_of(self._discriminator(images))
        probabilities: Tensor = self._sigmoid(logits.float() if self._bf16 else logits)
        return probabilities

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._bf16)

    def _judge(self, images: Tensor, target: float) -> tuple[Tensor, Tensor]:
        """Score a batch against one label; return the loss after its backward, and the probabilities."""
        with self._autocast():
            output = self._probability(images)
        loss: Tensor = self._criterion(output, torch.full((len(images),), target, dtype=output.dtype, device=self._device))
        loss.backward()  # type: ignore[no-untyped-call]
        return loss, output

    def step(self) -> tuple[Tensor, Tensor]:
        """Update both networks and return their losses."""
        if self._replays:
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        self._discriminator.zero_grad()
        real_loss, real_output = self._judge(next(self._batches), 1.0)
        real_mean = real_output.mean().item()
        with self._autocast():
            fake = self._generate(self._latents())
        fake_loss, fake_output = self._judge(fake.detach(), 0.0)
        fake_mean = fake_output.mean().item()
        d_loss = real_loss + fake_loss
        self._adam_d.step()
        self._generator.zero_grad()
        g_loss, output = self._judge(fake, 1.0)
        self.shown = (d_loss.item(), g_loss.item(), real_mean, fake_mean, output.mean().item())
        self._adam_g.step()
        return d_loss.detach(), g_loss.detach()

    def run(self, steps: int) -> None:
        """Take so many steps, and wait for the device."""
        for _ in range(steps):
            self.step()
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def issue(self) -> None:
        """Take one step; the loop itself waits for the device in it."""
        self.step()

    def losses(self, steps: int) -> Tensor:
        """Take the first steps and return ``[steps, 2]``: the discriminator's and the generator's loss."""
        return torch.stack([torch.stack(self.step()) for _ in range(steps)]).cpu()
