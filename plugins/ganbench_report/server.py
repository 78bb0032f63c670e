"""The local server of a live page: for this machine's user alone, whoever else may reach the port."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import os
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from ganbench import GanbenchError, cache_directory
from ganbench_report.page import render_page
from ganbench_report.steered import Command
from ganbench_report.watching import Follower

HOST = "127.0.0.1"
_NAMES = frozenset({"127.0.0.1", "localhost"})
"""What a browser of this machine calls it. Any other name that leads here is one that a stranger has chosen."""
_ALIVE = "ganbench watch"
_LONGEST_COMMAND = 1000
"""Bytes."""
_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),  # the address holds the token
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)
_FILE_POLICY = "default-src 'none'; sandbox"
"""Of a picture that is opened by its own address: one that holds a script runs none."""
_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Guard:
    """Lets through what the page itself asks for, and refuses everything else before it is looked at.

    What is refused: a name of this machine that is not its own (a page of a stranger whose name leads here), a request that another site's
    page makes, and an address without the token.

    Args:
        app: what is guarded; it sees paths without the token.
        token: what every path begins with.
    """

    def __init__(self, app: Starlette, token: str) -> None:
        self._app, self._token = app, token.encode()

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(header for header in _HEADERS if header[0] not in own)]
            await send(message)

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = refusal_of(headers)
        _, given, *rest = scope["path"].split("/", 2)
        if refusal is None and not hmac.compare_digest(given.encode(), self._token):
            refusal = 403, "the token is missing or wrong: open the address that `ganbench watch` printed"
        if refusal is not None:
            await PlainTextResponse(f"{refusal[1]}\n", refusal[0])(scope, receive, send_with_headers)
            return
        if not rest:
            await RedirectResponse(f"/{given}/")(scope, receive, send_with_headers)
            return
        await self._app({**scope, "path": f"/{rest[0]}", "raw_path": f"/{rest[0]}".encode()}, receive, send_with_headers)


def refusal_of(headers: dict[str, str]) -> tuple[int, str] | None:
    """Return the status and the reason for which a request is refused; None for one that may pass.

    Args:
        headers: of the request, with names in lower case.
    """
    host = headers.get("host", "")
    name, _, port = host.partition(":")
    if name.lower() not in _NAMES or (port and not port.isdecimal()):
        return 421, "this server answers to 127.0.0.1 and localhost only"
    if "origin" in headers and headers["origin"].lower() != f"http://{host.lower()}":
        return 403, "requests of other sites are refused"
    is_visit = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not is_visit:
        return 403, "requests of other sites are refused"
    return None


def make_app(follower: Follower, token: str) -> Guard:
    """Return the server's application.

    Args:
        follower: of what the page shows.
        token: without which nothing is answered.
    """

    async def page(request: Request) -> Response:
        place, content = await follower.content()
        return HTMLResponse(render_page({**content, "place": place}), headers={"content-security-policy": "frame-ancestors 'none'"})

    async def events(request: Request) -> Response:
        place = request.headers.get("last-event-id") or request.query_params.get("from", "")
        return StreamingResponse(follower.tell(place), media_type="text/event-stream")

    async def picture(request: Request) -> Response:
        found = follower.picture(request.path_params["number"], request.path_params["name"])
        if found is None or not os.path.isfile(found.path):
            return PlainTextResponse("no such picture\n", 404)
        headers = {"content-security-policy": _FILE_POLICY, "cache-control": "private, max-age=86400"}
        return FileResponse(found.path, media_type=found.type, headers=headers)

    async def view(request: Request) -> Response:
        found = follower.view(request.path_params["number"])
        if found is None or not os.path.isfile(found):
            return PlainTextResponse("this run does not say what it looks like inside\n", 404)
        return FileResponse(found, media_type="application/json")

    async def command(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":  # which no form of another site sends
            return PlainTextResponse("a command is application/json\n", 415)
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > _LONGEST_COMMAND:
                return PlainTextResponse("no command is so long\n", 413)
        try:
            given = Command.read(body)
        except ValueError as error:
            return PlainTextResponse(f"{error}\n", 400)
        problem = follower.command(request.path_params["number"], given)
        return PlainTextResponse(f"{problem}\n", 409) if problem else PlainTextResponse("", 202)

    async def alive(request: Request) -> Response:
        return PlainTextResponse(_ALIVE)

    routes = [
        Route("/", page),
        Route("/events", events),
        Route("/pictures/{number:int}/{name}", picture),
        Route("/views/{number:int}", view),
        Route("/commands/{number:int}", command, methods=["POST"]),
        Route("/alive", alive),
    ]
    return Guard(Starlette(routes=routes), token)


def place_of(path: Path) -> tuple[int, str]:
    """Return the port and the token of what is watched: the same each time for this user, so that an open page finds a new server.

    Args:
        path: of the run or of the folder.
    """
    digest = hmac.new(_secret(), os.fsencode(path.resolve()), hashlib.sha256).hexdigest()
    return 20_000 + int(digest[32:40], 16) % 10_000, digest[:32]


def answers(port: int, token: str) -> bool:
    """Tell whether a server of the same page answers at a port already."""
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", f"/{token}/alive")
        return connection.getresponse().read(100) == _ALIVE.encode()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _secret() -> bytes:
    """Return this user's secret, made when missing; one for this call where none can be kept, or others can read the one that is."""
    try:
        path = cache_directory() / "watch.key"
        path.parent.mkdir(parents=True, exist_ok=True)
        new = secrets.token_bytes(32)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            found = path.read_bytes()
            is_own = path.stat().st_uid == os.geteuid() and not path.stat().st_mode & 0o077
            return found if is_own and len(found) == len(new) else new
        with os.fdopen(descriptor, "wb") as file:
            file.write(new)
        return new
    except (OSError, GanbenchError):
        return secrets.token_bytes(32)
