"""One run from its resolved configuration to its record: builds, trains, resumes, and leaves a directory that is never half written."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from ganbench.config.resolve import flatten
from ganbench.config.toml import dump_settings
from ganbench.errors import Diverged, GanbenchError, Interrupted, StorageError
from ganbench.plugin.manager import PluginManager
from ganbench.record.curves import save_curves
from ganbench.record.directory import RunDirectory
from ganbench.record.event_log import EventLog
from ganbench.record.files import write_text
from ganbench.record.grid import save_strip
from ganbench.record.machine import hardware_key, software_key
from ganbench.record.record import Keys, RunRecord, Status
from ganbench.run.build import build
from ganbench.run.calibration import Threads, choose_threads, count_flops
from ganbench.run.checkpoint import load_newest
from ganbench.run.clock import Clock
from ganbench.run.events import Reporter
from ganbench.run.machine import kernels_in_use
from ganbench.run.plan import RunPlan
from ganbench.run.recording import check_same_run, make_record, run_facts, run_notes, utc_now, work_key
from ganbench.run.trainer import Trainer
from ganbench.training.runner import choose_runner, start_runner

logger = logging.getLogger(__name__)


class Session:
    """A run in this process.

    Args:
        plan: what is run.
        manager: all plugins.
        reporter: the audience.
        should_stop: asked after each iteration.
    """

    def __init__(
        self,
        plan: RunPlan,
        manager: PluginManager,
        reporter: Reporter,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.plan, self.manager = plan, manager
        self._reporter, self._should_stop = reporter, should_stop
        self.environment: list[Mapping[str, str]] = list(manager.call("ganbench_environment"))
        self.created = utc_now()
        self.machines_mixed = False

    def run_new(self, choose_directory: Callable[[str], RunDirectory]) -> RunRecord:
        """Run from the start.

        Args:
            choose_directory: called with the dataset's name once everything is built, so that a bad input leaves nothing behind.

        Raises:
            GanbenchError: whatever ended the run early; what was done is kept.
        """
        self._build()
        with choose_directory(self.materials.dataset.name) as self.directory:
            write_text(self.directory.config_path, self._config_text())
            return self._run(None)

    def run_resumed(self, directory: RunDirectory, *, force: bool = False) -> RunRecord:
        """Go on with an unfinished run.

        Args:
            directory: of the run, locked.
            force: go on although a plugin's source has changed.

        Raises:
            UsageError: its data, configuration, metrics or plugins have changed.
            RunFailed: no checkpoint of it is whole.
        """
        with directory as self.directory:
            state = load_newest(directory.checkpoints_path)
            self._build()
            if state is not None:
                check_same_run(self, state, force=force)
            return self._run(state)

    def _build(self) -> None:
        """Build the materials and everything that depends on them."""
        began = time.perf_counter()
        self.materials = build(self.plan, self.manager)
        self.chosen = choose_runner(self.plan.config.training.runner, self.materials.algorithm, self.materials.device)
        self.identities = self.plan.identities(self.manager)
        self._startup_seconds = time.perf_counter() - began

    def _choose_threads(self, state: dict[str, Any] | None) -> Threads:
        """Measure a new run's thread count; a resumed run keeps its own, because another count sums in another order."""
        if state is None:
            return choose_threads(self.materials.algorithm, self.materials.device, self.plan.config.training.threads)
        count, reason = state["threads"]
        torch.set_num_threads(count)
        return Threads(count=count, reason=reason)

    def _compare_machines(self, state: dict[str, Any]) -> None:
        """Say so where a run goes on elsewhere: its results are right, its speed is of neither machine."""
        self.machines_mixed = state["machines_mixed"] or state["hardware"] != self.keys.hardware.digest
        if self.machines_mixed:
            logger.warning("this run began on another machine; its times and its speed are a mixture of both")

    def _run(self, state: dict[str, Any] | None) -> RunRecord:
        """Calibrate, train, and write the record whatever happens."""
        config, device = self.plan.config, self.materials.device
        clock = Clock(device, None if state is None else state["seconds"])
        clock.seconds["startup"] += self._startup_seconds
        self._reporter.started(self.directory.path, self._description())
        with clock.measure("calibration"):
            self.threads = self._choose_threads(state)
            self.flops_per_iteration = count_flops(self.materials.algorithm, device)
            self.chosen = start_runner(self.chosen, self.materials.algorithm, device)
        self.runner = self.chosen.runner
        self._reporter.message(self._execution())
        self._make_keys()
        with contextlib.closing(self.materials.sampler), EventLog(self.directory.events_path) as events:
            if state is None:
                events.truncate(0)
            self.trainer = Trainer(
                self.materials, self.runner, self.directory, events, clock, self.manager, self._reporter, self._should_stop
            )
            self.trainer.on_save = self._write_partial
            if state is not None:
                self.created = str(state["created"])
                self._compare_machines(state)
                self.trainer.load_state_dict(state)
            self.trainer.extra_state = {
                **run_facts(self),
                "created": self.created,
                "threads": [self.threads.count, self.threads.reason],
                "machines_mixed": self.machines_mixed,
            }
            self._call("ganbench_before_run", config=config, directory=self.directory.path)
            return self._train()

    def _train(self) -> RunRecord:
        """Train; a run that ends early still leaves a record."""
        try:
            self.trainer.train()
        except Diverged as error:
            return self._finish("diverged", str(error))
        except (Interrupted, KeyboardInterrupt) as error:
            self._write_partial("interrupted", str(error) or "interrupted")
            raise
        except Exception as error:
            detail = str(error) if isinstance(error, GanbenchError) else f"{type(error).__name__}: {error}"
            with contextlib.suppress(StorageError):  # the first error is the one to tell
                self._write_partial("failed", detail)
            raise
        return self._finish("complete", "")

    def _finish(self, status: Status, detail: str) -> RunRecord:
        """Write pictures and the record; the record comes last, because it is what makes the run complete."""
        record = make_record(self, status, detail)
        save_curves(self.directory, record)
        save_strip(self.directory)
        self.directory.finish(record)
        self._call("ganbench_after_run", record=record)
        return record

    def _write_partial(self, status: Status = "running", detail: str = "") -> None:
        self.directory.write_partial(make_record(self, status, detail))

    def _description(self) -> str:
        config = self.plan.config
        conditional = "class-conditional " if self.materials.networks.conditional else ""
        return f"{conditional}{config.name} on {self.materials.dataset.name}, seed {config.training.seed}"

    def _execution(self) -> str:
        """Return how the steps are executed, in one line."""
        count, device = self.threads.count, self.materials.device
        threads = f"{count} thread{'s' if count > 1 else ''} ({self.threads.reason})"
        return f"{device}, {threads}, runner {self.runner.name} ({self.chosen.reason}), kernels {self._kernels()}"

    def _kernels(self) -> str:
        return kernels_in_use(self.plan.config.training.kernels, self.materials.device)

    def _make_keys(self) -> None:
        training = self.plan.config.training
        self.keys = Keys(
            hardware=hardware_key(str(self.materials.device)),
            software=software_key(
                device=str(self.materials.device),
                precision=training.precision,
                tf32=training.tf32,
                deterministic=training.deterministic,
                threads=self.threads.count,
                runner=self.runner.name,
                kernels=self._kernels(),
                channels_last=training.channels_last,
                keep_memory=self.materials.keeps_memory,
            ),
            work=work_key(self),
            evaluation=self.materials.evaluator.keys() if self.materials.evaluator else (),
        )

    def _config_text(self) -> str:
        return dump_settings(flatten(self.plan.config), f"ganbench run --config {self.directory.config_path.name} repeats this run")

    def notes(self) -> tuple[str, ...]:
        """Return what a reader of the record must know."""
        return run_notes(self)

    def _call(self, hook: str, **arguments: object) -> None:
        for _ in self.manager.call(hook, **arguments):
            pass


def run_directory_name(path: Path) -> str:
    """Return a run directory as a command line would name it."""
    with contextlib.suppress(ValueError):
        return str(path.resolve().relative_to(Path.cwd()))
    return str(path)
