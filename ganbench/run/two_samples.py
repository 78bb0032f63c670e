"""What two samples show of plugins before anything is trained: types, shapes, ranges and gradients, each in a sentence of its own."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.data.source import Dataset, Source
from ganbench.data.space import BuildContext, Space
from ganbench.errors import GanbenchError, PluginError
from ganbench.plugin.factory import check_made
from ganbench.run.compatible import Refusal
from ganbench.training.inputs import FromData
from ganbench.training.networks import Networks
from ganbench.training.objective import Augmentation, Judgement, Objective, as_judgement, pack

_FAR = 10
"""Ranges of the real samples by which a generator may miss them before it is trained; without a last tanh it misses them a little."""
_FEW = 64
"""Real samples whose range is looked at."""
_NOT_NEGATIVE = ("Sigmoid", "Hardsigmoid", "Relu", "Softplus", "Softmax")
_OF_SHAPE = ("View", "UnsafeView", "Squeeze", "Unsqueeze", "Permute", "Transpose", "ToCopy", "Mean", "Select", "Slice", "Clone")
"""What autograd calls the operations after which a value is still what an activation left."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """What two samples showed of networks."""

    judged: Judgement
    """What the discriminator said of them."""
    off_range: Refusal | None = None
    """Why the generator's samples cannot be like the real ones."""
    sigmoid: Refusal | None = None
    """Why the discriminator's answers are no logits."""

    def suspicions(self, objective: Objective | None) -> list[Refusal]:
        """Return what speaks against training them with an objective, or without one."""
        return [one for one in (self.off_range, self.sigmoid if objective is not None else None) if one is not None]


def try_source(source: object, whose: str) -> None:
    """Read two samples of a split.

    Args:
        source: the split.
        whose: what a message calls it: ``the train split of dataset 'x'``.

    Raises:
        PluginError: it is no source, or what it reads are no samples of its space.
    """
    check_made(source, Source, f"{whose} must be a")
    assert isinstance(source, Source)
    check_made(source.space, Space, f"the space of {whose} must be a")
    with _told(f"{whose} cannot read its first samples", "read takes indices, int64 [n]"):
        read = source.read(torch.arange(min(2, source.num_samples)))
    check_made(read, Tensor, f"{whose} must read a")
    try:
        source.space.check(read)
    except ValueError as error:
        raise PluginError(f"{whose} reads what its space is not: {error}") from error
    labels, wanted = source.labels, (source.num_samples,)
    if labels is not None and not (isinstance(labels, Tensor) and labels.dtype == torch.int64 and labels.shape == wanted):
        got = f"{labels.dtype} {list(labels.shape)}" if isinstance(labels, Tensor) else type(labels).__name__
        raise PluginError(f"the labels of {whose} must be int64 {list(wanted)}, one for each sample (got {got})")


@torch.no_grad()
def try_networks(name: str, networks: Networks, context: BuildContext, dataset: Dataset) -> Tried:
    """Try the contract on two samples.

    Raises:
        PluginError: a wrong type, a failing forward, or a wrong shape.
    """
    check_made(networks, Networks, f"architecture {name!r} must return")
    space, count, inputs = context.space, 2 * context.packing, networks.inputs
    labels = torch.zeros(count, dtype=torch.int64) if inputs.labels else None
    for module in networks.modules.values():
        module.eval()
    whose = f"architecture {name!r} fails on two samples"
    with _told(whose, "its inputs could not be drawn"):
        asked = inputs.draw(count, torch.Generator().manual_seed(0), dataset=dataset)
    called = "labels are None without classes"
    with torch.enable_grad(), _told(whose, f"its generator is called with (inputs, labels): inputs {list(asked.shape)}, {called}"):
        samples = networks.generate(networks.modules, asked, labels)
    check_made(samples, Tensor, f"the generator of {name!r} must return a")
    reference = inputs.reference(dataset) if isinstance(inputs, FromData) else dataset
    space = reference.space if isinstance(inputs, FromData) else space
    wanted = [count, *space.size]
    if list(samples.shape) != wanted:
        raise PluginError(f"the generator of {name!r} makes {space.unit} {list(samples.shape)}, the dataset needs {wanted}")
    off_range = _against_range(name, samples.float(), _as_seen(reference))
    if isinstance(inputs, FromData) or "discriminator" not in networks.modules:
        return Tried(judged=Judgement(torch.zeros(2)), off_range=off_range)  # what is judged is between the networks and their algorithm
    seen = pack(samples, context.packing)
    with torch.enable_grad(), _told(whose, f"its discriminator is called with (samples, labels): samples {list(seen.shape)}, {called}"):
        judged = as_judgement(networks["discriminator"](seen.detach(), labels))
    if judged.logits.ndim < 1 or judged.logits.shape[0] != 2:
        raise PluginError(
            f"the discriminator of {name!r} returns logits {list(judged.logits.shape)}; the first size must be the batch's, 2"
        )
    reason = f"{name!r}: all outputs of the discriminator lie between 0 and 1, and losses take logits"
    sigmoid = Refusal(reason, "leave out the sigmoid at its end") if _last_operation(judged.logits) == "Sigmoid" else None
    return Tried(judged=judged, off_range=off_range, sigmoid=sigmoid)


def _as_seen(dataset: Dataset) -> Tensor:
    """Return the first real samples as networks see them."""
    return dataset.space.to_network(dataset.space.arrange(dataset.first(_FEW))).float()


def _against_range(name: str, samples: Tensor, real: Tensor) -> Refusal | None:
    """Return why generated samples cannot be like the real ones, judged by their range."""
    low, high = float(real.min()), float(real.max())
    least, most = float(samples.min()), float(samples.max())
    extent = max(high - low, 1.0)
    ours, theirs = f"from {least:.3g} to {most:.3g}", f"networks see real ones from {low:.3g} to {high:.3g}"
    if most > high + _FAR * extent or least < low - _FAR * extent:
        reason = f"the generator of {name!r} makes values {ours}, and {theirs}"
        return Refusal(reason, "scale them to the data's range; images are in [-1, 1], as after a tanh")
    if low < -extent / 4 and least >= 0 and _last_operation(samples) in _NOT_NEGATIVE:
        reason = f"the generator of {name!r}: no generated value is below 0, and {theirs}"
        return Refusal(reason, "end it with a tanh instead of a sigmoid or a ReLU")
    return None


def _last_operation(tensor: Tensor) -> str:
    """Return what autograd calls the operation that made a tensor's values, shapes and types aside; nothing where there is none."""
    node = tensor.grad_fn
    while node is not None and (name := node.name().rstrip("0123456789").removesuffix("Backward")) in _OF_SHAPE:
        node = node.next_functions[0][0] if node.next_functions else None
    return "" if node is None else name


def try_objective(name: str, objective: Objective, judged: Judgement) -> None:
    """Judge two logits by both losses.

    Raises:
        PluginError: a loss fails, or is not one number with a gradient.
    """
    real, fake = (judged.logits.detach().clone().requires_grad_() for _ in range(2))
    paired = objective.paired_generator_loss
    for role in ("discriminator", "generator"):
        with _told(f"the {role}'s loss of {name!r} fails on two logits", f"it was called with logits {list(real.shape)}"):
            if role == "discriminator":
                made = objective.discriminator_loss(real, fake)
                loss = made[0] if isinstance(made, tuple) else made
            else:
                loss = objective.generator_loss(fake) if paired is None else paired(real, fake)
        check_made(loss, Tensor, f"the {role}'s loss of {name!r} must be a")
        if loss.ndim:
            what = f"the {role}'s loss of {name!r} is {list(loss.shape)} for logits {list(real.shape)}, and must be one number"
            raise PluginError(what, hint="return the mean over the batch")
        if not (loss.requires_grad or (role == "generator" and objective.terms)):  # a term may be all that teaches it
            raise PluginError(f"the {role}'s loss of {name!r} has no gradient", hint="compute it from the logits, without detach()")


def try_augmentation(name: str, augment: Augmentation, dataset: Dataset) -> None:
    """Augment a few real samples, by a copy.

    Raises:
        PluginError: it fails, changes their shape or type, or lets no gradient pass.
    """
    samples = _as_seen(dataset)[:8].clone().requires_grad_()
    random = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]), _told(f"augmentation {name!r} fails on a few samples", "it is called with (samples, uniform)"):
        made = copy.deepcopy(augment)(samples, lambda count: torch.rand(count, generator=random))
    check_made(made, Tensor, f"augmentation {name!r} must return a")
    if made.shape != samples.shape or made.dtype != samples.dtype:
        what = f"augmentation {name!r}: samples {list(samples.shape)} {samples.dtype} come back as {list(made.shape)} {made.dtype}"
        raise PluginError(what, hint="return as many samples of the same size and type")
    if not made.requires_grad:
        hint = "use differentiable operations, without detach(): the generator learns through them"
        raise PluginError(f"augmentation {name!r}: no gradient passes through it", hint=hint)


@contextlib.contextmanager
def _told(what: str, hint: str) -> Iterator[None]:
    """Say what failed, and how it was called."""
    try:
        yield
    except GanbenchError:
        raise
    except Exception as error:
        raise PluginError(f"{what}: {type(error).__name__}: {error}", hint=hint) from error
