"""The options of the family; the text under a field is its help. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench import Settings, setting
from ganbench_reproduce.rows import check_once


@dataclass(frozen=True, kw_only=True, slots=True)
class MovingDigitsOptions(Settings):
    """Options of ``moving-digits``."""

    frames: int = setting(16, least=2, most=256)
    """Frames of a clip."""
    stride: int = setting(1, least=1, most=16)
    """Moments from one frame to the next: with 2 a digit moves twice as far between frames, as where every second frame is left out."""
    resolution: int = setting(32, least=16, most=256)
    """Height and width of a frame; the digit is three eighths of that, and as much faster as the frame is larger than 32."""
    clips: int = setting(4000, least=2)
    """Clips in the train split; a fourth as many, of other handwriting, are held out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipsOptions(Settings):
    """Options of ``clips``."""

    path: str = setting(part="place")
    """A folder; each folder below it that holds frames is a sequence, and so is each animated GIF, WebP or PNG file."""
    frames: int = setting(16, least=2, most=256)
    """Frames of a clip; a longer sequence gives several clips, one behind the other."""
    stride: int = setting(1, least=1, most=256)
    """Which frames are used: 1 all, 4 every fourth, as in MoCoGAN's article."""
    resolution: int = setting(64, least=8, most=1024)
    """Height and width: the middle square of a frame is brought to that by Pillow's bilinear filter, which averages where it reduces."""
    grey: bool = False
    """Whether frames are made grey (luma); else they have three colours."""
    labels: bool = False
    """Whether the first-level folders are classes."""
    test_fraction: float = setting(0.0, least=0, below=1)
    """Part of the sequences that is held out, chosen by a fixed seed; the clips of a sequence are in one split."""
    on_error: Literal["fail", "skip"] = "fail"
    """What happens with a sequence that cannot be used: the run ends, or it is left out and noted."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if not self.path:
            raise ValueError("path must name a folder of clips (got ''); give it with -o path=DIR")


@dataclass(frozen=True, kw_only=True, slots=True)
class MoCoGANOptions(Settings):
    """Options of ``mocogan``; the defaults are the source's."""

    content_dim: int = setting(50, least=1)
    """Numbers of z that are the same in all frames of a clip."""
    motion_dim: int = setting(10, least=1)
    """Numbers of z that the recurrent network makes anew for each frame."""
    generator_width: int = setting(64, least=1)
    """Channels nearest to the frame; doubled with each halving."""
    discriminator_width: int = setting(64, least=1)
    """Channels nearest to the frame, of both discriminators."""
    clip_batch: int = setting(3, least=1)
    """Clips that the video discriminator judges whole; of each clip of the batch the image discriminator sees random frames."""
    frames_per_clip: int = setting(1, least=1)
    """Random frames of each clip that the image discriminator sees; DVD-GAN has 8."""
    half_size_clips: bool = False
    """Whether the video discriminator sees clips at half their height and width, as DVD-GAN's does."""
    conditional: bool = True
    """Whether the networks are told the class where there are classes: as a category of z, and as what the video discriminator names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VGANOptions(Settings):
    """Options of ``vgan``; the defaults are the source's."""

    latent_dim: int = setting(100, least=1)
    """Length of z."""
    generator_width: int = setting(64, least=1)
    """Channels nearest to the clip, of foreground and background; doubled with each halving."""
    discriminator_width: int = setting(64, least=1)
    """Channels nearest to the clip."""
    mask_weight: float = setting(0.1, least=0)
    """Weight of the mask's mean in the generator's loss, which keeps the background where nothing moves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MovingTableOptions(Settings):
    """Options of the reproduction ``moving-digits``."""

    rows: tuple[Literal["mocogan", "vgan"], ...] = ("mocogan", "vgan")
    """What is trained."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        check_once("rows", self.rows)
