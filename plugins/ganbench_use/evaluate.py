"""``ganbench evaluate``: what exists, measured by the same protocol into the same table, without training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganbench import GroupedCommand, Invocation, NumberRange, UsageError, add_options, complete_plugins, complete_words

if TYPE_CHECKING:
    from ganbench import RunRecord
    from ganbench_use.evaluation import Request

_GROUPS: dict[str, list[Any]] = {
    "Against what": [
        click.option("--dataset", metavar="NAME", shell_complete=complete_plugins("dataset"), help="Dataset.  [default: the run's own]"),
        click.option("-o", "options", multiple=True, metavar="KEY=VALUE", help="Option of the dataset; or FAMILY.KEY of a metric."),
        click.option(
            "--reference",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Mean and covariance that another tool wrote (.npz with mu and sigma).",
        ),
        click.option("--data-root", type=click.Path(), metavar="DIR", help="Folder of datasets.  [env: GANBENCH_DATA]"),
    ],
    "What is measured": [
        click.option(
            "--metric", "metrics", multiple=True, metavar="NAME", help="fid10k,kid10k, ...  [default: the run's or the dataset's]"
        ),
        click.option("--no-floor", is_flag=True, help="Leave out real against real, which takes ten more passes."),
        click.option("--extractor-weights", type=click.Path(), metavar="FILE", help="Weights of the Inception network."),
        click.option(
            "--device",
            default="auto",
            metavar="DEV",
            shell_complete=complete_words("auto", "cpu", "cuda"),
            help="auto, cpu, cuda or cuda:N.",
        ),
    ],
    "Of a run": [
        click.option(
            "--which", type=click.Choice(("ema", "raw")), default="ema", help="The averaged generator, or the trained one.  [default: ema]"
        ),
        click.option("--trust-files", is_flag=True, help="Run plugin files named by the run's configuration."),
    ],
    "Of a generator": [
        click.option("--latent-dim", metavar="N", help="Size of one latent: 128, or 100x1x1.  [default: its latent_dim]"),
        click.option(
            "--latents", type=click.Choice(("normal", "uniform")), default="normal", help="N(0, 1) or U(-1, 1).  [default: normal]"
        ),
        click.option(
            "--classes",
            type=click.IntRange(min=0),
            default=0,
            metavar="N",
            help="Classes that it is asked for, each as often.  [default: 0]",
        ),
        click.option("--weights", type=click.Path(path_type=Path), metavar="FILE", help="State dict for the module (.pt, .safetensors)."),
        click.option("--weights-key", default="", metavar="KEY", help="Where in FILE the state dict is, as in g_ema."),
        click.option(
            "--loader",
            metavar="NAME",
            shell_complete=complete_plugins("loader"),
            help="What makes a generator of the weights in SOURCE; -o loader.KEY=VALUE.",
        ),
        click.option("--range", "output_range", default="-1,1", metavar="LOW,HIGH", help="Black and white of its images.  [default: -1,1]"),
    ],
    "Of both": [
        click.option(
            "--seed", type=click.IntRange(min=0, max=2**63 - 1), metavar="N", help="Seed of the latents.  [default: the run's, else 0]"
        ),
        click.option(
            "--seeds", type=click.IntRange(min=1), default=1, metavar="N", help="Measure N seeds in a row, a record each.  [default: 1]"
        ),
        click.option("--truncation", type=NumberRange(min=0), metavar="T", help="Bound of normal latents; 0 for none."),
    ],
    "Of an array": [click.option("--key", default="", metavar="NAME", help="The array in a .npz that holds the samples.")],
    "Output": [
        click.option("--name", metavar="NAME", help="What tables call it; two things of one name can be compared."),
        click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="New or empty.  [default: results/runs/TIME-NAME-...]"),
        click.option("--json", "as_json", is_flag=True, help="Print the record as JSON on stdout, and nothing else there."),
        click.option("--write-reference", type=click.Path(path_type=Path), metavar="FILE", help="Write mu and sigma of the dataset too."),
    ],
}


class _EvaluateCommand(GroupedCommand):
    """A command whose help has its own headings."""

    groups = _GROUPS


@click.command("evaluate", cls=_EvaluateCommand)
@click.argument("source", metavar="SOURCE")
@add_options([add for group in _GROUPS.values() for add in group])
@click.pass_obj
def command(invocation: Invocation, /, source: str, **flags: Any) -> int:
    """Measure what exists by the same protocol, into the same table, without training.

    \b
    ganbench evaluate samples/ --dataset digits              a folder of images
    ganbench evaluate samples.npz --dataset cifar10 --metric fid50k,kid50k
    ganbench evaluate results/runs/RUN --which raw           a run's newest checkpoint
    ganbench evaluate my_gan.py:Generator --dataset digits --weights g.pt
    ganbench evaluate netG_epoch_24.pth --loader pytorch-dcgan --dataset celeba -o resolution=64
    ganbench evaluate gan/generator.pt2 --dataset digits     what `ganbench export` wrote
    ganbench evaluate DIR --dataset folder -o path=OTHER -o resolution=64

    Samples are taken in the order of their names, as many as a metric looks at; nothing is resized. SOURCE is code where it names a module
    or a .py file: it runs. A record of the kind "evaluation" stands beside the runs in `ganbench table`, without a speed.
    """
    from ganbench import ExtractorContext, PluginManager, RunDirectory, read_pairs, refuse_missing_gpu, say
    from ganbench_use.asked import refuse_missing

    if flags["out"] is not None:
        if flags["seeds"] > 1:
            raise UsageError("--seeds makes a record for each seed, and --out names one folder", hint="leave one of them out")
        RunDirectory.check_free(flags["out"])
    manager = PluginManager(off=invocation.off)
    refuse_missing_gpu(flags["device"])
    weights = Path(flags["extractor_weights"]).expanduser() if flags["extractor_weights"] else None
    given = {"trust_files": flags["trust_files"], "options": read_pairs("-o", flags["options"])}
    refuse_missing(manager, source, flags["dataset"], _metrics(flags), ExtractorContext(weights=weights), **given)
    from ganbench_use.evaluation import carry_out

    runs = [carry_out(_request(source, flags, index), manager) for index in range(flags["seeds"])]
    _print([run.record for run in runs], as_json=flags["as_json"])
    if not flags["as_json"]:
        say(f"ganbench: {'records are' if len(runs) > 1 else 'the record is'} in {', '.join(str(run.directory) for run in runs)}")
    return 0


def _print(records: list[RunRecord], *, as_json: bool) -> None:
    import sys

    from ganbench import print_document, print_text, table, to_json

    if as_json:
        print_text("".join(to_json(record) for record in records), sys.stdout)
        return
    print_document(table(*records, each=True))


def _metrics(flags: dict[str, Any]) -> tuple[str, ...]:
    return tuple(name.strip() for one in flags["metrics"] for name in one.split(",") if name.strip())


def _request(source: str, flags: dict[str, Any], index: int) -> Request:
    """Return what the flags ask for, of the seed at an index."""
    from ganbench import read_pairs
    from ganbench_use.evaluation import Request

    shape, output_range = _sizes(flags)
    request = Request(
        source=source,
        dataset=flags["dataset"],
        metrics=_metrics(flags),
        options=read_pairs("-o", flags["options"]),
        latent_shape=shape,
        output_range=output_range,
        floors=not flags["no_floor"],
        seed_offset=index,
        data_root=flags["data_root"] or "",
        extractor_weights=flags["extractor_weights"] or "",
        loader=flags["loader"] or "",
        name=flags["name"] or "",
        **{name: flags[name] for name in _AS_THEY_ARE},
    )
    if flags["seeds"] > 1 and request.kind in ("folder", "array"):
        raise UsageError("--seeds is for what is generated, and samples are what they are", hint="leave it out")
    return request


_AS_THEY_ARE = (
    *("reference", "write_reference", "device", "which", "trust_files", "latents", "classes"),
    *("weights", "weights_key", "seed", "truncation", "key", "out"),
)
"""Flags that say what they say."""


def _sizes(flags: dict[str, Any]) -> tuple[tuple[int, ...], tuple[float, float]]:
    """Return the size of a latent, and what black and white are."""
    try:
        shape = tuple(int(part) for part in flags["latent_dim"].split("x")) if flags["latent_dim"] else ()
        low, high = (float(part) for part in flags["output_range"].split(","))
    except ValueError:
        given = f"--latent-dim {flags['latent_dim']} --range {flags['output_range']}"
        raise UsageError(f"--latent-dim wants 128 or 100x1x1, and --range two numbers as 0,1 (got {given})") from None
    if any(size < 1 for size in shape) or not low < high:
        raise UsageError("--latent-dim wants sizes of 1 or more, and --range the smaller number first")
    return shape, (low, high)
