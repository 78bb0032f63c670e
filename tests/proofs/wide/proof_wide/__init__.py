"""Images that are not square: a dataset of them, and a GAN that makes them."""

from collections.abc import Iterator

from ganbench import ArchitectureSpec, DatasetSpec, PluginSpec, hookimpl


@hookimpl
def ganbench_register() -> Iterator[PluginSpec]:
    """Register both."""
    yield ArchitectureSpec(name="wide", summary="images of any height and width", factory="proof_wide.model:build", spaces=("images",))
    yield DatasetSpec(name="sunsets", summary="suns over horizons, 3x16x24", factory="proof_wide.data:build", extractor="digits")
