"""One iteration of CycleGAN in the order of junyanz/pytorch-CycleGAN-and-pix2pix (cycle_gan_model.py): generators, then discriminators.

The discriminators see the images that the generators made before their own update, through a pool of older ones. The source's names are
G_A and D_A for the generator to the target and the discriminator there.

Shapes: N images of a batch, C, H, W an image.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from ganbench import AlgorithmContext, Sampler, make_sampler
from ganbench_translation.algorithm import TranslationAlgorithm
from ganbench_translation.cyclegan_options import CycleGANOptions
from ganbench_translation.domains import domain
from ganbench_translation.image_pool import ImagePool


class CycleAlgorithm(TranslationAlgorithm):
    """Two generators that undo each other, and a discriminator in each domain."""

    functions = ("generators_loss", "discriminators_loss")

    def __init__(self, context: AlgorithmContext) -> None:
        options, networks = context.config.architecture.options, context.networks
        assert isinstance(options, CycleGANOptions)
        self._options = options
        self._to_target, self._to_source = networks["generator"], networks["backward_generator"]
        self._target_critic, self._source_critic = networks["discriminator"], networks["backward_discriminator"]
        names = ("source", "target")
        super().__init__(
            context,
            generators=(self._to_target, self._to_source),
            discriminators=(self._target_critic, self._source_critic),
            samplers={"source": _sampler(context, options.source_class, 0), "target": _sampler(context, options.target_class, 1)},
            streams=[f"image-pool-{name}" for name in names],
        )
        self._pools = {name: self._pool(name) for name in names} if options.pool_size else {}

    def joint_update(self) -> None:
        """Descend both generators, then both discriminators."""
        source, target = self.take("source"), self.take("target")
        with self.frozen("discriminator"):
            generators_loss, to_target, to_source = self.generators_loss(source, target)
            self.step("generator", generators_loss)
        self.update_averages()
        to_target, to_source = self._older("target", to_target.detach()), self._older("source", to_source.detach())
        loss, statistics = self.discriminators_loss(source, target, to_source, to_target)
        self.step("discriminator", loss)
        self.ledger.add_discriminator(loss, statistics, None)
        self.ledger.add_generator(generators_loss)

    def generators_loss(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return equation 3 of the paper for the generators, with identity losses, and both translations, in float32."""
        with self.autocast():
            to_target, to_source = self._to_target(source), self._to_source(target)
            source_again, target_again = self._to_source(to_target), self._to_target(to_source)
            target_logits, source_logits = self._target_critic(to_target), self._source_critic(to_source)
        adversarial = self.objective.generator_loss(target_logits.float()) + self.objective.generator_loss(source_logits.float())
        cycle = F.l1_loss(source_again.float(), source) + F.l1_loss(target_again.float(), target)
        distance = cycle
        if self._options.identity_weight:
            distance = cycle + self._options.identity_weight * self._identity(source, target)
        loss = self._options.adversarial_weight * adversarial + self._options.cycle_weight * distance
        return loss, to_target.float(), to_source.float()

    def _identity(self, source: Tensor, target: Tensor) -> Tensor:
        """Return how far each generator changes an image that is where it should be (section 5.2)."""
        with self.autocast():
            same_target, same_source = self._to_target(target), self._to_source(source)
        return F.l1_loss(same_target.float(), target) + F.l1_loss(same_source.float(), source)

    def discriminators_loss(self, source: Tensor, target: Tensor, to_source: Tensor, to_target: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sum of both discriminators' losses, and the mean of the logits' statistics ``[5]``."""
        with self.autocast():
            of_target = self._target_critic(target), self._target_critic(to_target)
            of_source = self._source_critic(source), self._source_critic(to_source)
        (target_loss, target_statistics), (source_loss, source_statistics) = self.judge(*of_target), self.judge(*of_source)
        return target_loss + source_loss, (target_statistics + source_statistics) / 2

    def _older(self, name: str, images: Tensor) -> Tensor:
        """Return images of a pool in the place of new ones, where there is a pool."""
        if not self._pools:
            return images
        shown: Tensor = self._pools[name](self.ranks.gather(images))  # one pool for all processes: what it holds is the same in each
        return self.ranks.share(shown)

    def _pool(self, name: str) -> ImagePool:
        random = self.streams[f"image-pool-{name}"]
        return self.track(f"{name}_pool", ImagePool(self._options.pool_size, self.dataset.space.size, random))


def _sampler(context: AlgorithmContext, label: int, place: int) -> Sampler:
    """Return a sampler of one class, with an order of its own."""
    training = context.config.training
    return make_sampler(
        domain(context.dataset, label),
        batch_size=training.batch_size,
        seed=-1 - 2 * training.seed - place,  # runs have seeds of 0 and above
        device=context.device,
        channels_last=training.channels_last,
        horizontal_flip=training.horizontal_flip,
        workers=training.workers,
        ranks=context.ranks,
    )
