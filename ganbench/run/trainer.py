"""The training loop and everything that happens between two steps.

The step itself is the algorithm's; here is what surrounds it: counters, cadences, the clock, evaluation, samples, checkpoints, events,
divergence.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from ganbench.errors import Diverged, Interrupted
from ganbench.plugin.manager import PluginManager
from ganbench.record.directory import RunDirectory
from ganbench.record.event_log import EventLog
from ganbench.record.grid import save_grid
from ganbench.record.record import Evaluation
from ganbench.record.scatter import NUM_POINTS, save_scatter
from ganbench.record.serialise import decode, encode
from ganbench.run.build import Materials
from ganbench.run.checkpoint import save_checkpoint
from ganbench.run.clock import Cadence, Clock
from ganbench.run.evaluation import SAMPLES
from ganbench.run.events import Progress, Reporter
from ganbench.training.eager_runner import StepRunner
from ganbench.training.sampling import SampleStream, grid_labels
from ganbench.training.seeding import global_state, set_global_state

REPORTS = 200
"""Reporting intervals of a run: each reads the statistics once, which is the only time that the host waits for the device."""
EVALUATIONS = 4
"""Evaluations after the first, where the user names no cadence."""


@dataclass(frozen=True, slots=True)
class Counters:
    """How far a run is."""

    samples_seen: int = 0
    generator_steps: int = 0
    iteration: int = 0
    num_resumes: int = 0


class Trainer:
    """Trains one run from where it is to its end.

    Args:
        materials: what is trained and how it is evaluated.
        runner: executes the iterations.
        directory: where samples, events and checkpoints go.
        events: its event log.
        clock: already holds what building took.
        manager: for the plugins' behaviour hooks.
        reporter: the audience.
        should_stop: asked after each iteration; True stops the run with a checkpoint.
    """

    def __init__(
        self,
        materials: Materials,
        runner: StepRunner,
        directory: RunDirectory,
        events: EventLog,
        clock: Clock,
        manager: PluginManager,
        reporter: Reporter,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._materials, self._runner, self._directory, self._events = materials, runner, directory, events
        self.clock, self._manager, self._reporter, self._should_stop = clock, manager, reporter, should_stop
        self._algorithm = materials.algorithm
        self._after_step = manager.implementations("ganbench_after_step")
        config = materials.config
        self.total_samples = max(round(config.training.total_kimg * 1000), 1)
        self.counters = Counters()
        self.evaluations: list[Evaluation] = []
        self.saved_images = -1
        self.on_save: Callable[[], None] = lambda: None
        self.extra_state: dict[str, Any] = {}
        evaluation_every = config.evaluation.every_kimg * 1000 or self.total_samples / EVALUATIONS
        self._evaluation = Cadence(evaluation_every, self.total_samples)
        self._samples = Cadence(config.evaluation.samples_every_kimg * 1000 or evaluation_every, self.total_samples)
        self._checkpoint = Cadence(config.checkpoint.every_kimg * 1000 or evaluation_every, self.total_samples)
        self._report = Cadence(self.total_samples / REPORTS, self.total_samples)
        self._evaluated, self._grid = self._sample_streams()

    def _sample_streams(self) -> tuple[SampleStream | None, SampleStream]:
        """Return the fixed latents of the metrics and of the grid."""
        made = self._materials
        training, size = made.config.training, made.config.evaluation.grid_size
        generator = self._algorithm.evaluated_generator()
        count = max((p.num_generated for p in made.plan.metrics), default=0)

        def build(purpose: str, count: int, labels: torch.Tensor | None = None) -> SampleStream:
            return SampleStream(
                generator,
                made.networks,
                count=count,
                seed=training.seed,
                purpose=purpose,
                device=made.device,
                label_pool=made.dataset.train.labels,
                labels=labels,
                dataset=made.dataset,
                truncation=made.config.evaluation.truncation,
                points=made.dataset.shape.points,
            )

        shape = made.dataset.shape
        grid = build("grid", NUM_POINTS) if shape.points else build("grid", size * size, grid_labels(shape.num_classes, size))
        return (build(SAMPLES, count) if count else None), grid

    def train(self) -> None:
        """Train to the end of the budget.

        Raises:
            Diverged: training produced NaN, Inf or exploding logits; everything up to then is kept.
            Interrupted: ``should_stop`` said so; a checkpoint was written.
            StorageError: something could not be written.
        """
        if self.counters.iteration == 0:
            self._stop_if_asked()
            self._evaluate()
            self._sample()
        with self.clock.measure("training"):
            while self.counters.samples_seen < self.total_samples:
                before = self.counters.samples_seen
                self._iterate()
                self._between_steps(before)

    def _iterate(self) -> None:
        """One iteration; the host does not wait for the device."""
        at = self.counters
        self._algorithm.set_progress(at.samples_seen)
        self._runner.run(at.iteration)
        images = at.samples_seen + self._algorithm.samples_shown(at.iteration)
        self.counters = replace(at, samples_seen=images, generator_steps=at.generator_steps + 1, iteration=at.iteration + 1)
        if self._after_step:
            self._call("ganbench_after_step", samples_seen=images, generator_steps=self.counters.generator_steps)

    def _between_steps(self, before: int) -> None:
        """Do whatever is due after an iteration."""
        now = self.counters.samples_seen
        if self._report.is_due(before, now):
            self._tell_progress()
        if self._evaluation.is_due(before, now):
            self._evaluate()
        if self._samples.is_due(before, now):
            self._sample()
        if self._checkpoint.is_due(before, now):
            self.save()
        if now < self.total_samples:
            self._stop_if_asked()

    def _stop_if_asked(self) -> None:
        """End here, between two steps, with a checkpoint.

        Raises:
            Interrupted: ``should_stop`` says so.
        """
        if self._should_stop():
            self.save()
            raise Interrupted(f"interrupted at {self.counters.samples_seen / 1000:.1f} of {self.total_samples / 1000:.1f} kimg")

    def _tell_progress(self) -> None:
        """Read the statistics, check them, write and report them."""
        statistics = self._algorithm.read_statistics()
        seconds = self.clock.snapshot()["training"]
        seen = self.counters.samples_seen
        speed = seen / seconds if seconds > 0 else 0.0
        self._events.write(
            "progress",
            samples_seen=seen,
            generator_steps=self.counters.generator_steps,
            training_seconds=round(seconds, 4),
            **statistics,
        )
        self._check(statistics)
        left = (self.total_samples - seen) / speed if speed > 0 else math.inf
        self._reporter.progressed(
            Progress(samples_seen=seen, total_samples=self.total_samples, samples_per_second=speed, statistics=statistics, eta_seconds=left)
        )

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
        if bound and statistics["abs_logits"] > bound:
            raise Diverged(
                f"the mean absolute logit reached {statistics['abs_logits']:.3g} {where} (training.max_abs_logit is {bound:.3g})",
                hint="try a penalty, a lower learning rate, or a higher bound",
            )

    def _evaluate(self) -> None:
        """Measure the evaluated generator, off the training clock."""
        evaluator = self._materials.evaluator
        if evaluator is None or self._evaluated is None:
            return
        seconds = self.clock.snapshot()
        with self.clock.measure("evaluation"):
            values = evaluator.evaluate(self._evaluated, self._evaluated.labels)
            evaluation = Evaluation(samples_seen=self.counters.samples_seen, training_seconds=seconds["training"], values=tuple(values))
            self.evaluations.append(evaluation)
            self._events.write("evaluation", samples_seen=evaluation.samples_seen, values=evaluation.values)
            self._call("ganbench_after_evaluation", evaluation=evaluation)
            self._reporter.evaluated(evaluation)

    def _sample(self) -> None:
        """Write the grid of the fixed latents."""
        with self.clock.measure("sampling"):
            images = torch.cat([self._grid(start, 64) for start in range(0, self._grid.count, 64)])
            path = self._directory.samples_path / f"{self.counters.samples_seen:09d}.png"
            dataset = self._materials.dataset
            if dataset.shape.points:
                save_scatter(dataset.train.read(torch.arange(min(NUM_POINTS, dataset.train.num_samples))), images, path)
            else:
                save_grid(images.cpu(), path, columns=self._materials.config.evaluation.grid_size)

    def save(self) -> None:
        """Write a checkpoint."""
        if self.saved_images == self.counters.samples_seen:
            return
        with self.clock.measure("checkpoint"):
            self._events.sync()
            self.on_save()
            save_checkpoint(
                self._directory.checkpoints_path,
                self.state_dict(),
                samples_seen=self.counters.samples_seen,
                keep=self._materials.config.checkpoint.keep,
            )
        self.saved_images = self.counters.samples_seen

    def _call(self, hook: str, **arguments: Any) -> None:
        for _ in self._manager.call(hook, **arguments):
            pass

    def state_dict(self) -> dict[str, Any]:
        """Return the whole state of the run."""
        at = self.counters
        return {
            "algorithm": self._algorithm.state_dict(),
            "rng": global_state(self._materials.device),
            "counters": [at.samples_seen, at.generator_steps, at.iteration, at.num_resumes],
            "evaluations": json.dumps([encode(e) for e in self.evaluations]),
            "seconds": dict(self.clock.snapshot()),
            "events_bytes": self._events.offset,
            **self.extra_state,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a checkpoint and forget the events after it; one more resume is counted."""
        self._events.truncate(state["events_bytes"])
        self._algorithm.load_state_dict(state["algorithm"])
        set_global_state(state["rng"], self._materials.device)
        samples_seen, generator_steps, iteration, num_resumes = state["counters"]
        self.counters = Counters(samples_seen, generator_steps, iteration, num_resumes + 1)
        places = enumerate(json.loads(state["evaluations"]))
        self.evaluations = [decode(Evaluation, e, f"evaluations[{i}]") for i, e in places]
        self.saved_images = samples_seen
