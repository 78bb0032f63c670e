"""The options of both architectures; the text under a field is its help. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench.config.values import at_least, fraction

Activation = Literal["leaky_relu", "relu", "tanh"]
Initialisation = Literal["torch", "glorot", "he", "normal", "uniform"]


@dataclass(frozen=True, kw_only=True, slots=True)
class MLPOptions:
    """Options of ``mlp``; the defaults are the PyTorch article's networks."""

    latent_dim: int = 100
    """Length of z."""
    latents: Literal["normal", "uniform"] = "normal"
    """Distribution of z: N(0, 1), or U(-1, 1)."""
    generator_widths: tuple[int, ...] = (256, 512, 1024)
    """Units of the generator's hidden layers, from z to the image."""
    discriminator_widths: tuple[int, ...] = (512, 256)
    """Units of the discriminator's hidden layers, from the image to the logit."""
    conditional: bool | None = None
    """Use labels: one-hot beside z and beside the image; unset: where there are any."""
    generator_activation: Activation = "leaky_relu"
    """Of the generator's hidden layers; a leaky ReLU has the slope 0.2."""
    discriminator_activation: Literal["leaky_relu", "relu", "tanh", "maxout"] = "leaky_relu"
    """Of the discriminator's hidden layers; maxout takes the largest of several linear pieces."""
    maxout_pieces: int = 5
    """Pieces of a maxout unit."""
    generator_norm: Literal["none", "batch", "batch-after-first"] = "none"
    """Batch norm behind the generator's hidden layers: behind none, all, or all but the first."""
    norm_eps: float = 1e-5
    """Added to the variance in a batch norm."""
    norm_momentum: float = 0.1
    """Weight of a batch in the running statistics of a batch norm."""
    generator_bias: bool = True
    """Whether the generator's hidden layers have biases; its last one has."""
    discriminator_input_dropout: float = 0.0
    """Part of the discriminator's input that is dropped in training."""
    discriminator_dropout: float = 0.0
    """Part of each of the discriminator's hidden layers that is dropped in training."""
    output: Literal["auto", "tanh", "sigmoid", "linear"] = "auto"
    """Range of the generator: tanh for images and linear for points (auto); with sigmoid both networks work in [0, 1] inside."""
    initialisation: Initialisation = "torch"
    """torch's own, Glorot's (uniform), He's (uniform, Glorot's in the last layers), or normal or uniform weights of a given scale."""
    generator_scale: float = 0.02
    """Standard deviation of normal weights, or bound of uniform ones, in the generator."""
    discriminator_scale: float = 0.02
    """The same in the discriminator."""

    def __post_init__(self) -> None:
        at_least(1, latent_dim=self.latent_dim, maxout_pieces=self.maxout_pieces)
        for name in ("generator_widths", "discriminator_widths"):
            widths = getattr(self, name)
            if not widths or min(widths) < 1:
                raise ValueError(f"{name} must be one number or more, each 1 or more (got {','.join(map(str, widths)) or 'none'})")
        for name in ("norm_eps", "generator_scale", "discriminator_scale"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0 (got {getattr(self, name)})")
        if not 0 < self.norm_momentum <= 1:
            raise ValueError(f"norm_momentum must be above 0 and at most 1 (got {self.norm_momentum})")
        fraction(discriminator_input_dropout=self.discriminator_input_dropout, discriminator_dropout=self.discriminator_dropout)


@dataclass(frozen=True, kw_only=True, slots=True)
class CGANOptions:
    """Options of ``cgan-mlp``; the defaults are the sizes of the paper's section 4.1."""

    latent_dim: int = 100
    """Length of z, drawn from U(-1, 1)."""
    latent_width: int = 200
    """Units of the generator's layer on z."""
    label_width: int = 1000
    """Units of the generator's layer on the label."""
    joint_width: int = 1200
    """Units of the generator's layer on both."""
    image_units: int = 240
    """Maxout units of the discriminator's layer on the image."""
    image_pieces: int = 5
    """Pieces of each."""
    label_units: int = 50
    """Maxout units of the discriminator's layer on the label."""
    label_pieces: int = 5
    """Pieces of each."""
    joint_units: int = 240
    """Maxout units of the discriminator's layer on both."""
    joint_pieces: int = 4
    """Pieces of each."""
    dropout: float = 0.5
    """Part of each hidden layer that is dropped in training, in both networks."""
    scale: float = 0.05
    """Bound of the generator's uniform weights; a tenth of it is the discriminator's, as in goodfeli/adversarial."""

    def __post_init__(self) -> None:
        at_least(1, latent_dim=self.latent_dim, latent_width=self.latent_width, label_width=self.label_width, joint_width=self.joint_width)
        at_least(1, image_units=self.image_units, image_pieces=self.image_pieces, label_units=self.label_units)
        at_least(1, label_pieces=self.label_pieces, joint_units=self.joint_units, joint_pieces=self.joint_pieces)
        fraction(dropout=self.dropout)
        if not self.scale > 0:
            raise ValueError(f"scale must be above 0 (got {self.scale})")
