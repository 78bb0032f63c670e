"""Reporters: what happens in a run, told to TensorBoard, MLflow, Weights & Biases, a file or pipe, and a page in a browser."""

from __future__ import annotations

from collections.abc import Iterator

from ganbench import PluginSpec, ReporterSpec, hookimpl
from ganbench_reporters.options import JsonLinesOptions, MLflowOptions, TensorBoardOptions, WandbOptions, WatchOptions


@hookimpl
def ganbench_register() -> Iterator[PluginSpec]:
    """Register them; what each needs is imported when a run asks for it."""
    yield ReporterSpec(
        name="jsonl",
        summary="a line of JSON for each event, to a file or a pipe",
        factory="ganbench_reporters.json_lines:build",
        options=JsonLinesOptions,
    )
    yield ReporterSpec(
        name="tensorboard",
        summary="losses, metrics and samples for TensorBoard",
        factory="ganbench_reporters.event_files:build",
        options=TensorBoardOptions,
    )
    yield ReporterSpec(
        name="mlflow",
        summary="settings, losses, metrics and samples as a run of MLflow",
        factory="ganbench_reporters.mlflow_run:build",
        options=MLflowOptions,
    )
    yield ReporterSpec(
        name="wandb",
        summary="settings, losses, metrics and samples as a run of Weights & Biases",
        factory="ganbench_reporters.wandb_run:build",
        options=WandbOptions,
    )
    yield ReporterSpec(
        name="watch",
        summary="the run as a live page in a browser of this machine",
        factory="ganbench_reporters.page:build",
        options=WatchOptions,
    )
