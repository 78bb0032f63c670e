"""One run from its resolved configuration to its record: builds, trains, resumes, and leaves a directory that is never half written."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ganbench.config.resolve import Resolved, flatten
from ganbench.config.toml import dump_settings
from ganbench.errors import Diverged, GanbenchError, Interrupted, StorageError, UsageError
from ganbench.metrics.naming import PlannedMetric
from ganbench.plugin.manager import PluginManager
from ganbench.results.atomic import write_text
from ganbench.results.curves import save_curves
from ganbench.results.events import EventLog
from ganbench.results.fingerprint import hardware_key, software_key
from ganbench.results.grid import save_strip
from ganbench.results.record import Keys, RunRecord, Status
from ganbench.results.store import RunDirectory
from ganbench.training.calibration import Threads, choose_threads, count_flops
from ganbench.training.checkpoint import load_newest
from ganbench.training.clock import Clock
from ganbench.training.recording import make_record, plugin_identities, run_notes, utc_now, work_key
from ganbench.training.reporter import Reporter
from ganbench.training.runner import make_runner
from ganbench.training.setup import build_materials
from ganbench.training.trainer import Trainer

logger = logging.getLogger(__name__)


class Session:
    """A run in this process.

    Args:
        resolved: the configuration and its plugins.
        planned: the metrics.
        manager: all plugins.
        reporter: the audience.
        should_stop: asked after each iteration.
    """

    def __init__(
        self,
        resolved: Resolved,
        planned: tuple[PlannedMetric, ...],
        manager: PluginManager,
        reporter: Reporter,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.resolved, self.planned, self.manager = resolved, planned, manager
        self._reporter, self._should_stop = reporter, should_stop
        self.environment: list[Mapping[str, str]] = list(manager.call("ganbench_environment"))
        self.created = utc_now()

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
            UsageError: its data or plugins have changed.
            RunFailed: no checkpoint of it is whole.
        """
        with directory as self.directory:
            state = load_newest(directory.checkpoints_path)
            self._build()
            if state is not None:
                self._check_same(state, force)
            return self._run(state)

    def _build(self) -> None:
        """Build the materials and everything that depends on them."""
        began = time.perf_counter()
        self.materials = build_materials(self.resolved, self.manager, self.planned)
        self.runner = make_runner(self.resolved.config.training.runner, self.materials.algorithm, self.materials.device)
        self.identities = plugin_identities(self)
        self._startup_seconds = time.perf_counter() - began

    def _check_same(self, state: dict[str, Any], force: bool) -> None:
        """Refuse to mix two different things into one run."""
        here = self.materials.dataset.train.content_hash
        if state["data_hash"] != here:
            raise UsageError(
                f"the data have changed since the run began (hash {str(state['data_hash'])[:12]}, now {here[:12]})",
                hint="restore them, or start a new run",
            )
        now = [f"{i.kind} {i.name} {i.source_hash}" for i in self.identities]
        changed = [before.rsplit(" ", 1)[0] for before in state["plugins"] if before not in now]
        if changed and not force:
            raise UsageError(f"the source of {', '.join(changed)} has changed since the run began", hint="--force goes on all the same")

    def _run(self, state: dict[str, Any] | None) -> RunRecord:
        """Calibrate, train, and write the record whatever happens."""
        config, device = self.resolved.config, self.materials.device
        seconds = {"startup": self._startup_seconds} if state is None else dict(state["seconds"])
        clock = Clock(device, seconds)
        self._reporter.started(self.directory.path, f"{config.name} on {self.materials.dataset.name}, seed {config.training.seed}")
        with clock.measure("calibration"):
            wanted = config.training.threads if state is None else int(state["threads"])
            self.threads = choose_threads(self.materials.algorithm, device, wanted)
            self.flops_per_iteration = count_flops(self.materials.algorithm, device)
        self._reporter.message(f"{device}, {self.threads.count} threads ({self.threads.reason}), runner {self.runner.name}")
        self._make_keys()
        with EventLog(self.directory.events_path) as events:
            events.truncate(0 if state is None else state["events_bytes"])
            self.trainer = Trainer(
                self.materials, self.runner, self.directory, events, clock, self.manager, self._reporter, self._should_stop
            )
            self.trainer.on_save = self._write_partial
            self.trainer.extra_state = {
                "plugins": [f"{i.kind} {i.name} {i.source_hash}" for i in self.identities],
                "created": self.created,
            }
            if state is not None:
                self.created = str(state["created"])
                self.trainer.load_state_dict(state)
            self._call("ganbench_before_run", config=config, directory=self.directory.path)
            return self._train()

    def _train(self) -> RunRecord:
        """Train; a run that ends early still leaves a record."""
        try:
            self.trainer.train()
        except Diverged as error:
            return self._finish("diverged", str(error))
        except (Interrupted, KeyboardInterrupt) as error:
            self._write_partial("interrupted", str(error) or "killed by a second Ctrl-C")
            raise
        except StorageError as error:
            with contextlib.suppress(StorageError):
                self._write_partial("failed", str(error))
            raise
        except GanbenchError as error:
            self._write_partial("failed", str(error))
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

    def _make_keys(self) -> None:
        training = self.resolved.config.training
        self.keys = Keys(
            hardware=hardware_key(str(self.materials.device)),
            software=software_key(
                device=str(self.materials.device),
                precision=training.precision,
                tf32=training.tf32,
                deterministic=training.deterministic,
                threads=self.threads.count,
                runner=self.runner.name,
                channels_last=training.channels_last,
            ),
            work=work_key(self),
            evaluation=self.materials.evaluator.keys() if self.materials.evaluator else (),
        )

    def _config_text(self) -> str:
        return dump_settings(flatten(self.resolved.config), f"ganbench run --config {self.directory.config_path.name} repeats this run")

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
