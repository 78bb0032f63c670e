"""R3GAN's iteration (Huang et al. 2024, https://arxiv.org/abs/2501.05441): pairs of one class, penalties at the images as they are.

It differs from the default one in three things. A generated image has the label of the real image that it is paired with, because a
relativistic loss of two classes would tell these apart. Penalties are gradients at the images before their augmentation, of the logits
that the loss is made of: the discriminator is called once for each batch. And five numbers follow the images that were seen, along half a
cosine: both learning rates, Adam's beta2, the weight of the penalties and the half-life of the average, which begins as a copy.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from ganbench import AdversarialAlgorithm, AlgorithmContext, ConfigError, Judgement, OptimizerConfig, Seen, logit_statistics
from ganbench_kernels import higher_order
from ganbench_r3gan import R3GANOptions
from ganbench_r3gan.schedule import MovingAdam, MovingRate
from ganbench_schedules import Schedule
from ganbench_schedules.number import ScheduledNumber


class R3GANAlgorithm(AdversarialAlgorithm):
    """Alternating updates of two networks whose batches are paired."""

    functions = ("generate", "generator_loss")  # a compiled region cannot be differentiated twice

    def __init__(self, context: AlgorithmContext) -> None:
        context.require(shared_fakes=False, generator_batch_factor=1)
        options, training = context.config.architecture.options, context.config.training
        assert isinstance(options, R3GANOptions)
        self._options = options
        self._length = training.total_kimg if options.schedule_kimg is None else options.schedule_kimg
        self._halflife = Schedule(kind="cosine", first=0.0, last=training.ema_halflife_kimg, end_kimg=self._length)
        super().__init__(context)
        gamma = Schedule(kind="cosine", first=1.0, last=options.final_gamma, end_kimg=self._length)
        self.gamma = self.track("gamma", ScheduledNumber(gamma, context.device))
        """What the loss's penalties are multiplied by."""
        self._move_average(0)

    def optimise(self, name: str, *modules: nn.Module, config: OptimizerConfig | None = None) -> None:
        """Build an Adam whose numbers move.

        Raises:
            ConfigError: another optimizer, or a schedule of its own.
        """
        if config is None:
            config = self.config.discriminator_optimizer if name == "discriminator" else self.config.generator_optimizer
        for field, wanted in (("kind", "adam"), ("schedule", "constant")):
            if (value := getattr(config, field)) != wanted:
                raise ConfigError(f"{name}_optimizer.{field} must be {wanted} for {self.config.architecture.name} (got {value})")
        self.parameters[name] = [parameter for module in modules for parameter in module.parameters()]
        lr, beta2 = (torch.tensor(value, device=self.device) for value in (config.learning_rate, config.beta2))
        optimizer = MovingAdam(
            self.parameters[name], lr=lr, beta2=beta2, beta1=config.beta1, eps=config.eps, weight_decay=config.weight_decay
        )
        self.optimizers[name] = self.track(f"{name}_optimizer", optimizer)
        last = config.beta2 if self._options.final_beta2 is None else self._options.final_beta2
        rate = MovingRate(config, optimizer, length_kimg=self._length, final_rate=self._options.final_rate, final_beta2=last)
        self.schedules[name] = self.track(f"{name}_rate", rate)  # type: ignore[assignment]  # it is asked the same

    def set_progress(self, samples_seen: int) -> None:
        """Move all schedules to this point."""
        super().set_progress(samples_seen)
        self._move_average(samples_seen)

    def _move_average(self, samples_seen: int) -> None:
        if self._options.ramp_average:
            for average in self.averages.values():
                average.set_halflife(self._halflife.value(samples_seen))

    def discriminator_update(self, penalised: bool = False) -> None:
        """Ascend the discriminator on a real batch and on generated images of the same labels."""
        batch = self.draw_real()
        with torch.no_grad():
            fake = self.generate(self.draw_inputs(self.training.batch_size), batch.labels)
        real, fake = (images.detach().requires_grad_(penalised) for images in (batch.samples, fake))
        with higher_order() if penalised else nullcontext():
            of_real, of_fake = (self.judge(self.present(images), batch.labels) for images in (real, fake))
        loss, statistics = self._loss(of_real, of_fake, batch.labels)
        penalty = None
        if penalised:
            known = {id(real): of_real.logits, id(fake): of_fake.logits}

            def discriminate(images: Tensor) -> Tensor:
                logits = known.get(id(images))
                return self.judge(self.present(images), batch.labels).logits if logits is None else logits

            penalty = self.gamma() * self._penalties(discriminate, real, fake)
        self.step("discriminator", loss if penalty is None else loss + self.training.penalty_every * penalty)
        self.ledger.add_discriminator(loss, statistics, penalty)

    def _loss(self, of_real: Judgement, of_fake: Judgement, labels: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the discriminator's loss with the objective's terms, and the statistics of the logits."""
        if self.augment is not None:
            self.augment.observe(of_real.logits.detach())
        made = self.objective.discriminator_loss(of_real.logits, of_fake.logits)
        loss, statistics = made if isinstance(made, tuple) else (made, logit_statistics(of_real.logits, of_fake.logits))
        seen = Seen(fake=of_fake, real=of_real, fake_labels=labels, real_labels=labels)
        for term in self.objective.terms:
            added = term.of_discriminator(seen)
            loss = loss if added is None else loss + added
        return loss, statistics

    def _penalties(self, discriminate: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
        return torch.stack([penalty(discriminate, real, fake, self.uniform) for penalty in self.objective.penalties]).sum()

    def generator_update(self) -> None:
        """Descend the generator through a frozen discriminator, against real images of the same labels where the loss looks at such."""
        if not self.generator_needs_real:
            super().generator_update()
            return
        batch = self.draw_real()
        fake = self.generate(self.draw_inputs(self.training.batch_size), batch.labels)
        with self.frozen("discriminator"):
            loss = self.generator_loss(self.present(fake), batch.labels, self.present(batch.samples), batch.labels)
            self.step("generator", loss)
        self.update_averages()
        self.ledger.add_generator(loss)
