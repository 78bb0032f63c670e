"""A run in miniature: a plugin's step, trained for a few iterations without a directory, a record or a metric."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganbench.config.resolve import Layer
from ganbench.run.build import Materials, build
from ganbench.run.plan import RunPlan, plan_run
from ganbench.testing.promise import Subject
from ganbench.training.algorithm import Algorithm, execute

SMALL: Mapping[str, Any] = {
    "training.device": "cpu",
    "training.threads": 1,
    "training.batch_size": 8,
    "training.workers": 0,
    "evaluation.metrics": ("none",),
}
"""The settings of a trial, below those that an author gives."""
PARTNER = f"{Path(__file__).with_name('partner.py')}:build"
"""The smallest GAN of any space, which a loss, an augmentation or a dataset is tried with."""
PARTNER_WITH_LABELS = f"{PARTNER}_with_labels"
"""The same, asked for samples by label."""


def plan_trial(subject: Subject, partner: str = PARTNER, **settings: Any) -> RunPlan:
    """Plan a trial run of a plugin: of an architecture or a recipe itself, of any other kind with the smallest GAN.

    Args:
        subject: the plugin.
        partner: that GAN.
        settings: by configuration path, over everything else.
    """
    kind, name = subject.spec.kind, subject.target
    model = name if kind in ("architecture", "recipe") else partner
    role = {"loss": "loss.name", "augmentation": "augmentation.name", "dataset": "dataset.name"}.get(kind)
    chosen = {**SMALL, **({role: name} if role else {}), **subject.settings, **settings}
    return plan_run(subject.manager, model, [Layer(origin="trial", settings=chosen)], dict(subject.options))


class Trial:
    """An algorithm with the global random state of a run of its own, as if it had a process to itself.

    Args:
        subject: the plugin.
        partner: see :func:`plan_trial`.
        settings: by configuration path, over everything else.
    """

    def __init__(self, subject: Subject, partner: str = PARTNER, **settings: Any) -> None:
        self.materials: Materials = build(plan_trial(subject, partner, **settings), subject.manager, subject.ranks)
        self.algorithm: Algorithm = self.materials.algorithm
        self._random = torch.get_rng_state()
        self._samples_seen = self._iterations = 0

    def train(self, iterations: int, step: Callable[[int], None] | None = None) -> None:
        """Run iterations as a run does.

        Args:
            iterations: how many.
            step: executes the iteration of a number; None for the steps as they are written.
        """
        torch.set_rng_state(self._random)
        for _ in range(iterations):
            self.algorithm.set_progress(self._samples_seen)
            (step or (lambda i: execute(self.algorithm, i)))(self._iterations)
            self._samples_seen += self.algorithm.samples_shown(self._iterations)
            self._iterations += 1
        self._random = torch.get_rng_state()

    def start(self, start: Callable[[], None]) -> None:
        """Call a runner's ``start`` under this trial's own random state."""
        torch.set_rng_state(self._random)
        start()

    def save(self) -> tuple[bytes, Tensor, int, int]:
        """Return what a checkpoint holds of it."""
        buffer = io.BytesIO()
        torch.save(self.algorithm.state_dict(), buffer)
        return buffer.getvalue(), self._random, self._samples_seen, self._iterations

    def load(self, saved: tuple[bytes, Tensor, int, int]) -> None:
        """Take back what :meth:`save` returned, in this trial or in another of the same settings."""
        state, self._random, self._samples_seen, self._iterations = saved
        self.algorithm.load_state_dict(torch.load(io.BytesIO(state), weights_only=True))

    def weights(self) -> dict[str, Tensor]:
        """Return a copy of every parameter and buffer of every module, by module and name."""
        return {f"{n}.{k}": v.clone() for n, m in self.algorithm.modules().items() for k, v in m.state_dict().items()}

    def parameters(self) -> dict[str, Tensor]:
        """Return a copy of every parameter, as :meth:`weights`."""
        return {f"{n}.{k}": v.detach().clone() for n, m in self.algorithm.modules().items() for k, v in m.named_parameters()}

    def losses(self) -> Tensor:
        """Return the losses of the iterations so far, a row each."""
        return self.algorithm.trajectory()


def unequal(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> list[str]:
    """Return the names under which two sets of weights differ in a bit; names that only one of them has count."""
    return [name for name in {**a, **b} if name not in a or name not in b or not torch.equal(a[name], b[name])]
