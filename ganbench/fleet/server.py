"""A worker process: it imports the harness once, and forks a child for each cell, so that a cell costs a fraction of a second.

It reads an order a line from its input, and tells on a pipe of its own what becomes of it (``ready``; ``started`` with a process id;
``progress``; ``end``; ``exit`` with the exit code, or minus the signal). It computes nothing itself: what has started threads, run a
backward pass or opened a GPU must not be forked. Where a fork is not safe the order is carried out in this process, which then ends.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import importlib
import json
import os
import sys
import threading
import traceback
from typing import TYPE_CHECKING

from ganbench.fleet.interpreter import die_with_parent, kill_group, prefer_for_oom

if TYPE_CHECKING:
    from ganbench.fleet.cell_process import Order, Send

_USED_BY_MOST = (
    "ganbench.record.curves",
    "matplotlib.backends.backend_agg",
    "matplotlib.pyplot",
    "sklearn.datasets",
    "torchvision.datasets",
)
"""Imported before the forks because nearly every run needs them; a library that is broken is the run's affair."""


def serve() -> None:
    """Carry out orders until the end of the input; the arguments are the parent's process id and the pipe's descriptor."""
    parent, descriptor = int(sys.argv[1]), int(sys.argv[2])
    die_with_parent(parent)
    os.set_inheritable(descriptor, False)
    from ganbench.fleet.cell_process import make_sender, order_from

    for name in _USED_BY_MOST:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    gc.freeze()
    send = make_sender(descriptor)
    send({"event": "ready"})
    for line in sys.stdin.buffer:
        order = order_from(line)
        if json.loads(line)["fork"] and _may_fork():
            _fork(order, send)
        else:
            _carry_out(order, send)


def _may_fork() -> bool:
    """Return whether this process is still as it was after its imports."""
    import torch

    return threading.active_count() == 1 and not torch.cuda.is_initialized()  # type: ignore[no-untyped-call]


def _fork(order: Order, send: Send) -> None:
    """Carry out an order in a child and wait for its end; what the child has started ends with it."""
    server = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        die_with_parent(server)
        _carry_out(order, send)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    kill_group(pid)
    send({"event": "exit", "code": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])})


def _carry_out(order: Order, send: Send) -> None:
    """Run a cell and leave the process."""
    from ganbench.fleet.cell_process import Stop, run_order

    code = 1
    try:
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        prefer_for_oom()
        faulthandler.enable()
        stop = Stop()
        stop.listen()
        send({"event": "started", "pid": os.getpid()})
        run_order(order, send, stop)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
