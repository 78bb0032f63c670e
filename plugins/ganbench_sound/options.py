"""The options of the family; the text under a field is its help. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench import Settings, setting
from ganbench_reproduce.rows import check_once

_LEAST_LENGTH, _MOST_LENGTH = 256, 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class WaveGANOptions(Settings):
    """Options of ``wavegan``; the defaults are the article's networks, which know no labels."""

    latent_dim: int = setting(100, least=1)
    """Length of z, drawn from U(-1, 1)."""
    width: int = setting(64, least=1)
    """Channels nearest to the sound; doubled with each quartering of the length."""
    phase_shuffle: int = setting(2, least=0, most=7)
    """Samples by which each but the last of the discriminator's feature maps is moved at most, either way; 0 for none."""
    conditional: bool = False
    """Whether the networks are told the class: a learned vector beside z, and a projection in the discriminator."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpokenDigitsOptions(Settings):
    """Options of ``spoken-digits``."""

    source: Literal["auto", "espeak-ng", "tones"] = "auto"
    """Who speaks: espeak-ng, or a synthesiser of tones that needs nothing; auto takes tones where the program espeak-ng is not there."""
    rate: int = setting(8000, least=2000, most=22_050)
    """Samples a second."""
    length: int = setting(4096, least=_LEAST_LENGTH, most=_MOST_LENGTH)
    """Samples of a sound: what is longer is cut at its end, what is shorter is padded there."""
    takes: int = setting(4, least=1, most=100)
    """How often each voice says each digit, each time at another speed and pitch."""
    voices: int = setting(40, least=2, most=40)
    """Voices in the train split; a fourth as many, always others, are held out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CutOptions(Settings):
    """How files become sounds of one length."""

    rate: int = setting(16_000, least=2000, most=192_000)
    """Samples a second; files of other rates are resampled (polyphase, Kaiser window of 5), several channels are averaged."""
    length: int = setting(16_384, least=_LEAST_LENGTH, most=_MOST_LENGTH)
    """Samples of a sound."""
    fit: Literal["start", "middle", "slices"] = "start"
    """start: the first samples; middle: those in the middle; slices: all, piece behind piece. What is short is padded with zeros."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SoundsOptions(CutOptions):
    """Options of ``sounds``."""

    path: str = setting(part="place")
    """A folder; all WAV and FLAC files below it are used (FLAC needs soundfile)."""
    labels: bool = False
    """Whether the first-level folders are classes."""
    test_fraction: float = setting(0.0, least=0, below=1)
    """Part of the files that is held out, chosen by a fixed seed."""
    on_error: Literal["fail", "skip"] = "fail"
    """What happens with a file that cannot be decoded: the run ends, or it is left out and noted."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if not self.path:
            raise ValueError("path must name a folder of WAV or FLAC files (got ''); give it with -o path=DIR")


@dataclass(frozen=True, kw_only=True, slots=True)
class SpecGANOptions(Settings):
    """Options of ``specgan``; the defaults are the article's networks, which know no labels."""

    latent_dim: int = setting(100, least=1)
    """Length of z, drawn from U(-1, 1)."""
    width: int = setting(64, least=1)
    """Channels at half the spectrogram's size; doubled with each halving."""
    griffin_lim: int = setting(16, least=0, most=1000)
    """Iterations that find the phases of a generated spectrogram."""
    conditional: bool = False
    """Whether the networks are told the class, as ``wavegan`` tells them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpokenTableOptions(Settings):
    """Options of the reproduction ``wavegan-spoken-digits``."""

    rows: tuple[Literal["wavegan", "specgan"], ...] = ("wavegan", "specgan")
    """What is trained."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        check_once("rows", self.rows)
