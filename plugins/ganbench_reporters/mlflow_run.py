"""``mlflow``: each run of ganbench as a run of MLflow, by its client: no global state, and no other run's business."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any

from ganbench import Ended, Event, Listener, ReporterContext, RunDirectory, Started
from ganbench_reporters.aside import Aside, needed
from ganbench_reporters.options import MLflowOptions
from ganbench_reporters.values import numbers_of, samples_of, settings_of, step_of

_TAG = "ganbench.run"
"""The tag by which a resumed run is found again."""
_ENDS = {"complete": "FINISHED", "interrupted": "KILLED"}
_MOST_PARAMETERS = 100
"""In one call; https://mlflow.org/docs/latest/rest-api.html, "Log Batch"."""
_LONGEST = 500
"""Characters of a parameter that every store takes."""


class MLflowRun:
    """Tells MLflow what happens; the step is real samples seen.

    Args:
        options: of the reporter.
    """

    def __init__(self, options: MLflowOptions) -> None:
        self._options, self._uri = options, _address(options.uri)
        self._client: Any = None
        self._run = ""
        self._directory: Path | None = None

    def __call__(self, event: Event) -> None:
        """Log what an event says; the end ends the run there too."""
        if isinstance(event, Started):
            self._begin(event)
        if not self._run:
            return
        if numbers := {name: value for name, value in numbers_of(event).items() if math.isfinite(value)}:
            from mlflow.entities import Metric

            now, step = int(time.time() * 1000), step_of(event)
            self._client.log_batch(self._run, metrics=[Metric(name, value, now, step) for name, value in numbers.items()])
        if self._options.samples and (samples := samples_of(event)):
            self._client.log_artifact(self._run, str(samples[1]), "samples")
        if isinstance(event, Ended):
            self._end(event)

    def _begin(self, event: Started) -> None:
        from mlflow import MlflowClient
        from mlflow.entities import Param

        self._directory = event.directory
        self._client = client = MlflowClient(tracking_uri=self._uri)
        name = event.directory.name
        where = _experiment(client, self._options.experiment)
        known = client.search_runs([where], f"tags.`{_TAG}` = '{name}'", max_results=1) if event.resumed and "'" not in name else []
        if known:
            self._run = known[0].info.run_id
            client.update_run(self._run, status="RUNNING")
            return
        tags = {_TAG: name, "ganbench.description": event.description, "mlflow.note.content": event.description}
        self._run = client.create_run(where, tags=tags, run_name=name).info.run_id
        parameters = [Param(path, value[:_LONGEST]) for path, value in settings_of(event).items()]
        for start in range(0, len(parameters), _MOST_PARAMETERS):
            client.log_batch(self._run, params=parameters[start : start + _MOST_PARAMETERS])

    def _end(self, event: Ended) -> None:
        record = event.record
        self._client.set_tag(self._run, "ganbench.status", f"{record.status} {record.status_detail}".strip())
        path = None if self._directory is None else RunDirectory(self._directory).record_path
        if self._options.samples and path is not None and os.path.isfile(path):
            self._client.log_artifact(self._run, str(path))
        self._client.set_terminated(self._run, _ENDS.get(record.status, "FAILED"))


def _experiment(client: Any, name: str) -> str:
    """Return the id of an experiment; of the cells of a matrix, which begin at once, one makes it."""
    from mlflow.exceptions import MlflowException

    if found := client.get_experiment_by_name(name):
        return str(found.experiment_id)
    try:
        return str(client.create_experiment(name))
    except MlflowException:
        if found := client.get_experiment_by_name(name):
            return str(found.experiment_id)
        raise


def _address(uri: str) -> str:
    """Return where runs are kept: a folder as the address of a file, as MLflow wants it."""
    uri = uri or os.environ.get("MLFLOW_TRACKING_URI", "") or "results/mlflow"
    if "://" not in uri and not uri.startswith(("file:", "databricks")):
        uri = Path(uri).resolve().as_uri()
    if uri.startswith("file:"):  # whoever names a folder wants one; MLflow 3 would rather have a database, and asks for this word
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    return uri


def build(options: MLflowOptions, context: ReporterContext) -> Listener:
    """Build the reporter.

    Raises:
        UsageError: MLflow is not installed.
    """
    needed("mlflow", "mlflow", "mlflow")
    return Aside("mlflow", MLflowRun(options))
