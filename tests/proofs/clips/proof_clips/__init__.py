"""Clips: moving squares as a dataset, a GAN of three-dimensional convolutions, and an extractor of motion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ganbench import ArchitectureSpec, DatasetSpec, ExtractorSpec, PluginSpec, Settings, hookimpl, setting
from proof_clips.options import SquareOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipOptions(Settings):
    """Options of both networks."""

    width: int = setting(8, least=1)
    """Channels at the full size."""


SQUARES = DatasetSpec(
    name="squares", summary="moving squares", factory="proof_clips.squares:build", options=SquareOptions, extractor="motion"
)


@hookimpl
def ganbench_register() -> Iterator[PluginSpec]:
    """Register all three."""
    yield ArchitectureSpec(name="clip-gan", summary="clips", factory="proof_clips.model:build", options=ClipOptions, spaces=("clips",))
    yield SQUARES
    yield ExtractorSpec(name="motion", summary="means of frames and of their changes", factory="proof_clips.motion:build")
