"""A detector of anomalies (f-AnoGAN, Schlegl et al. 2019): an encoder trained beside a GAN that has seen one digit only."""

from collections.abc import Iterator

from ganbench import ArchitectureSpec, DatasetSpec, MetricSpec, PluginSpec, Quantity, hookimpl


@hookimpl
def ganbench_register() -> Iterator[PluginSpec]:
    """Register what is trained, on what, and how it is measured."""
    factory, algorithm = "proof_detector.model:build", "proof_detector.model:Detector"
    yield ArchitectureSpec(name="detector", summary="a GAN and its encoder", factory=factory, algorithm=algorithm)
    yield DatasetSpec(
        name="one-digit",
        summary="zeros to train on; zeros and others held out, as 0 and 1",
        factory="proof_detector.data:build",
        metrics=("rocarea",),
    )
    yield MetricSpec(
        name="rocarea",
        summary="how often an anomaly has a higher score than a normal sample",
        factory="proof_detector.metric:AUROC",
        quantities=(Quantity(name="rocarea", label="AUROC", higher_is_better=True),),
        looks_at="scores",
    )
