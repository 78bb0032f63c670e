"""One iteration of VAE-GAN (Larsen et al. 2016, algorithm 1), as andersbll/autoencoding_beyond_pixels has it in model/aegan.py.

A reconstruction is compared with its image in the features of a layer of the discriminator, half a squared distance summed over them. The
encoder descends that and the divergence of the codes from N(0, 1); the decoder a share of that and what the discriminator gains; the
discriminator tells images from reconstructions and from decoded draws. All three see the weights of before the iteration.

Shapes: N images of a batch, L the length of a code.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganbench import Algorithm, AlgorithmContext, Ledger, Phase, logit_statistics
from ganbench_autoencoders.networks import divergence_of
from ganbench_autoencoders.options import VAEGANOptions
from ganbench_autoencoders.vae_gan import Discriminator, Encoder, ScaledGradient


class VAEGAN(Algorithm):
    """Encoder and decoder descend together, then the discriminator."""

    runners = ("eager", "cuda_graph")

    def __init__(self, context: AlgorithmContext) -> None:
        options = context.config.architecture.options
        assert isinstance(options, VAEGANOptions)
        context.require(d_steps=1, d_steps_boost=0, generator_batch_factor=1, dequantise=False, as_they_are="trains on images")
        self.ledger = Ledger(context.device)
        super().__init__(context, self.ledger)
        encoder, decoder, discriminator = (self.networks[name] for name in ("encoder", "decoder", "discriminator"))
        assert isinstance(encoder, Encoder)
        assert isinstance(discriminator, Discriminator)
        self._options, self._encoder, self._decoder, self._discriminator = options, encoder, decoder, discriminator
        self.optimise("generator", encoder, decoder)
        self.optimise("discriminator", discriminator)

    def phases(self) -> Sequence[Phase]:
        """Return the only one."""
        return (Phase("joint", self.joint_update, self.stage_real),)

    def joint_update(self) -> None:
        """Descend the autoencoder, then the discriminator on the images that were decoded before."""
        real = self.draw_real().samples
        noise, prior = self.draw_inputs(len(real)), self.draw_inputs(len(real))
        with self.frozen("discriminator"):
            loss, decoded = self.autoencoder_loss(real, noise, prior)
            self.step("generator", loss)
        self.update_averages()
        discriminator_loss, statistics = self.discriminator_loss(real, decoded.detach())
        self.step("discriminator", discriminator_loss)
        self.ledger.add_discriminator(discriminator_loss, statistics, None)
        self.ledger.add_generator(loss)

    def autoencoder_loss(self, real: Tensor, noise: Tensor, prior: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss of encoder and decoder, and reconstructions and decoded draws ``[2 N, ...]``.

        The encoder's gradient of the reconstruction is whole, and the decoder's the share that the option says: the gradient is enlarged
        between them. What the discriminator gains tells the encoder nothing.
        """
        share, count = self._options.reconstruction_share, len(real)
        with self.autocast():
            mean, log_std = (values.float() for values in self._encoder(real))
            codes = mean + log_std.exp() * noise
            again = self._decoder(ScaledGradient.apply(codes, 1 / share))
            of_again, of_real = self._discriminator.features(torch.cat([again, real])).float().flatten(1).split(count)
            decoded = self._decoder(torch.cat([codes.detach(), prior]))
            logits = self._discriminator(torch.cat([real, decoded]))[count:].float()
        reconstruction = 0.5 * (of_again - of_real).square().sum(1).mean()
        gained = -softplus(logits).mean()  # log(1 - D), which the decoder makes small as the article has it
        return divergence_of(mean, log_std) + share * reconstruction + (1 - share) * gained, decoded.float()

    def discriminator_loss(self, real: Tensor, decoded: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cross-entropy, images and decoded ones weighted as the option says, and the statistics ``[5]`` of the logits."""
        weight = self._options.real_weight
        with self.autocast():
            logits = self._discriminator(torch.cat([real, decoded])).float()
        of_real, of_decoded = logits[: len(real)], logits[len(real) :]
        loss = weight * softplus(-of_real).mean() + (1 - weight) * softplus(of_decoded).mean()
        return loss, logit_statistics(of_real, of_decoded)
