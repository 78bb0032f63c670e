"""What a loss plugin's factory returns: two scalar losses, terms and penalties beside them, and a bound on the discriminator's weights.

Shapes: N images of a batch, m images in a pack, C channels, K classes, D features.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from torch import Tensor, nn

Discriminate = Callable[[Tensor], Tensor]
"""The discriminator with its labels filled in: images ``[N, C, H, W]`` to logits ``[N, ...]``."""


class Judgement(NamedTuple):
    """What a discriminator says of a batch, where that is more than logits."""

    logits: Tensor
    """``[N, ...]``, without a sigmoid."""
    class_logits: Tensor | None = None
    """``[N, K]``, of a discriminator that also classifies."""
    features: Tensor | None = None
    """``[N, D]``, what its last layer sees."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What a :class:`Term` looks at: the judgement of a generated batch and, where there is one, of a real batch."""

    fake: Judgement
    real: Judgement | None = None
    fake_labels: Tensor | None = None
    """``[N]`` int64, or None without labels."""
    real_labels: Tensor | None = None


class Term(Protocol):
    """A term of the losses that looks at judgements: a class loss, feature matching."""

    name: str
    needs_real: bool
    """Whether :meth:`of_generator` looks at the real batch, which the generator's update then judges too."""

    def of_discriminator(self, seen: Seen) -> Tensor | None:
        """Return what is added to the discriminator's loss, a scalar in float32; None for nothing. Real is given."""
        ...

    def of_generator(self, seen: Seen) -> Tensor | None:
        """Return what is added to the generator's loss; None for nothing. Real is given where :attr:`needs_real` says so."""
        ...


WeightTerm = Callable[[nn.Module, str], "nn.Module | None"]
"""(network, ``"generator"`` or ``"discriminator"``) to a module whose ``forward()`` is a scalar that is added to that network's loss. Its
buffers are saved with the run; the network's parameters it holds in a list, so that they are not. None where there is no such term."""


class Penalty(Protocol):
    """A differentiable term added to the discriminator's loss."""

    name: str
    needs_independent_samples: bool
    """Whether it takes gradients by sample: then the discriminator must not have batch statistics."""

    def __call__(self, discriminate: Discriminate, real: Tensor, fake: Tensor, uniform: Callable[[int], Tensor]) -> Tensor:
        """Return the weighted penalty, a scalar that requires grad.

        Args:
            discriminate: the discriminator.
            real: ``[N, C, H, W]`` as the discriminator sees them: in [-1, 1], augmented and packed where the run does that.
            fake: the same shape, detached.
            uniform: draws ``[n]`` numbers in [0, 1) from the run's own stream.
        """
        ...


class Augmentation(nn.Module, ABC):
    """What an augmentation plugin's factory returns (Zhao et al. 2020, https://arxiv.org/abs/2006.10738): one differentiable function for
    real and generated samples, in the updates of both networks.

    What changes while it is used lies in buffers, which are saved with the run and which captured steps follow.
    """

    told: tuple[str, ...] = ()
    """Names of its scalar buffers that are told with the means of the losses, as they are at that moment."""

    @abstractmethod
    def forward(self, samples: Tensor, uniform: Callable[[int], Tensor]) -> Tensor:
        """Return augmented samples.

        Args:
            samples: ``[N, *size]`` as networks see them, images in [-1, 1].
            uniform: draws ``[n]`` numbers in [0, 1) from the run's own stream.
        """

    def observe(self, real_logits: Tensor) -> None:
        """Look at what the discriminator says of real samples, at each of its updates, and change a buffer in place, on the device.

        Args:
            real_logits: ``[N, ...]`` float32, detached.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """An adversarial objective; both losses are means over the batch, in float32."""

    discriminator_loss: Callable[[Tensor, Tensor], Tensor | tuple[Tensor, Tensor]]
    """(real_logits, fake_logits) to a scalar, or to a pair of it and the statistics ``[5]`` of the logits: mean real, mean fake, mean sign
    of real, mean absolute real, mean absolute fake logit, detached. :func:`ganbench_kernels.gan_loss` returns such a pair; of a loss that
    is only a scalar the trainer computes the statistics itself."""
    generator_loss: Callable[[Tensor], Tensor]
    """fake_logits to a scalar."""
    paired_generator_loss: Callable[[Tensor, Tensor], Tensor] | None = None
    """(real_logits, fake_logits) of equal shapes to a scalar, in the place of :attr:`generator_loss`, for a relativistic loss."""
    penalties: tuple[Penalty, ...] = ()
    terms: tuple[Term, ...] = ()
    needs_features: bool = False
    """Whether a term looks at :attr:`Judgement.features`."""
    weight_terms: tuple[WeightTerm, ...] = ()
    weight_clip: float = 0.0
    """Clamp the discriminator's parameters to [-c, c] before each of its updates; 0 for no clipping."""


def pack(images: Tensor, packing: int) -> Tensor:
    """Return ``[N / m, m * C, H, W]``: each m images of a batch, one behind the other (Lin et al. 2018, https://arxiv.org/abs/1712.04086).

    Args:
        images: ``[N, C, H, W]`` with N a multiple of m.
        packing: m.
    """
    if packing == 1:
        return images
    count, channels, *size = images.shape
    return images.reshape(count // packing, packing * channels, *size)


def as_judgement(answer: Tensor | tuple[Tensor, ...]) -> Judgement:
    """Return what a discriminator answered as a judgement in float32; a bare tensor is the logits."""
    parts = answer if isinstance(answer, tuple) else (answer,)
    return Judgement(*(None if part is None else part.float() for part in parts))


def add_terms(loss: Tensor, terms: Iterable[Tensor | None]) -> Tensor:
    """Return the sum of a loss and of what its terms gave."""
    return sum((term for term in terms if term is not None), loss)


def boosted_steps(iteration: int, d_steps: int, boost: int) -> int:
    """Return the discriminator steps of an iteration (martinarjovsky/WassersteinGAN main.py: 100 in the first 25 and in every 500th)."""
    return boost if boost and (iteration < 25 or iteration % 500 == 0) else d_steps


def steps_before(iteration: int, d_steps: int, boost: int) -> int:
    """Return the discriminator steps of all iterations before one."""
    boosted = min(iteration, 25) + max(0, (iteration - 1) // 500) if boost else 0
    return boosted * boost + (iteration - boosted) * d_steps
