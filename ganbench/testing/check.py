"""Try every promise of a plugin, for a program, for pytest, and for the command line."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click

from ganbench.errors import GanbenchError
from ganbench.plugin.manager import PluginManager, is_file
from ganbench.testing.promise import Broken, NotClaimed, Outcome, Promise, Subject, promises_of

_COLOURS = {"kept": "green", "broken": "red", "not claimed": "bright_black"}


def find_subjects(
    target: str,
    *,
    kind: str = "",
    settings: Mapping[str, Any] | None = None,
    options: Mapping[str, str] | None = None,
    manager: PluginManager | None = None,
) -> list[Subject]:
    """Return the plugins of a name: one for each kind that has it.

    Args:
        target: a name, ``distribution:name``, or ``./file.py:Name``.
        kind: only of this kind; empty for any.
        settings: of the trial runs, by configuration path.
        options: of the plugin in the trials, as ``-o`` takes them.
        manager: the plugins; None for those that are installed.

    Raises:
        PluginError: there is no such plugin, or it could not be registered.
    """
    plugins = manager or PluginManager()
    found = plugins.find_all(target, kind=kind)
    if is_file(target):
        plugins = plugins.joined_by(found[0])  # a metric of a file is asked for by its name
    given: dict[str, Any] = {"settings": dict(settings or {}), "options": dict(options or {})}
    return [Subject(registered=one, manager=plugins, target=target, **given) for one in found]


def check(target: str, **how: Any) -> list[Outcome]:
    """Try every promise of a plugin.

    Args:
        target: see :func:`find_subjects`.
        how: the other arguments of :func:`find_subjects`.

    Returns:
        One outcome for each promise of each kind that has the name.

    Raises:
        PluginError: there is no such plugin.
    """
    return [outcome for subject in find_subjects(target, **how) for outcome in try_promises(subject)]


def try_promises(subject: Subject) -> Iterator[Outcome]:
    """Yield what becomes of each promise; of a plugin that cannot be built, only why it cannot."""
    cannot = False
    for one in promises_of(subject.spec):
        if cannot:
            yield Outcome(promise=one, state="not claimed", what="it cannot be built")
            continue
        yield (outcome := try_promise(one, subject))
        cannot = one.is_ground and outcome.state == "broken"


def outcome_lines(outcome: Outcome) -> list[str]:
    """Return a promise with what became of it; one that is broken with its remedy."""
    state = click.style(f"  {outcome.state:<12}", fg=_COLOURS[outcome.state])
    lines = [f"{state}{outcome.promise.says}"]
    if outcome.what:
        lines += [f"              {line}" for line in filter(None, (outcome.what, outcome.remedy))]
    return lines


def try_promise(one: Promise, subject: Subject) -> Outcome:
    """Try one promise; whatever is raised becomes an outcome."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            one.keep(subject)
    except Broken as error:
        return Outcome(promise=one, state="broken", what=error.what, remedy=error.remedy)
    except NotClaimed as reason:
        return Outcome(promise=one, state="not claimed", what=str(reason))
    except GanbenchError as error:
        return Outcome(promise=one, state="broken", what=error.what, remedy=error.hint or "mend what this names")
    except Exception as error:
        what = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
        return Outcome(promise=one, state="broken", what=what, remedy="run the promise under pytest to see where")
    return Outcome(promise=one, state="kept")


def promises(target: str, **how: Any) -> Callable[..., None]:
    """Return a test for pytest that tries every promise of a plugin, one case each.

    Args:
        target: see :func:`find_subjects`.
        how: the other arguments of :func:`find_subjects`.

    Returns:
        A function to be named ``test_...`` in a test file.
    """
    import pytest

    cases = [
        pytest.param(one, subject, id=f"{subject.spec.kind}-{one.name}")
        for subject in find_subjects(target, **how)
        for one in promises_of(subject.spec)
    ]

    @pytest.mark.filterwarnings("ignore")
    @pytest.mark.parametrize(("promise", "subject"), cases)
    def test_promises(promise: Promise, subject: Subject) -> None:
        promise.keep_or_skip(subject)

    return test_promises
