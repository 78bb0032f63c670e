"""Enlargement by four (after SRGAN, Ledig et al. 2017): small images from the data, and a right answer for each."""

from collections.abc import Iterator

from ganbench import ArchitectureSpec, MetricSpec, PluginSpec, Quantity, hookimpl


@hookimpl
def ganbench_register() -> Iterator[PluginSpec]:
    """Register the model and its metric."""
    factory, algorithm = "proof_enlargement.model:build", "proof_enlargement.model:Enlargement"
    yield ArchitectureSpec(name="enlarge", summary="four times as large", factory=factory, algorithm=algorithm, spaces=("images",))
    yield MetricSpec(
        name="psnr",
        summary="the peak signal-to-noise ratio to the targets",
        factory="proof_enlargement.metric:PSNR",
        quantities=(Quantity(name="psnr", label="PSNR", higher_is_better=True),),
        looks_at="targets",
    )
