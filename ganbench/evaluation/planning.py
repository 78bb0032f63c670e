"""Which metrics a run has: those that its configuration names, the dataset's own, or none."""

from __future__ import annotations

from ganbench.config.resolve import Resolved
from ganbench.evaluation.naming import PlannedMetric, plan_metrics
from ganbench.plugin.manager import PluginManager
from ganbench.spec import DatasetSpec, ExtractorSpec, MetricSpec


def planned_metrics(resolved: Resolved, manager: PluginManager) -> tuple[PlannedMetric, ...]:
    """Return the metrics of a run: named ones, the dataset's own, or none.

    Raises:
        ConfigError: an unknown name, or a name that its extractor may not bear.
    """
    spec, names = resolved.dataset.spec, resolved.config.evaluation.metrics
    assert isinstance(spec, DatasetSpec)
    if names == ("auto",):
        names = spec.metrics
    if names == ("none",):
        names = ()
    metrics = {r.spec.name: r.spec for r in manager.specs("metric") if isinstance(r.spec, MetricSpec)}
    extractors = {r.spec.name: r.spec for r in manager.specs("extractor") if isinstance(r.spec, ExtractorSpec)}
    return plan_metrics(names, metrics, extractors, spec.extractor)
