"""What every plugin promises, whatever its kind."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import inspect
import subprocess
import sys
from typing import Any

from ganbench.config.values import build_options, describe_fields, field_types
from ganbench.errors import ConfigError, PluginError
from ganbench.testing.promise import Broken, NotClaimed, Subject, promise

_HEAVY = ("torch", "numpy")
_GROUPS = ("ganbench", "ganbench.commands")
_LONGEST_SUMMARY = 120


@promise()
def registration_imports_nothing_heavy(subject: Subject) -> None:
    """Registering it imports neither torch nor numpy, so that every command stays fast."""
    entries = [e for group in _GROUPS for e in importlib.metadata.entry_points(group=group)]
    found = subject.registered
    own = [e for e in entries if e.name == found.entry and (e.dist is None or e.dist.name == found.distribution)]
    if not own:
        raise NotClaimed("it is a file, which is imported only when it is used")
    module = own[0].value.partition(":")[0]
    code = f"import sys; sys.path[:0] = {sys.path!r}; import {module}; print('IMPORTED', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    imported = done.stdout.rpartition("IMPORTED")[2].split()
    heavy = [name for name in _HEAVY if name in imported]
    if heavy:
        remedy = "move what needs it into the module that the factory names, and the options into one that imports nothing heavy"
        raise Broken(f"the module {module} imports {' and '.join(heavy)} when it registers the plugin", remedy=remedy)


@promise()
def it_says_what_it_is(subject: Subject) -> None:
    """It has a summary of one line."""
    summary = subject.spec.summary.strip()
    if not summary:
        raise Broken(f"the {subject.spec.kind} has no summary", remedy="give the spec a summary of a few words")
    if "\n" in summary or len(summary) > _LONGEST_SUMMARY:
        raise Broken(
            f"the summary is not one line of at most {_LONGEST_SUMMARY} characters", remedy="shorten it; details belong in the docstring"
        )


@promise()
def its_options_can_be_given_on_the_command_line(subject: Subject) -> None:
    """Every option has a type that ``-o`` and a TOML file can give, and its default can be said too."""
    options: Any = subject.spec.options
    types = field_types(options)
    defaults = {f.name: _default(f) for f in dataclasses.fields(options)}
    for name, value in defaults.items():
        try:
            build_options(options, {**{n: v for n, v in defaults.items() if v is not dataclasses.MISSING}, name: value}, "options")
        except ConfigError as error:
            if "not supported" in error.what:
                remedy = "use bool, int, float, str, Literal, X | None, or a tuple of those"
                raise Broken(f"the option {name} has the type {types[name]}, which a flag cannot give", remedy=remedy) from None
            if value is not dataclasses.MISSING:
                raise Broken(
                    f"the default of the option {name} is refused: {error.what}", remedy="choose a default that is allowed"
                ) from None


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


@promise()
def its_options_are_documented(subject: Subject) -> None:
    """The string under each option says what it means; it is the option's help."""
    silent = [field.name for field in describe_fields(subject.spec.options) if not field.help]
    if silent:
        remedy = "write a string literal under each field: what it is, in which unit"
        raise Broken(
            f"the option {silent[0]} has no help" if len(silent) == 1 else f"the options {', '.join(silent)} have no help", remedy=remedy
        )


@promise()
def a_wrong_option_is_refused_by_its_name(subject: Subject) -> None:
    """A number that makes no sense is a ValueError that names the option."""
    options: Any = subject.spec.options
    numbers = {
        f.name: f.default for f in dataclasses.fields(options) if isinstance(f.default, (int, float)) and not isinstance(f.default, bool)
    }
    for name in numbers:
        try:
            options(**{name: type(numbers[name])(-(10**6))})
        except ValueError as error:
            if name not in str(error):
                raise Broken(
                    f"the refusal of {name}=-1000000 does not name it: {error}", remedy=f"say '{name} must be ... (got ...)'"
                ) from None
        except Exception as error:
            what = f"the option {name}=-1000000 ends in a {type(error).__name__}: {error}"
            raise Broken(what, remedy="raise a ValueError in __post_init__ that names the field and what is allowed") from None


@promise(is_ground=True)
def its_factory_can_be_called(subject: Subject) -> None:
    """The factory can be imported, and takes the arguments of its kind."""
    if not subject.spec.factory:
        raise NotClaimed("this kind has no factory")
    try:
        factory = subject.registered.load()
    except PluginError as error:
        raise Broken(error.what, remedy="the spec's factory is 'module:attribute' of a function or a class") from None
    wanted = _num_arguments(subject)
    if wanted is None:
        return
    try:
        inspect.signature(factory).bind(*[None] * wanted)
    except TypeError as error:
        names = {1: "(options)", 2: "(options, context)"}[wanted]
        raise Broken(
            f"the factory {subject.spec.factory} cannot be called with {names}: {error}", remedy=f"give it the arguments {names}"
        ) from None
    except ValueError:  # a callable without a signature
        return


def _num_arguments(subject: Subject) -> int | None:
    """Return how many arguments the factory of a kind is given; None where the kind says it differently."""
    one, two = (
        ("loss", "metric", "frozen", "space"),
        ("architecture", "augmentation", "dataset", "extractor", "reporter", "executor"),
    )
    return 1 if subject.spec.kind in one else 2 if subject.spec.kind in two else None
