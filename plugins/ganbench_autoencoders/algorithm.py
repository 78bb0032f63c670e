"""One iteration of a variational autoencoder (Kingma and Welling 2014, https://arxiv.org/abs/1312.6114), as pytorch/examples has it.

The loss is the cross-entropy summed over pixels and the divergence of the latents from N(0, 1). The source sums both over the batch; here
the batch is averaged, which Adam's steps do not see but for its epsilon.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from ganbench import Algorithm, AlgorithmContext, Phase, Statistics
from ganbench_autoencoders.networks import divergence_of, levels_of
from ganbench_autoencoders.options import VAEOptions


class VAE(Algorithm):
    """One optimizer descends both terms."""

    runners = ("eager", "cuda_graph", "compile")
    functions = ("losses",)

    def __init__(self, context: AlgorithmContext) -> None:
        options = context.config.architecture.options
        assert isinstance(options, VAEOptions)
        context.require(d_steps=1, d_steps_boost=0, generator_batch_factor=1, dequantise=False, as_they_are="trains on images")
        super().__init__(context, Statistics(context.device, ("reconstruction", "divergence"), losses=("reconstruction",)))
        self._pixels = options.pixels
        self.optimise("model", *self.networks.modules.values())

    def phases(self) -> Sequence[Phase]:
        """Return the only one."""
        return (Phase("update", self.update, self.stage_real),)

    def update(self) -> None:
        """Take one step."""
        real = self.draw_real().samples
        reconstruction, divergence = self.losses(real, self.draw_inputs(len(real)))
        self.step("model", reconstruction + divergence)
        self.update_averages()
        self.statistics.tell("reconstruction", reconstruction, divergence)

    def losses(self, real: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return both terms in nats, means over the batch."""
        levels = levels_of(real, self._pixels)
        with self.autocast():
            mean, log_std = self.networks["encoder"](levels).float().chunk(2, dim=1)
            logits = self.networks["decoder"](mean + log_std.exp() * noise).float()
        return cross_entropy(logits, levels, reduction="none").sum(1).mean(), divergence_of(mean, log_std)
