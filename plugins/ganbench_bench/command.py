"""``ganbench bench``: how fast the ops and the training step are, against plain PyTorch and ``torch.compile``."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from ganbench import (
    KERNELS,
    RUNNERS,
    Document,
    Invocation,
    NumberRange,
    Place,
    PluginManager,
    StatusLine,
    UsageError,
    complete_plugins,
    complete_words,
    plan,
    print_document,
    refuse_missing_gpu,
)
from ganbench_bench.names import DTYPES, LAYOUTS, OPS

F = TypeVar("F", bound=Callable[..., Any])
_FORMATS = ("terminal", "markdown")


@click.group("bench", no_args_is_help=True)
def command() -> None:
    """Measure ops and training steps against plain PyTorch and torch.compile, interleaved, each checked first."""


def _shared_options(function: F) -> F:
    """Add what both commands take."""
    for add in (
        click.option("--format", "form", type=click.Choice(_FORMATS), default="terminal", show_default=True, help="Of the table."),
        click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="For every number."),
        click.option("--explain", is_flag=True, help="Say what each column means."),
        click.option("--no-compile", is_flag=True, help="Compile nothing; that takes most of the time."),
        click.option(
            "--device", default="auto", metavar="DEV", shell_complete=complete_words("auto", "cpu", "cuda"), help="auto, cpu, cuda, cuda:N."
        ),
    ):
        function = add(function)
    return function


def _print(document: Document, flags: dict[str, Any]) -> None:
    print_document(document.explained() if flags["explain"] else document, flags["form"])


@command.command("kernels")
@click.option("--op", "ops", multiple=True, type=click.Choice(tuple(OPS)), metavar="NAME", help=f"{', '.join(OPS)}; all by default.")
@click.option("--dtype", "dtypes", multiple=True, type=click.Choice(DTYPES), metavar="T", help="fp32 or bf16; both by default.")
@click.option("--layout", "layouts", multiple=True, type=click.Choice(LAYOUTS), metavar="L", help="nchw or channels_last; both by default.")
@click.option("--quick", is_flag=True, help="Tiny inputs, two short blocks, nothing compiled: to see that it works.")
@click.option("--seconds", type=NumberRange(min=0, min_open=True), default=150.0, show_default=True, help="Begin no case after that.")
@_shared_options
def kernels(ops: tuple[str, ...], dtypes: tuple[str, ...], layouts: tuple[str, ...], quick: bool, seconds: float, **shared: Any) -> int:
    """Time each op forward, backward and twice backward: eager, torch.compile, ours.

    \b
    ganbench bench kernels --quick
    ganbench bench kernels --op bias_act --dtype bf16 --layout channels_last
    ganbench bench kernels --json kernels.json --format markdown > kernels.md

    Each implementation must first give the reference's values on the same inputs; one that does not is "wrong", and the exit code 1. Ctrl-C
    ends it with what was measured by then.
    """
    _check_writable(shared["json_file"])
    refuse_missing_gpu(shared["device"])
    from ganbench_bench.document import heading
    from ganbench_bench.kernel_table import kernel_document
    from ganbench_bench.kernels.bench import KernelSettings, measure_kernels
    from ganbench_bench.kernels.case import DTYPE_NAMES

    wanted = dtypes or DTYPES
    settings = KernelSettings(
        device=_device(shared["device"]),
        ops=tuple(op for op in OPS if op in ops or not ops),
        dtypes=tuple(dtype for dtype, name in DTYPE_NAMES.items() if name in wanted),
        layouts=layouts or LAYOUTS,
        compiles=_why_not_compile(shared | {"quick": quick}),
        quick=quick,
        seconds=seconds,
    )
    asked = {"ops": settings.ops, "dtypes": wanted, "layouts": settings.layouts, "quick": quick, "seconds": seconds}
    place = Place.of_process(settings.device, precision=" ".join(wanted), channels_last="channels_last" in settings.layouts)
    keep = partial(_write_json, shared["json_file"], "bench kernels", asked | {"compile": not settings.compiles}, place)
    with _working() as say:
        report = measure_kernels(settings, say, keep)
    keep(report)
    _print(kernel_document(report, heading(settings.device)), shared)
    return 130 if report.is_interrupted else int(any(row.status == "wrong" for row in report.rows))


@command.command("step")
@click.option(
    "--plugin", default="dcgan-64", show_default=True, metavar="NAME", shell_complete=complete_plugins("model"), help="Architecture."
)
@click.option(
    "--dataset", metavar="NAME", shell_complete=complete_plugins("dataset"), help="Of the recipe's resolution.  [default: synthetic]"
)
@click.option("--batch-size", metavar="N", help="Real images in a step.  [default: the recipe's]")
@click.option(
    "--precision",
    type=click.Choice(("fp32", "tf32", "bf16")),
    default="fp32",
    show_default=True,
    help="tf32 is fp32 with torch's default for convolutions; bf16 is autocast; in every loop alike.",
)
@click.option("--runner", "runners", multiple=True, type=click.Choice(RUNNERS), metavar="R", help=f"{', '.join(RUNNERS)}; all by default.")
@click.option("--kernels", "choices", multiple=True, type=click.Choice(KERNELS), metavar="K", help="ref or triton; both by default.")
@click.option("-o", "options", multiple=True, metavar="KEY=VALUE", help="Option of a plugin.")
@click.option("--blocks", type=click.IntRange(min=1), help="Rounds through all loops, there and back.  [default: 8]")
@click.option("--seconds", type=NumberRange(min=0, min_open=True), help="For all of it.  [default: 120 on a GPU, 300 on a CPU]")
@click.option("--quick", is_flag=True, help="Few images, two blocks, ten seconds, nothing compiled: to see that it works.")
@_shared_options
@click.pass_obj
def step(invocation: Invocation, /, **flags: Any) -> int:
    """Time whole training steps: pytorch/examples' loop, torch.compile of it, and ganbench's runners with and without Triton.

    \b
    ganbench bench step
    ganbench bench step --batch-size 128 --precision bf16 --json step.json
    ganbench bench step --plugin dcgan --dataset digits --runner eager --no-compile

    Every loop has the published one's loss, optimizers and order of updates, starts from the same weights, and must give its first losses.
    """
    _check_writable(flags["json_file"])
    refuse_missing_gpu(flags["device"])
    given = {"dataset.name": flags["dataset"], "training.batch_size": flags["batch_size"]}
    asked_for = {path: value for path, value in given.items() if value is not None}
    plan(flags["plugin"], settings=asked_for, manager=PluginManager(off=invocation.off))  # a typing error, before torch is imported
    from ganbench_bench.document import heading
    from ganbench_bench.step.bench import StepSettings, measure_steps
    from ganbench_bench.step.entries import choose_entries
    from ganbench_bench.step.settings import settings_of
    from ganbench_bench.step_table import step_document

    device, quick = _device(flags["device"]), flags["quick"]
    runners = tuple(name for name in RUNNERS if name in flags["runners"] or not flags["runners"])
    choices = tuple(name for name in KERNELS if name in flags["choices"] or not flags["choices"])
    settings = StepSettings(
        plugin=flags["plugin"],
        settings=settings_of(
            flags["plugin"],
            device,
            dataset=flags["dataset"],
            batch_size=flags["batch_size"],
            precision=flags["precision"],
            options=flags["options"],
            off=invocation.off,
            quick=quick,
        ),
        precision=flags["precision"],
        device=device,
        entries=tuple(choose_entries(device, runners, choices)),
        compiles=_why_not_compile(flags),
        blocks=flags["blocks"] or (2 if quick else 8),
        seconds=flags["seconds"] or (10.0 if quick else 120.0 if device.type == "cuda" else 300.0),
    )
    place = Place.of_process(
        device, precision=settings.precision, runner=" ".join(runners), kernels=" ".join(choices), channels_last=True, keep_memory=True
    )
    asked = {"settings": settings.settings, "blocks": settings.blocks, "seconds": settings.seconds}
    keep = partial(_write_json, flags["json_file"], "bench step", asked, place)
    with _working() as say:
        report = measure_steps(settings, say, keep)
    keep(report)
    _print(step_document(report, heading(device)), flags)
    return 130 if report.is_interrupted else int(any(row.status == "wrong" for row in report.rows))


def _why_not_compile(flags: dict[str, Any]) -> str:
    return "--quick compiles nothing" if flags["quick"] else "--no-compile" if flags["no_compile"] else ""


def _device(name: str) -> Any:
    """Return the device.

    Raises:
        UsageError: there is no such device.
    """
    head, _, index = name.partition(":")
    if name not in ("auto", "cpu", "cuda") and not (head == "cuda" and index.isdecimal()):
        raise UsageError(f"--device must be auto, cpu, cuda or cuda:N (got {name!r})")
    refuse_missing_gpu(name)
    from ganbench import choose_device

    return choose_device(name)


def _check_writable(path: Path | None) -> None:
    """Find out before minutes have passed.

    Raises:
        UsageError: its folder does not exist.
    """
    if path is not None and not os.path.isdir(path.absolute().parent):
        raise UsageError(f"--json {path}: there is no folder {path.absolute().parent}", hint="make it first")


@contextlib.contextmanager
def _working() -> Iterator[Callable[[str], None]]:
    """Show what is being done; what compilers warn of is not for the reader of a table."""
    loggers = [logging.getLogger(name) for name in ("torch", "ganbench")]
    before = [logger.level for logger in loggers]
    handler = signal.signal(signal.SIGTERM, signal.default_int_handler)  # a time limit from outside ends it as Ctrl-C does
    with StatusLine() as line, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield line.say
        finally:
            signal.signal(signal.SIGTERM, handler)
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)


def _write_json(path: Path | None, name: str, asked: dict[str, Any], place: Place, report: Any) -> None:
    if path is None:
        return
    from ganbench import write_text
    from ganbench_bench.document import document

    write_text(path, document(name, asked, report, place))
