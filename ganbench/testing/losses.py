"""What a loss and an augmentation promise."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ganbench import Augmentation, BuildContext, Objective
from ganbench.testing.data import dataset_of
from ganbench.testing.promise import Broken, Subject, promise
from ganbench.testing.trial import plan_trial

_BATCH = 8


def objective_of(subject: Subject) -> Objective:
    """Return the objective of a loss.

    Raises:
        Broken: its factory returns something else.
    """
    plan = plan_trial(subject)
    assert plan.loss is not None
    assert plan.config.loss is not None
    objective = plan.loss.build(plan.config.loss.options)
    if not isinstance(objective, Objective):
        raise Broken(f"the factory returns a {type(objective).__name__}", remedy="return a ganbench.Objective")
    return objective


def _logits(*size: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    return tuple((0.1 * torch.randn(size, generator=random)).requires_grad_() for _ in range(2))  # type: ignore[return-value]


def _losses(objective: Objective, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Return the discriminator's loss and the generator's."""
    answer = objective.discriminator_loss(real, fake)
    paired = objective.paired_generator_loss
    return answer[0] if isinstance(answer, tuple) else answer, objective.generator_loss(fake) if paired is None else paired(real, fake)


@promise("loss")
def both_losses_are_one_number(subject: Subject) -> None:
    """Of a batch of logits, and of a batch of patches, each loss is a finite scalar."""
    objective = objective_of(subject)
    for size in ((8,), (8, 1, 3, 3)):
        for role, loss in zip(("discriminator", "generator"), _losses(objective, *_logits(*size)), strict=True):
            if not isinstance(loss, Tensor) or loss.ndim:
                got = list(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
                raise Broken(
                    f"the {role}'s loss of logits {list(size)} is {got} and not one number",
                    remedy="return the mean over the batch, a tensor without dimensions",
                )
            if not bool(loss.isfinite()):
                raise Broken(f"the {role}'s loss of logits near 0 is {loss.item()}", remedy="look at logarithms and divisions")


@promise("loss")
def its_losses_survive_large_logits(subject: Subject) -> None:
    """Logits of 100 give finite losses and gradients."""
    objective = objective_of(subject)
    for sign in (1.0, -1.0):
        real, fake = torch.full((8,), 100.0 * sign).requires_grad_(), torch.full((8,), -100.0 * sign).requires_grad_()
        for role, loss in zip(("discriminator", "generator"), _losses(objective, real, fake), strict=True):
            gradients = torch.autograd.grad(loss, (real, fake), allow_unused=True)
            if not all(bool(g.isfinite().all()) for g in (loss, *gradients) if g is not None):
                raise Broken(
                    f"the {role}'s loss or gradient is not finite at logits of 100",
                    remedy="use softplus or logsigmoid instead of log(sigmoid(x))",
                )


@promise("loss")
def real_and_fake_are_the_right_way_round(subject: Subject) -> None:
    """Descending the discriminator's loss raises real logits and lowers fake ones; the generator's raises fake ones."""
    objective = objective_of(subject)
    real, fake = _logits(64)
    of_discriminator, of_generator = _losses(objective, real, fake)
    d_real, d_fake = _mean_gradients(of_discriminator, (real, fake))
    (g_fake,) = _mean_gradients(of_generator, (fake,))
    if d_real > 0 or d_fake < 0:
        raise Broken(
            "the discriminator learns to call real samples generated",
            remedy="exchange the signs or the arguments: (real_logits, fake_logits)",
        )
    if g_fake >= 0:
        raise Broken("the generator learns nothing, or to lower its own logits", remedy="its loss must fall when fake logits rise")


def _mean_gradients(loss: Tensor, logits: Sequence[Tensor]) -> list[float]:
    if not loss.requires_grad:
        raise Broken("a loss has no gradient", remedy="compute it from the logits that are given, without detach() or no_grad()")
    gradients = torch.autograd.grad(loss, list(logits), allow_unused=True, retain_graph=True)
    return [0.0 if g is None else float(g.mean()) for g in gradients]


@promise("augmentation")
def it_keeps_the_size_of_samples(subject: Subject) -> None:
    """What goes in comes out, of the same size and type, finite, and for gradients to pass."""
    augment, batch = augmentation_of(subject)
    samples = batch.clone().requires_grad_()
    random = torch.Generator().manual_seed(0)
    out = augment(samples, lambda n: torch.rand(n, generator=random))
    if out.shape != samples.shape or out.dtype != samples.dtype:
        what = f"samples {list(samples.shape)} {samples.dtype} come back as {list(out.shape)} {out.dtype}"
        raise Broken(what, remedy="return as many samples of the same size and type")
    if not bool(out.isfinite().all()):
        raise Broken("augmented samples hold NaN or Inf", remedy="look at its divisions")
    if not out.requires_grad or torch.autograd.grad(out.sum(), samples, allow_unused=True)[0] is None:
        raise Broken("no gradient passes through it", remedy="use differentiable operations: the generator learns through them")


def augmentation_of(subject: Subject) -> tuple[Augmentation, Tensor]:
    """Return the augmentation, and a batch of real samples as networks see them.

    Raises:
        Broken: its factory returns something else.
    """
    dataset, space = dataset_of(subject), dataset_of(subject).space
    context = BuildContext(space=space, num_classes=dataset.num_classes, class_names=dataset.class_names)
    augment = subject.build(context)
    if not isinstance(augment, Augmentation):
        raise Broken(f"the factory returns a {type(augment).__name__}", remedy="return a ganbench.Augmentation")
    return augment, space.to_network(space.arrange(dataset.train.read(torch.arange(_BATCH))))


@promise("augmentation")
def it_draws_from_the_stream_it_is_given(subject: Subject) -> None:
    """Equal draws give equal results: a resumed run must see the same."""
    augment, samples = augmentation_of(subject)

    def augmented() -> Tensor:
        random = torch.Generator().manual_seed(7)
        result: Tensor = augment(samples.clone(), lambda n: torch.rand(n, generator=random))
        return result

    if not torch.equal(augmented(), augmented()):
        raise Broken("equal draws give different samples", remedy="take every random number from uniform(n)")
