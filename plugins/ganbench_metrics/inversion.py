"""Inversion: how near a generator comes to held-out images, at the best latents that a search finds.

Metz et al. (2017), https://arxiv.org/abs/1611.02163, look for the latents of images that a generator was not trained on; Srivastava et al.
(2017), https://arxiv.org/abs/1705.07761, call the mean squared error at the best ones inference via optimisation (IvOM). A mode that was
dropped cannot be reached. Differs: the search is a fixed number of Adam's steps from latents of the run's own evaluation, and starts, steps
and rate are options in the evaluation key, so values agree with no published ones. A search that has not found an image does not show that
it cannot be made. Latents may leave what they are drawn from. A generator with labels is asked for the image's own class.

More latents invert better whatever was learnt, so beside the error stands that of PCA with as many dimensions, fitted to train images:
the best that any linear generator could reach of these. PCA is told no class.

Shapes: N train images, n images that are inverted, D values of an image, L the length of z.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from ganbench import ConfigError, Needs, SampleSet, UnsuitableError
from ganbench_metrics import InversionOptions

Ask = Callable[[Tensor, "Tensor | None"], Tensor]
"""(latents ``[n, L]``, labels ``[n]`` or None) to images ``[n, ...]`` in [-1, 1]."""
_BLOCK = 100


def inversion_errors(ask: Ask, images: Tensor, labels: Tensor | None, starts: Tensor, options: InversionOptions) -> Tensor:
    """Return the squared error of each image at the best latents found, the mean over its values, ``[n]`` float64.

    Each image is searched for by itself: neither the others nor their number change its error.

    Args:
        ask: the generator, in evaluation mode.
        images: ``[n, ...]`` float32 in [-1, 1]; from black to white is 1 in the error.
        labels: ``[n]`` int64, what a generator that takes labels is asked for; None where there are none.
        starts: ``[restarts, n, L]`` float32.
        options: steps and rate.
    """
    with torch.inference_mode(False), torch.enable_grad():
        found = [_search(ask, images.clone(), None if labels is None else labels.clone(), first.clone(), options) for first in starts]
    return torch.stack(found).amin(dim=0)


def _search(ask: Ask, images: Tensor, labels: Tensor | None, latents: Tensor, options: InversionOptions) -> Tensor:
    """Return the error of each image after the search from one start, ``[n]`` float64."""
    latents.requires_grad_(True)
    optimizer = torch.optim.Adam([latents], lr=options.learning_rate)
    for step in range(options.steps):
        optimizer.param_groups[0]["lr"] = options.learning_rate * 0.5 * (1 + math.cos(math.pi * step / options.steps))
        loss = (ask(latents, labels).cpu() - images).square().flatten(1).mean(1).sum()  # a sum: each image has its own gradient
        (latents.grad,) = torch.autograd.grad(loss, [latents])
        optimizer.step()
    with torch.no_grad():
        return _errors(ask(latents, labels).cpu().double().flatten(1), images.double().flatten(1))


def _errors(answers: Tensor, images: Tensor) -> Tensor:
    """Return the mean squared error of each answer ``[n, D]``, cut to [-1, 1]; from black to white is 1."""
    return ((answers.clamp(-1, 1) - images) / 2).square().mean(dim=1)


def pca_errors(train: Tensor, images: Tensor, dims: int) -> Tensor:
    """Return the squared error of each image in the span of the first principal components, ``[n]`` float64.

    Args:
        train: ``[N, D]`` float64 in [-1, 1], which the components are of.
        images: ``[n, D]`` float64.
        dims: L; all components that there are where there are fewer.
    """
    mean = train.mean(dim=0)
    centred = train - mean
    if len(centred) < centred.shape[1]:  # the same components, from the smaller of the two matrices
        values, vectors = torch.linalg.eigh(centred @ centred.T)
        kept = values[-dims:] > values[-1].clamp(min=0) * len(centred) * torch.finfo(values.dtype).eps
        basis = centred.T @ (vectors[:, -dims:][:, kept] / values[-dims:][kept].sqrt())
    else:
        basis = torch.linalg.eigh(centred.T @ centred).eigenvectors[:, -dims:]
    return _errors(mean + (images - mean) @ basis @ basis.T, images)


@dataclass(frozen=True, slots=True)
class Inversion:
    """The mean error at the best latents (ranked), and PCA's."""

    options: InversionOptions = field(default_factory=InversionOptions)
    implementation: str = "inversion-1"
    needs: ClassVar[Needs] = Needs(statistics=False, samples=True, held_out="beside", generator=True)
    least_samples: int = 1

    def parameters(self) -> dict[str, str | int | float]:
        """Return what changes the value: all options."""
        return asdict(self.options)

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (error, PCA's error), from 0 to 1; as many held-out images are inverted as the metric's name says, evenly spread.

        Raises:
            UnsuitableError: there are samples alone, or the generator is not asked latents.
            ConfigError: there are fewer held-out images.
        """
        if real.held_out is None or real.held_out.samples is None or real.samples is None:
            raise ValueError("this metric needs train and held-out images, and the sample set lacks them")
        if fake.ask is None or fake.inputs is None:
            raise UnsuitableError("ivom asks the generator itself, and here are its samples alone", hint="measure a run")
        if fake.inputs.ndim != 2:
            raise UnsuitableError("ivom searches for latents, and this generator is asked samples", hint="choose another metric")
        count, total = len(fake.inputs), len(real.held_out.samples)
        if count > total:
            raise ConfigError(f"ivom{count} inverts {count:,} held-out images, and there are {total:,}", hint=f"write ivom{total}")
        chosen = _spread(count, total)
        labels = None if real.held_out.labels is None else real.held_out.labels[chosen]
        images = _scaled(real.held_out.samples[chosen])
        starts = torch.stack([fake.inputs.roll(number, dims=0) for number in range(self.options.restarts)])
        errors = [
            inversion_errors(fake.ask, images[part], None if labels is None else labels[part], starts[:, part], self.options)
            for part in torch.arange(count).split(_BLOCK)
        ]
        train = real.samples[_spread(min(self.options.pca_images, len(real.samples)), len(real.samples))]
        flat = [_scaled(side).double().flatten(1) for side in (train, real.held_out.samples[chosen])]
        return torch.cat(errors).mean().item(), pca_errors(*flat, fake.inputs.shape[1]).mean().item()


def _spread(count: int, total: int) -> Tensor:
    return torch.arange(count) * total // count


def _scaled(images: Tensor) -> Tensor:
    return images.float() / 127.5 - 1


def build_inversion(options: InversionOptions) -> Inversion:
    """Build the metric from its options."""
    return Inversion(options)
