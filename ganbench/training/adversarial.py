"""The default iteration: Goodfellow et al. 2014, algorithm 1 (https://arxiv.org/abs/1406.2661), as pytorch/examples orders it.

One function for the discriminator's update, one for the generator's; a third for the case where one generator forward may serve both.
Real and fake batches go through the discriminator apart, because batch statistics of a mixed batch give the answer away.

Shapes: N images of a batch, C, H, W an image, L the length of z.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ganbench.training.algorithm import AlgorithmContext, Phase
from ganbench.training.ema import EMA
from ganbench.training.optimizers import LearningRate, build_optimizer
from ganbench.training.seeding import stream

TRAJECTORY_LENGTH = 64
_STATISTICS = ("discriminator_loss", "penalty", "real_logits", "fake_logits", "abs_logits", "generator_loss")


class AdversarialAlgorithm:
    """Alternating updates of one discriminator and one generator; enough for every plain, conditional or penalised GAN."""

    def __init__(self, context: AlgorithmContext) -> None:
        config = context.config
        training = config.training
        self._networks, self._objective, self._sampler = context.networks, context.objective, context.sampler
        self._device, self._training = context.device, training
        self._generator, self._discriminator = context.networks.generator, context.networks.discriminator
        self._generator_batch = training.batch_size * training.generator_batch_factor
        self._shared = training.shared_fakes and training.d_steps == 1 and training.generator_batch_factor == 1
        self.images_per_iteration = training.batch_size * training.d_steps
        self._ema = EMA(
            self._generator,
            halflife_kimg=training.ema_halflife_kimg,
            start_kimg=training.ema_start_kimg,
            images_per_update=self.images_per_iteration,
        )
        self._discriminator_parameters: list[Tensor] = list(self._discriminator.parameters())
        self._optimizers = {
            "generator": build_optimizer(config.generator_optimizer, self._generator.parameters(), self._device),
            "discriminator": build_optimizer(config.discriminator_optimizer, self._discriminator.parameters(), self._device),
        }
        self._schedules = [
            LearningRate(config.generator_optimizer, self._optimizers["generator"], training.total_kimg),
            LearningRate(config.discriminator_optimizer, self._optimizers["discriminator"], training.total_kimg),
        ]
        self._random = stream(training.seed, "latents", self._device)
        labels = context.train_labels if context.networks.conditional else None
        self._label_pool = None if labels is None else labels.to(self._device)
        self._sums = torch.zeros(len(_STATISTICS), device=self._device)
        self._counts = [0, 0]
        self._trajectory = torch.zeros(TRAJECTORY_LENGTH, 2, device=self._device)
        self._recorded = 0

    def discriminator_update(self) -> None:
        """Ascend the discriminator on one real and one generated batch; no graph is built in the generator."""
        with torch.no_grad():
            labels = self._draw_labels(self._training.batch_size)
            fake = self._generate(self._training.batch_size, labels)
        self._update_discriminator(fake, labels)

    def generator_update(self) -> None:
        """Descend the generator through a frozen discriminator."""
        labels = self._draw_labels(self._generator_batch)
        self._update_generator(self._generate(self._generator_batch, labels), labels)

    def joint_update(self) -> None:
        """Do both updates with one generator forward: the discriminator sees it detached, and its new state scores the generator."""
        labels = self._draw_labels(self._training.batch_size)
        fake = self._generate(self._training.batch_size, labels)
        self._update_discriminator(fake.detach(), labels)
        self._update_generator(fake, labels)

    def _update_discriminator(self, fake: Tensor, fake_labels: Tensor | None) -> None:
        """One optimizer step of the discriminator."""
        batch = self._sampler.next(self._training.batch_size)
        real, real_labels = batch.images, batch.labels if self._networks.conditional else None
        self._clip_weights()
        real_logits = self._discriminate(real, real_labels)  # [N, ...]
        fake_logits = self._discriminate(fake, fake_labels)  # [N, ...]
        loss = self._objective.discriminator_loss(real_logits, fake_logits)
        penalty = self._penalise(real, fake, real_labels)
        self._step("discriminator", loss if penalty is None else loss + penalty)
        with torch.no_grad():
            real_mean, fake_mean = real_logits.mean(), fake_logits.mean()
            size = torch.maximum(real_logits.abs().mean(), fake_logits.abs().mean())
            self._sums[:5] += torch.stack([loss, torch.zeros_like(loss) if penalty is None else penalty, real_mean, fake_mean, size])
        self._counts[0] += 1
        self._last_discriminator_loss = loss.detach()

    def _update_generator(self, fake: Tensor, labels: Tensor | None) -> None:
        """One optimizer step of the generator, and of its average."""
        with self._frozen_discriminator():
            loss = self._objective.generator_loss(self._discriminate(fake, labels))
            self._step("generator", loss)
        self._ema.update()
        self._sums[5] += loss.detach()
        self._counts[1] += 1
        if self._recorded < TRAJECTORY_LENGTH:
            self._trajectory[self._recorded] = torch.stack([self._last_discriminator_loss, loss.detach()])
            self._recorded += 1

    def _generate(self, count: int, labels: Tensor | None) -> Tensor:
        """Return ``[count, C, H, W]`` from fresh latents."""
        latents = torch.randn(count, self._networks.latent_dim, device=self._device, generator=self._random)
        with self._autocast():
            images: Tensor = self._generator(latents, labels)
        return images.float()

    def _discriminate(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """Return float32 logits."""
        with self._autocast():
            logits: Tensor = self._discriminator(images, labels)
        return logits.float()

    def _penalise(self, real: Tensor, fake: Tensor, labels: Tensor | None) -> Tensor | None:
        """Return the sum of the objective's penalties, or None where it has none."""
        if not self._objective.penalties:
            return None
        terms = [p(lambda x: self._discriminate(x, labels), real, fake, self._uniform) for p in self._objective.penalties]
        return torch.stack(terms).sum()

    def _draw_labels(self, count: int) -> Tensor | None:
        """Return ``[count]`` labels from the distribution of the train split."""
        if self._label_pool is None:
            return None
        chosen = torch.randint(len(self._label_pool), (count,), device=self._device, generator=self._random)
        return self._label_pool[chosen]

    def _uniform(self, count: int) -> Tensor:
        return torch.rand(count, device=self._device, generator=self._random)

    def _clip_weights(self) -> None:
        """WGAN's Lipschitz bound (Arjovsky et al. 2017, algorithm 1), before the step as martinarjovsky/WassersteinGAN has it."""
        if self._objective.weight_clip > 0:
            with torch.no_grad():
                torch._foreach_clamp_min_(self._discriminator_parameters, -self._objective.weight_clip)
                torch._foreach_clamp_max_(self._discriminator_parameters, self._objective.weight_clip)

    def _step(self, name: str, loss: Tensor) -> None:
        optimizer = self._optimizers[name]
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()

    @contextmanager
    def _frozen_discriminator(self) -> Iterator[None]:
        """Leave out the discriminator's weight gradients, which the generator's update would throw away."""
        for parameter in self._discriminator_parameters:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in self._discriminator_parameters:
                parameter.requires_grad_(True)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._training.precision == "bf16")

    def plan(self, iteration: int) -> tuple[str, ...]:
        """Return the phases of this iteration."""
        return ("joint",) if self._shared else ("discriminator",) * self._training.d_steps + ("generator",)

    def phases(self) -> Mapping[str, Phase]:
        """Return the phases by name."""
        return {"joint": self.joint_update, "discriminator": self.discriminator_update, "generator": self.generator_update}

    def images_shown(self, iteration: int) -> int:
        """Return how many real images this iteration shows to the discriminator."""
        return self.images_per_iteration

    def set_progress(self, images_seen: int) -> None:
        """Move the schedules and the average to this point."""
        for schedule in self._schedules:
            schedule.set_progress(images_seen)
        self._ema.set_progress(images_seen)

    def modules(self) -> Mapping[str, nn.Module]:
        """Return the networks, with the average."""
        return {
            "generator": self._generator,
            "discriminator": self._discriminator,
            "generator_ema": self._ema.module,
            **self._networks.extra,
        }

    def evaluated_generator(self) -> nn.Module:
        """Return the averaged generator."""
        return self._ema.module

    def read_statistics(self) -> dict[str, float]:
        """Return the means since the last call."""
        sums = self._sums.tolist()
        divisors = [max(self._counts[0], 1)] * 5 + [max(self._counts[1], 1)]
        self._sums.zero_()
        self._counts = [0, 0]
        return {name: s / d for name, s, d in zip(_STATISTICS, sums, divisors, strict=True)}

    def trajectory(self) -> Tensor:
        """Return the losses of the first iterations."""
        return self._trajectory[: self._recorded].cpu()

    def state_dict(self) -> dict[str, Any]:
        """Return networks, optimizers, the random stream, the sampler's position and the running sums."""
        return {
            "modules": {name: module.state_dict() for name, module in self.modules().items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self._optimizers.items()},
            "random": self._random.get_state(),
            "sampler": self._sampler.state_dict(),
            "sums": self._sums,
            "counts": list(self._counts),
            "trajectory": self._trajectory,
            "recorded": self._recorded,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` returned."""
        for name, module in self.modules().items():
            module.load_state_dict(state["modules"][name])
        for name, optimizer in self._optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
            for group in optimizer.param_groups:
                group["lr"] = group["lr"].to(self._device)  # torch moves the state, but not the hyperparameters
        self._random.set_state(state["random"].cpu())
        self._sampler.load_state_dict(state["sampler"])
        self._sums.copy_(state["sums"])
        self._counts = list(state["counts"])
        self._trajectory.copy_(state["trajectory"])
        self._recorded = state["recorded"]
