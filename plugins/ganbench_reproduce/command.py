"""``ganbench reproduce``: a published experiment run again, and its table beside the published one."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganbench import Invocation, UsageError, complete_plugins, complete_words
from ganbench_reproduce import ReproductionSpec

if TYPE_CHECKING:
    import torch

    from ganbench import Registered
    from ganbench_reproduce.drive import Request


@click.command("reproduce")
@click.argument("name", metavar="NAME", shell_complete=complete_plugins("reproduction"))
@click.option("-o", "options", multiple=True, metavar="KEY=VALUE", help="Option of the reproduction.")
@click.option("--seeds", type=int, metavar="N", help="Seeds of each cell.  [default: as many as were published]")
@click.option("--budget", type=float, default=1.0, metavar="FRACTION", help="Of the published training; above 0.  [default: 1]")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="[default: results/reproductions/NAME]")
@click.option(
    "--device", default="auto", metavar="DEV", shell_complete=complete_words("auto", "cpu", "cuda"), help="auto, cpu, cuda or cuda:N."
)
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="CPU threads.  [default: torch's]")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON on stdout, and nothing else there.")
@click.pass_obj
def command(
    invocation: Invocation,
    name: str,
    options: tuple[str, ...],
    seeds: int | None,
    budget: float,
    out: Path | None,
    device: str,
    threads: int | None,
    as_json: bool,
) -> int:
    """Run a published experiment by its protocol, and print published beside measured.

    \b
    ganbench plugins list                                    what can be reproduced
    ganbench plugins show NAME                               its paper and its options
    ganbench reproduce NAME --budget 0.1 --seeds 3           a tenth of the training, three seeds
    ganbench reproduce NAME --json > table.json

    A pipe or a file gets the table in Markdown. The same command goes on where a stopped or killed one was, and prints the table of a
    finished one again. Ctrl-C saves. A folder that holds another configuration is refused.
    """
    from ganbench import PluginManager, read_pairs

    registered = PluginManager(off=invocation.off).find(ReproductionSpec, name)
    pairs = read_pairs("-o", options)
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    built, request = _prepare(registered, pairs, seeds, budget, device)
    return _run(built, request, out, as_json)


def _prepare(
    registered: Registered[ReproductionSpec], pairs: dict[str, str], seeds: int | None, budget: float, device: str
) -> tuple[Any, Request]:
    """Build the experiment and the request.

    Raises:
        UsageError: an option or a flag that is wrong.
    """
    from ganbench import build_options, keep_freed_memory
    from ganbench_reproduce.drive import Request

    spec = registered.spec
    chosen = build_options(spec.options, dict(pairs), "-o")
    where = _device(device)
    try:
        request = Request(
            name=spec.name,
            summary=spec.summary,
            paper=spec.paper,
            plugin=registered.identity(),
            options={f.name: _text(getattr(chosen, f.name)) for f in dataclasses.fields(chosen)},
            num_seeds=seeds,
            budget=budget,
            device=where,
            keeps_memory=where.type == "cpu" and keep_freed_memory(),
        )
    except ValueError as error:
        raise UsageError(f"--{error}") from error
    return registered.build(chosen), request


def _run(experiment: Any, request: Request, out: Path | None, as_json: bool) -> int:
    from ganbench import StatusLine, StopSignal, print_document, print_text, to_json
    from ganbench_reproduce.directory import DEFAULT_ROOT, ReproductionDirectory
    from ganbench_reproduce.drive import reproduce
    from ganbench_reproduce.table import reproduction_document

    stop = StopSignal()
    with ReproductionDirectory(out or DEFAULT_ROOT / request.name) as directory, stop.listening(), StatusLine() as line:
        stop.training = True
        record = reproduce(experiment, request, directory, say=line.say, stop=stop)
    if as_json:
        print_text(to_json(record), sys.stdout)
    else:
        print_document(reproduction_document(record), "terminal" if sys.stdout.isatty() else "markdown")
    return 0


def _device(name: str) -> torch.device:
    from ganbench import choose_device

    try:
        return choose_device(name)
    except RuntimeError:
        raise UsageError(f"--device must be auto, cpu, cuda or cuda:N (got {name!r})") from None


def _text(value: object) -> str:
    """Write a value as ``-o`` takes it."""
    if isinstance(value, tuple):
        return ",".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
