"""One iteration of GAN or PacGAN, for all seeds of a cell: both networks are updated at once, from the same generated packs.

As in fjxmlzn/PacGAN, whose ``ali_algorithm`` takes both gradients before either update; Adam's numbers are the same for both networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganbench import OptimizerConfig, Phase, Steps, build_optimizer
from ganbench_pacgan import PacGANOptions
from ganbench_pacgan.networks import StackedDiscriminator, StackedGenerator, pack
from ganbench_pacgan.streams import NUM_REFRESHING, Streams


class StackedGANs(Steps):
    """The GANs of all seeds: steps of one phase.

    The batches of an epoch are drawn before it and lie on the device; a step takes the next by a counter that lies there too, so that a
    captured step needs nothing from the host.

    Args:
        options: the protocol.
        packing: m.
        packs: the training packs ``[S, num_samples, 2 m]`` on the device.
        streams: of the seeds; the weights are drawn here.
    """

    runners = ("eager", "cuda_graph")

    def __init__(self, options: PacGANOptions, packing: int, packs: Tensor, streams: Streams) -> None:
        super().__init__()
        device, seeds = packs.device, len(streams.generators)
        self.steps_per_epoch = options.num_samples // options.batch_size
        self.samples_per_iteration = seeds * packing * options.batch_size
        self.generator = StackedGenerator(streams.generators, options.generator_width).to(device)
        self.discriminator = StackedDiscriminator(streams.generators, packing, options.discriminator_width, options.maxout_pieces).to(
            device
        )
        self.track("generator", self.generator)
        self.track("discriminator", self.discriminator)
        self._generator_parameters, self._discriminator_parameters = (
            list(self.generator.parameters()),
            list(self.discriminator.parameters()),
        )
        adam = OptimizerConfig(kind="adam", learning_rate=options.learning_rate, beta1=options.beta1, beta2=0.999, eps=1e-8)
        parameters = [*self._generator_parameters, *self._discriminator_parameters]
        self._optimizer = self.track("optimizer", build_optimizer(adam, parameters, device))
        self._options, self._packing, self._packs, self._streams = options, packing, packs, streams
        self._stream_state, self._is_drawn = streams.state(), False
        batch = (seeds, options.batch_size, 2 * packing)
        self._real = torch.empty(self.steps_per_epoch, *batch, device=device)
        self._latents = torch.empty(self.steps_per_epoch + NUM_REFRESHING, seeds, packing, options.batch_size, 2, device=device)
        self._losses = torch.zeros(self.steps_per_epoch, 2, device=device)
        self._counter = torch.zeros(1, dtype=torch.int64, device=device)
        self.position = 0
        """Steps done of this epoch."""

    def step(self) -> None:
        """Update both networks on the next batch."""
        real = self._real.index_select(0, self._counter).squeeze(0)  # [S, B, 2 m]
        fake = pack(self.generator(self._latents.index_select(0, self._counter).squeeze(0)))
        real_logits, fake_logits = self.discriminator(real), self.discriminator(fake)  # [S, B]
        discriminator_loss = (F.softplus(-real_logits) + F.softplus(fake_logits)).mean(1)  # [S]
        generator_loss = F.softplus(-fake_logits).mean(1)
        self._set_gradients(discriminator_loss.sum(), self._discriminator_parameters, retain_graph=True)
        self._set_gradients(generator_loss.sum(), self._generator_parameters, retain_graph=False)
        self._optimizer.step()
        losses = torch.stack([discriminator_loss.mean(), generator_loss.mean()]).detach()
        self._losses.index_copy_(0, self._counter, losses.unsqueeze(0))
        self._counter.add_(1)

    @staticmethod
    def _set_gradients(loss: Tensor, parameters: Sequence[nn.Parameter], *, retain_graph: bool) -> None:
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters, retain_graph=retain_graph), strict=True):
            parameter.grad = gradient

    @torch.no_grad()
    def end_epoch(self) -> None:
        """Move the generator's averages to where it stands, and begin the next epoch."""
        self.draw_epoch()  # a resumed process may come here first
        for latents in self._latents[self.steps_per_epoch :]:
            self.generator(latents)
        self._stream_state, self._is_drawn = self._streams.state(), False
        self.position = 0
        self._counter.zero_()

    @torch.no_grad()
    def points(self, latents: Tensor) -> Tensor:
        """Return what the generators make of latents ``[S, 1, N, 2]`` by their averages: ``[S, N, 2]``."""
        self.generator.eval()
        points: Tensor = self.generator(latents).squeeze(1)
        self.generator.train()
        return points

    def draw_epoch(self) -> None:
        """Draw the batches of the epoch, once."""
        if self._is_drawn:
            return
        order, latents = self._streams.epoch(self._packing, self._options)
        self._latents.copy_(latents)
        chosen = order.to(self._packs.device).unsqueeze(2).expand_as(self._packs)
        shuffled = self._packs.gather(1, chosen)  # [S, num_samples, 2 m]
        steps, seeds, *batch = self._real.shape
        self._real.copy_(shuffled.view(seeds, steps, *batch).transpose(0, 1))
        self._is_drawn = True

    def phases(self) -> Sequence[Phase]:
        """Return the step."""
        return (Phase("step", self.step, self.draw_epoch),)

    def trajectory(self) -> Tensor:
        """Return the losses of this epoch so far, ``[n, 2]``, means over the seeds."""
        return self._losses[: int(self._counter)].cpu()

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the data, which the seeds say; the streams are as they were before this epoch."""
        return {**super().state_dict(), "streams": self._stream_state, "position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it back in place; the epoch's batches are drawn again."""
        super().load_state_dict(state)
        self._stream_state, self._is_drawn = state["streams"].clone(), False
        self._streams.set_state(self._stream_state)
        self.position = int(state["position"])
        self._counter.fill_(self.position)
