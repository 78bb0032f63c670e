"""Which parts of a run do not go together, and why: an architecture, its networks, a loss and the settings of the step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from torch import nn

from ganbench.config.model import NO_PLUGIN, RunConfig
from ganbench.errors import ConfigError
from ganbench.spec import ArchitectureSpec
from ganbench.training.inputs import FromData, Latents
from ganbench.training.networks import Networks
from ganbench.training.objective import Judgement, Objective

_BATCH_NORM = "batch norm"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a pair is refused."""

    reason: str
    hint: str
    can_be_forced: bool = True
    """Whether it would run, if to no good end."""


def check_pair(
    config: RunConfig,
    spec: ArchitectureSpec,
    networks: Networks,
    objective: Objective | None,
    judged: Judgement,
    suspicions: Iterable[Refusal] = (),
) -> tuple[str, ...]:
    """Refuse parts that do not go together.

    Args:
        config: of the run.
        spec: of the architecture.
        networks: what its factory returned.
        objective: what the loss's factory returned; None without a loss.
        judged: what the discriminator said of two samples.
        suspicions: what else two samples showed.

    Returns:
        The reasons that ``training.force`` overruled.

    Raises:
        ConfigError: the first reason that was not overruled.
    """
    forced = []
    for refusal in (*_refusals(config, spec, networks, objective, judged), *suspicions):
        if not (refusal.can_be_forced and config.training.force):
            hint = f"{refusal.hint}; --force runs it all the same" if refusal.can_be_forced else refusal.hint
            raise ConfigError(refusal.reason, hint=hint)
        forced.append(refusal.reason)
    return tuple(forced)


def _refusals(
    config: RunConfig, spec: ArchitectureSpec, networks: Networks, objective: Objective | None, judged: Judgement
) -> Iterator[Refusal]:
    """Yield every reason against a run; see :func:`check_pair`."""
    yield from _against_the_loss(config, spec, objective, judged)
    yield from _against_packing(config, spec, networks)
    if objective is not None and "discriminator" in networks.modules:
        yield from _against_penalties(objective, networks["discriminator"])
    inputs = f"{networks.inputs.distribution} ones" if isinstance(networks.inputs, Latents) else "none"
    if config.evaluation.truncation and isinstance(networks.inputs, (Latents, FromData)) and inputs != "normal ones":
        reason = f"evaluation.truncation is for normal latents, and {spec.name} has {inputs}"
        yield Refusal(reason, "leave it at 0", can_be_forced=False)


def _against_the_loss(config: RunConfig, spec: ArchitectureSpec, objective: Objective | None, judged: Judgement) -> Iterator[Refusal]:
    loss = NO_PLUGIN if config.loss is None else config.loss.name.rpartition(":")[2]
    if objective is None and NO_PLUGIN not in spec.losses:
        yield Refusal(f"{spec.name} is trained with an adversarial loss", "name one with --loss", can_be_forced=False)
    if spec.losses and loss not in spec.losses:
        reason = f"{spec.name} is not trained with the loss {loss!r} (it is with {', '.join(spec.losses)})"
        yield Refusal(reason, f"use --loss {spec.losses[0]}", can_be_forced=False)
    if objective is None:
        return
    if objective.needs_features and judged.features is None:
        reason = f"the loss {loss!r} looks at the discriminator's features, and {spec.name} shows none"
        yield Refusal(reason, "choose another architecture, or leave that option out", can_be_forced=False)
    if objective.paired_generator_loss is not None and config.training.generator_batch_factor != 1:
        reason = f"the loss {loss!r} pairs real and generated images, and training.generator_batch_factor makes unequal batches"
        yield Refusal(reason, "use training.generator_batch_factor=1", can_be_forced=False)


def _against_packing(config: RunConfig, spec: ArchitectureSpec, networks: Networks) -> Iterator[Refusal]:
    packing = config.training.packing
    if packing == 1:
        return
    if not spec.packing:
        reason = f"training.packing is {packing}, and the discriminator of {spec.name} judges one image at a time"
        yield Refusal(reason, "use training.packing=1", can_be_forced=False)
    elif networks.inputs.labels:
        reason = f"training.packing is {packing}, and a pack of images of several classes has no label"
        yield Refusal(reason, "use -o conditional=false", can_be_forced=False)


def _against_penalties(objective: Objective, discriminator: nn.Module) -> Iterator[Refusal]:
    """A penalty on single samples makes no sense where a layer couples them (Gulrajani et al. 2017, section 4)."""
    coupling = list(dict.fromkeys(filter(None, map(_what_couples, discriminator.modules()))))
    names = [p.name for p in objective.penalties if p.needs_independent_samples]
    if not names:
        return
    for what in coupling:
        reason = f"the penalty {names[0]} takes gradients by sample, and the discriminator has {what}, which couples samples"
        remedy = " (dcgan: -o discriminator_norm=none)" if what == _BATCH_NORM else ""
        yield Refusal(reason, f"use a discriminator without it{remedy}")


def _what_couples(module: nn.Module) -> str:
    """Return what in this one module makes the output for a sample depend on the others of its batch, in a few words; empty for nothing.

    Batch norm is known; any other module says so itself, by an attribute ``couples_samples`` of these words.
    """
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        return _BATCH_NORM
    words: str = getattr(module, "couples_samples", "")
    return words
