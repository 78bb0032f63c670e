"""One run from its plan to its record: it is built, trained, resumed, and leaves a directory that is never half written."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch

from ganbench.config.resolve import flatten
from ganbench.config.toml import dump_settings
from ganbench.distribution import own_distribution
from ganbench.errors import Diverged, GanbenchError, Interrupted, PluginError, PluginFailed, StorageError, UsageError
from ganbench.plugin.blame import blamed
from ganbench.plugin.manager import PluginManager
from ganbench.ranks import Ranks
from ganbench.record.curves import save_curves
from ganbench.record.directory import RunDirectory
from ganbench.record.events import Ended, Evaluated, Event, EventLog, Listener, Listeners, Message, Started
from ganbench.record.files import write_text
from ganbench.record.machine import Place, hardware_key, host_name, software_key
from ganbench.record.pictures import picture_errors, save_strip
from ganbench.record.record import Keys, RunRecord, Status
from ganbench.run.build import build
from ganbench.run.calibration import Threads, choose_threads, count_flops
from ganbench.run.checkpoint import load_checkpoint
from ganbench.run.clock import Clock
from ganbench.run.machine import kernels_in_use
from ganbench.run.plan import RunPlan
from ganbench.run.recording import RunFacts, check_same_run, config_values, utc_now, work_key
from ganbench.run.trainer import Trainer, check_state
from ganbench.training.rehearsal import undone
from ganbench.training.runner import choose_runner, start_runner
from ganbench.training.seeding import set_global_state

logger = logging.getLogger(__name__)

_OF_A_STEP = ("architecture", "loss", "augmentation")


class Run:
    """A run in this process.

    Everything is built when the run is made, so that a bad input leaves nothing behind.

    Args:
        plan: what is run.
        manager: the plugins.
        listeners: told what happens; the plugins' hooks are told after them.
        should_stop: asked after each iteration; True ends the run with a checkpoint.
        ranks: the processes that train together, of which only the first has listeners and a directory; None for one.

    Raises:
        UsageError: whatever the user or a plugin got wrong.
    """

    def __init__(
        self,
        plan: RunPlan,
        manager: PluginManager,
        *,
        listeners: Iterable[Listener] = (),
        should_stop: Callable[[], bool] = lambda: False,
        ranks: Ranks | None = None,
    ) -> None:
        self.plan, self._manager, self._should_stop, self._ranks = plan, manager, should_stop, ranks or Ranks()
        self._listeners = Listeners([*listeners, _hooks(manager)] if self._ranks.is_first else [])
        self._environment: tuple[Mapping[str, str], ...] = tuple(manager.call("ganbench_environment"))
        self._created = utc_now()
        began = time.perf_counter()
        with blamed(PluginError, hint="--debug shows where"):
            self.materials = build(plan, manager, self._ranks)
        self._chosen = choose_runner(plan.config.training.runner, self.materials.algorithm, self.materials.device)
        self.plugins = plan.identities(manager)
        self._startup_seconds = time.perf_counter() - began

    def start(self, choose_directory: Callable[[str], RunDirectory]) -> RunRecord:
        """Run from the start.

        Args:
            choose_directory: called with the dataset's name.

        Raises:
            GanbenchError: whatever ended the run early; what was done is kept.
        """
        with choose_directory(self.materials.dataset.name) as directory:
            self._keep_config(directory)
            with self.trainer(directory) as trainer:
                return self._train(trainer, directory)

    def resume(self, directory: RunDirectory, *, force: bool = False) -> RunRecord:
        """Go on with an unfinished run.

        Args:
            directory: of the run, locked.
            force: go on although a plugin's source has changed.

        Raises:
            UsageError: its data, configuration, metrics or plugins have changed.
            RunFailed: no checkpoint of it is whole.
        """
        with directory:
            state = self._ranks.tell(load_checkpoint(directory.checkpoints_path, functools.partial(self._try, force=force)))
            self._keep_config(directory)  # files may lie elsewhere now
            with self.trainer(directory, state) as trainer:
                return self._train(trainer, directory)

    def follow(self, *, resumes: bool) -> None:
        """Do this process's part of a run that the first process starts or resumes.

        Raises:
            GanbenchError: whatever ended the run early.
        """
        with self.trainer(None, self._ranks.tell(None) if resumes else None) as trainer, self._ended(trainer, None):
            trainer.train()

    def _try(self, state: dict[str, Any], *, force: bool) -> None:
        """Load all of a checkpoint and put back what was there before; nothing of the run's directory is touched.

        Raises:
            UsageError: it is of another run.
            Exception: it is damaged.
        """
        algorithm, device = self.materials.algorithm, self.materials.device
        check_state(state, self.plan.config.training.total_kimg, algorithm)
        check_same_run(self.materials, self.plugins, state, force=force)
        if (before := len(state.get("processes", ())) or 1) != (now := self._ranks.world):
            raise UsageError(f"the run began on {before} process{'es' if before > 1 else ''}, this is {now}", hint=f"resume it on {before}")
        with undone(algorithm, device):
            algorithm.load_state_dict(state["algorithm"])
            set_global_state(state["rng"], device)

    def _keep_config(self, directory: RunDirectory) -> None:
        comment = f"ganbench run --config {directory.config_path.name} repeats this run"
        write_text(directory.config_path, dump_settings(flatten(self.plan.config), comment, self.plan.origins))

    @contextlib.contextmanager
    def trainer(self, directory: RunDirectory | None, state: dict[str, Any] | None = None) -> Iterator[Trainer]:
        """Calibrate, and open what trains the run; its files are closed at the end of the block.

        Args:
            directory: of the run, locked; None in all but the first process.
            state: a checkpoint of it, or None at its start.
        """
        materials, algorithm, device = self.materials, self.materials.algorithm, self.materials.device
        clock = Clock(device, self.plan.began, None if state is None else state["seconds"])
        clock.seconds["startup"] += self._startup_seconds
        if directory is not None:
            self._listeners.tell(self._started(directory, resumed=state is not None))
        with clock.measure("calibration"):
            threads = self._choose_threads(state)
            flops = count_flops(algorithm, device)
            try:
                chosen, problem = start_runner(self._chosen, algorithm, device), None
            except (Exception, KeyboardInterrupt) as error:
                chosen, problem = self._chosen, error
        keys = self._keys(threads, chosen.runner.name)
        facts = RunFacts(
            run_id="" if directory is None else directory.path.name,
            created=self._created if state is None else str(state["created"]),
            ganbench_version=own_distribution().version,
            name=materials.config.title,
            config=config_values(flatten(materials.config)),
            plugins=self.plugins,
            keys=keys,
            threads=threads,
            runner_reason=chosen.reason,
            flops_per_iteration=flops,
            machines_mixed=state is not None and _machines_mixed(state, keys),
            host=host_name(),
            environment=self._environment,
        )
        self._listeners.tell(Message(text=self._execution(facts, chosen.runner.name)))
        files = contextlib.nullcontext() if directory is None else EventLog(directory.events_path)
        with contextlib.closing(materials.sampler), files as log:
            if state is None and log is not None:
                log.truncate(0)

            def tell(event: Event) -> None:
                if log is not None:
                    log.write_event(event)  # first, and unguarded: a number that is not written down ends the run
                self._listeners.tell(event)

            hooks = self._manager.implementations("ganbench_after_step") if self._ranks.is_first else ()
            is_followed = self._listeners.follow_steps() or hooks
            after_step = self._after_step if is_followed else None
            trainer = Trainer(materials, chosen.runner, directory, log, clock, facts, tell, self._should_stop, after_step)
            with self._ended(trainer, directory, keep=state is None):
                if state is not None:
                    trainer.load_state_dict(state)
                if problem is not None:
                    raise problem
            yield trainer

    def _train(self, trainer: Trainer, directory: RunDirectory) -> RunRecord:
        """Train, and write the record of a run that came to its end."""
        with self._ended(trainer, directory):
            try:
                trainer.train()
            except Diverged as error:
                return self._finish(trainer, directory, "diverged", str(error))
            return self._finish(trainer, directory, "complete", "")

    @contextlib.contextmanager
    def _ended(self, trainer: Trainer, directory: RunDirectory | None, *, keep: bool = True) -> Iterator[None]:
        """Leave a record, and tell everybody, where a run ends early inside the block; a plugin that ended it is named.

        One that could not go on has the record of its last time, which it is to keep.
        """
        took_part = ", ".join(f"{one.kind} {one.name!r}" for one in self.plugins if one.kind in _OF_A_STEP)
        try:
            where = f"the traceback is in {directory.log_path}" if directory is not None else "--debug shows where"
            with blamed(PluginFailed, hint=where, others=took_part):
                yield
        except (Interrupted, KeyboardInterrupt) as error:
            self._end_early(trainer, directory if keep else None, "interrupted", str(error) or "interrupted")
            raise
        except Exception as error:
            plainly = str(error) if isinstance(error, GanbenchError) else f"{type(error).__name__}: {error}"
            detail = error.what if isinstance(error, PluginFailed) else plainly  # a record moves, so where the log lies is not its affair
            self._end_early(trainer, directory if keep else None, "failed", detail)
            raise

    def _finish(self, trainer: Trainer, directory: RunDirectory, status: Status, detail: str) -> RunRecord:
        """Write pictures and the record; the record comes last, because it is what makes the run complete."""
        record = trainer.record(status, detail)
        with picture_errors("curves.png"):
            save_curves(directory, record)
        with picture_errors("progress.png"):
            save_strip(directory, self.materials.dataset.space)
        record = dataclasses.replace(record, timing=dataclasses.replace(record.timing, wall_seconds=trainer.wall_seconds()))
        directory.finish(record)
        self._listeners.tell(Ended(record=record))
        return record

    def _end_early(self, trainer: Trainer, directory: RunDirectory | None, status: Status, detail: str) -> None:
        """Keep what is sound and tell everybody; the error that ended the run is the one to tell, whatever fails here."""
        if directory is not None:
            try:
                trainer.save_what_is_sound()
            except Exception:
                logger.debug("no checkpoint could be written at the end", exc_info=True)
        record = trainer.record(status, detail)
        if directory is not None:
            with contextlib.suppress(StorageError):
                directory.write_partial(record)
        self._listeners.tell(Ended(record=record))

    def _choose_threads(self, state: dict[str, Any] | None) -> Threads:
        """Measure a new run's thread count; a resumed run keeps its own, because another count sums in another order."""
        if state is None:
            return choose_threads(self.materials.algorithm, self.materials.device, self.plan.config.training.threads)
        count, reason = state["threads"]
        torch.set_num_threads(count)
        return Threads(count=count, reason=reason)

    def _started(self, directory: RunDirectory, *, resumed: bool) -> Started:
        config, dataset = self.plan.config, self.materials.dataset.name
        conditional = "class-conditional " if self.materials.networks.inputs.labels else ""
        return Started(
            directory=directory.path,
            name=config.title,
            dataset=dataset,
            seed=config.training.seed,
            config=config_values(flatten(config)),
            description=f"{conditional}{config.title} on {dataset}, seed {config.training.seed}",
            resumed=resumed,
        )

    def _keys(self, threads: Threads, runner: str) -> Keys:
        training, device = self.plan.config.training, self.materials.device
        place = Place(
            device=str(device),
            precision=training.precision,
            tf32=training.tf32,
            deterministic=training.deterministic,
            threads=threads.count,
            runner=runner,
            kernels=kernels_in_use(training.kernels, device),
            channels_last=training.channels_last,
            keep_memory=self.materials.keeps_memory,
            rank=self._ranks.rank,
            world=self._ranks.world,
            hosts=self._ranks.hosts,
        )
        return Keys(
            hardware=hardware_key(str(device), world=self._ranks.world),
            software=software_key(place),
            work=work_key(self.materials),
            evaluation=self.materials.evaluator.keys() if self.materials.evaluator else (),
        )

    def _execution(self, facts: RunFacts, runner: str) -> str:
        """Return how the steps are executed, in one line."""
        count, device = facts.threads.count, self.materials.device
        threads = f"{count} thread{'s' if count > 1 else ''} ({facts.threads.reason})"
        kernels = kernels_in_use(self.plan.config.training.kernels, device)
        together = f"{self._ranks.describe()}, " if self._ranks.world > 1 else ""
        return f"{together}{device}, {threads}, runner {runner} ({facts.runner_reason}), kernels {kernels}"

    def _after_step(self, trainer: Trainer) -> None:
        at = trainer.counters
        for _ in self._manager.call("ganbench_after_step", samples_seen=at.samples_seen, generator_steps=at.generator_steps):
            pass
        self._listeners.tell(trainer, "after_step")


def _hooks(manager: PluginManager) -> Listener:
    """Return the listener that calls the plugins' hooks."""
    names = {Started: "ganbench_before_run", Evaluated: "ganbench_after_evaluation", Ended: "ganbench_after_run"}

    def call_hooks(event: Event) -> None:
        hook = names.get(type(event))
        if hook is not None:
            for _ in manager.call(hook, event=event):
                pass

    return call_hooks


def _machines_mixed(state: dict[str, Any], keys: Keys) -> bool:
    """Say so where a run goes on elsewhere: its results are right, its speed is of neither machine."""
    mixed = bool(state["machines_mixed"] or state["hardware"] != keys.hardware.digest)
    if mixed:
        logger.warning("this run began on another machine; its times and its speed are a mixture of both")
    return mixed
