"""``ganbench doctor``: what this machine has, what is missing, and what to do about it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

import click

from ganbench.cli.main import Invocation
from ganbench.errors import GanbenchError
from ganbench.spec import DatasetSpec, ExtractorContext, ExtractorSpec
from ganbench.text import clean

_PACKAGES = {
    "torch": "",
    "torchvision": "",
    "triton": ": every op runs in plain PyTorch",
    "scikit-learn": "",
    "torch-fidelity": ": no Inception network, so no FID, KID and IS",
    "matplotlib": ": runs leave out curves.png",
}
"""What a run uses, and what works without it; empty where nothing does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Diagnosis:
    """One line of the report."""

    check: str
    state: Literal["ok", "note", "problem"]
    detail: str


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_obj
def command(invocation: Invocation, as_json: bool) -> int:
    """Check this machine: devices, plugins, data, weights, folders.

    Exit code 1 where something must be mended before a run can work.
    """
    diagnoses = [
        diagnosis for check in (_software, _devices, _plugins, _data, _weights, _folders) for diagnosis in _guarded(check, invocation)
    ]
    if as_json:
        import json

        click.echo(json.dumps([asdict(f) for f in diagnoses], indent=2))
    else:
        width = max(len(f.check) for f in diagnoses)
        for f in diagnoses:
            click.echo(clean(f"{f.state:<8} {f.check:<{width}}  {f.detail}"))
    return 1 if any(f.state == "problem" for f in diagnoses) else 0


def _guarded(check: Callable[[Invocation], Iterator[_Diagnosis]], invocation: Invocation) -> Iterator[_Diagnosis]:
    """A check that fails is itself a diagnosis."""
    try:
        yield from check(invocation)
    except Exception as error:
        yield _Diagnosis(check=check.__name__.strip("_"), state="problem", detail=" ".join(f"{type(error).__name__}: {error}".split()))


def _software(_: Invocation) -> Iterator[_Diagnosis]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from ganbench.distribution import SourceTree, own_distribution

    yield _Diagnosis(check="python", state="ok", detail=f"{platform.python_version()} on {platform.platform()}")
    own = own_distribution()
    where = " (its source tree; nothing is installed)" if isinstance(own, SourceTree) else ""
    yield _Diagnosis(check="ganbench", state="ok", detail=f"{own.version}{where}")
    for package, without in _PACKAGES.items():
        try:
            yield _Diagnosis(check=package, state="ok", detail=version(package))
        except PackageNotFoundError:
            yield _Diagnosis(check=package, state="note" if without else "problem", detail=f"not installed{without}")


def _devices(_: Invocation) -> Iterator[_Diagnosis]:
    import torch

    from ganbench.record.probes import available_cpus

    yield _Diagnosis(check="cpu", state="ok", detail=f"{available_cpus()} CPUs may be used; the thread count is measured in each run")
    if not torch.cuda.is_available():
        yield _Diagnosis(check="gpu", state="note", detail="none that torch can use; runs use the CPU")
        return
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        yield _Diagnosis(check=f"cuda:{index}", state="ok", detail=f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB")


def _plugins(invocation: Invocation) -> Iterator[_Diagnosis]:
    from ganbench.plugin.manager import PluginManager

    manager = PluginManager(off=invocation.off)
    working = sum(s.status == "ok" for s in manager.statuses)
    yield _Diagnosis(check="plugins", state="ok", detail=f"{working} loaded, {len(manager.registered)} names registered")
    for status in manager.statuses:
        if status.status == "failed":
            yield _Diagnosis(
                check=f"plugin {status.entry}", state="problem", detail=f"{status.distribution} {status.version}: {status.cause}"
            )


def _data(invocation: Invocation) -> Iterator[_Diagnosis]:
    """Try the two datasets that may lie on a disk without anyone having put them there."""
    from pathlib import Path

    from ganbench.data.source import DataContext
    from ganbench.plugin.manager import PluginManager

    manager = PluginManager(off=invocation.off)
    root = os.environ.get("GANBENCH_DATA")
    context = DataContext(data_root=Path(root) if root else None, download=False)
    for name in ("digits", "fashion-mnist"):
        registered = manager.find(DatasetSpec, name)
        try:
            dataset = registered.build(registered.spec.options(), context)
            yield _Diagnosis(check=f"data {name}", state="ok", detail=f"{dataset.train.num_samples} train {dataset.space.unit}")
        except GanbenchError as error:
            yield _Diagnosis(check=f"data {name}", state="note", detail=str(error))


def _weights(invocation: Invocation) -> Iterator[_Diagnosis]:
    from ganbench.plugin.manager import PluginManager

    manager = PluginManager(off=invocation.off)
    for registered in manager.specs(ExtractorSpec):
        name = f"extractor {registered.spec.name}"
        try:
            extractor = registered.build(registered.spec.options(), ExtractorContext(download=False))
            yield _Diagnosis(check=name, state="ok", detail=f"{extractor.extractor_id}, weights {extractor.weights_hash[:12]}")
        except GanbenchError as error:
            yield _Diagnosis(check=name, state="note", detail=str(error))


def _folders(_: Invocation) -> Iterator[_Diagnosis]:
    import shutil
    from pathlib import Path

    from ganbench.cache import cache_directory

    for name, folder in (("cache", cache_directory()), ("results", Path("results"))):
        existing = next(p for p in (folder, *folder.absolute().parents) if os.path.exists(p))
        writable = os.access(existing, os.W_OK)
        free = shutil.disk_usage(existing).free / 2**30
        state: Literal["ok", "problem"] = "ok" if writable else "problem"
        yield _Diagnosis(check=f"folder {name}", state=state, detail=f"{folder}: {'' if writable else 'not '}writable, {free:.1f} GiB free")
