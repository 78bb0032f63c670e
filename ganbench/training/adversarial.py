"""The default iteration: Goodfellow et al. 2014, algorithm 1 (https://arxiv.org/abs/1406.2661), as pytorch/examples orders it.

One function for the discriminator's update, one for the generator's; a third for the case where one generator forward may serve both.
Real and fake batches go through the discriminator apart, because batch statistics of a mixed batch give the answer away.

Shapes: N images of a batch, C, H, W an image, L the length of z.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ganbench.data.choose import make_sampler
from ganbench.data.sampler import Batch
from ganbench.training.algorithm import METHODS, Algorithm, AlgorithmContext, Phase
from ganbench.training.ledger import Ledger, logit_statistics
from ganbench.training.objective import Judgement, Seen, add_terms, as_judgement, boosted_steps, pack, steps_before
from ganbench.training.seeding import stream


class AdversarialAlgorithm(Algorithm):
    """Alternating updates of one discriminator and one generator; enough for every plain, conditional or penalised GAN."""

    runners: tuple[str, ...] = ("eager", "cuda_graph", "compile")
    functions: tuple[str, ...] = ("generate", "discriminator_loss", "generator_loss", "penalty")

    shares_batches = True

    def __init__(self, context: AlgorithmContext) -> None:
        training, networks = context.config.training, context.networks
        _give_references(context)  # before the average copies the generator
        self.ledger = Ledger(context.device)
        super().__init__(context, self.ledger, training.batch_size * training.d_steps)
        self.generator, self.discriminator = networks["generator"], networks["discriminator"]
        self.optimise("generator", self.generator)
        self.optimise("discriminator", self.discriminator)
        self.generator_batch = training.batch_size * training.generator_batch_factor
        one_to_one = training.d_steps == 1 and training.d_steps_boost == 0 and training.generator_batch_factor == 1
        self._shared = training.shared_fakes and one_to_one
        self._terms = (*networks.terms, *self.objective.terms)
        paired = self.objective.paired_generator_loss is not None
        self.generator_needs_real = paired or any(term.needs_real for term in self._terms)
        for what, parts in (("penalty", self.objective.penalties), ("term", self._terms)):
            for i, part in enumerate(parts):
                if any(hasattr(part, method) for method in METHODS):  # a schedule, or a state
                    self.track(f"{what}_{i}", part.to(self.device) if isinstance(part, nn.Module) else part)
        self._weight_terms = {name: self._make_weight_terms(networks[name], name) for name in ("generator", "discriminator")}

    def _make_weight_terms(self, network: nn.Module, role: str) -> list[nn.Module]:
        makers = (*self.networks.weight_terms, *self.objective.weight_terms)
        terms = [term.to(self.device) for term in (make(network, role) for make in makers) if term is not None]
        return [self.track(f"{role}_weight_term_{i}", term) for i, term in enumerate(terms)]

    def discriminator_update(self, penalised: bool = False) -> None:
        """Ascend the discriminator on one real and one generated batch; no graph is built in the generator."""
        with torch.no_grad():
            labels = self.draw_labels(self.training.batch_size)
            fake = self.generate(self.draw_inputs(self.training.batch_size), labels)
        self._update_discriminator(self.draw_real(), fake, labels, penalised)

    def generator_update(self) -> None:
        """Descend the generator through a frozen discriminator."""
        labels = self.draw_labels(self.generator_batch)
        fake = self.generate(self.draw_inputs(self.generator_batch), labels)
        self._update_generator(fake, labels, self.draw_real() if self.generator_needs_real else None)

    def joint_update(self, penalised: bool = False) -> None:
        """Do both updates with one generator forward: the discriminator sees it detached, and its new state scores the generator."""
        labels = self.draw_labels(self.training.batch_size)
        fake = self.generate(self.draw_inputs(self.training.batch_size), labels)
        batch = self.draw_real()
        self._update_discriminator(batch, fake.detach(), labels, penalised)
        self._update_generator(fake, labels, batch if self.generator_needs_real else None)

    def _update_discriminator(self, batch: Batch, fake: Tensor, fake_labels: Tensor | None, penalised: bool) -> None:
        """One optimizer step of the discriminator."""
        real, real_labels, fake = self.present(batch.samples), batch.labels, self.present(fake)
        self._clip_weights()
        loss, statistics = self.discriminator_loss(real, fake, real_labels, fake_labels)
        # At what the discriminator was shown: StyleGAN2-ADA and R3GAN take the gradient at the image before its augmentation instead.
        penalty = self.penalty(real, fake, real_labels, self.uniform) if penalised else None
        # Applied in every n-th update, a penalty weighs n times as much (Karras et al. 2020, https://arxiv.org/abs/1912.04958, appendix B).
        self.step("discriminator", loss if penalty is None else loss + self.training.penalty_every * penalty)
        self.ledger.add_discriminator(loss, statistics, penalty)

    def _update_generator(self, fake: Tensor, labels: Tensor | None, batch: Batch | None) -> None:
        """One optimizer step of the generator, and of its average; ``batch`` is given to losses that look at real images."""
        with self.frozen("discriminator"):
            real = () if batch is None else (self.present(batch.samples), batch.labels)
            loss = self.generator_loss(self.present(fake), labels, *real)
            self.step("generator", loss)
        self.update_averages()
        self.ledger.add_generator(loss)

    def generate(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """Return float32 images ``[N, C, H, W]``."""
        with self.autocast():
            images: Tensor = self.generator(latents, labels)
        return images.float()

    def discriminator_loss(
        self, real: Tensor, fake: Tensor, real_labels: Tensor | None, fake_labels: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the objective's loss without its penalties, and the logits' statistics ``[5]``, detached."""
        of_real, of_fake = self.judge(real, real_labels), self.judge(fake, fake_labels)
        if self.augment is not None:
            self.augment.observe(self.ranks.gather(of_real.logits.detach()))
        made = self.objective.discriminator_loss(of_real.logits, of_fake.logits)
        loss, statistics = made if isinstance(made, tuple) else (made, logit_statistics(of_real.logits, of_fake.logits))
        if self._terms:
            seen = Seen(fake=of_fake, real=of_real, fake_labels=fake_labels, real_labels=real_labels)
            loss = add_terms(loss, [term.of_discriminator(seen) for term in self._terms])
        return loss, statistics

    def generator_loss(self, fake: Tensor, labels: Tensor | None, real: Tensor | None = None, real_labels: Tensor | None = None) -> Tensor:
        """Return the objective's loss of the generator; real images only where it looks at them."""
        of_fake, of_real = self.judge(fake, labels), None if real is None else self.judge(real, real_labels)
        if of_real is None or self.objective.paired_generator_loss is None:
            loss = self.objective.generator_loss(of_fake.logits)
        else:
            loss = self.objective.paired_generator_loss(of_real.logits, of_fake.logits)
        if self._terms:
            seen = Seen(fake=of_fake, real=of_real, fake_labels=labels, real_labels=real_labels)
            loss = add_terms(loss, [term.of_generator(seen) for term in self._terms])
        return loss

    def penalty(self, real: Tensor, fake: Tensor, labels: Tensor | None, uniform: Callable[[int], Tensor]) -> Tensor:
        """Return the sum of the objective's penalties."""
        return torch.stack([p(lambda x: self.judge(x, labels).logits, real, fake, uniform) for p in self.objective.penalties]).sum()

    def judge(self, images: Tensor, labels: Tensor | None) -> Judgement:
        """Return what the discriminator says, in float32."""
        with self.autocast():
            answer = self.discriminator(images, labels)
        return as_judgement(answer)

    def present(self, samples: Tensor) -> Tensor:
        """Return samples as the discriminator sees them: augmented, and packed."""
        if self.augment is not None:
            samples = self.augment(samples, self.uniform)
        return pack(samples, self.training.packing)

    def _clip_weights(self) -> None:
        """WGAN's Lipschitz bound (Arjovsky et al. 2017, algorithm 1), before the step as martinarjovsky/WassersteinGAN has it."""
        if self.objective.weight_clip > 0:
            weights: list[Tensor] = [*self.parameters["discriminator"]]
            with torch.no_grad():
                torch._foreach_clamp_min_(weights, -self.objective.weight_clip)
                torch._foreach_clamp_max_(weights, self.objective.weight_clip)

    def step(self, name: str, loss: Tensor) -> None:
        """Take one step of an optimizer, with the terms of its network's weights."""
        super().step(name, add_terms(loss, [term() for term in self._weight_terms.get(name, ())]))

    def plan(self, iteration: int) -> tuple[str, ...]:
        """Return the phases of this iteration."""
        every = self.training.penalty_every
        first = steps_before(iteration, self.training.d_steps, self.training.d_steps_boost)
        updates = range(first, first + self.num_discriminator_steps(iteration))
        with_penalty = [bool(self.objective.penalties) and update % every == 0 for update in updates]
        if self._shared:
            return ("joint_penalty" if with_penalty[0] else "joint",)
        return (*("discriminator_penalty" if w else "discriminator" for w in with_penalty), "generator")

    def phases(self) -> Sequence[Phase]:
        """Return the updates; those without a penalty only where there are such."""
        update, name = (self.joint_update, "joint") if self._shared else (self.discriminator_update, "discriminator")
        found = []
        if self.objective.penalties:
            found.append(Phase(f"{name}_penalty", lambda: update(penalised=True), self.stage_real))
        if not self.objective.penalties or self.training.penalty_every > 1:
            found.append(Phase(name, update, self.stage_real))
        if not self._shared:
            found.append(Phase("generator", self.generator_update, self.stage_real if self.generator_needs_real else None))
        return found

    def samples_shown(self, iteration: int) -> int:
        """Return how many real images this iteration shows to the discriminator."""
        return self.training.batch_size * self.num_discriminator_steps(iteration)

    def num_discriminator_steps(self, iteration: int) -> int:
        """Return the discriminator's updates of this iteration."""
        return boosted_steps(iteration, self.training.d_steps, self.training.d_steps_boost)


def _give_references(context: AlgorithmContext) -> None:
    """Give each network that wants one its fixed batch, the first of the run (Salimans et al. 2016, section 3.4)."""
    training, networks = context.config.training, context.networks
    tell_discriminator, tell_generator = (getattr(n, "set_reference", None) for n in (networks["discriminator"], networks["generator"]))
    if tell_discriminator is not None:
        count, seed = training.batch_size, training.seed
        first = make_sampler(context.dataset.train, batch_size=count, seed=seed, device=context.device, workers=0)
        batch = first.next(count)
        tell_discriminator(pack(batch.samples, training.packing), batch.labels if networks.inputs.labels else None)
        first.close()
    if tell_generator is not None:
        random = stream(training.seed, "reference")
        latents = networks.inputs.draw(training.batch_size, random, dataset=context.dataset).to(context.device)
        labels = context.train_labels if networks.inputs.labels else None
        chosen = None if labels is None else labels[torch.randint(len(labels), (training.batch_size,), generator=random)]
        tell_generator(latents, None if chosen is None else chosen.to(context.device))
