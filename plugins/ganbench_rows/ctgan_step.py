"""CTGAN's iteration (Xu et al. 2019, algorithm 1): one update of the discriminator on packs, with a gradient penalty, then the generator's.

Shapes: n rows of a batch, m rows in a pack, L the length of z, K the length of a condition, W numbers of a row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ganbench import Algorithm, AlgorithmContext, ConfigError, Ledger, Phase, logit_statistics
from ganbench_rows.conditions import Conditions
from ganbench_rows.ctgan import Discriminator, Generator, draw_gumbel, num_softmaxed
from ganbench_rows.options import CTGANOptions
from ganbench_rows.space import rows_of


class CTGAN(Algorithm):
    """Both updates of packs of rows with their conditions."""

    runners = ("eager", "cuda_graph", "compile")
    functions = ("generate", "discriminator_loss", "penalty", "generator_loss")

    def __init__(self, context: AlgorithmContext) -> None:
        check_settings(context)
        training = context.config.training
        self.ledger = Ledger(context.device)
        super().__init__(context, self.ledger, training.batch_size * training.d_steps)
        generator, discriminator = self.networks["generator"], self.networks["discriminator"]
        assert isinstance(generator, Generator)
        assert isinstance(discriminator, Discriminator)
        self.generator, self.discriminator = generator, discriminator
        self.optimise("generator", generator)
        self.optimise("discriminator", discriminator)
        for i, penalty in enumerate(self.objective.penalties):
            if isinstance(penalty, nn.Module):  # its weight follows a schedule
                self.track(f"penalty_{i}", penalty.to(self.device))
        options = context.config.architecture.options
        assert isinstance(options, CTGANOptions)
        self.latent_dim, self.space = options.latent_dim, rows_of(self.dataset.space)
        train = self.dataset.train
        stored = train.read(torch.arange(train.num_samples))
        self.rows = self.space.arrange(stored).to(self.device)
        self.conditions = Conditions.of(self.space, stored, self.device) if options.condition else None
        self.drawing = self.stream("conditions")

    def plan(self, iteration: int) -> tuple[str, ...]:
        """Return the discriminator's updates, then the generator's."""
        return (*["discriminator"] * self.training.d_steps, "generator")

    def phases(self) -> Sequence[Phase]:
        """Return both updates."""
        return (
            Phase("discriminator", self.discriminator_update, None if self.conditions else self.stage_real),
            Phase("generator", self.generator_update),
        )

    def discriminator_update(self) -> None:
        """Ascend the discriminator on real rows that have what is asked for, and on generated ones that were asked for the same."""
        values = self.draw_values()
        with torch.no_grad():
            fake, _ = self.generate(self.draw_asked(values))
        real, fake = self.present(self.draw_matching(values), values), self.present(fake, values)
        loss, statistics = self.discriminator_loss(real, fake)
        penalty = self.penalty(real, fake, None, self.uniform) if self.objective.penalties else None
        self.step("discriminator", loss if penalty is None else loss + penalty)
        self.ledger.add_discriminator(loss, statistics, penalty)

    def generator_update(self) -> None:
        """Descend the generator through a frozen discriminator, and towards what it was asked for."""
        values = self.draw_values()
        fake, logits = self.generate(self.draw_asked(values))
        with self.frozen("discriminator"):
            loss = self.generator_loss(self.present(fake, values))
            if self.conditions is not None and values is not None:
                loss = loss + self.conditions.cross_entropy(logits, values)
            self.step("generator", loss)
        self.update_averages()
        self.ledger.add_generator(loss)

    def draw_values(self) -> Tensor | None:
        """Return what is asked for, ``[n]`` int64; None without conditions."""
        return None if self.conditions is None else self.conditions.draw(self.training.batch_size, self.drawing)

    def draw_asked(self, values: Tensor | None) -> Tensor:
        """Return the generator's inputs ``[n, L + K + S]``."""
        count = self.training.batch_size
        parts = [torch.randn(count, self.latent_dim, device=self.device, generator=self.random)]
        if self.conditions is not None and values is not None:
            parts.append(self.conditions.one_hot(values))
        return torch.cat([*parts, draw_gumbel(count, num_softmaxed(self.space), self.random)], dim=1)

    def draw_matching(self, values: Tensor | None) -> Tensor:
        """Return real rows ``[n, W]`` that have what is asked for; without conditions the next batch."""
        if self.conditions is None or values is None:
            return self.draw_real().samples
        return self.rows.index_select(0, self.conditions.draw_rows(values, self.drawing))

    def present(self, rows: Tensor, values: Tensor | None) -> Tensor:
        """Return rows with their conditions in packs, ``[n / m, m (W + K)]``."""
        if self.conditions is not None and values is not None:
            rows = torch.cat([rows, self.conditions.one_hot(values)], dim=1)
        return rows.reshape(len(rows) // self.training.packing, -1)

    def generate(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return rows ``[n, W]`` in float32, and what they were before their activations."""
        with self.autocast():
            logits = self.generator.logits(inputs)
        return self.generator.activate(logits, inputs), logits

    def judge(self, packs: Tensor) -> Tensor:
        """Return logits ``[n / m]`` in float32."""
        with self.autocast():
            logits: Tensor = self.discriminator(packs)
        return logits.float()

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss without its penalty, and the statistics ``[5]`` of the logits."""
        of_real, of_fake = self.judge(real), self.judge(fake)
        loss = self.objective.discriminator_loss(of_real, of_fake)
        return loss if isinstance(loss, tuple) else (loss, logit_statistics(of_real, of_fake))

    def penalty(self, real: Tensor, fake: Tensor, labels: Tensor | None, uniform: Callable[[int], Tensor]) -> Tensor:
        """Return the sum of the penalties, over packs; there are no labels."""
        return torch.stack([one(self.judge, real, fake, uniform) for one in self.objective.penalties]).sum()

    def generator_loss(self, fake: Tensor) -> Tensor:
        """Return the adversarial part of the generator's loss."""
        return self.objective.generator_loss(self.judge(fake))


def check_settings(context: AlgorithmContext) -> None:
    """Refuse what this iteration cannot heed.

    Raises:
        ConfigError: the setting, its value and the one that is allowed.
    """
    objective = context.objective
    context.require(d_steps_boost=0, generator_batch_factor=1, penalty_every=1, as_they_are="shows its discriminator rows")
    assert objective is not None
    if any((objective.terms, objective.weight_terms, objective.weight_clip, objective.paired_generator_loss)):
        raise ConfigError("ctgan takes a loss with penalties alone, without terms and clipping", hint="use -o loss.gp_weight=10")
