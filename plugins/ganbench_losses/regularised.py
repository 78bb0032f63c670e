"""From a loss and the options that go with any loss to an objective."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ganbench import Objective, Penalty, Term, WeightTerm
from ganbench_losses.feature_matching import FeatureMatching
from ganbench_losses.historical_average import HistoricalAverage
from ganbench_losses.options import RegularisedOptions
from ganbench_losses.penalties import DriftPenalty, GradientPenalty, LocalGradientPenalty, R1Penalty, R2Penalty, ScheduledPenalty


def regularised(
    options: RegularisedOptions,
    discriminator_loss: Callable[[Tensor, Tensor], Tensor | tuple[Tensor, Tensor]],
    generator_loss: Callable[[Tensor], Tensor],
    *,
    paired_generator_loss: Callable[[Tensor, Tensor], Tensor] | None = None,
    weight_clip: float = 0.0,
) -> Objective:
    """Return a loss with the penalties and terms that its options ask for.

    Args:
        options: of the loss.
        discriminator_loss: (real_logits, fake_logits) to a scalar, or to a scalar and statistics.
        generator_loss: fake_logits to a scalar.
        paired_generator_loss: (real_logits, fake_logits) to a scalar, for a relativistic loss.
        weight_clip: bound on the discriminator's weights.
    """
    if options.feature_matching_alone:
        generator_loss, paired_generator_loss = _nothing, None
    return Objective(
        discriminator_loss=discriminator_loss,
        generator_loss=generator_loss,
        paired_generator_loss=paired_generator_loss,
        penalties=_penalties(options),
        terms=_terms(options),
        needs_features=options.feature_matching > 0,
        weight_terms=_weight_terms(options),
        weight_clip=weight_clip,
    )


def _nothing(fake_logits: Tensor) -> Tensor:
    return fake_logits.new_zeros(())


def _penalties(options: RegularisedOptions) -> tuple[Penalty, ...]:
    makers: dict[str, Callable[[float], Penalty]] = {
        "r1_gamma": R1Penalty,
        "r2_gamma": R2Penalty,
        "gp_weight": lambda weight: GradientPenalty(weight, options.gp_one_sided),
        "dragan_weight": LocalGradientPenalty,
        "drift": DriftPenalty,
    }
    weights = [(make, schedule) for name, make in makers.items() if (schedule := options.weight(name)) is not None]
    return tuple(
        make(schedule.first) if schedule.kind == "constant" else ScheduledPenalty(make(1.0), schedule) for make, schedule in weights
    )


def _terms(options: RegularisedOptions) -> tuple[Term, ...]:
    return (FeatureMatching(options.feature_matching),) if options.feature_matching > 0 else ()


def _weight_terms(options: RegularisedOptions) -> tuple[WeightTerm, ...]:
    weight = options.historical_averaging
    return (lambda network, role: HistoricalAverage(network, weight),) if weight > 0 else ()
