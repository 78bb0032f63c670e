"""``ganbench run``: flags to layers of settings, layers to a plan, and the run of it, with signals, logging and progress."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from ganbench.cli.main import Invocation
from ganbench.cli.options import GroupedCommand, run_options
from ganbench.errors import GanbenchError, Interrupted, UsageError
from ganbench.report.stream import print_document, say
from ganbench.text import resume_command

if TYPE_CHECKING:
    from ganbench.plugin.manager import PluginManager
    from ganbench.ranks import Ranks
    from ganbench.record.directory import RunDirectory
    from ganbench.record.events import Event
    from ganbench.record.record import RunRecord
    from ganbench.report.live_run import LineScreen
    from ganbench.run.lifecycle import Run
    from ganbench.run.plan import RunPlan


@click.command("run", cls=GroupedCommand)
@run_options
@click.pass_obj
def command(invocation: Invocation, /, **flags: Any) -> int | None:
    """Train one configuration by the standard protocol and print its throughput and FID table.

    \b
    ganbench run --plugin dcgan
    ganbench run --plugin dcgan --dataset fashion-mnist --loss hinge --kimg 500 --seed 1
    ganbench run --plugin ./my_gan.py:MyGAN -o latent_dim=64
    ganbench run --resume results/runs/RUN

    The first line on stderr names the run directory; the last line of the output is the result in one sentence.
    """
    from ganbench.fleet.matrix.call import stated_threads
    from ganbench.plugin.manager import PluginManager
    from ganbench.ranks import Ranks
    from ganbench.run.reporters import choose_reporters

    debug, ranks = invocation.debug or flags["debug"], Ranks.of_environment()
    with _one_voice(ranks):
        stated_threads()  # an error of the call, before anything is planned
        manager = PluginManager(off=(*invocation.off, *flags["off"]))
        flags["reporters"], flags["options"] = choose_reporters(manager, flags["reporters"], flags["options"])
        if flags["resume"] is not None:
            return _resume(flags, manager, ranks, debug)
        _refuse_contradictions(flags)
        plan = _plan_flags(flags, manager)
        if flags["dry_run"]:
            if ranks.is_first:
                click.echo(plan.describe())
            return None
        return _start(plan, manager, ranks, flags, debug)


@contextlib.contextmanager
def _one_voice(ranks: Ranks) -> Iterator[None]:
    """Let one of the processes that train together say why they end."""
    from ganbench.ranks import OthersEnded

    try:
        yield
        ranks.leave()
    except (Exception, KeyboardInterrupt) as error:
        if not ranks.says(error):
            raise click.exceptions.Exit(getattr(error, "exit_code", 130 if isinstance(error, KeyboardInterrupt) else 3)) from None
        if not ranks.is_first and isinstance(error, GanbenchError) and not isinstance(error, OthersEnded):
            error.what = f"process {ranks.rank} of {ranks.world}: {error.what}"
        raise


def _plan_flags(flags: dict[str, Any], manager: PluginManager) -> RunPlan:
    """Return the run that the flags ask for.

    Raises:
        UsageError: whatever is wrong with them.
    """
    from ganbench.config.model import settings_of_flags
    from ganbench.config.resolve import Layer
    from ganbench.config.toml import read_settings
    from ganbench.config.values import read_pairs
    from ganbench.registration import ModelSpec
    from ganbench.run.plan import plan_run

    layers, name = [], flags["plugin"]
    if flags["config_file"] is not None:
        settings = read_settings(flags["config_file"], trust_files=flags["trust_files"])
        own_name = settings.pop("name", None)
        name = name or own_name or settings.get("architecture.name")
        layers.append(Layer(origin=str(flags["config_file"]), settings=settings))
    if not name:
        known = sorted({r.spec.name for r in manager.specs(ModelSpec)})
        raise UsageError("which GAN? --plugin is missing", hint=f"known: {', '.join(known)}")
    given = settings_of_flags(flags)
    if flags["metrics"]:
        given["evaluation.metrics"] = tuple(m for one in flags["metrics"] for m in one.split(",") if m)
        if not given["evaluation.metrics"]:
            raise UsageError("--metric names no metric", hint="write one, as in fd5k_digits, or use --no-eval")
    if flags["no_eval"]:
        given["evaluation.metrics"] = ()
    said = read_pairs("--set", flags["settings"])
    if twice := [path for path in said if path in given and said[path] != str(given[path])]:
        raise UsageError(f"{twice[0]} is {given[twice[0]]} by a flag, and {said[twice[0]]} by --set", hint="give one of them")
    layers.append(Layer(origin="command line", settings={**given, **said}))
    return plan_run(manager, str(name), layers, read_pairs("-o", flags["options"]))


def _refuse_contradictions(flags: dict[str, Any]) -> None:
    """Refuse flags of which one would have no effect.

    Raises:
        UsageError: there are such.
    """
    if flags["metrics"] and flags["no_eval"]:
        raise UsageError("--metric and --no-eval contradict each other", hint="give one of them")
    if flags["dry_run"] and flags["as_json"]:
        raise UsageError("--dry-run prints TOML, and --json asks for a record", hint="give one of them")


def _resume(flags: dict[str, Any], manager: PluginManager, ranks: Ranks, debug: bool) -> int:
    """Go on with a run; its own config.toml decides everything but where files lie."""
    allowed = {"resume", "force", "trust_files", "reporters", "quiet", "as_json", "debug", "off", "plugin", "options", "settings"}
    allowed |= {"data_root", "extractor_weights"}
    extra = [p.opts[0] for p in command.params if p.name not in allowed and flags[str(p.name)] not in (None, (), False)]
    if extra:
        raise UsageError(f"--resume takes the run's own configuration; {extra[0]} cannot be given with it", hint="leave it out")
    from ganbench.config.values import read_pairs
    from ganbench.record.directory import RunDirectory
    from ganbench.run.plan import plan_again

    given = {"name": flags["plugin"], "data.root": flags["data_root"], "evaluation.extractor_weights": flags["extractor_weights"]}
    settings = {path: value for path, value in given.items() if value is not None} | read_pairs("--set", flags["settings"])
    directory = RunDirectory.resume(flags["resume"]) if ranks.is_first else None
    with directory or contextlib.nullcontext():
        there = RunDirectory(Path(ranks.tell(directory and str(directory.path))))
        options = read_pairs("-o", flags["options"])
        plan = plan_again(manager, there.config_path, trust_files=flags["trust_files"], settings=settings, options=options)
        if directory is None:
            return _follow(plan, manager, ranks, debug, resumes=True)
        force = bool(flags["force"])
        return _execute(plan, manager, ranks, lambda run: run.resume(directory, force=force), StopSignal(ranks), flags, debug)


def _start(plan: RunPlan, manager: PluginManager, ranks: Ranks, flags: dict[str, Any], debug: bool) -> int:
    """Run from the start and return the exit code."""
    from ganbench.record.directory import RunDirectory

    if not ranks.is_first:
        return _follow(plan, manager, ranks, debug, resumes=False)
    stop, out = StopSignal(ranks), flags["out"]
    if out is not None:
        out = out.resolve() if ".." in out.parts else out  # `new/../old` must not make `new`
        RunDirectory.check_free(out)  # before the data are read; and again when the directory is made

    def choose(dataset_name: str) -> RunDirectory:
        config = plan.config
        stop.training = True  # from here on there is something to keep
        if out is not None:
            return RunDirectory.create_at(out)
        return RunDirectory.create(name=config.title, dataset=dataset_name, seed=config.training.seed)

    return _execute(plan, manager, ranks, lambda run: run.start(choose), stop, flags, debug)


def _follow(plan: RunPlan, manager: PluginManager, ranks: Ranks, debug: bool, *, resumes: bool) -> int:
    """Do the part of one that is not the first of several processes, and return the exit code."""
    from ganbench.errors import Diverged
    from ganbench.report.live_run import make_screen

    stop = StopSignal(ranks)
    with _logging(debug, make_screen(quiet=True), least=logging.ERROR), stop.listening():
        plan.find_files(manager)
        from ganbench.run.lifecycle import Run

        run = Run(plan, manager, should_stop=stop, ranks=ranks)
        stop.training = True
        try:
            run.follow(resumes=resumes)
        except Diverged:
            return 3
    return 0


def _execute(
    plan: RunPlan,
    manager: PluginManager,
    ranks: Ranks,
    execute: Callable[[Run], RunRecord],
    stop: StopSignal,
    flags: dict[str, Any],
    debug: bool,
) -> int:
    """Build a run, execute it, print what came of it, and return the exit code."""
    from ganbench.record.probes import refuse_missing_gpu

    refuse_missing_gpu(plan.config.training.device)
    from ganbench.record.directory import run_directory_name
    from ganbench.record.events import ReporterContext
    from ganbench.report.live_run import make_screen
    from ganbench.run.reporters import build_reporters

    screen = make_screen(quiet=flags["quiet"])
    reporters = build_reporters(manager, flags["reporters"], ReporterContext(quiet=flags["quiet"]))
    with _logging(debug, screen), stop.listening():
        try:
            with screen:
                plan.find_files(manager)
                from ganbench.run.lifecycle import Run

                record = execute(Run(plan, manager, listeners=(stop.listen, screen, *reporters), should_stop=stop, ranks=ranks))
        except Interrupted as error:
            assert stop.directory is not None
            raise Interrupted(str(error), hint=f"go on with: {resume_command(Path(run_directory_name(stop.directory)))}") from error
        except Exception as error:
            logging.getLogger("ganbench").debug("the run failed", exc_info=True)
            if stop.has_checkpoint and stop.directory is not None and "--resume" not in str(error):
                say(f"ganbench: a checkpoint is saved; go on with: {resume_command(Path(run_directory_name(stop.directory)))}")
            raise
    assert stop.directory is not None
    _print_result(record, stop.directory, as_json=flags["as_json"], quiet=flags["quiet"])
    return 0 if record.status == "complete" else 3


class StopSignal:
    """Ctrl-C, SIGTERM or SIGHUP: before training it ends the program; in training the first asks for a checkpoint, the second kills.

    What starts several processes sends a second one by itself, and kills those that stay: there the second is not heard.
    """

    def __init__(self, ranks: Ranks | None = None) -> None:
        self._ranks = ranks
        self.training = self.has_checkpoint = self.requested = False
        self.directory: Path | None = None

    def __call__(self) -> bool:
        """Tell whether training should stop."""
        return self.requested

    def listen(self, event: Event) -> None:
        """Learn from a run where it lies, and that there is something to keep."""
        from ganbench.record.events import Saved, Started

        if isinstance(event, Started):
            self.training, self.directory, self.has_checkpoint = True, event.directory, event.resumed
        self.has_checkpoint |= isinstance(event, Saved) and event.what == "checkpoint"

    def listening(self) -> contextlib.AbstractContextManager[None]:
        """Handle the signals inside the block."""
        return handled_signals(self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self.training:
            raise KeyboardInterrupt
        self.requested = True
        from ganbench.fleet.worker import stop_signals

        together = self._ranks is not None and self._ranks.world > 1
        for each in stop_signals():
            signal.signal(each, signal.SIG_IGN if together or each.name == "SIGHUP" else signal.SIG_DFL)
        if self._ranks is not None and (not self._ranks.is_first or self._ranks.gone()):
            return
        # Past Python's buffers, which may be in the middle of a write; a live line hides the cursor, and a second signal would leave it so.
        show_cursor = "\x1b[?25h\r\n" if os.isatty(2) else ""
        with contextlib.suppress(OSError):
            os.write(2, f"{show_cursor}ganbench: stopping after this step and saving; Ctrl-C again kills\n".encode())


@contextlib.contextmanager
def handled_signals(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Let a function have what asks the process to stop, inside the block; a terminal that goes is heard once, however often it tells."""
    from ganbench.fleet.worker import stop_signals  # late, as above: --help starts nothing

    def hear(number: int, frame: FrameType | None) -> None:
        if signal.Signals(number).name == "SIGHUP":
            signal.signal(number, signal.SIG_IGN)  # another one kills nothing: nobody has lost patience
        handle(number, frame)

    before = {number: signal.signal(number, hear) for number in stop_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, handler)


@contextlib.contextmanager
def _logging(debug: bool, screen: LineScreen, least: int = logging.WARNING) -> Iterator[None]:
    """Send warnings to stderr as one line each, and everything to the run's log once there is one."""
    root, ours = logging.getLogger(), logging.getLogger("ganbench")
    handler = _LineHandler(screen, logging.DEBUG if debug else least)
    before = root.level, ours.level
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    ours.setLevel(logging.DEBUG)
    with warnings.catch_warnings():
        logging.captureWarnings(True)
        warnings.simplefilter("once")
        try:
            yield
        finally:
            logging.captureWarnings(False)
            root.removeHandler(handler)
            root.setLevel(before[0])
            ours.setLevel(before[1])


class _LineHandler(logging.Handler):
    """Prints records as ``warning: text``, and what is downloaded, so that nobody waits without knowing for what.

    Args:
        screen: prints them.
        least: the lowest level that is printed.
    """

    def __init__(self, screen: LineScreen, least: int) -> None:
        super().__init__()
        self._screen, self._least = screen, least

    def emit(self, record: logging.LogRecord) -> None:
        text = " ".join(record.getMessage().split())
        if record.name == "ganbench.download":
            self._screen.notice(text)
        elif record.levelno >= self._least and record.name != "py.warnings":  # other libraries' warnings belong in the log
            self._screen.message(f"{record.levelname.lower()}: {text}")


def _print_result(record: RunRecord, directory: Path, *, as_json: bool, quiet: bool) -> None:
    """Print the record or the table on stdout, then one sentence."""
    from ganbench.record.directory import run_directory_name
    from ganbench.report.one_run import result_sentence

    sentence = result_sentence(record, run_directory_name(directory))
    if as_json:
        from ganbench.record.serialise import to_json

        click.echo(to_json(record))
        if not quiet:
            say(sentence)
        return
    from ganbench.report.runs import make_table

    print_document(make_table([record]))
    click.echo(sentence)
