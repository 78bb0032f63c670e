"""The last line of a run: what came out, in one sentence."""

from __future__ import annotations

from ganbench.record.record import RunRecord


def result_sentence(record: RunRecord, where: str) -> str:
    """Return who reached which value of the first metric (best and floor beside it), after how many images, how fast, and where it lies."""
    who = f"{record.name} on {record.dataset}, seed {record.seed}"
    how = f"after {record.work.samples_seen / 1000:.1f} kimg at {record.throughput.samples_per_second:,.0f} images/s"
    ending = f"; everything is in {where}"
    if record.status == "diverged":
        return f"{who}: diverged {how}: {record.status_detail}{ending}"
    if not record.metric_names:
        return f"{who}: trained {how}{ending}"
    name = record.metric_names[0]
    final, best = record.final(name), record.best(name)
    floor = "" if final.floor is None else f", floor {final.floor:.3g}"
    collapsed = " (collapsed)" if record.collapsed else ""
    return f"{who}: {final.label} {final.value:.4g}{collapsed} (best {best.value:.4g}{floor}) {how}{ending}"
