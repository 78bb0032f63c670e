"""The default iteration: Goodfellow et al. 2014, algorithm 1 (https://arxiv.org/abs/1406.2661), as pytorch/examples orders it.

One function for the discriminator's update, one for the generator's; a third for the case where one generator forward may serve both.
Real and fake batches go through the discriminator apart, because batch statistics of a mixed batch give the answer away.

Shapes: N images of a batch, C, H, W an image, L the length of z.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ganbench.data.choose import make_sampler
from ganbench.data.sampler import Batch
from ganbench.training.algorithm import AlgorithmContext, Phase, Wrap
from ganbench.training.ledger import logit_statistics
from ganbench.training.objective import Judgement, Seen, add_terms, as_judgement, boosted_steps, pack, steps_before
from ganbench.training.seeding import stream
from ganbench.training.updates import NetworkUpdates


class AdversarialAlgorithm(NetworkUpdates):
    """Alternating updates of one discriminator and one generator; enough for every plain, conditional or penalised GAN."""

    runners: tuple[str, ...] = ("eager", "cuda_graph", "compile")

    def __init__(self, context: AlgorithmContext) -> None:
        training = context.config.training
        self.samples_per_iteration = training.batch_size * training.d_steps
        _give_references(context)  # before the average copies the generator
        super().__init__(
            context,
            generators=[context.networks["generator"]],
            discriminators=[context.networks["discriminator"]],
            images_per_update=self.samples_per_iteration,
        )
        self._generator, self._discriminator = context.networks["generator"], context.networks["discriminator"]
        self._dataset = context.dataset
        self._sampler, self._augment, self._grain = context.sampler, context.augment, context.dataset.space.grain
        self._generator_batch = training.batch_size * training.generator_batch_factor
        one_to_one = training.d_steps == 1 and training.d_steps_boost == 0 and training.generator_batch_factor == 1
        self._shared = training.shared_fakes and one_to_one
        self._terms = (*context.networks.terms, *context.objective.terms)
        paired = context.objective.paired_generator_loss is not None
        self._generator_needs_real = paired or any(term.needs_real for term in self._terms)
        self._weight_terms = {
            "generator": self._make_weight_terms(self._generator, "generator"),
            "discriminator": self._make_weight_terms(self._discriminator, "discriminator"),
        }
        self._random = stream(training.seed, "latents", self._device)
        labels = context.train_labels if context.networks.inputs.labels else None
        self._label_pool = None if labels is None else labels.to(self._device)

    def _make_weight_terms(self, network: nn.Module, role: str) -> list[nn.Module]:
        makers = (*self._networks.weight_terms, *self._objective.weight_terms)
        made = (make(network, role) for make in makers)
        return [term.to(self._device) for term in made if term is not None]

    def discriminator_update(self, penalised: bool = False) -> None:
        """Ascend the discriminator on one real and one generated batch; no graph is built in the generator."""
        with torch.no_grad():
            labels = self._draw_labels(self._training.batch_size)
            fake = self.generate(self._draw_latents(self._training.batch_size), labels)
        self._update_discriminator(self._draw_real(), fake, labels, penalised)

    def generator_update(self) -> None:
        """Descend the generator through a frozen discriminator."""
        labels = self._draw_labels(self._generator_batch)
        fake = self.generate(self._draw_latents(self._generator_batch), labels)
        self._update_generator(fake, labels, self._draw_real() if self._generator_needs_real else None)

    def joint_update(self, penalised: bool = False) -> None:
        """Do both updates with one generator forward: the discriminator sees it detached, and its new state scores the generator."""
        labels = self._draw_labels(self._training.batch_size)
        fake = self.generate(self._draw_latents(self._training.batch_size), labels)
        batch = self._draw_real()
        self._update_discriminator(batch, fake.detach(), labels, penalised)
        self._update_generator(fake, labels, batch if self._generator_needs_real else None)

    def _update_discriminator(self, batch: Batch, fake: Tensor, fake_labels: Tensor | None, penalised: bool) -> None:
        """One optimizer step of the discriminator."""
        real, real_labels, fake = self._present(batch.samples), batch.labels, self._present(fake)
        self._clip_weights()
        loss, statistics = self.discriminator_loss(real, fake, real_labels, fake_labels)
        penalty = self.penalty(real, fake, real_labels, self._uniform) if penalised else None
        # Applied in every n-th update, a penalty weighs n times as much (Karras et al. 2020, https://arxiv.org/abs/1912.04958, appendix B).
        self._step("discriminator", loss if penalty is None else loss + self._training.penalty_every * penalty)
        self._ledger.add_discriminator(loss, statistics, penalty)

    def _update_generator(self, fake: Tensor, labels: Tensor | None, batch: Batch | None) -> None:
        """One optimizer step of the generator, and of its average; ``batch`` is given to losses that look at real images."""
        with self._frozen_discriminators():
            real = () if batch is None else (self._present(batch.samples), batch.labels)
            loss = self.generator_loss(self._present(fake), labels, *real)
            self._step("generator", loss)
        self._ema.update()
        self._ledger.add_generator(loss)

    def generate(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """Return float32 images ``[N, C, H, W]``."""
        with self._autocast():
            images: Tensor = self._generator(latents, labels)
        return images.float()

    def discriminator_loss(
        self, real: Tensor, fake: Tensor, real_labels: Tensor | None, fake_labels: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the objective's loss without its penalties, and the logits' statistics ``[5]``, detached."""
        of_real, of_fake = self._judge(real, real_labels), self._judge(fake, fake_labels)
        made = self._objective.discriminator_loss(of_real.logits, of_fake.logits)
        loss, statistics = made if isinstance(made, tuple) else (made, logit_statistics(of_real.logits, of_fake.logits))
        if self._terms:
            seen = Seen(fake=of_fake, real=of_real, fake_labels=fake_labels, real_labels=real_labels)
            loss = add_terms(loss, [term.of_discriminator(seen) for term in self._terms])
        return loss, statistics

    def generator_loss(self, fake: Tensor, labels: Tensor | None, real: Tensor | None = None, real_labels: Tensor | None = None) -> Tensor:
        """Return the objective's loss of the generator; real images only where it looks at them."""
        of_fake, of_real = self._judge(fake, labels), None if real is None else self._judge(real, real_labels)
        if of_real is None or self._objective.paired_generator_loss is None:
            loss = self._objective.generator_loss(of_fake.logits)
        else:
            loss = self._objective.paired_generator_loss(of_real.logits, of_fake.logits)
        if self._terms:
            seen = Seen(fake=of_fake, real=of_real, fake_labels=labels, real_labels=real_labels)
            loss = add_terms(loss, [term.of_generator(seen) for term in self._terms])
        return loss

    def penalty(self, real: Tensor, fake: Tensor, labels: Tensor | None, uniform: Callable[[int], Tensor]) -> Tensor:
        """Return the sum of the objective's penalties."""
        terms = [p(lambda x: self._judge(x, labels).logits, real, fake, uniform) for p in self._objective.penalties]
        return torch.stack(terms).sum()

    def _judge(self, images: Tensor, labels: Tensor | None) -> Judgement:
        """Return what the discriminator says, in float32."""
        with self._autocast():
            answer = self._discriminator(images, labels)
        return as_judgement(answer)

    def _present(self, images: Tensor) -> Tensor:
        """Return images as the discriminator sees them: augmented, and packed."""
        if self._augment is not None:
            images = self._augment(images, self._uniform)
        return pack(images, self._training.packing)

    def _draw_real(self) -> Batch:
        """Return the staged batch; without labels where the networks want none."""
        batch = self._sampler.take(self._training.batch_size)
        if self._training.dequantise:
            noise = torch.rand(batch.samples.shape, device=self._device, generator=self._random)
            batch.samples = batch.samples + self._grain * noise
        if not self._networks.inputs.labels:
            batch.labels = None
        return batch

    def _draw_latents(self, count: int) -> Tensor:
        return self._networks.inputs.draw(count, self._random, dataset=self._dataset)

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
            weights: list[Tensor] = [*self._parameters["discriminator"]]
            with torch.no_grad():
                torch._foreach_clamp_min_(weights, -self._objective.weight_clip)
                torch._foreach_clamp_max_(weights, self._objective.weight_clip)

    def _step(self, name: str, loss: Tensor) -> None:
        """One step of an optimizer, with the terms of its network's weights."""
        super()._step(name, add_terms(loss, [term() for term in self._weight_terms[name]]))

    def plan(self, iteration: int) -> tuple[str, ...]:
        """Return the phases of this iteration."""
        every = self._training.penalty_every
        first = steps_before(iteration, self._training.d_steps, self._training.d_steps_boost)
        updates = range(first, first + self._num_discriminator_steps(iteration))
        with_penalty = [bool(self._objective.penalties) and update % every == 0 for update in updates]
        if self._shared:
            return ("joint_penalty" if with_penalty[0] else "joint",)
        return (*("discriminator_penalty" if w else "discriminator" for w in with_penalty), "generator")

    def phases(self) -> Mapping[str, Phase]:
        """Return the phases by name."""
        update = self.joint_update if self._shared else self.discriminator_update
        name = "joint" if self._shared else "discriminator"
        found: dict[str, Phase] = {}
        if self._objective.penalties:
            found[f"{name}_penalty"] = lambda: update(penalised=True)
        if not self._objective.penalties or self._training.penalty_every > 1:
            found[name] = update
        return found if self._shared else {**found, "generator": self.generator_update}

    def prepare(self, phase: str) -> None:
        """Have the sampler stage the real images of this phase."""
        if phase != "generator" or self._generator_needs_real:
            self._sampler.stage(self._training.batch_size)

    def transform(self, wrap: Wrap) -> None:
        """Let a runner replace the functions of tensors."""
        for name in ("generate", "discriminator_loss", "generator_loss", "penalty"):
            setattr(self, name, wrap(name, getattr(self, name)))

    def capture_key(self) -> Hashable:
        """Whether the average averages already."""
        return self._ema.active

    def random_generators(self) -> Sequence[torch.Generator]:
        """Return the stream of latents, labels and the penalties' draws."""
        return (self._random,)

    def samples_shown(self, iteration: int) -> int:
        """Return how many real images this iteration shows to the discriminator."""
        return self._training.batch_size * self._num_discriminator_steps(iteration)

    def _num_discriminator_steps(self, iteration: int) -> int:
        return boosted_steps(iteration, self._training.d_steps, self._training.d_steps_boost)

    def modules(self) -> Mapping[str, nn.Module]:
        """Return the networks, with the average, and the terms that keep something."""
        terms = {f"{role}_weight_term_{i}": term for role, made in self._weight_terms.items() for i, term in enumerate(made)}
        return {**super().modules(), **terms}

    def state_dict(self) -> dict[str, Any]:
        """Return networks, optimizers, the random stream, the sampler's position and the running sums."""
        return {**super().state_dict(), "random": self._random.get_state(), "sampler": self._sampler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` returned, in place."""
        super().load_state_dict(state)
        self._random.set_state(state["random"].cpu())
        self._sampler.load_state_dict(state["sampler"])


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
