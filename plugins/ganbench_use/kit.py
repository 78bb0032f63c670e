"""What a loader promises, for `ganbench plugins check` and its author's tests; its template lies beside this file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from ganbench import BuildContext, Networks, PluginError, stream
from ganbench.testing import Broken, NotClaimed, Subject, promise
from ganbench_use.spec import LoaderSpec

_COUNT = 8


@promise("loader", is_ground=True)
def it_loads_its_example(subject: Subject) -> None:
    """The example's weights become networks that make the same samples each time, whatever the global random numbers are."""
    context, weights = _example(subject)
    found = []
    for seed in range(2):
        torch.manual_seed(seed)
        found.append(_samples(_load(subject, context, weights), context))
    if not torch.equal(*found):
        raise Broken("it makes other samples each time", remedy="take every number from the weights, and draw none of your own")


@promise("loader")
def its_samples_are_of_the_datas_space(subject: Subject) -> None:
    """They have the size of the context's space, are floating point and finite, and lie where networks see such samples."""
    context, weights = _example(subject)
    samples, space = _samples(_load(subject, context, weights), context), context.space
    if tuple(samples.shape[1:]) != space.size or len(samples) != _COUNT or not samples.is_floating_point():
        what = f"it makes {samples.dtype} {list(samples.shape)}, and the space has [{_COUNT}, {', '.join(map(str, space.size))}]"
        raise Broken(what, remedy="return what networks see, in the size of context.space")
    space.check(space.to_stored(samples.float()))
    if space.name == "images" and (float(samples.min()) >= 0 or float(samples.abs().max()) > 2):
        what = f"its images lie from {float(samples.min()):.3g} to {float(samples.max()):.3g}"
        raise Broken(what, remedy="scale them to [-1, 1] in the generate of the networks")


@promise("loader")
def a_sample_is_its_own(subject: Subject) -> None:
    """A sample does not depend on the others of its batch: the networks are made for evaluation."""
    context, weights = _example(subject)
    networks = _load(subject, context, weights)
    together, alone = _samples(networks, context), _samples(networks, context, batch=1)
    if not torch.allclose(together, alone, atol=1e-4):
        raise Broken("a sample alone is another than in a batch", remedy="leave batch statistics to evaluation mode: use running ones")


@promise("loader")
def every_weight_counts(subject: Subject) -> None:
    """Another number in any weight makes other samples; a count of batches may stand idle."""
    context, weights = _example(subject)
    usual = _samples(_load(subject, context, weights), context)
    for name in [name for name, one in weights.items() if one.is_floating_point()]:
        changed = {**weights, name: weights[name] * 1.5 + 0.25}
        if torch.equal(usual, _samples(_load(subject, context, changed), context)):
            raise Broken(f"another {name} changes nothing", remedy="load it, or refuse a file that has it")


@promise("loader")
def other_weights_are_refused(subject: Subject) -> None:
    """A weight that is missing, one too many, or one of another shape is a ValueError, and never a network half loaded."""
    context, weights = _example(subject)
    name = next((name for name, one in weights.items() if one.is_floating_point() and one.ndim > 1), "")
    if not name:
        raise NotClaimed("its example has no weight with two sizes")
    wrong = {
        f"without {name}": {key: one for key, one in weights.items() if key != name},
        "with a weight that nothing has": {**weights, "ganbench_stranger": torch.zeros(3)},
        f"with a flattened {name}": {**weights, name: weights[name].flatten()},
    }
    for what, others in wrong.items():
        try:
            _load(subject, context, others)
        except PluginError as error:
            if not isinstance(error.__cause__, ValueError):
                raise Broken(f"{what} it fails: {error.what}", remedy="raise ValueError with a sentence; fill does") from None
            continue
        raise Broken(f"weights {what} are loaded all the same", remedy="load by ganbench_use.loader.fill, or raise ValueError")


def _example(subject: Subject) -> tuple[BuildContext, Mapping[str, Tensor]]:
    import importlib

    spec = subject.spec
    assert isinstance(spec, LoaderSpec)
    module, _, attribute = spec.example.partition(":")
    if not module:
        raise NotClaimed("it names no example of its weights")
    try:
        context, weights = getattr(importlib.import_module(module), attribute)()
    except Exception as error:
        text = f"its example {spec.example} fails: {type(error).__name__}: {error}"
        raise Broken(text, remedy="return a BuildContext and weights by name") from None
    return context, {name: tensor.clone() for name, tensor in weights.items()}


def _load(subject: Subject, context: BuildContext, weights: Mapping[str, Tensor]) -> Networks:
    networks = subject.build(context, weights)
    if not isinstance(networks, Networks):
        raise Broken(f"the factory returns a {type(networks).__name__}", remedy="return ganbench.Networks")
    for module in networks.modules.values():
        module.eval()
    return networks


def _samples(networks: Networks, context: BuildContext, batch: int = _COUNT) -> Tensor:
    inputs = networks.inputs.draw(_COUNT, stream(0, "evaluation"))
    labels = torch.arange(_COUNT) % context.num_classes if networks.inputs.labels else None
    return torch.cat(list(_parts(networks, inputs, labels, batch)))


@torch.inference_mode()
def _parts(networks: Networks, inputs: Tensor, labels: Tensor | None, batch: int) -> Iterator[Tensor]:
    for start in range(0, len(inputs), batch):
        window = slice(start, start + batch)
        yield networks.generate(networks.modules, inputs[window], None if labels is None else labels[window])
