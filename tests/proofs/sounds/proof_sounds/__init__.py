"""Sounds: tones as a dataset, a GAN of one-dimensional convolutions, and spectra to judge it by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ganbench import ArchitectureSpec, DatasetSpec, ExtractorSpec, PluginSpec, Settings, hookimpl, setting


@dataclass(frozen=True, kw_only=True, slots=True)
class WaveOptions(Settings):
    """Options of both networks."""

    width: int = setting(8, least=1)
    """Channels at the full length; doubled with each quartering."""
    conditional: bool = setting(True)
    """Whether the networks are told the class, where there are any."""


@hookimpl
def ganbench_register() -> Iterator[PluginSpec]:
    """Register all three."""
    yield ArchitectureSpec(
        name="wave-gan", summary="WaveGAN", factory="proof_sounds.model:build", options=WaveOptions, spaces=("sounds",), conditional=True
    )
    yield DatasetSpec(name="tones", summary="four pitches", factory="proof_sounds.tones:build", metrics=("fd100_spectra",))
    yield ExtractorSpec(name="spectra", summary="levels of bands", factory="proof_sounds.spectra:build")
