"""Every error that ganbench raises on purpose, with the exit code that the command line gives it.

::

    GanbenchError                 3
    |-- UsageError                2   a flag, a file or a plugin that the user can mend
    |   |-- ConfigError           2   a configuration value
    |   |   `-- UnsuitableError   2   a metric that this dataset or extractor has nothing for
    |   |-- PluginError           2   a plugin that is unknown, broken or in conflict
    |   |-- LaterVersion          2   a file that a later ganbench wrote
    |   |-- DataError             2   a dataset that is missing, damaged or of the wrong form
    |   `-- WeightsError          2   extractor weights that are missing or damaged
    |-- RunFailed                 3   a run that began and could not go on
    |   |-- Diverged              3   NaN, Inf or exploding logits
    |   |-- PluginFailed          3   an error inside a plugin, which is named
    |   `-- StorageError          3   the disk is full or not writable
    |-- NotComparable             4   records under unlike keys
    |-- NothingToCompare          5   no record to show
    `-- Interrupted             130   Ctrl-C; what was done is kept
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class GanbenchError(Exception):
    """The root: one line that says what, why and what to do.

    Args:
        what: what is wrong, with the value got and the values allowed.
        hint: what to do about it; printed after the message. May be empty.
    """

    exit_code = 3

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what if not hint else f"{what}; {hint}")
        self.what = what
        self.hint = hint


class UsageError(GanbenchError):
    """Something that the user can mend: a flag, a file, a name."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration value that is unknown or out of range."""


class UnsuitableError(ConfigError):
    """A metric whose extractor or dataset does not suit it, however many samples there are; a run is refused before it begins."""


class PluginError(UsageError):
    """A plugin that is unknown, that failed to load, or whose name is taken twice."""


class LaterVersion(UsageError):
    """A file that a later ganbench wrote: it is not damaged, but what it says is not known here.

    Args:
        source: what the file is called.
        version: of its schema.
        known: the latest version that can be read.
    """

    def __init__(self, source: object, version: int, known: int) -> None:
        what = f"{source} has schema version {version}, this ganbench reads up to {known}"
        super().__init__(what, hint="install the newer ganbench that wrote it")


class DataError(UsageError):
    """A dataset that is missing, damaged or of the wrong form."""


class WeightsError(UsageError):
    """Extractor weights that are missing, damaged or of another format."""


class RunFailed(GanbenchError):
    """A run that began and could not go on; everything up to then is kept."""


class Diverged(RunFailed):
    """Training produced NaN, Inf or exploding logits."""


class PluginFailed(RunFailed):
    """A plugin's code raised an error of its own."""


class StorageError(RunFailed):
    """A file could not be written: the disk is full or not writable."""


class NotComparable(GanbenchError):
    """Records whose keys differ."""

    exit_code = 4


class NothingToCompare(GanbenchError):
    """No record where at least one was asked for."""

    exit_code = 5


class Interrupted(GanbenchError):
    """Ctrl-C; a checkpoint and a partial record were kept."""

    exit_code = 130


_LISTED = 40
"""Names that a hint lists."""


def did_you_mean(name: str, known: list[str]) -> str:
    """Return a hint with the closest known name, or with as many of them as one reads when none is close."""
    import difflib

    begun = [one for one in known if one.startswith((f"{name}_", f"{name}-"))]  # latent_dim for latent, and not latents
    close = begun if len(begun) == 1 else difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return f"known: {', '.join(sorted(known)[:_LISTED])}{more}" if known else "none is available"


_DOING = "_ganbench_doing"
NOTHING_CHANGED = "_ganbench_nothing_changed"
"""An attribute of an error that was raised in a step before anything that a checkpoint holds was changed."""


def remember(error: BaseException, doing: str) -> None:
    """Write on an error what was being done when it was raised; the error stays what it is, and only the message at the end reads this.

    Args:
        error: on its way out.
        doing: as it follows "failed": ``in phase 'generator' of iteration 60``.
    """
    setattr(error, _DOING, f"{doing} {done}" if (done := what_was_done(error)) else doing)


def what_was_done(error: BaseException) -> str:
    """Return what :func:`remember` wrote, the outermost first; nothing where nobody wrote."""
    return str(getattr(error, _DOING, ""))


@contextmanager
def during(doing: str) -> Iterator[None]:
    """Remember of each error inside the block what was being done."""
    try:
        yield
    except (Exception, SystemExit) as error:
        remember(error, doing)
        raise
