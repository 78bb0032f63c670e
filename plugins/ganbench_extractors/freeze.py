"""Make the frozen samples that ship with ganbench, or only measure their scores anew where a metric was changed on purpose.

``ganbench run --plugin dcgan --device cpu --threads 1 --out RUN``, then ``python -m ganbench_extractors.freeze digits --run RUN``. Without
``--run`` the images stay and the scores are written anew.

Shapes: N images, C channels, H = W = resolution.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor

from ganbench import FrozenSamples, FrozenScore, PluginManager, UsageError, rescore
from ganbench_extractors.frozen import FOLDER, images_sha256, read_samples, write_mosaic

NUM_IMAGES = 500
_PLAIN = ("cs", "pr", "dc", "sw", "mmd_rbf")
FAMILIES: dict[str, dict[str, int]] = {"fd": {}, "fd_inf": {}, "kd": {"subset_size": 250}, **{name: {} for name in _PLAIN}}
"""The metrics with the options that so few images need."""
_BATCH_SIZE = 250


def sample_run(run: Path, manager: PluginManager) -> tuple[Tensor, dict[str, Any]]:
    """Return the first images that a finished run is evaluated on, and which run it was.

    Args:
        run: its folder, with its last checkpoint.
        manager: finds its plugins.

    Returns:
        ``[NUM_IMAGES, C, H, W]`` uint8, and what the manifest says of it.

    Raises:
        UsageError: the run has no checkpoint.
    """
    from ganbench import SampleStream, build, load_checkpoint, plan_again

    plan = dataclasses.replace(plan_again(manager, run / "config.toml"), metrics=())
    made = build(plan, manager)
    state = load_checkpoint(run / "checkpoints")
    if state is None:
        raise UsageError(f"{run} has no checkpoint", hint="give the folder of a finished run")
    made.algorithm.load_state_dict(state["algorithm"])
    stream = SampleStream(
        made.algorithm.sample,
        made.networks.inputs,
        count=NUM_IMAGES,
        seed=made.config.training.seed,
        purpose="evaluation",
        space=made.dataset.space,
        device=made.device,
        label_pool=made.dataset.train.labels,
        dataset=made.dataset,
    )
    images = torch.cat([stream(start, _BATCH_SIZE).cpu() for start in range(0, NUM_IMAGES, _BATCH_SIZE)])
    return images, {
        "plugin": plan.config.name,
        "seed": made.config.training.seed,
        "samples_seen": state["counters"][0],
        "torch": torch.__version__,
    }


def measured(images: Tensor, dataset: str, extractor: str, manager: PluginManager) -> list[dict[str, Any]]:
    """Return the scores of images by every metric, as the manifest holds them."""
    asked = [FrozenScore(metric=f"{family}{len(images)}_{extractor}", options=options) for family, options in FAMILIES.items()]
    found = rescore(FrozenSamples(images=images, dataset=dataset, scores=tuple(asked)), manager)
    return [
        {
            "metric": one.stored.metric,
            "options": dict(one.stored.options),
            "values": {value.name: value.value for value in one.values},
            "key": dict(one.key.fields),
        }
        for one in found
    ]


def freeze(name: str, run: Path | None, out: Path) -> Path:
    """Write the picture, where a run is given, and the manifest; return the manifest's path.

    Args:
        name: of the dataset and of the extractor.
        run: a finished run; None to measure the images that are there.
        out: the folder.
    """
    torch.set_num_threads(1)
    manager, manifest = PluginManager(), out / f"{name}.json"
    if run is None:
        images, origin = read_samples(manifest).images, json.loads(manifest.read_text(encoding="utf-8"))["run"]
    else:
        images, origin = sample_run(run, manager)
        out.mkdir(parents=True, exist_ok=True)
        write_mosaic(images, manifest.with_suffix(".png"))
    stored = {"dataset": name, "num_images": len(images), "images_sha256": images_sha256(images), "run": origin}
    stored["scores"] = measured(images, name, name, manager)
    manifest.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")
    return manifest


@click.command()
@click.argument("name", type=click.Choice(["digits"]))
@click.option("--run", type=click.Path(path_type=Path, exists=True, file_okay=False), help="A finished run to take new images from.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=FOLDER, help="Where the picture and the scores lie.")
def main(name: str, run: Path | None, out: Path) -> None:
    """Make the frozen samples NAME, or measure their scores anew."""
    click.echo(freeze(name, run, out))


if __name__ == "__main__":
    main()
