"""A process that has imported everything and forks one child per command line, so that a run starts in a fraction of a second.

It reads one JSON object a line and answers with one: ``{"argv": [...], "folder": ..., "name": ...}`` gives ``{"pid": ...}``, and
``{"wait": pid}`` gives ``{"code": ...}``, the exit code, or minus the signal that killed the child. It runs no backward pass itself:
autograd forbids that before a fork.

``limit`` bounds the size of each file that the child writes; ``die`` and ``signal_at`` do something to the child at a call of a function.
``streams`` puts something else in the place of the files that stdout ("1") and stderr ("2") go to, or nothing at all; ``terminal`` is the
terminal that a child of its own session sits at; ``ignore`` are signals that the child was told to ignore.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

_IMPORTED = (
    "matplotlib.pyplot",
    "matplotlib.backends.backend_agg",
    "rich.console",
    "rich.table",
    "sklearn.datasets",
    "torch.utils.data",
    "torch.utils.flop_counter",
    "torchvision.datasets",
    "ganbench.cli.run",
    "ganbench.cli.main",
    "ganbench.cli.show",
    "ganbench.cli.table",
    "ganbench.record.curves",
    "ganbench.report.stream",
    "ganbench.run.lifecycle",
    "ganbench_dcgan.networks",
    "ganbench_datasets.digits",
    "ganbench_datasets.folder",
    "ganbench_extractors.classifiers",
    "ganbench_losses.objectives",
)


def wrap(target: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Replace the function ``module:dotted.name``."""
    module, _, dotted = target.partition(":")
    *parents, name = dotted.split(".")
    owner: Any = importlib.import_module(module)
    for parent in parents:
        owner = getattr(owner, parent)
    setattr(owner, name, make(getattr(owner, name)))


def die_at(point: dict[str, Any]) -> None:
    """Kill this process ``before`` or ``after`` the n-th call of a function does its work, or ``raise`` or ``hang`` there for ever."""
    left = [point["call"]]

    def make(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **keywords: Any) -> Any:
            left[0] -= 1
            while left[0] == 0 and point["when"] == "hang":
                signal.pause()
            if left[0] == 0 and point["when"] == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            if left[0] == 0 and point["when"] == "raise":
                raise RuntimeError("no luck")
            result = function(*arguments, **keywords)
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapped

    wrap(point["function"], make)


def signal_at(point: dict[str, Any]) -> None:
    """Send this process a signal at each call of a function."""

    def make(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **keywords: Any) -> Any:
            os.kill(os.getpid(), point["number"])
            return function(*arguments, **keywords)

        return wrapped

    wrap(point["function"], make)


def child(request: dict[str, Any]) -> None:
    """Run the command line of a request in this process and leave it."""
    os.chdir(request["folder"])
    if request.get("terminal"):
        os.setsid()  # the first terminal that is opened now is the session's own
        os.environ["TERM"] = "xterm"
    usual = {"0": os.devnull, "1": request["name"] + ".out", "2": request["name"] + ".err"}
    given = dict.fromkeys(usual, request["terminal"]) if request.get("terminal") else request.get("streams", {})
    for number, stream in (usual | given).items():
        if stream is None:
            os.close(int(number))
            continue
        # A reader of one's own pipe would never find it broken.
        descriptor = os.open(stream, (os.O_WRONLY if "streams" in request else os.O_RDWR) | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(descriptor, int(number))
        os.close(descriptor)
    opened = [None if given.get(n, "") is None else open(int(n), "r" if n == "0" else "w", closefd=False) for n in usual]  # noqa: SIM115
    sys.stdin, sys.stdout, sys.stderr = opened
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever started the server may have been told to outlive a terminal
    for number in request.get("ignore", ()):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    code = 70
    try:
        if request.get("limit"):
            resource.setrlimit(resource.RLIMIT_FSIZE, (request["limit"], resource.RLIM_INFINITY))
        if request.get("die"):
            die_at(request["die"])
        if request.get("signal_at"):
            signal_at(request["signal_at"])
        from ganbench.cli.main import main

        code = main(request["argv"])
    except BaseException:
        traceback.print_exc()
    finally:
        for opened_stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(BaseException):
                opened_stream.flush()
        os._exit(code)


def serve() -> None:
    """Answer requests until the end of the input."""
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            answer = {"code": os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])}
        else:
            pid = os.fork()
            if pid == 0:
                child(request)
            answer = {"pid": pid}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    for module_name in _IMPORTED:
        importlib.import_module(module_name)
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    os.environ["GANBENCH_CACHE"] = sys.argv[1]
    serve()
