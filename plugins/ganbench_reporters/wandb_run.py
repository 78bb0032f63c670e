"""``wandb``: each run of ganbench as a run of Weights & Biases, offline unless the user says otherwise."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ganbench import Ended, Event, Listener, ReporterContext, Started
from ganbench_reporters.aside import Aside, needed
from ganbench_reporters.options import WandbOptions
from ganbench_reporters.values import numbers_of, samples_of, step_of

_STEP = "samples_seen"


class WandbRun:
    """Tells Weights & Biases what happens; the axis is real samples seen.

    Args:
        options: of the reporter.
    """

    def __init__(self, options: WandbOptions) -> None:
        self._options, self._folder = options, Path(options.dir).absolute()
        self._run: Any = None

    def __call__(self, event: Event) -> None:
        """Log what an event says; the end ends the run there too."""
        if isinstance(event, Started):
            self._run = self._begin(event)
        if self._run is None:
            return
        told: dict[str, Any] = dict(numbers_of(event))
        if self._options.samples and (samples := samples_of(event)) and samples[0] == "image":
            import wandb

            told["samples"] = wandb.Image(str(samples[1]))
        if told:
            self._run.log({**told, _STEP: step_of(event)})
        if isinstance(event, Ended):
            self._run.summary["status"] = f"{event.record.status} {event.record.status_detail}".strip()
            self._run.finish(exit_code=0 if event.record.status == "complete" else 1)

    def _begin(self, event: Started) -> Any:
        import wandb

        options, folder = self._options, self._folder
        folder.mkdir(parents=True, exist_ok=True)
        run = wandb.init(
            project=options.project,
            name=event.directory.name,
            id=re.sub(r"[^A-Za-z0-9_-]", "-", event.directory.name)[-64:],
            resume="allow",
            dir=str(folder),
            mode=options.mode,
            config=dict(event.config),
            notes=event.description,
            settings=wandb.Settings(silent=True, console="off", disable_git=True, save_code=False),
        )
        run.define_metric(_STEP)
        run.define_metric("*", step_metric=_STEP)
        return run


def build(options: WandbOptions, context: ReporterContext) -> Listener:
    """Build the reporter.

    Raises:
        UsageError: the package is not installed.
    """
    needed("wandb", "wandb", "wandb")
    return Aside("wandb", WandbRun(options))
