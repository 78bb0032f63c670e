"""The options of both architectures; the text under a field is its help. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench import Settings, setting

Activation = Literal["leaky_relu", "relu", "tanh"]
Initialisation = Literal["torch", "glorot", "he", "normal", "uniform"]


@dataclass(frozen=True, kw_only=True, slots=True)
class MLPOptions(Settings):
    """Options of ``mlp``; the defaults are the PyTorch article's networks."""

    latent_dim: int = setting(100, least=1)
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
    """What follows the generator's hidden layers; a leaky ReLU has the slope 0.2."""
    discriminator_activation: Literal["leaky_relu", "relu", "tanh", "maxout"] = "leaky_relu"
    """What follows the discriminator's hidden layers; maxout takes the largest of several linear pieces."""
    maxout_pieces: int = setting(5, least=1)
    """Pieces of a maxout unit."""
    generator_norm: Literal["none", "batch", "batch-after-first"] = "none"
    """Batch norm behind the generator's hidden layers: behind none, all, or all but the first."""
    norm_eps: float = setting(1e-5, above=0)
    """Added to the variance in a batch norm."""
    norm_momentum: float = setting(0.1, above=0, most=1)
    """Weight of a batch in the running statistics of a batch norm."""
    generator_bias: bool = True
    """Whether the generator's hidden layers have biases; its last one has."""
    discriminator_input_dropout: float = setting(0.0, least=0, below=1)
    """Part of the discriminator's input that is dropped in training."""
    discriminator_dropout: float = setting(0.0, least=0, below=1)
    """Part of each of the discriminator's hidden layers that is dropped in training."""
    output: Literal["auto", "tanh", "sigmoid", "linear"] = "auto"
    """Range of the generator: tanh for images and linear for points (auto); with sigmoid both networks work in [0, 1] inside."""
    initialisation: Initialisation = "torch"
    """torch's own, Glorot's (uniform), He's (uniform, Glorot's in the last layers), or normal or uniform weights of a given scale."""
    generator_scale: float = setting(0.02, above=0)
    """Standard deviation of normal weights, or bound of uniform ones, in the generator."""
    discriminator_scale: float = setting(0.02, above=0)
    """The same in the discriminator."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        for name in ("generator_widths", "discriminator_widths"):
            widths = getattr(self, name)
            if not widths or min(widths) < 1:
                raise ValueError(f"{name} must be one number or more, each 1 or more (got {','.join(map(str, widths)) or 'none'})")


@dataclass(frozen=True, kw_only=True, slots=True)
class CGANOptions(Settings):
    """Options of ``cgan-mlp``; the defaults are the sizes of the paper's section 4.1."""

    latent_dim: int = setting(100, least=1)
    """Length of z, drawn from U(-1, 1)."""
    latent_width: int = setting(200, least=1)
    """Units of the generator's layer on z."""
    label_width: int = setting(1000, least=1)
    """Units of the generator's layer on the label."""
    joint_width: int = setting(1200, least=1)
    """Units of the generator's layer on both."""
    image_units: int = setting(240, least=1)
    """Maxout units of the discriminator's layer on the image."""
    image_pieces: int = setting(5, least=1)
    """Pieces of each."""
    label_units: int = setting(50, least=1)
    """Maxout units of the discriminator's layer on the label."""
    label_pieces: int = setting(5, least=1)
    """Pieces of each."""
    joint_units: int = setting(240, least=1)
    """Maxout units of the discriminator's layer on both."""
    joint_pieces: int = setting(4, least=1)
    """Pieces of each."""
    dropout: float = setting(0.5, least=0, below=1)
    """Part of each hidden layer that is dropped in training, in both networks."""
    scale: float = setting(0.05, above=0)
    """Bound of the generator's uniform weights; a tenth of it is the discriminator's, as in goodfeli/adversarial."""
