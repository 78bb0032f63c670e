"""What the steps of a side and its evaluation come to, as digests; loaded by ``side_process.py``, in a tree of any version.

A run is more than its first steps: schedules move later, and what is evaluated is an average, in evaluation mode, from latents that may be
truncated. So a side is taken to five points of its budget, trains some steps at each, and generates there what an evaluation would look at.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_CALLED = {"lr": "learning rate"}
"""What users call a number of an optimizer."""
POINTS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the budget."""
_MOMENTS = 65
"""Moments of the whole budget at which the schedules are read."""
_EVALUATION = "evaluation"
"""The purpose of the stream that an evaluation draws its inputs from."""
_EVALUATING = ("evaluation", "run")
"""The folders of ganbench that decide what is evaluated, and how."""


def fingerprint_of(made: Any, plan: Any, identities: Any, *, steps: int, samples: int) -> dict[str, dict[str, str]]:
    """Return digests by moment and by what they are of: ``before`` and, for each of :data:`POINTS`, for instance ``75 %``.

    Args:
        made: what the tree has built for this, with nothing trained yet.
        plan: of the run as a user would start it, with its metrics.
        identities: of the plan's plugins.
        steps: to train at each point.
        samples: to generate at each point.
    """
    from ganbench import choose_runner

    algorithm, total = made.algorithm, made.config.training.total_kimg * 1000
    runner = choose_runner("eager", algorithm, made.device).runner  # captured or compiled steps are the same mathematics
    shown = max(1, algorithm.samples_shown(0))
    found = {"before": _before(made, plan, identities)}
    for share in POINTS:
        seen = round(max(0, min(share * total, total - steps * shown)))
        for iteration in range(round(seen / shown), round(seen / shown) + steps):
            algorithm.set_progress(seen)
            runner.run(iteration)
            seen += algorithm.samples_shown(iteration)
        found[f"{share * 100:.0f} %"] = dict(_state_digests(algorithm)) | {"evaluated samples": digest(_evaluated(made, samples))}
    return found


def schedules_of(made: Any) -> dict[str, dict[str, Any]]:
    """Return each number that follows a schedule, by its name and by the moment in kimg, all over the budget."""
    budget = made.config.training.total_kimg
    found: dict[str, dict[str, Any]] = {}
    for moment in range(_MOMENTS):
        kimg = budget * moment / (_MOMENTS - 1)
        made.algorithm.set_progress(round(1000 * kimg))
        for name, thing in getattr(made.algorithm, "_tracked", {}).items():
            for what, number in _numbers_of(thing):
                found.setdefault(f"{what} of {name}", {})[f"{kimg:g}"] = number
    return {name: moments for name, moments in found.items() if len({str(one) for one in moments.values()}) > 1}


def _numbers_of(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield the numbers of something that is tracked with what they are called: of an optimizer those of its groups."""
    groups = getattr(thing, "param_groups", None) or ([] if hasattr(thing, "parameters") else [getattr(thing, "__dict__", {})])
    for position, group in enumerate(groups):
        for name, value in group.items():
            called = f"{_CALLED.get(name, name)}{f' {position + 1}' if len(groups) > 1 else ''}"
            if isinstance(value, (bool, int, float)):
                yield called, value
            elif hasattr(value, "numel") and value.numel() == 1:
                yield called, float(value)


def _before(made: Any, plan: Any, identities: Any) -> dict[str, str]:
    """Return digests of what is settled before the first step and shapes the quality that is measured."""
    import ganbench

    home = Path(ganbench.__file__).parent
    files = sorted(path for folder in _EVALUATING for path in (home / folder).rglob("*.py"))
    factories = {one.spec.name: one.spec.factory for one in plan.metrics if not getattr(one.spec, "sources", ())}
    measuring = sorted(str(_code_of(one, factories)) for one in identities if one.kind in ("metric", "extractor"))
    return {
        "budget": digest(made.config.training.total_kimg),
        "seed": digest(made.config.training.seed),
        "data": digest([split.content_hash for split in (made.dataset.train, made.dataset.test) if split is not None]),
        "settings of the evaluation": digest([repr(plan.config.evaluation), [one.name for one in plan.metrics]]),
        "code of the metrics": digest(measuring),
        "ganbench's code of the evaluation": digest([path.read_bytes() for path in files]),
    }


def _code_of(identity: Any, factories: dict[str, str]) -> Any:
    """Return what tells the code of a metric or an extractor from another.

    A package may hold a metric and networks, and what is changed in the networks does not change how they are measured. So of a metric it
    is the factory's module with those of its package that it imports; where they cannot be read, and of an extractor, the whole package.
    """
    factory = factories.get(identity.name, "") if identity.kind == "metric" else ""
    modules = dict(_modules(factory.partition(":")[0]))
    return (identity.kind, identity.name, sorted(modules.items())) if modules else identity


def _modules(first: str) -> Iterator[tuple[str, str]]:
    """Yield a module and those of its package that it imports, anywhere in it, each with the digest of its source."""
    package, waiting, seen = first.partition(".")[0], [first], set()
    while waiting:
        name = waiting.pop()
        spec = None
        if name and name not in seen and name.partition(".")[0] == package:
            with contextlib.suppress(ImportError, ValueError):
                spec = importlib.util.find_spec(name)
        seen.add(name)
        if spec is None or spec.origin is None:
            continue  # a name in a module, or another package
        source = Path(spec.origin).read_bytes()
        yield name, digest(source)
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                waiting += [one.name for one in node.names]
            elif isinstance(node, ast.ImportFrom):
                above = (
                    importlib.util.resolve_name("." * node.level + (node.module or ""), spec.parent) if node.level else node.module or ""
                )
                waiting += [above, *(f"{above}.{one.name}" for one in node.names)]


def _state_digests(algorithm: Any) -> Iterator[tuple[str, str]]:
    """Yield the digest of everything that is trained, averaged, drawn or scheduled, by its name."""
    state = dict(algorithm.state_dict())
    for section in ("modules", "optimizers"):
        yield from ((name, digest(value)) for name, value in state.pop(section, {}).items())
    yield from ((name, digest(value)) for name, value in state.items())


def _evaluated(made: Any, count: int) -> list[Any]:
    """Return samples as the metrics of an evaluation see them."""
    from ganbench import SampleStream

    config, inputs = made.config, made.networks.inputs
    stream = SampleStream(
        made.algorithm.sample,
        inputs,
        count=count,
        seed=config.training.seed,
        purpose=_EVALUATION,
        space=inputs.reference(made.dataset).space,
        device=made.device,
        label_pool=made.dataset.train.labels,
        dataset=made.dataset,
        truncation=config.evaluation.truncation,
    )
    size = min(count, config.evaluation.batch_size)
    return [stream(start, min(size, count - start)) for start in range(0, count, size)]


def digest(value: Any) -> str:
    """Return the digest of a value: of tensors the bits, the shape and the type, of anything else what it is printed as."""
    hasher = hashlib.sha256()
    for part in _parts(value):
        hasher.update(len(part).to_bytes(8, "little") + part)
    return hasher.hexdigest()[:16]


def _parts(value: Any) -> Iterator[bytes]:
    import torch

    if isinstance(value, torch.Tensor):
        yield f"{value.dtype} {tuple(value.shape)}".encode()
        yield value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    elif isinstance(value, dict):
        yield f"dict {len(value)}".encode()
        for name in value:
            yield repr(name).encode()
            yield from _parts(value[name])
    elif isinstance(value, (list, tuple)):
        yield f"list {len(value)}".encode()
        for item in value:
            yield from _parts(item)
    else:
        yield value if isinstance(value, bytes) else repr(value).encode()
