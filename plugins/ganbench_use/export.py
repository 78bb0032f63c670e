"""``ganbench export``: the evaluated generator of a run, in forms that other programs run, each compared before it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ganbench import Invocation, UsageError, complete_runs

_FORMS = ("safetensors", "pt2", "onnx")
_COMPARED = 8
_WEIGHTS = (".pkl", ".pth")


@click.command("export")
@click.argument("run", metavar="RUN", shell_complete=complete_runs)
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="New or empty.")
@click.option("--write", metavar="A,B", help=f"Of {', '.join(_FORMS)}.  [default: all that are installed]")
@click.option(
    "--which", type=click.Choice(("ema", "raw")), default="ema", help="The averaged generator, or the trained one.  [default: ema]"
)
@click.option("-o", "options", multiple=True, metavar="KEY=VALUE", help="Where files lie now, as in dataset.path=DIR.")
@click.option("--trust-files", is_flag=True, help="Run plugin files named by the run's configuration.")
@click.pass_obj
def command(invocation: Invocation, /, run: str, **flags: Any) -> int:
    """Write the evaluated generator of a run for other programs.

    \b
    ganbench export RUN --out gan
    ganbench export stylegan2.pkl --out weights
    ganbench export RUN --out gan --write onnx --which raw
    ganbench evaluate gan/generator.pt2 --dataset digits

    DIR gets generator.safetensors with the weights, generator.pt2 (torch.export), generator.onnx, and generator.json, which says how it is
    asked: the layout of latents and labels, and every setting. Each is read again and compared with the generator, in batches of several
    sizes, before anything is written.

    Of a .pkl of networks or a .pth of state dicts, of which nothing is run, DIR gets the tensors of each as safetensors, for --loader.
    """
    from ganbench import PluginManager, RunDirectory, read_pairs, say, storage_errors
    from ganbench_use.asked import plan_of_run

    RunDirectory.check_free(flags["out"])
    if Path(run).suffix in _WEIGHTS:
        return _convert(Path(run), flags["out"])
    manager, asked = PluginManager(off=invocation.off), {"trust_files": flags["trust_files"], "options": read_pairs("-o", flags["options"])}
    _named_forms(flags["write"])
    plan_of_run(manager, run, metrics=None, **asked)
    forms, left_out = _forms(flags["write"])
    from ganbench_use.exported import FILES, LAYOUT_FILE, export
    from ganbench_use.generator import EvaluatedGenerator, draw_inputs, layout_of
    from ganbench_use.restored import restore

    restored = restore(manager, run, which=flags["which"], metrics=None, device="cpu", **asked)
    generator = EvaluatedGenerator(restored.materials, restored.which)
    layout, (inputs, labels) = layout_of(restored, generator), draw_inputs(restored.materials, _COMPARED)
    made = {form: export(generator, form, layout, inputs, labels) for form in forms}
    layout["files"] = {FILES[form]: {"largest_difference": difference} for form, (_, difference) in made.items()}
    with storage_errors(flags["out"]):
        flags["out"].mkdir(parents=True, exist_ok=True)
        for form, (data, _) in made.items():
            (flags["out"] / FILES[form]).write_bytes(data)
        (flags["out"] / LAYOUT_FILE).write_text(json.dumps(layout, indent=2) + "\n")
    for form, (data, difference) in made.items():
        say(f"{flags['out'] / FILES[form]}: {len(data) / 1e6:.1f} MB, differs by {difference:.2g} at most")
    if left_out:
        say(f"ganbench: generator.onnx is left out, because it needs {left_out}: pip install 'ganbench[onnx]'")
    return 0


def _convert(file: Path, out: Path) -> int:
    """Write the networks of a file as safetensors."""
    from ganbench import say, storage_errors, tensors_to_bytes
    from ganbench_use.weights import read_state_dicts

    networks = read_state_dicts(file)
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        for name, tensors in networks.items():
            data = tensors_to_bytes(tensors)
            (out / f"{name}.safetensors").write_bytes(data)
            say(f"{out / name}.safetensors: {len(data) / 1e6:.1f} MB, {len(tensors):,} tensors")
    return 0


def _named_forms(given: str | None) -> tuple[str, ...]:
    """Return the names of the forms.

    Raises:
        UsageError: there is no such form.
    """
    names = tuple(dict.fromkeys(name.strip() for name in (given or ",".join(_FORMS)).split(",") if name.strip()))
    if not names:
        raise UsageError(f"--write names nothing; a generator is written as {', '.join(_FORMS)}")
    for name in names:
        if name not in _FORMS:
            raise UsageError(f"--write {name}: a generator is written as {', '.join(_FORMS)}")
    return names


def _forms(given: str | None) -> tuple[tuple[str, ...], str]:
    """Return what is written, and the packages for want of which ONNX is left out where nobody named it.

    Raises:
        UsageError: an unknown form, or one whose packages are missing.
    """
    names = _named_forms(given)
    from ganbench_use.exported import missing_packages  # late: it imports torch, which takes seconds

    missing = missing_packages("onnx") if "onnx" in names else ""
    if missing and given is not None:
        raise UsageError(f"--write onnx needs {missing}", hint="pip install 'ganbench[onnx]'")
    return tuple(name for name in names if name != "onnx" or not missing), missing
