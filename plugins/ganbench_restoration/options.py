"""The options of the dataset and of the architectures; the text under a field is its help. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench import Settings, setting
from ganbench_reproduce.rows import check_once


@dataclass(frozen=True, kw_only=True, slots=True)
class RestoreOptions(Settings):
    """Options of ``restore``."""

    task: Literal["enlarge-x2", "enlarge-x4", "denoise", "colour", "inpaint", "deblur"] = "enlarge-x4"
    """What is to be restored: the size after a bicubic reduction with antialiasing, the image under Gaussian noise, its colours, the middle
    square, or what a Gaussian has blurred."""
    of: str = "photographs"
    """The dataset whose images are degraded; any of images."""
    of_options: tuple[str, ...] = ()
    """Options of that dataset, each as ``KEY=VALUE``."""
    path: str = setting("", part="place")
    """Its option ``path``."""
    resolution: int | None = setting(None, least=1)
    """Its option ``resolution``; unset: its own default."""
    noise: float = setting(25.0, above=0)
    """Standard deviation of the noise in grey levels of 255; denoise only."""
    blur: float = setting(1.6, above=0)
    """Standard deviation of the Gaussian in pixels; deblur only."""
    hole_size: float = setting(0.5, above=0, below=1)
    """Side of the hidden square as a fraction of the shorter side; inpaint only."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RestorationOptions(Settings):
    """What every restoring network may be told."""

    width: int = setting(64, least=1)
    """Channels of its features."""
    crop: int | None = setting(None, least=1)
    """Height and width in pixels of the random part of each pair that is trained on; unset: whole images. Evaluation is of whole images."""
    add_to_given: bool = False
    """Whether the network's output is added to what it is given, enlarged bicubically where it is smaller; then it begins as the trivial
    answer, with a last convolution of zeros. The published networks make the whole image."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SRResNetOptions(RestorationOptions):
    """Options of ``srresnet``; the defaults are the article's network."""

    num_blocks: int = setting(16, least=1)
    """Residual blocks."""
    outer_kernel: int = setting(9, least=1)
    """Height and width of the first and the last convolution; odd."""
    trunk_bias: bool = False
    """Whether the convolutions before batch norms have biases, which the norm takes out again."""

    def __post_init__(self) -> None:
        RestorationOptions.__post_init__(self)
        _odd(self.outer_kernel)


@dataclass(frozen=True, kw_only=True, slots=True)
class RRDBOptions(RestorationOptions):
    """Options of ``rrdb``; the defaults are ESRGAN's network."""

    num_blocks: int = setting(23, least=1)
    """Blocks of three dense blocks each."""
    growth: int = setting(32, least=1)
    """Channels that each convolution of a dense block adds."""


Content = Literal["fashion", "vgg19", "none"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SRGANOptions(SRResNetOptions):
    """Options of ``srgan``: SRResNet's, the discriminator's and the weights of the losses."""

    discriminator_width: int = setting(64, least=1)
    """Channels of the discriminator's first layer; doubled three times."""
    discriminator_hidden: int = setting(1024, least=1)
    """Units of its hidden layer."""
    pixel_weight: float = setting(1.0, least=0)
    """Weight of the mean squared error of pixels in [0, 1]."""
    content: Content = "fashion"
    """Whose features the content loss compares: a classifier's of clothing that ships with ganbench, or VGG19's with given weights."""
    content_weight: float = setting(1.0, least=0)
    """Weight of the mean squared error of those features."""
    adversarial_weight: float = setting(1e-3, above=0)
    """Weight of the adversarial loss."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ESRGANOptions(RRDBOptions):
    """Options of ``esrgan``: RRDB's, the discriminator's and the weights of the losses."""

    discriminator_width: int = setting(64, least=1)
    """Channels of the discriminator's first layer; doubled three times."""
    discriminator_hidden: int = setting(1024, least=1)
    """Units of its hidden layer."""
    pixel_weight: float = setting(1e-2, least=0)
    """Weight of the mean absolute error of pixels in [0, 1]."""
    content: Content = "fashion"
    """Whose features the content loss compares: a classifier's of clothing that ships with ganbench, or VGG19's with given weights."""
    content_weight: float = setting(1.0, least=0)
    """Weight of the mean absolute error of those features."""
    adversarial_weight: float = setting(5e-3, above=0)
    """Weight of the adversarial loss."""


def _odd(kernel: int) -> None:
    if kernel % 2 == 0:
        raise ValueError(f"outer_kernel must be odd (got {kernel})")


@dataclass(frozen=True, kw_only=True, slots=True)
class SuperResolutionOptions(Settings):
    """Options of the reproduction ``super-resolution``."""

    methods: tuple[Literal["srresnet", "srgan", "esrgan"], ...] = ("srresnet", "srgan")
    """The rows."""
    kimg: int = setting(20, least=1)
    """Thousands of crops that each is trained on; the learning rate falls to 0 over them."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        check_once("methods", self.methods)
