"""The training loop and everything that happens between two steps.

The step itself is the algorithm's; here is what surrounds it: counters, cadences, the clock, evaluation, samples, checkpoints, events,
divergence.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from ganbench.errors import NOTHING_CHANGED, ConfigError, Diverged, Interrupted, RunFailed, during
from ganbench.record.directory import RunDirectory
from ganbench.record.events import Evaluated, Event, EventLog, Message, Progressed, Saved
from ganbench.record.pictures import save_picture
from ganbench.record.record import Evaluation, RunRecord, Status
from ganbench.record.serialise import decode, encode
from ganbench.run.build import Materials
from ganbench.run.checkpoint import remove_superseded, save_checkpoint
from ganbench.run.clock import Cadence, Clock, Counters
from ganbench.run.evaluation import SAMPLES, scorers_of
from ganbench.run.machine import memory_given_back
from ganbench.run.recording import RunFacts, make_record, run_identity
from ganbench.tensor_bytes import tensors_to_bytes
from ganbench.training.algorithm import Algorithm, Phase
from ganbench.training.eager_runner import StepRunner
from ganbench.training.seeding import global_state, own_randomness, set_global_state

_REPORTS = 200
"""Reporting intervals of a run: each reads the statistics once, which is the only time that the host waits for the device."""
_DUTIES = ("progress", "evaluation", "samples", "checkpoint")
_MOST_THREADS = 1024
"""As of the setting; far beyond it the C library dies."""
_EVALUATIONS = 4
"""Evaluations after the first, where the user names no cadence."""


class Trainer:
    """Trains one run from where it is to its end.

    Args:
        materials: what is trained and how it is evaluated.
        runner: executes the iterations.
        directory: where samples, events and checkpoints go; None in all but the first process of a run, which write nothing.
        log: its event log, which goes to the disk with each checkpoint and back with each resume.
        clock: already holds what building took.
        facts: what was settled about the run before its first step.
        tell: hears of every event.
        should_stop: asked after each iteration; True stops the run with a checkpoint.
        after_step: called with the trainer after each iteration, between two steps, or None.
    """

    def __init__(
        self,
        materials: Materials,
        runner: StepRunner,
        directory: RunDirectory | None,
        log: EventLog | None,
        clock: Clock,
        facts: RunFacts,
        tell: Callable[[Event], None],
        should_stop: Callable[[], bool],
        after_step: Callable[[Trainer], None] | None,
    ) -> None:
        self._materials, self._runner, self._directory, self._log = materials, runner, directory, log
        self._clock, self._facts, self.tell, self.should_stop, self._after_step = clock, facts, tell, should_stop, after_step
        self.algorithm, self.ranks = materials.algorithm, materials.algorithm.ranks
        config = materials.config
        self.total_samples = max(round(config.training.total_kimg * 1000), 1)
        self.counters = Counters()
        self.evaluations: list[Evaluation] = []
        self._saved_at, self._kept_at = -1, 0
        evaluation_every = config.evaluation.every_kimg * 1000 or self.total_samples / _EVALUATIONS
        distances = {
            "progress": self.total_samples / _REPORTS,
            "evaluation": evaluation_every,
            "samples": config.evaluation.samples_every_kimg * 1000 or evaluation_every,
            "checkpoint": config.checkpoint.every_kimg * 1000 or evaluation_every,
        }
        self._cadences = {what: Cadence(distance, self.total_samples) for what, distance in distances.items()}
        self._duties = dict(zip(_DUTIES, (self._tell_progress, self._evaluate, self._sample, self.save), strict=True))
        self._due = ["evaluation", "samples"]  # what is left to do before the next step
        self._before: tuple[dict[str, Any], int] | None = None  # the global random streams and the log's length before what is under way
        self._is_between_steps = True
        self._asked: list[tuple[str, Phase]] = []  # updates alone
        measured = max((p.num_generated for p in materials.plan.metrics), default=0)
        self._evaluated = materials.samples(SAMPLES, measured) if measured else None
        self._grid = materials.grid()

    def train(self) -> None:
        """Train to the end of the budget; see :meth:`train_until`."""
        self.train_until(self.total_samples)

    def train_until(self, samples: int) -> None:
        """Train until so many samples have been seen.

        Raises:
            Diverged: training produced NaN, Inf or exploding logits; everything up to then is kept.
            Interrupted: ``should_stop`` said so; a checkpoint was written.
            StorageError: something could not be written.
        """
        if self.counters.iteration == 0:
            self._stop_if_asked()
        self._do_what_is_due()
        with self._clock.measure("training"):
            while self.counters.samples_seen < samples:
                before = self.counters.samples_seen
                self.step()
                self._between_steps(before)

    def step(self) -> None:
        """Take one iteration; the host does not wait for the device."""
        at = self.counters
        self._is_between_steps = False
        self.algorithm.set_progress(at.samples_seen)
        try:
            self._runner.run(at.iteration)
        except Exception as error:
            self._is_between_steps = getattr(error, NOTHING_CHANGED, False)
            if self._is_between_steps and self.ranks.world == 1:
                self._stop_if_asked()  # whoever asks a whole job to stop asks its data workers too
            raise
        images = at.samples_seen + self.algorithm.samples_shown(at.iteration)
        self.counters = replace(at, samples_seen=images, generator_steps=at.generator_steps + 1, iteration=at.iteration + 1)

    def _between_steps(self, before: int) -> None:
        """Do whatever is due after an iteration."""
        now = self.counters.samples_seen
        self._due = [what for what, cadence in self._cadences.items() if cadence.is_due(before, now)]
        self._is_between_steps = True
        if self._after_step is not None:
            self._after_step(self)
            while self._asked:
                self._update_alone(*self._asked.pop(0))
                if not self._asked:
                    self._after_step(self)
        self._do_what_is_due()
        if now < self.total_samples:
            self._stop_if_asked()

    def _do_what_is_due(self) -> None:
        """Do it, in order; what fails stays due, and a checkpoint that is written then goes on with it."""
        while self._due:
            self._before = global_state(self._materials.device), self._offset
            what = self._due.pop(0)
            try:
                self._duties[what]()
            except BaseException:
                self._due.insert(0, what)
                raise
        self._before = None

    def save_what_is_sound(self) -> None:
        """Write a checkpoint after an error, or, where half a step was taken, which is no state to go on from, say what is lost."""
        if self._is_between_steps and self.ranks.world == 1:  # of several processes the others may be anywhere
            self.save()
        elif self._kept_at < self.counters.samples_seen:
            since = f"the checkpoint at {self._kept_at / 1000:.1f} kimg" if self._kept_at else "its start: there is no checkpoint yet"
            where = f"the step at {self.counters.samples_seen / 1000:.1f} kimg"
            self.tell(Message(text=f"{where} was not finished, and half a step is no state to go on from; the run goes on from {since}"))

    def _stop_if_asked(self) -> None:
        """End here, between two steps, with a checkpoint.

        Raises:
            Interrupted: ``should_stop`` says so.
        """
        if self.ranks.agree(self.should_stop()):
            self.save()
            raise Interrupted(f"interrupted at {self.counters.samples_seen / 1000:.1f} of {self.total_samples / 1000:.1f} kimg")

    def _tell_progress(self) -> None:
        """Read the statistics, tell them, and check them."""
        self._is_between_steps = False  # what is read is read once: untold, it would be missing from the log for ever
        statistics = self.algorithm.read_statistics()
        seconds = self._clock.snapshot()["training"]
        seen = self.counters.samples_seen
        speed = seen / seconds if seconds > 0 else 0.0
        left = (self.total_samples - seen) / speed if speed > 0 else math.inf
        self.tell(
            Progressed(
                samples_seen=seen,
                total_samples=self.total_samples,
                generator_steps=self.counters.generator_steps,
                training_seconds=seconds,
                samples_per_second=speed,
                statistics=statistics,
                eta_seconds=left,
                unit=self._materials.dataset.space.unit,
            )
        )
        self._is_between_steps = True
        self._check(statistics)

    def _check(self, statistics: dict[str, float]) -> None:
        """Stop a run that cannot come back.

        Raises:
            Diverged: a value that is not finite, or logits beyond the bound.
        """
        where = f"at {self.counters.samples_seen / 1000:.1f} kimg"
        for name, value in statistics.items():
            if not math.isfinite(value):
                raise Diverged(f"{name} became {value} {where}", hint="try a lower learning rate or another loss")
        bound = self._materials.config.training.max_abs_logit
        if bound and statistics.get("abs_logits", 0.0) > bound:
            raise Diverged(
                f"the mean absolute logit reached {statistics['abs_logits']:.3g} {where} (training.max_abs_logit is {bound:.3g})",
                hint="try a penalty, a lower learning rate, or a higher bound",
            )

    def _evaluate(self) -> None:
        """Measure the evaluated generator, off the training clock."""
        evaluator = self._materials.evaluator
        if evaluator is None:
            return
        seconds, samples = self._clock.snapshot(), self._evaluated
        labels = None if samples is None else samples.labels
        where = f"in the evaluation at {self.counters.samples_seen / 1000:.4g} kimg"
        with (
            self.aside("evaluation"),
            during(where),
            memory_given_back(self._materials.keeps_memory),
            self.algorithm.averaged_over_processes(),
        ):
            if not self.ranks.is_first:
                evaluator.assist(samples, labels, self.ranks)
                return
            scorers = scorers_of(self.algorithm, self._materials.dataset, self._materials.device)
            values = evaluator.evaluate(samples, labels, scorers, self.ranks)
            evaluation = Evaluation(
                samples_seen=self.counters.samples_seen,
                training_seconds=seconds["training"],
                values=tuple(values),
                diversity=None if samples is None else evaluator.diversity(samples),
            )
            self.tell(Evaluated(evaluation=evaluation))
            self.evaluations.append(evaluation)

    def _sample(self) -> None:
        """Write the grid of the fixed latents."""
        where = f"in sampling at {self.counters.samples_seen / 1000:.4g} kimg"
        with self.aside("sampling"), during(where), self.algorithm.averaged_over_processes():
            if self._directory is None:
                return
            samples = torch.cat([self._grid(start, 64) for start in range(0, self._grid.count, 64)])
            dataset, columns = self._materials.dataset, self._materials.config.evaluation.grid_size
            place = self._directory.samples_path / f"{self.counters.samples_seen:09d}"
            path = save_picture(self._grid.space, samples, place, columns=columns, real=dataset.first)
            if path is not None:
                self.tell(Saved(what="samples", path=path, samples_seen=self.counters.samples_seen))

    @contextmanager
    def aside(self, part: str | None = None) -> Iterator[None]:
        """Charge a block to a part of the clock, or to none, and keep random numbers that the networks draw by themselves apart."""
        with self._clock.measure(part), own_randomness(self._materials.config.training.seed + self.ranks.rank, self._materials.device):
            yield

    def set_learning_rate(self, name: str, learning_rate: float) -> None:
        """Let the schedule of an optimizer have another learning rate from here on: an intervention, after which nothing is compared.

        Raises:
            ConfigError: it is none, there is no such optimizer, or several processes train together.
        """
        self._refuse_together()
        seen = self.counters.samples_seen
        if name not in self.algorithm.schedules:
            raise ConfigError(f"there is no optimizer {name!r} (there are {', '.join(self.algorithm.schedules) or 'none'})")
        self.algorithm.schedules[name].change(learning_rate, seen)
        self._facts = replace(self._facts, interventions=(*self._facts.interventions, (seen, name, learning_rate)))
        assert self._log is not None
        self._log.write("intervention", samples_seen=seen, optimizer=name, learning_rate=learning_rate)

    def update_alone(self, name: str, phase: Phase) -> None:
        """Execute an update of one optimizer alone once ``after_step`` has returned, and call that again: an intervention, in no budget.

        Raises:
            ConfigError: the runner executes whole iterations only, or several processes train together.
        """
        self._refuse_together()
        if self._runner.name != "eager":
            raise ConfigError(f"the runner {self._runner.name} executes whole iterations only: start the run with --runner eager")
        self._asked.append((name, phase))

    def _refuse_together(self) -> None:
        if self.ranks.world > 1:
            raise ConfigError("nobody intervenes where several processes train together: the others would not know")

    def _update_alone(self, name: str, phase: Phase) -> None:
        seen, self._is_between_steps = self.counters.samples_seen, False
        self.algorithm.set_progress(seen)
        with self._clock.measure(None), during(f"in an update of {name} alone"):
            phase.prepare()
            phase.run()
        self._is_between_steps = True
        self._facts = replace(self._facts, interventions=(*self._facts.interventions, (seen, name, None)))
        assert self._log is not None
        self._log.write("intervention", samples_seen=seen, optimizer=name, updates=1)

    def save(self) -> None:
        """Write a checkpoint."""
        if self._saved_at == self.counters.samples_seen:
            return
        with self._clock.measure("checkpoint"):
            processes = self._states_of_processes()
            with self.algorithm.averaged_over_processes():
                self._write_checkpoint(processes)
        self._saved_at = self._kept_at = self.counters.samples_seen

    def _write_checkpoint(self, processes: list[dict[str, Any]]) -> None:
        if self._directory is None or self._log is None:
            return
        self._log.sync()
        self.write_partial_record("running")
        path = save_checkpoint(
            self._directory.checkpoints_path,
            {**self.state_dict(), "processes": processes},
            samples_seen=self.counters.samples_seen,
            keep=self._materials.config.checkpoint.keep,
        )
        self.tell(Saved(what="checkpoint", path=path, samples_seen=self.counters.samples_seen))

    def _states_of_processes(self) -> list[dict[str, Any]]:
        """Return what differs from process to process, of all of them; to the first, and where there is one alone nothing.

        Raises:
            RunFailed: the networks of another process are not those of the first.
        """
        if self.ranks.world == 1:
            return []
        whole, random = self.algorithm.state_dict(), (self._before or (global_state(self._materials.device), 0))[0]
        own = {name: part for name, part in whole.items() if name not in ("modules", "optimizers")}
        buffer = io.BytesIO()
        kept = self.algorithm.kept_of_batches()
        torch.save({"algorithm": own, "rng": random, "kept_of_batches": kept, "networks": self._fingerprint()}, buffer)
        found = [torch.load(io.BytesIO(one), "cpu", weights_only=True) for one in self.ranks.collect(buffer.getvalue())]
        for rank, state in enumerate(found):
            if state.pop("networks") != self._fingerprint():
                where = f"at {self.counters.samples_seen / 1000:.1f} kimg"
                what = f"the networks of process {rank} are not those of the first any more, {where}"
                raise RunFailed(what, hint="no checkpoint is written")
        return found

    def _fingerprint(self) -> str:
        """Return sha256 over all parameters."""
        modules = self.algorithm.modules().items()
        found = {f"{name}.{key}": p.detach().cpu() for name, module in modules for key, p in module.named_parameters()}
        return hashlib.sha256(tensors_to_bytes(found)).hexdigest()

    def record(self, status: Status, detail: str = "") -> RunRecord:
        """Return the record of the run as it stands now."""
        seconds, evaluations = self._clock.snapshot(), tuple(self.evaluations)
        return make_record(self._facts, self._materials, self._runner, self.counters, seconds, evaluations, status, detail)

    def wall_seconds(self) -> float:
        """Return what the call has taken."""
        return round(self._clock.wall(), 4)

    def write_partial_record(self, status: Status, detail: str = "") -> RunRecord:
        """Write the record of a run that is not at its end, and return it."""
        record = self.record(status, detail)
        if self._directory is not None:
            self._directory.write_partial(record)
        return record

    def state_dict(self) -> dict[str, Any]:
        """Return the whole state of the run, and what it is recognised by."""
        at, facts = self.counters, self._facts
        random, events_bytes = self._before or (global_state(self._materials.device), self._offset)
        return {
            "algorithm": self.algorithm.state_dict(),
            "rng": random,
            "due": list(self._due),
            "counters": [at.samples_seen, at.generator_steps, at.iteration, at.num_resumes],
            "evaluations": json.dumps([encode(e) for e in self.evaluations]),
            "seconds": dict(self._clock.snapshot()),
            "events_bytes": events_bytes,
            **run_identity(self._materials, facts.plugins),
            "created": facts.created,
            "threads": [facts.threads.count, facts.threads.reason],
            "machines_mixed": facts.machines_mixed,
            "interventions": list(map(list, facts.interventions)),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a checkpoint and forget the events after it; one more resume is counted."""
        own = state["processes"][self.ranks.rank] if self.ranks.world > 1 else state
        self.algorithm.load_state_dict({**state["algorithm"], **own["algorithm"]})
        with torch.no_grad():
            for tensor, saved in zip(self.algorithm.kept_of_batches(), own.get("kept_of_batches", ()), strict=True):
                tensor.copy_(saved)
        set_global_state(own["rng"], self._materials.device)
        self.counters = at = replace(Counters(*state["counters"]), num_resumes=state["counters"][-1] + 1)
        self.evaluations = _evaluations(state)
        self._facts = replace(self._facts, interventions=_interventions(state))
        for _, name, learning_rate in self._facts.interventions:
            if learning_rate is not None:
                self.algorithm.schedules[name].change(learning_rate, at.samples_seen)
        self._due = list(state.get("due", self._due if at.iteration == 0 else ()))
        self._saved_at, self._kept_at = -1 if self._due else at.samples_seen, at.samples_seen
        if self._directory is not None and self._log is not None:
            self._log.truncate(state["events_bytes"])  # last: nothing of the directory is touched before all else is loaded
            remove_superseded(self._directory.checkpoints_path, at.samples_seen, self._materials.config.checkpoint.keep)

    @property
    def _offset(self) -> int:
        return 0 if self._log is None else self._log.offset


def _evaluations(state: dict[str, Any]) -> list[Evaluation]:
    return [decode(Evaluation, e, f"evaluations[{i}]") for i, e in enumerate(json.loads(state["evaluations"]))]


def _interventions(state: dict[str, Any]) -> tuple[tuple[int, str, float | None], ...]:
    return tuple((int(seen), str(name), None if rate is None else float(rate)) for seen, name, rate in state.get("interventions", ()))


def check_state(state: dict[str, Any], total_kimg: float, algorithm: Algorithm) -> None:
    """Refuse a checkpoint that no run has written, whatever its hash says: crafted ones must end as damaged ones do.

    Args:
        state: of :meth:`Trainer.state_dict`.
        total_kimg: of the run.
        algorithm: which is to go on.

    Raises:
        Exception: of any type; a field is missing, of another type, or impossible.
    """
    seen, steps, iteration, resumes = state["counters"]
    threads, _ = state["threads"]
    counts = (seen, steps, iteration, resumes, state["events_bytes"], threads)
    least_after = max(round(total_kimg * 1000), 1) + (algorithm.samples_shown(iteration - 1) if iteration else 1)
    if any(type(count) is not int or count < 0 for count in counts) or steps != iteration or not iteration <= seen < least_after:
        raise ValueError(f"no run has the counters {counts}")
    if not 1 <= threads <= _MOST_THREADS:
        raise ValueError(f"no run has {threads} threads")
    if not all(0.0 <= float(spent) < math.inf for spent in state["seconds"].values()):
        raise ValueError(f"no run has spent {state['seconds']} seconds")
    texts = [state[name] for name in ("created", "device", "hardware", "data_hash", "config", "evaluations")]
    if not all(isinstance(text, str) for text in (*texts, *state["plugins"], *state["evaluation_keys"], *state.get("due", ()))):
        raise ValueError("a text is none")
    if unknown := set(state.get("due", ())) - set(_DUTIES):
        raise ValueError(f"{unknown} cannot be due")
    if not isinstance(state["machines_mixed"], bool):
        raise ValueError("machines_mixed is neither true nor false")
    if any(name not in algorithm.schedules or not 0.0 < (rate or rate is None) < math.inf for _, name, rate in _interventions(state)):
        raise ValueError("nobody can have intervened so")
    _evaluations(state), json.loads(state["config"]).keys()
