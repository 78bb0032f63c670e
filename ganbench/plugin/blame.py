"""Whose code raised an error, and in which line: read from its traceback at the border of a run, so that no call of a step is wrapped."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from ganbench.errors import GanbenchError, what_was_done

_OWN = "ganbench"
_owners: dict[str, set[str]] = {}
"""By a module, and by the top-level package of one: what a message calls the plugins whose code it is."""


def claim(module: str, owner: str) -> None:
    """Remember whose code a module is, and the rest of its package."""
    package = module.partition(".")[0]
    if package != _OWN:
        for name in (module, package):
            _owners.setdefault(name, set()).add(owner)


@contextlib.contextmanager
def blamed(kind: type[GanbenchError], *, hint: str, others: str = "") -> Iterator[None]:
    """Turn an error that a plugin raises inside the block into one of ganbench's, which names the plugin and what it was doing.

    Args:
        kind: of the new error.
        hint: where the traceback is.
        others: the plugins that took part, named where an error inside ganbench may be what one of them led to; empty to name none.

    Raises:
        GanbenchError: what is one already, or that of ``kind``.
    """
    try:
        yield
    except GanbenchError:
        raise
    except (Exception, SystemExit) as error:
        what = sentence(error, others)
        if not what:
            raise
        raise kind(what, hint=hint) from error


def sentence(error: BaseException, others: str = "") -> str:
    """Say who failed in what, and how; nothing where no plugin took part.

    Args:
        error: with its traceback.
        others: see :func:`blamed`.
    """
    owner, line = _culprit(error)
    doing = what_was_done(error)
    owner = owner or (others if doing else "")
    if not owner:
        return ""
    failed = " ".join(filter(None, (owner, "failed", doing)))
    return f"{failed}: {type(error).__name__}: {error}" + (f" ({line})" if line else "")


def _culprit(error: BaseException) -> tuple[str, str]:
    """Return whose code is innermost in an error's traceback, and its line; nothing where all of it is ganbench's or a library's."""
    found, link = ("", ""), error.__traceback__
    while link is not None:
        frame, number, link = link.tb_frame, link.tb_lineno, link.tb_next
        module = str(frame.f_globals.get("__name__", ""))
        owners = _owners.get(module) or _owners.get(module.partition(".")[0])
        if owners:
            found = (" or ".join(sorted(owners)), f"{os.path.basename(frame.f_code.co_filename)}:{number}")
    return found
