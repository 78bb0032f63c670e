"""``tensorboard``: event files, one folder for each run, by the writer that comes with torch."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganbench import Ended, Event, Listener, ReporterContext, Started
from ganbench_reporters.aside import Aside, needed
from ganbench_reporters.options import TensorBoardOptions
from ganbench_reporters.values import numbers_of, samples_of, settings_of, step_of


class EventFiles:
    """Writes what happens as TensorBoard's summaries; the step is real samples seen.

    Args:
        folder: for ``--logdir``; the run's folder is made below.
        samples: whether files of samples go there too.
    """

    def __init__(self, folder: Path, *, samples: bool) -> None:
        self._folder, self._samples = folder, samples
        self._started: Started | None = None
        self._writer: Any = None

    def __call__(self, event: Event) -> None:
        """Write what an event says; the end closes the file."""
        if isinstance(event, Started):
            self._started = event
        numbers, samples = numbers_of(event), samples_of(event) if self._samples else None
        if numbers or samples:
            writer, step = self._open(step_of(event)), step_of(event)
            _add_numbers(writer, numbers, step)
            if samples:
                _add_samples(writer, *samples, step)
        if isinstance(event, Ended) and self._writer is not None:
            status = f"{event.record.status} {event.record.status_detail}".strip()
            self._writer.add_text("status", status, event.record.work.samples_seen)
            self._writer.close()

    def _open(self, step: int) -> Any:
        """Return the writer. One of a resumed run tells TensorBoard to forget what was written after the checkpoint."""
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            started = self._started
            folder = self._folder / (started.directory.name if started else "run")
            self._writer = SummaryWriter(str(folder), purge_step=step if started and started.resumed else None)
            if started and not started.resumed:
                lines = [f"| {path} | {value} |" for path, value in settings_of(started).items()]
                self._writer.add_text("configuration", "\n".join(["| setting | value |", "| --- | --- |", *lines]), 0)
        return self._writer


def _add_numbers(writer: Any, numbers: Mapping[str, float], step: int) -> None:
    """Write all of them as one summary: this thread and the one that trains take turns, and one for each takes about five times as long."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    values = [Summary.Value(tag=name, simple_value=value) for name, value in numbers.items()]
    if values:
        writer.file_writer.add_summary(Summary(value=values), step)


def _add_samples(writer: Any, kind: str, path: Path, step: int) -> None:
    """Hand on a file as it is: TensorBoard takes pictures and sounds in the formats that browsers know."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    content = path.read_bytes()
    if kind == "text":
        writer.add_text("samples", "\n".join(f"    {line}" for line in content.decode(errors="replace").splitlines()), step)
        return
    value = Summary.Value(tag="samples")
    if kind == "image":
        from PIL import Image

        with Image.open(io.BytesIO(content)) as picture:
            value.image.CopyFrom(Summary.Image(width=picture.width, height=picture.height, colorspace=3, encoded_image_string=content))
    else:
        value.audio.CopyFrom(Summary.Audio(content_type="audio/wav", encoded_audio_string=content))
    writer.file_writer.add_summary(Summary(value=[value]), step)


def build(options: TensorBoardOptions, context: ReporterContext) -> Listener:
    """Build the reporter.

    Raises:
        UsageError: TensorBoard is not installed.
    """
    needed("torch.utils.tensorboard", "tensorboard", "tensorboard")
    return Aside("tensorboard", EventFiles(Path(options.dir).absolute(), samples=options.samples))
