"""``ganbench sample``: samples of a run, as files that other programs read and a sheet to look at."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganbench import GroupedCommand, Invocation, NumberRange, UsageError, add_options, complete_plugins, complete_runs, complete_words

if TYPE_CHECKING:
    from torch import Tensor

    from ganbench import Inputs, Latents, PluginManager, SampleStream, Space
    from ganbench_use.source import SampleSource

_FORMS = ("sheet", "npz", "files", "gif")
_GROUPS: dict[str, list[Any]] = {
    "Which samples": [
        click.option("-n", "--count", type=click.IntRange(1, 10_000_000), metavar="N", help="How many.  [default: 64]"),
        click.option("--seed", type=click.IntRange(min=0, max=2**63 - 1), metavar="N", help="Seed of the latents.  [default: the run's]"),
        click.option("--class", "classes", metavar="A,B", help="Only these classes, by number or name, in turn."),
        click.option(
            "--truncation", type=NumberRange(min=0), metavar="T", help="Bound of normal latents; 0 for none.  [default: the run's]"
        ),
        click.option(
            "--latents",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Latents from a .npy or .npz file, [N, L]; also for an order.",
        ),
        click.option("--as-evaluated", is_flag=True, help="The first of the very samples that the run's metrics looked at."),
        click.option(
            "--neighbours",
            type=click.IntRange(1, 100),
            metavar="K",
            help="Beside each, the K real samples nearest to it.",
        ),
    ],
    "In an order": [
        click.option("--interpolate", type=click.Choice(("linear", "spherical")), help="Each row goes from one latent to another."),
        click.option("--vary", metavar="I,J", help="Two components of one latent, from -2 to 2 each."),
        click.option("--grid-classes", is_flag=True, help="A row for each latent, a column for each class."),
        click.option("--rows", type=click.IntRange(1, 1000), metavar="N", help="Rows of these.  [default: 8]"),
        click.option("--columns", type=click.IntRange(1, 1000), metavar="N", help="Samples in a row.  [default: 8]"),
    ],
    "Of which generator": [
        click.option(
            "--which", type=click.Choice(("ema", "raw")), default="ema", help="The averaged generator, or the trained one.  [default: ema]"
        ),
        click.option("-o", "options", multiple=True, metavar="KEY=VALUE", help="Where files lie now, as in dataset.path=DIR."),
        click.option("--trust-files", is_flag=True, help="Run plugin files named by the run's configuration."),
        click.option(
            "--device",
            default="auto",
            metavar="DEV",
            shell_complete=complete_words("auto", "cpu", "cuda"),
            help="auto, cpu, cuda or cuda:N.",
        ),
    ],
    "Of weights": [
        click.option(
            "--loader",
            metavar="NAME",
            shell_complete=complete_plugins("loader"),
            help="What makes a generator of the weights in the file RUN; -o loader.KEY=VALUE.",
        ),
        click.option("--weights-key", default="", metavar="KEY", help="Where in the file the state dict is, as in g_ema."),
        click.option(
            "--dataset", metavar="NAME", shell_complete=complete_plugins("dataset"), help="What the samples are of; -o KEY=VALUE."
        ),
        click.option("--data-root", type=click.Path(), metavar="DIR", help="Folder of datasets.  [env: GANBENCH_DATA]"),
    ],
    "Output": [
        click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="New or empty."),
        click.option("--write", metavar="A,B", help=f"Of {', '.join(_FORMS)}.  [default: all but gif]"),
    ],
}


class _SampleCommand(GroupedCommand):
    """A command whose help has its own headings."""

    groups = _GROUPS


_FORMS = ("sheet", "npz", "files", "gif")


@click.command("sample", cls=_SampleCommand)
@click.argument("run", metavar="RUN", shell_complete=complete_runs)
@add_options([add for group in _GROUPS.values() for add in group])
@click.pass_obj
def command(invocation: Invocation, /, run: str, **flags: Any) -> int:
    """Write samples of a run's newest checkpoint, or of somebody's weights.

    \b
    ganbench sample RUN --out shown                          64 samples
    ganbench sample RUN --out sevens --class 7 -n 1000
    ganbench sample RUN --out way --interpolate spherical
    ganbench sample RUN --out plane --vary 0,1 --columns 11
    ganbench sample RUN --out near --neighbours 5 -n 8       beside each the nearest real ones
    ganbench sample RUN --out same --as-evaluated -n 5000    what its metrics saw
    ganbench sample netG.pth --loader pytorch-dcgan --dataset digits -o resolution=64 --out theirs

    DIR gets sheet.png to look at (of sounds sheet.wav too), samples.npz with the samples, their labels and latents, and the files that such
    samples have: images/ with a PNG of each image, samples.csv with a line for each point or row, sounds/ with a WAV of each sound.
    `--write gif` shows one column after the other as a film. `ganbench evaluate DIR` measures them.
    """
    from ganbench import PluginManager, RunDirectory, read_pairs, refuse_missing_gpu, say

    refuse_missing_gpu(flags["device"])
    _refuse_contradictions(flags)
    RunDirectory.check_free(flags["out"])
    if unknown := [name for name in (flags["write"] or "").split(",") if name.strip() and name.strip() not in _FORMS]:
        raise UsageError(f"--write {unknown[0]}: samples are written as {', '.join(_FORMS)}")
    if flags["latents"] is not None and not os.path.isfile(flags["latents"]):
        raise UsageError(f"--latents {flags['latents']}: there is no such file", hint="give a .npy or .npz file")
    options = read_pairs("-o", flags["options"])
    source = (_of_weights if flags["loader"] else _of_run)(PluginManager(off=invocation.off), run, options, flags)
    forms = _forms(flags["write"], source.reference.space)
    wish = _wish(source, flags)
    import torch

    from ganbench_use.written import write_samples

    torch.manual_seed(wish.seed)  # what a generator draws by itself
    batch = source.batch_size
    samples = torch.cat([wish.stream(start, min(batch, wish.count - start)).cpu() for start in range(0, wish.count, batch)])
    near = _nearest(samples, flags["neighbours"], source)
    write_samples(
        flags["out"],
        forms,
        samples,
        space=wish.stream.space,
        columns=wish.columns,
        real=source.dataset.first,
        arrays={"labels": wish.stream.labels, "latents": wish.latents},
        near=near,
    )
    say(f"ganbench: {wish.count} {source.reference.space.unit} of {source.state} are in {flags['out']}")
    return 0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wish:
    """What is to be written."""

    stream: SampleStream
    count: int
    columns: int
    seed: int
    latents: Tensor | None
    """``[N, L]``, where they were asked for on purpose."""


def _of_run(manager: PluginManager, run: str, options: dict[str, str], flags: dict[str, Any]) -> SampleSource:
    """Return the generator of a run's newest checkpoint.

    Raises:
        UsageError: it cannot be restored, or a flag is of a loader.
    """
    from ganbench_use.asked import WEIGHTS_SUFFIXES, plan_of_run

    if Path(run).suffix in WEIGHTS_SUFFIXES and os.path.isfile(run):
        raise UsageError(f"whose weights are in {run}? --loader is missing", hint="ganbench plugins list --kind loader")
    for name in ("dataset", "weights_key", "data_root"):
        if flags[name]:
            raise UsageError(f"--{name.replace('_', '-')} says nothing of a run", hint="it goes with --loader")
    metrics = None if flags["as_evaluated"] else ()
    plan_of_run(manager, run, metrics=metrics, trust_files=flags["trust_files"], options=options)
    from ganbench_use.restored import restore

    return restore(
        manager,
        run,
        which=flags["which"],
        metrics=metrics,
        device=None if flags["device"] == "auto" else flags["device"],
        trust_files=flags["trust_files"],
        options=options,
    ).source


def _of_weights(manager: PluginManager, file: str, options: dict[str, str], flags: dict[str, Any]) -> SampleSource:
    """Return the generator that a loader makes of weights.

    Raises:
        UsageError: it makes none, or a flag is of a run.
    """
    from ganbench import choose_device
    from ganbench_use.loader import SECTION, load_generator
    from ganbench_use.measure import make_dataset

    for name, usual in (("which", "ema"), ("trust_files", False), ("as_evaluated", False)):
        if flags[name] != usual:
            raise UsageError(f"--{name.replace('_', '-')} says nothing of weights with a loader", hint="leave it out")
    if not flags["dataset"]:
        raise UsageError("what are these samples of? --dataset is missing", hint="for images of a folder: --dataset folder -o path=DIR")
    others = {name: value for name, value in options.items() if not name.startswith(SECTION)}
    dataset = make_dataset(manager, flags["dataset"], others, data_root=flags["data_root"] or "")
    key, device, truncation = flags["weights_key"], str(choose_device(flags["device"])), flags["truncation"] or 0.0
    path = Path(file)
    loaded = load_generator(manager, flags["loader"], path, key, options, dataset, device, truncation=truncation)
    return loaded.source(path.name)


def _refuse_contradictions(flags: dict[str, Any]) -> None:
    """Refuse flags of which one would have no effect.

    Raises:
        UsageError: there are such.
    """
    orders = [name for name in ("interpolate", "vary", "grid_classes", "as_evaluated") if flags[name]]
    orders += ["latents"] if flags["latents"] and flags["as_evaluated"] else []
    if len(orders) > 1:
        one, other = (f"--{name.replace('_', '-')}" for name in orders[:2])
        raise UsageError(f"{one} and {other} contradict each other", hint="give one of them")
    if flags["count"] is not None and orders and orders[0] in ("interpolate", "vary", "grid_classes"):
        raise UsageError(
            f"--{orders[0].replace('_', '-')} makes rows times columns samples; -n says nothing", hint="use --rows and --columns"
        )
    if flags["rows"] is not None and (flags["latents"] or not (flags["interpolate"] or flags["grid_classes"])):
        raise UsageError("--rows is for --interpolate and --grid-classes; with --latents these decide", hint="leave it out")
    if flags["as_evaluated"]:
        for name in ("seed", "classes", "truncation"):
            if flags[name] is not None:
                raise UsageError(f"--as-evaluated takes what the metrics saw; --{name.replace('classes', 'class')} would change it")
    if flags["grid_classes"] and flags["columns"] is not None:
        raise UsageError("--grid-classes has a column for each class; --columns says nothing", hint="choose classes with --class")


def _forms(given: str | None, space: Space) -> tuple[str, ...]:
    """Return what is written.

    Raises:
        UsageError: an unknown form, or one that such samples do not have.
    """
    from ganbench import Space

    known = tuple(
        form
        for form, has in (
            ("sheet", True),
            ("npz", True),
            ("files", type(space).files is not Space.files),
            ("gif", space.picture_suffix == ".png"),
        )
        if has
    )
    names = tuple(name.strip() for name in (given or ",".join(form for form in known if form != "gif")).split(",") if name.strip())
    for name in names:
        if name not in known:
            raise UsageError(f"--write {name}: {space.unit} are written as {', '.join(known)}")
    if not names:
        raise UsageError(f"--write names nothing; {space.unit} are written as {', '.join(known)}")
    return names


def _nearest(samples: Tensor, count: int | None, source: SampleSource) -> tuple[Tensor, Tensor, Tensor] | None:
    """Return places, distances and the real samples themselves, nearest to each sample; None where nobody asked."""
    if count is None:
        return None
    from ganbench_use.neighbours import nearest

    train = source.reference.train
    if count > train.num_samples:
        raise UsageError(f"--neighbours {count}: the train split has {train.num_samples} {source.reference.space.unit}")
    places, distances = nearest(samples, train, count)
    return places, distances, train.read(places.flatten())


def _wish(source: SampleSource, flags: dict[str, Any]) -> _Wish:
    """Return the samples that the flags ask for."""
    from ganbench_use.latents import GivenLatents, latents_of, read_latents

    own, num_classes = source.networks.inputs, source.dataset.num_classes
    seed = source.seed if flags["seed"] is None else flags["seed"]
    truncation = source.truncation if flags["truncation"] is None else flags["truncation"]
    chosen = _classes(flags["classes"], source)
    if flags["grid_classes"] and not own.labels:
        raise UsageError(f"--grid-classes: {source.name} is not asked by class", hint="it is for a conditional run")
    columns = flags["columns"] or 8
    inputs: Inputs = own
    latents: Tensor | None = None
    count = flags["count"] or (8 if flags["neighbours"] else 64)
    if flags["as_evaluated"]:
        return _as_evaluated(source, flags["count"], columns)
    if flags["grid_classes"]:
        columns = len(chosen) or num_classes
    if flags["latents"] is not None:
        latents = read_latents(flags["latents"], latents_of(own).dim)
        if flags["count"] is not None and flags["count"] > len(latents):
            raise UsageError(f"--latents {flags['latents']} holds {len(latents)}, and -n asks for {flags['count']}")
        latents = latents[: flags["count"]]
    if flags["interpolate"] or flags["vary"] or flags["grid_classes"]:
        latents = _ordered(latents_of(own), latents, flags, seed, truncation, columns)
    if latents is not None:
        count, inputs = len(latents), GivenLatents(latents, own.labels)
    labels = _labels(flags, own.labels, chosen, num_classes, count, columns)
    stream = source.stream(count, seed=seed, purpose="samples", truncation=truncation, labels=labels, inputs=inputs)
    return _Wish(stream=stream, count=count, columns=columns, seed=seed, latents=latents)


def _as_evaluated(source: SampleSource, count: int | None, columns: int) -> _Wish:
    """Return the first of the samples that the run's metrics looked at: they are drawn for the largest of its counts."""
    most = source.most_evaluated
    if not most:
        raise UsageError(f"{source.state} measured no samples", hint="leave --as-evaluated out")
    if count is not None and count > most:
        raise UsageError(f"the run's metrics looked at {most} samples, and -n asks for {count}", hint=f"use -n {most} or fewer")
    stream = source.stream(most, truncation=source.truncation)
    return _Wish(stream=stream, count=count or most, columns=columns, seed=source.seed, latents=None)


def _ordered(own: Latents, given: Tensor | None, flags: dict[str, Any], seed: int, truncation: float, columns: int) -> Tensor:
    """Return latents in rows: of those in a file where there is one, else of random ones."""
    from ganbench import stream
    from ganbench_use.latents import between, varied

    random, rows = stream(seed, "samples"), flags["rows"] or 8
    if flags["interpolate"]:
        if columns < 2:
            raise UsageError("--interpolate needs --columns of 2 or more")
        if given is None:
            ends = own.draw(2 * rows, random, truncation=truncation)
        elif len(given) < 2:
            raise UsageError(f"--interpolate goes from each latent to the next, and --latents {flags['latents']} holds 1")
        else:
            ends = given.repeat_interleave(2, dim=0)[1:-1]  # 0 1, 1 2, 2 3
        return between(ends, columns, flags["interpolate"])
    if flags["vary"]:
        first, second = _components(flags["vary"], own.dim)
        base = own.draw(1, random, truncation=truncation) if given is None else given
        return varied(base[0], first, second, columns)
    latents = own.draw(rows, random, truncation=truncation) if given is None else given
    return latents.repeat_interleave(columns, dim=0)


def _components(text: str, dim: int) -> tuple[int, int]:
    """Return the two components of a latent that ``--vary`` names.

    Raises:
        UsageError: there are no such two.
    """
    try:
        first, second = (int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--vary wants two components, as in 0,1 (got {text!r})") from None
    if not (0 <= first < dim and 0 <= second < dim and first != second):
        raise UsageError(f"--vary wants two different components from 0 to {dim - 1} (got {text})")
    return first, second


def _classes(given: str | None, source: SampleSource) -> tuple[int, ...]:
    """Return the numbers of the classes that the user names.

    Raises:
        UsageError: there is no such class, or the run is not asked by class.
    """
    if given is None:
        return ()
    dataset = source.dataset
    if not source.networks.inputs.labels:
        raise UsageError(f"--class: {source.name} is not asked by class", hint="it is for a conditional run")
    names = {str(number): number for number in range(dataset.num_classes)} | {name: i for i, name in enumerate(dataset.class_names)}
    numbers = []
    for name in (part.strip() for part in given.split(",")):
        if name not in names:
            known = ", ".join(dataset.class_names[:10]) or f"0 to {dataset.num_classes - 1}"
            raise UsageError(f"--class: {dataset.name} has no class {name!r}", hint=f"it has {known}")
        numbers.append(names[name])
    return tuple(numbers)


def _labels(flags: dict[str, Any], wanted: bool, chosen: tuple[int, ...], num_classes: int, count: int, columns: int) -> Tensor | None:
    """Return what each sample is asked for; None where that is drawn, or where nothing is asked."""
    import torch

    if not wanted:
        return None
    if flags["grid_classes"]:
        return torch.tensor(chosen or tuple(range(num_classes))).repeat(count // columns)
    if flags["interpolate"] or flags["vary"]:  # one class for each row, or the sheet would show two things at once
        return torch.tensor(chosen or tuple(range(num_classes)))[
            torch.arange(count) // (count if flags["vary"] else columns) % (len(chosen) or num_classes)
        ]
    return torch.tensor(chosen)[torch.arange(count) % len(chosen)] if chosen else None
