"""``ganbench watch``: the page of a run or a matrix, live, in a browser of this machine."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from pathlib import Path

import click

from ganbench import RunDirectory, UsageError, complete_runs, print_text, say

_GRACE_SECONDS = 20.0
"""How long a server in the background waits for a page after the last run has ended."""


@click.command("watch")
@click.argument("path", required=False, default="", metavar="[RUN|MATRIX]", shell_complete=complete_runs)
@click.option("--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="[default: the one that this path has each time]")
@click.option("--open", "wants_browser", is_flag=True, help="Open a browser.")
@click.option("--background", is_flag=True, help="Print the address and go on in the background, until no run is active and no page open.")
def command(path: str, port: int, wants_browser: bool, background: bool) -> int:
    """Show a run or a matrix in a browser while it trains.

    RUN|MATRIX is the folder of a run, of a matrix or of several runs, or the id of a run; the newest run where it is left out.

    \b
    ganbench watch
    ganbench watch results/runs/losses --open
    ganbench run --plugin dcgan --reporter watch

    The page is served at 127.0.0.1 for this user's browsers; its address holds a token, and is printed on stdout. It follows the folder, so
    that a run trains as if nobody looked, and any run can be watched, also one that has begun or ended before. Ctrl-C ends the server, not
    the run; a page that is open goes on when the server is there again.
    """
    from ganbench_report.cells import find_watched

    watched = find_watched(path)
    try:
        import starlette
        import uvicorn
    except ImportError:
        raise UsageError("ganbench watch needs starlette and uvicorn", hint="pip install 'ganbench[watch]'") from None
    del starlette, uvicorn
    from ganbench_report.server import HOST, answers, place_of

    usual, token = place_of(watched.path)
    listening = _bind(port or usual)
    if listening is None:
        if answers(port or usual, token):
            _print_address(HOST, port or usual, token, wants_browser)
            say("it is watched already")
            return 0
        if port:
            raise UsageError(f"port {port} is in use by another program", hint="choose another one, or leave --port out")
        listening = _bind(0)
        assert listening is not None
        say(f"port {usual} is in use by another program; the address is another one this time")
    _print_address(HOST, listening.getsockname()[1], token, wants_browser)
    if background and _leave():
        return 0
    with contextlib.suppress(KeyboardInterrupt), listening:
        _serve(watched.path, watched.is_run, listening, token, until_idle=background)
    return 0


def _bind(port: int) -> socket.socket | None:
    """Return a socket that listens at a port of this machine, at any where it is 0; None where somebody else does."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen(64)
    except OSError:
        listening.close()
        return None
    return listening


def _print_address(host: str, port: int, token: str, wants_browser: bool) -> None:
    address = f"http://{host}:{port}/{token}/"
    print_text(f"{address}\n", sys.stdout)
    if wants_browser:
        import webbrowser

        if not webbrowser.open(address):
            say("no browser can be opened here; open the address in one")


def _leave() -> bool:
    """Go on in a process that no terminal stops; return True in the one that was called, whose work is done."""
    if os.fork():
        return True
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)
    with contextlib.suppress(OSError):
        os.nice(5)
    return False


def _serve(path: Path, is_run: bool, listening: socket.socket, token: str, *, until_idle: bool) -> None:
    """Serve until a signal ends it, or until nothing is left to see."""
    import asyncio
    import time

    import uvicorn

    from ganbench_report.cells import Watched
    from ganbench_report.server import make_app
    from ganbench_report.watching import Follower

    watched = Watched(path, is_run)

    async def serve() -> None:
        follower = Follower(watched, lambda: server.should_exit)
        app = make_app(follower, token)
        config = uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", timeout_graceful_shutdown=2, ws="none")
        server = uvicorn.Server(config)

        async def end_when_idle() -> None:
            last = time.monotonic()
            while not server.should_exit:
                if follower.pages or any(RunDirectory(run).is_active for run in watched.runs()):
                    last = time.monotonic()
                server.should_exit |= time.monotonic() - last > _GRACE_SECONDS
                await asyncio.sleep(2)

        tasks = [asyncio.create_task(follower.follow())]
        tasks += [asyncio.create_task(end_when_idle())] if until_idle else []
        try:
            await server.serve(sockets=[listening])
        finally:
            for task in tasks:
                task.cancel()

    asyncio.run(serve())
