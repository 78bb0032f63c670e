"""The seam between the mathematics of an iteration and the way it is executed.

An algorithm is a few parameterless phases over tensors that it owns (networks, optimizer state, sampler, random streams), and a plan that
says which phases make up an iteration. A runner may call a phase, capture it as a CUDA graph and replay that, or compile the functions that
it is made of; the phase cannot tell. A captured phase runs as Python once: whatever it took from the host then (a number, a flag, a
tensor's address) stands still until it is captured again.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from ganbench.config.model import OptimizerConfig, RunConfig
from ganbench.data.sampler import Batch, Sampler
from ganbench.data.source import Dataset
from ganbench.errors import NOTHING_CHANGED, ConfigError, remember
from ganbench.ranks import Ranks
from ganbench.training.ledger import Statistics
from ganbench.training.networks import Networks
from ganbench.training.objective import Augmentation, Objective
from ganbench.training.optimizers import EMA, LearningRate, build_optimizer, copy_state, load_optimizer_state
from ganbench.training.seeding import stream

_Thing = TypeVar("_Thing")
_Wrap = Callable[[str, Callable[..., Any]], Callable[..., Any]]
"""Takes the name of a function of tensors and the function; returns what is called in its place."""
_NO_AUTOCAST = nullcontext()  # one for all: a torch.autocast that is switched off still takes its time, four times in each step


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of an iteration."""

    name: str
    run: Callable[[], None]
    """The device's part, which may be captured: it must not synchronise the device."""
    stage: Callable[[], None] | None = None
    """The host's part, done before each execution of :attr:`run`, captured or not."""

    def prepare(self) -> None:
        """Do the host's part, where there is one."""
        if self.stage is not None:
            self.stage()


@dataclass(frozen=True, kw_only=True, slots=True)
class AlgorithmContext:
    """What the harness gives an algorithm."""

    config: RunConfig
    networks: Networks
    objective: Objective | None
    """The adversarial loss; None where the architecture is trained without one."""
    sampler: Sampler
    train_labels: Tensor | None
    """All labels of the train split ``[N]`` int64: the distribution that generated labels are drawn from."""
    device: torch.device
    dataset: Dataset
    """What the sampler draws from, for an algorithm that needs samplers of its own."""
    augment: Augmentation | None = None
    """What happens to all that the discriminator sees."""
    ranks: Ranks = dataclasses.field(default_factory=Ranks)
    """The processes of the run."""

    def require(self, *, as_they_are: str = "", **training: object) -> None:
        """Refuse settings that an algorithm cannot heed: ``context.require(d_steps=1, as_they_are="trains on rows")`` and no augmentation.

        Raises:
            ConfigError: the setting of ``training``, its value and the one that is allowed; or what takes samples as they are.
        """
        name = self.config.architecture.name
        for field, wanted in training.items():
            if (value := getattr(self.config.training, field)) != wanted:
                raise ConfigError(f"training.{field} must be {str(wanted).lower()} for {name} (got {str(value).lower()})")
        if as_they_are and self.augment is not None:
            raise ConfigError(f"{name} {as_they_are} as they are, without an augmentation", hint="use --augment none")


class Steps(ABC):
    """What a runner executes: phases over whatever is tracked, and the plan of an iteration."""

    runners: tuple[str, ...] = ("eager",)
    """The runners that it may be given to: every one has ``eager``; ``cuda_graph`` promises that a phase does no work on the host that
    changes from one call to the next, and ``compile`` that :attr:`functions` names something to compile."""
    functions: tuple[str, ...] = ()
    """The methods that are functions of tensors, which a runner may replace by compiled ones."""
    shares_batches = False
    """Whether several processes may train it together: it takes real samples, inputs, labels and numbers from its base class alone, by the
    count of the whole batch, and gets this process's share of them; its losses are means over samples."""

    def __init__(self) -> None:
        self._tracked: dict[str, Any] = {}
        self.ranks = Ranks()

    def track(self, name: str, thing: _Thing) -> _Thing:
        """Register what has state or follows the run's progress, once, and return it.

        A module, an optimizer, a random generator and a tensor are known. Of anything else these methods are called, where it has them:
        ``state_dict`` and ``load_state_dict`` (in place), ``set_progress(samples_seen)`` before each iteration, and ``capture_key()``,
        which says what a captured phase would have frozen of it.

        Raises:
            ValueError: a name that is taken, or a thing that has none of these.
        """
        if name in self._tracked or name in ("modules", "optimizers"):
            raise ValueError(f"{name!r} is tracked already")
        if not isinstance(thing, (torch.Generator, Tensor)) and not any(hasattr(thing, m) for m in METHODS):
            raise ValueError(f"{name!r} cannot be tracked: a {type(thing).__name__} has none of {', '.join(METHODS)}")
        self._tracked[name] = thing
        return thing

    def plan(self, iteration: int) -> tuple[str, ...]:
        """Return the names of the phases of this iteration, in order: all of them. Runs on the host and reads no tensor."""
        return tuple(phase.name for phase in self.phases())

    @abstractmethod
    def phases(self) -> Sequence[Phase]:
        """Return the phases that :meth:`plan` names."""

    @abstractmethod
    def trajectory(self) -> Tensor:
        """Return the losses of the first iterations, ``[n, losses]`` float32 on the CPU; this synchronises."""

    def transform(self, wrap: _Wrap) -> None:
        """Replace the functions of tensors that the phases are made of by what ``wrap`` makes of them."""
        for name in self.functions:
            setattr(self, name, wrap(name, getattr(self, name)))

    def capture_key(self) -> Hashable:
        """Return what a captured phase has frozen in it; when it changes, everything is captured again. Reads no tensor."""
        return tuple(thing.capture_key() for thing in self._tracked.values() if hasattr(thing, "capture_key"))

    def set_progress(self, samples_seen: int) -> None:
        """Move whatever follows a schedule to this point; called on the host before each iteration."""
        for thing in self._tracked.values():
            if hasattr(thing, "set_progress"):
                thing.set_progress(samples_seen)

    def random_generators(self) -> Sequence[torch.Generator]:
        """Return the generators that the phases draw from, so that a captured phase draws new numbers at each replay."""
        return self._of(torch.Generator)

    def modules(self) -> Mapping[str, nn.Module]:
        """Return every module by name, the averaged copies too."""
        return {name: thing for name, thing in self._tracked.items() if isinstance(thing, nn.Module)}

    def state_dict(self) -> dict[str, Any]:
        """Return everything that a resumed run needs for the same bits: tensors, numbers and strings only."""
        state: dict[str, Any] = {"modules": {}, "optimizers": {}}
        for name, thing in self._tracked.items():
            if (saved := _state_of(thing)) is not None:
                _section(state, thing)[name] = saved
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` returned, in place: no tensor that a phase reads or writes is replaced by another."""
        for name, thing in self._tracked.items():
            if isinstance(thing, (torch.Generator, Tensor)) or hasattr(thing, "load_state_dict"):
                _restore(thing, _section(state, thing)[name])

    def _of(self, kind: type[_Thing]) -> tuple[_Thing, ...]:
        return tuple(thing for thing in self._tracked.values() if isinstance(thing, kind))


METHODS = ("state_dict", "set_progress", "capture_key")
"""What makes a thing one that can be tracked."""


def _section(state: dict[str, Any], thing: object) -> dict[str, Any]:
    """Return the part of a state where a thing is kept: modules and optimizers among themselves."""
    if isinstance(thing, nn.Module):
        return state["modules"]  # type: ignore[no-any-return]
    return state["optimizers"] if isinstance(thing, torch.optim.Optimizer) else state


def _state_of(thing: Any) -> Any:
    """Return the state of what is tracked, or None where it has none."""
    if isinstance(thing, torch.Generator):
        return thing.get_state()
    if isinstance(thing, Tensor):
        return thing
    return thing.state_dict() if hasattr(thing, "state_dict") else None


@torch.no_grad()
def _restore(thing: Any, saved: Any) -> None:
    """Put a state back in place."""
    if isinstance(thing, torch.Generator):
        thing.set_state(saved.cpu())
    elif isinstance(thing, Tensor):
        copy_state(thing, saved)
    elif isinstance(thing, torch.optim.Optimizer):
        load_optimizer_state(thing, saved)
    else:
        thing.load_state_dict(saved)


class Algorithm(Steps):
    """The mathematics of a run: an author writes the updates as phases, and the plan.

    A subclass builds in ``__init__`` what it needs with :meth:`optimise`, :meth:`stream` and :meth:`track`, and returns its phases.
    Networks, their averages, the sampler, the augmentation and the statistics are tracked already.

    Args:
        context: what the harness gives.
        statistics: what the phases tell.
        samples_per_iteration: real samples that one iteration shows, on average over the plan; unset: the batch.
    """

    def __init__(self, context: AlgorithmContext, statistics: Statistics, samples_per_iteration: int | None = None) -> None:
        super().__init__()
        config = context.config
        self.config, self.training, self.device, self.dataset = config, config.training, context.device, context.dataset
        self.networks, self.augment, self.ranks = context.networks, context.augment, context.ranks
        if context.objective is not None:
            self.objective = context.objective
        self.samples_per_iteration = config.training.batch_size if samples_per_iteration is None else samples_per_iteration
        self.parameters: dict[str, list[nn.Parameter]] = {}
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self.schedules: dict[str, LearningRate] = {}
        for name, module in self.networks.modules.items():
            self.track(name, module)
        self.averages = {name: self._average(name) for name in self.networks.averaged}
        self.statistics = self.track("statistics", statistics)
        self.sampler = self.track("sampler", context.sampler)
        if self.augment is not None:
            self.track("augmentation", self.augment.to(self.device))
        self.random = self.stream("latents")
        labels = context.train_labels if self.networks.inputs.labels else None
        self._label_pool = None if labels is None else labels.to(self.device)

    def _average(self, name: str) -> EMA:
        training = self.training
        average = EMA(
            self.networks[name],
            halflife_kimg=training.ema_halflife_kimg,
            start_kimg=training.ema_start_kimg,
            images_per_update=self.samples_per_iteration,
        )
        self.track(f"{name}_ema", average.module)
        return self.track(f"{name}_average", average)

    def optimise(self, name: str, *modules: nn.Module, config: OptimizerConfig | None = None) -> None:
        """Build the optimizer and the schedule of some modules.

        Args:
            name: how :meth:`step` and :meth:`frozen` know them.
            modules: whose parameters are updated together.
            config: of the optimizer; unset: the run's for the discriminator where that is the name, else its generator's.
        """
        if config is None:
            config = self.config.discriminator_optimizer if name == "discriminator" else self.config.generator_optimizer
        self.parameters[name] = [parameter for module in modules for parameter in module.parameters()]
        self.optimizers[name] = self.track(f"{name}_optimizer", build_optimizer(config, self.parameters[name], self.device))
        schedule = LearningRate(config, self.optimizers[name], self.training.total_kimg)
        self.schedules[name] = self.track(f"{name}_rate", schedule)

    def step(self, name: str, loss: Tensor) -> None:
        """Take one step of an optimizer."""
        for parameter in self.parameters[name]:  # Optimizer.zero_grad, but for the profiler's record of it
            parameter.grad = None
        torch.autograd.backward(loss)
        self.ranks.average([parameter.grad for parameter in self.parameters[name] if parameter.grad is not None])
        self.optimizers[name].step()

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Leave out the gradients of an optimizer's parameters, which another's update would throw away."""
        for parameter in self.parameters[name]:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in self.parameters[name]:
                parameter.requires_grad_(True)

    def update_averages(self) -> None:
        """Move every average one step towards its module."""
        for average in self.averages.values():
            average.update()

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context in which networks are called: in bf16 where the run asks for that."""
        if self.training.precision != "bf16":
            return _NO_AUTOCAST
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def kept_of_batches(self) -> list[Tensor]:
        """Return what batches leave in the networks, such as running means: where several processes train, each has its own."""
        kept = {id(b): b for module in self.modules().values() for b in module.buffers() if b.is_floating_point()}
        return list(kept.values()) if self.ranks.world > 1 else []

    @contextmanager
    def averaged_over_processes(self) -> Iterator[None]:
        """Let the networks have the means over all processes of :meth:`kept_of_batches` in the block, where they are looked at."""
        kept = self.kept_of_batches()
        own = [tensor.clone() for tensor in kept]
        self.ranks.average(kept)
        try:
            yield
        finally:
            for tensor, before in zip(kept, own, strict=True):
                tensor.copy_(before)

    def stream(self, purpose: str) -> torch.Generator:
        """Return a random generator of this purpose on the device, tracked; the same in every process of the run."""
        return self.track(f"random-{purpose}", stream(self.training.seed, purpose, self.device))

    def draw_inputs(self, count: int) -> Tensor:
        """Return what the generator is asked, ``[count, ...]``, of which each process has its share."""
        return self.ranks.share(self.networks.inputs.draw(count, self.random, dataset=self.dataset))

    def draw_labels(self, count: int) -> Tensor | None:
        """Return ``[count]`` labels from the distribution of the train split, as :meth:`draw_inputs`; None where the networks want none."""
        if self._label_pool is None:
            return None
        chosen = torch.randint(len(self._label_pool), (count,), device=self.device, generator=self.random)
        return self._label_pool[self.ranks.share(chosen)]

    def stage_real(self) -> None:
        """Do the host's part of the next :meth:`draw_real`."""
        self.sampler.stage(self.training.batch_size)

    def draw_real(self) -> Batch:
        """Return the staged batch; without labels where the networks want none."""
        batch = self.sampler.take(self.training.batch_size)
        if self.training.dequantise:
            noise = self.uniform(batch.samples.numel()).view(batch.samples.shape)
            batch.samples = batch.samples + self.dataset.space.grain * noise
        if not self.networks.inputs.labels:
            batch.labels = None
        return batch

    def uniform(self, count: int) -> Tensor:
        """Return ``[count]`` numbers in [0, 1) for this process's samples."""
        return self.ranks.share(torch.rand(count * self.ranks.world, device=self.device, generator=self.random))

    def samples_shown(self, iteration: int) -> int:
        """Return how many real samples this iteration shows."""
        return self.samples_per_iteration

    def read_statistics(self) -> dict[str, float]:
        """Return the means since the last call by name, over all processes, and start anew; this synchronises."""
        told = () if self.augment is None else self.augment.told
        means = self.statistics.read() | {name: float(getattr(self.augment, name)) for name in told}
        values = torch.tensor(list(means.values()), dtype=torch.float64)
        self.ranks.average([values])
        return dict(zip(means, values.tolist(), strict=True))

    def trajectory(self) -> Tensor:
        """Return the losses of the first iterations."""
        return self.statistics.trajectory()

    def evaluated_modules(self) -> Mapping[str, nn.Module]:
        """Return the modules as they are evaluated: averages in their places."""
        return {name: self.averages[name].module if name in self.averages else module for name, module in self.networks.modules.items()}

    def sample(self, inputs: Tensor, labels: Tensor | None) -> Tensor:
        """Return what the evaluated modules generate."""
        with _evaluating(self.evaluated_modules()) as modules:
            return self.networks.generate(modules, inputs, labels)

    def score(self, name: str, samples: Tensor) -> Tensor:
        """Return what a scorer of the networks says of samples, ``[N]``, by the evaluated modules."""
        with _evaluating(self.evaluated_modules()) as modules:
            return self.networks.scorers[name](modules, samples)


@contextmanager
def _evaluating(modules: Mapping[str, nn.Module]) -> Iterator[Mapping[str, nn.Module]]:
    """Put modules into evaluation mode, and those that were being trained back."""
    trained = [module for module in modules.values() if module.training]
    for module in trained:
        module.eval()
    try:
        yield modules
    finally:
        for module in trained:
            module.train()


class PhaseTimer(Protocol):
    """Times phases one after the other."""

    def begin(self, iteration: int) -> None:
        """Start: a phase of this iteration begins."""
        ...

    def end(self, name: str) -> None:
        """Stop: it ends, and this was its name."""
        ...

    def means(self) -> tuple[tuple[str, float], ...]:
        """Return the mean milliseconds of each phase; on a GPU this synchronises."""
        ...


def play(steps: Steps, iteration: int, phases: Mapping[str, Phase], timer: PhaseTimer | None = None) -> None:
    """Execute one iteration: of each phase of the plan the host's part, then the device's.

    Args:
        steps: whose plan it is.
        iteration: from 0.
        phases: by name, as they are written or as they were captured.
        timer: told of each phase.
    """
    untouched = True
    for name in steps.plan(iteration):
        if timer is not None:
            timer.begin(iteration)
        phase = phases[name]
        try:
            phase.prepare()
            untouched = False
            phase.run()
        except (Exception, SystemExit) as error:
            of_one_sampler = phase.stage == getattr(steps, "stage_real", None)  # which gives its batch or stays where it was
            setattr(error, NOTHING_CHANGED, untouched and of_one_sampler)
            remember(error, f"in phase {name!r} of iteration {iteration}")
            raise
        if timer is not None:
            timer.end(name)


def by_name(phases: Sequence[Phase]) -> dict[str, Phase]:
    """Return phases by their names."""
    return {phase.name: phase for phase in phases}


def execute(steps: Steps, iteration: int) -> None:
    """Run one whole iteration as it is written."""
    play(steps, iteration, by_name(steps.phases()))
