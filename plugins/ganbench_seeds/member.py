"""One seed of many: an ordinary run, whose steps are those of a stack."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ganbench import (
    AdversarialAlgorithm,
    ArchitectureSpec,
    ArraySource,
    Event,
    PluginManager,
    Registered,
    Run,
    RunDirectory,
    RunPlan,
    RunRecord,
    load_checkpoint,
)
from ganbench_seeds.stack import Stack

RUNNER = "seeds"
"""What records call this way to execute a step: their speed is compared with that of no other."""
_STATEFUL = ("state_dict", "set_progress", "capture_key")


class Member(AdversarialAlgorithm):
    """The algorithm of one seed, which looks into the stack, where there is one, before anybody looks into it."""

    stack: Stack | None = None
    index = 0
    """Its place in the stack."""
    _given = -1

    def join(self, stack: Stack, index: int) -> None:
        """Be trained as a part of a stack."""
        self.stack, self.index, self._given = stack, index, -1

    def leave(self) -> None:
        """Go on alone, from where the stack is."""
        self._catch_up()
        self.stack = None

    def set_progress(self, samples_seen: int) -> None:
        """Move schedules to this point, those of the stack too."""
        super().set_progress(samples_seen)
        if self.stack is not None:
            self.stack.set_progress(samples_seen)

    def read_statistics(self) -> dict[str, float]:
        """Return the means since the last call."""
        if self.stack is not None:
            self.stack.give_statistics(self.index, read=True)
        return super().read_statistics()

    def trajectory(self) -> Tensor:
        """Return the losses of the first iterations."""
        self._catch_up()
        return super().trajectory()

    def state_dict(self) -> dict[str, Any]:
        """Return everything that a resumed run needs."""
        self._catch_up()
        return super().state_dict()

    def sample(self, inputs: Tensor, labels: Tensor | None) -> Tensor:
        """Return what the evaluated modules generate."""
        self._catch_up()
        return super().sample(inputs, labels)

    def score(self, name: str, samples: Tensor) -> Tensor:
        """Return what a scorer says of samples."""
        self._catch_up()
        return super().score(name, samples)

    def _catch_up(self) -> None:
        if self.stack is not None and self._given != self.stack.iteration:
            self._given = self.stack.iteration
            self.stack.give_back(self.index)


class MemberRunner:
    """Has the stack take the step; for every seed but the first that asks, it has been taken."""

    name = RUNNER

    def __init__(self, member: Member) -> None:
        self._member, self.together = member, 1
        self._milliseconds: tuple[tuple[str, float], ...] = ()

    def start(self) -> None:
        """Do nothing: there is nothing to get ready."""

    def run(self, iteration: int) -> None:
        """Take one step with all seeds, unless it is taken already."""
        stack = self._member.stack
        assert stack is not None
        if stack.iteration == iteration:
            stack.advance()
        assert stack.iteration == iteration + 1, f"the stack is at {stack.iteration}, the seed at {iteration}"
        self.together, self._milliseconds = stack.count, stack.phase_milliseconds

    def phase_milliseconds(self) -> tuple[tuple[str, float], ...]:
        """Return this seed's share of the mean time of each phase."""
        return tuple((name, milliseconds / self.together) for name, milliseconds in self._milliseconds)

    def notes(self) -> tuple[str, ...]:
        """Return what a reader of the record must know of its times."""
        share = f"its training time is its share, 1/{self.together}, of what they took together"
        return (f"trained together with {self.together - 1} other seeds in one process; {share}; its peak memory is that of all",)


class SeedRun(Run):
    """The run of one seed, from its plan to its record; only the steps are not its own.

    Args:
        plan: what is run.
        manager: the plugins.
        listeners: told what happens.
        should_stop: asked after each iteration.

    Raises:
        UsageError: as of :class:`ganbench.Run`.
    """

    def __init__(
        self, plan: RunPlan, manager: PluginManager, *, listeners: Iterable[Callable[[Event], None]], should_stop: Callable[[], bool]
    ) -> None:
        super().__init__(_with_member(plan), manager, listeners=listeners, should_stop=should_stop)
        assert isinstance(self.materials.algorithm, Member)
        self.algorithm = self.materials.algorithm
        runner = MemberRunner(self.algorithm)
        self._chosen = dataclasses.replace(self._chosen, runner=runner, reason="seeds of a matrix, trained together", named=True)
        self._open = contextlib.ExitStack()

    def open(self, path: Path) -> None:
        """Make the run's directory, or go on with the unfinished run that lies there, and be ready for the next step.

        Raises:
            GanbenchError: it is in use, cannot be written, or is of another run.
        """
        state = None
        if os.path.isfile(path / "config.toml"):
            self.directory = self._open.enter_context(RunDirectory.resume(path))
            state = load_checkpoint(self.directory.checkpoints_path, functools.partial(self._try, force=False))
        else:
            self.directory = self._open.enter_context(RunDirectory.create_at(path))
        self._keep_config(self.directory)
        self.trained = self._open.enter_context(self.trainer(self.directory, state))

    @property
    def iteration(self) -> int:
        """Iterations that are done."""
        return self.trained.counters.iteration

    def do_what_is_due(self) -> None:
        """Do what is due before the next step: the first evaluation, or what a kill left undone."""
        self.trained.train_until(self.trained.counters.samples_seen)

    def step(self, iteration: int, samples_seen: int) -> None:
        """Take this step of the stack, behind others in which nothing was due, and do what is due after it.

        Args:
            iteration: from 0.
            samples_seen: before it.
        """
        self.stand_at(iteration, samples_seen)
        self.trained.train_until(samples_seen + 1)

    def stand_at(self, iteration: int, samples_seen: int) -> None:
        """Count the steps in which nothing was due."""
        at = self.trained.counters
        self.trained.counters = dataclasses.replace(at, samples_seen=samples_seen, generator_steps=iteration, iteration=iteration)

    @property
    def is_at_its_end(self) -> bool:
        """Whether the budget is spent."""
        return self.trained.counters.samples_seen >= self.trained.total_samples

    def conclude(self, error: Exception | None = None) -> RunRecord:
        """Write the record of a run that came to its end, or as far as it came.

        Args:
            error: what ended it early.

        Raises:
            GanbenchError: the error, unless it is one that leaves a whole record.
        """
        return self._train(_Concluded(self.trained, error), self.directory)  # type: ignore[arg-type]

    def close(self) -> None:
        """Close the run's files; more than once does no harm."""
        self._open.close()


class _Concluded:
    """A trainer whose training is over, one way or the other."""

    def __init__(self, trainer: Any, error: Exception | None) -> None:
        self._trainer, self._error = trainer, error

    def train(self) -> None:
        if self._error is not None:
            raise self._error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trainer, name)


def why_alone(run: Run) -> str:
    """Return why a seed's run cannot be trained together with others, or nothing."""
    plan, algorithm = run.plan, run.materials.algorithm
    training, objective, networks = plan.config.training, algorithm.objective, algorithm.networks
    terms = (*objective.penalties, *objective.terms, *networks.terms)
    refused = {
        f"training.runner is {training.runner}": training.runner not in ("auto", "eager"),
        "an augmentation has a state of its own": algorithm.augment is not None,
        "a term of the weights looks at whole networks": bool(networks.weight_terms or objective.weight_terms),
        "a penalty or a term has a state or a schedule": any(hasattr(term, name) for term in terms for name in _STATEFUL),
        "a network keeps a reference batch": any(getattr(one, "set_reference", None) is not None for one in networks.modules.values()),
        "its samples are streamed": not isinstance(run.materials.dataset.train, ArraySource),
        "only generator and discriminator can be trained together": set(networks.modules) != {"generator", "discriminator"},
    }
    return next((reason for reason, is_so in refused.items() if is_so), "")


def is_adversarial(plan: RunPlan) -> bool:
    """Tell whether a run has the default iteration, the only one whose seeds can be stacked."""
    spec = plan.architecture.spec
    default = f"{AdversarialAlgorithm.__module__}:{AdversarialAlgorithm.__name__}"
    return isinstance(spec, ArchitectureSpec) and spec.algorithm == default


def _with_member(plan: RunPlan) -> RunPlan:
    """Return the plan with the algorithm of a member in the place of the default one."""
    architecture = plan.architecture
    assert isinstance(architecture.spec, ArchitectureSpec)
    spec = dataclasses.replace(architecture.spec, algorithm=f"{__name__}:Member")
    known: Mapping[str, Any] = {name: getattr(architecture, name) for name in ("distribution", "version", "entry")}
    return dataclasses.replace(plan, architecture=Registered(spec=spec, **known))
