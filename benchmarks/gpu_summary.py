"""Sum up what benchmarks/gpu.sh has left in a folder so far: bar by bar, entry by entry, and every row that was not reached.

``python benchmarks/gpu_summary.py OUT_DIR [PART...]``; writes ``summary.md``. The exit code is 1 where an entry of these parts, or of any
without their names, did not end with 0. A bar that is missed is told and is no failure: it is what the measurement is for.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LARGE_BYTES = 134_000_000
_LATE = ("not reached", "the limit of", "interrupted", "no time was left", "made ready, and not timed")
"""How reasons begin of what was not reached, where another thing than a limit of time would have another reason."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Something that is to be at least as large as a number."""

    name: str
    least: float
    file: str
    value: Callable[[Any], float | None]
    """From the content of the file; None where it was not reached, or could not be measured there."""


def _entries(content: Any, loop: str, how: str = "", kernels: str = "") -> list[dict[str, Any]]:
    """Return the figures of the loops of ``bench step`` that have such a name."""
    wanted = {"loop": loop, "how": how, "kernels": kernels}
    return [row["measured"] for row in content["rows"] if row["measured"] and all(row["entry"][k] == v for k, v in wanted.items() if v)]


def step(field: str) -> Callable[[Any], float | None]:
    """Return what takes the median of a field of the faster of the captured loops with either choice of kernels."""

    def value(content: Any) -> float | None:
        found = [one[field]["median"] for one in _entries(content, "ganbench", "cuda_graph") if one[field]]
        return max(found, default=None)

    return value


def graph_over_eager(content: Any) -> float | None:
    """Return the speed of the captured loop over the eager one, each with the kernels that suit it."""
    graph, eager = ([one["samples_per_second"]["median"] for one in _entries(content, "ganbench", how)] for how in ("cuda_graph", "eager"))
    return max(graph) / max(eager) if graph and eager else None


def worst(op: str, wanted: str, figure: Callable[[dict[str, Any]], float | None]) -> Callable[[Any], float | None]:
    """Return what takes the worst figure of our large cases of an op's pass; None where one of them has none."""

    def value(content: Any) -> float | None:
        rows = [
            row
            for row in content["rows"]
            if (row["op"], row["wanted"], row["implementation"]) == (op, wanted, "ours") and row["num_bytes"] >= 2 * LARGE_BYTES
        ]
        figures = [figure(row["measured"]) if row["measured"] else None for row in rows]
        known = [one for one in figures if one is not None]
        return min(known) if known and len(known) == len(figures) else None

    return value


def _speedup(field: str) -> Callable[[dict[str, Any]], float | None]:
    return lambda measured: measured[field]["median"] if measured[field] else None


def right(content: Any) -> float | None:
    """Return the share of our rows that are right, of those that were tried."""
    tried = [row["status"] for row in content["rows"] if row["implementation"] == "ours" and row["status"] != "not run"]
    return sum(status == "ok" for status in tried) / len(tried) if tried else None


def passed(content: Any) -> float | None:
    """Return the share of tests that passed, of those that are not skipped."""
    counts: dict[str, int] = {}
    for file in content["files"].values():
        for kind, count in file["counts"].items():
            counts[kind] = counts.get(kind, 0) + count
    ran = sum(count for kind, count in counts.items() if kind not in ("skipped", "not reached"))
    return counts.get("passed", 0) / ran if ran else None


def ended_well(content: Any) -> float | None:
    """Return the share of runs that were completed, of those that this machine can do and that were begun."""
    begun = [row["status"] for row in content if row["status"] not in ("not here", "not run", "not reached")]
    return sum(status in ("complete", "ok") for status in begun) / len(begun) if begun else None


def together(content: Any) -> float | None:
    """Return the smallest gain of training seeds together over one after another."""
    rates: dict[str, dict[str, float]] = {}
    for row in content:
        if row["status"] == "ok" and (row["executor"] != "seeds" or (row["runners"], row["seeds"]) == (["seeds"], 64)):
            rates.setdefault(row["widths"], {})[row["executor"]] = row["samples_per_second"]
    gains = [one["seeds"] / one["local"] for one in rates.values() if len(one) == 2]
    return min(gains, default=None)


def agreement(content: Any) -> float | None:
    """Return 1 where every metric is the same on both devices, to 2 % or its own spread, else 0."""
    values: dict[str, dict[str, Any]] = {}
    for row in content:
        if row["status"] == "ok":
            values.setdefault(row["metric"], {})[row["device"]] = row
    pairs = [(one["cuda"], one["cpu"]) for one in values.values() if len(one) == 2]
    same = [abs(a["value"] - b["value"]) <= max(0.02 * abs(b["value"]), a["spread"] or 0, b["spread"] or 0) for a, b in pairs]
    return float(all(same)) if same else None


BARS = (
    Bar("every test passes: share", 1.0, "tests.json", passed),
    Bar("every op that was tried is right: share", 1.0, "kernels.json", right),
    *(
        Bar(f"bias_act {wanted}, maps of 134 MB and more: {what}", least, "kernels.json", worst("bias_act", wanted, figure))
        for wanted in ("forward", "backward")
        for what, least, figure in (
            ("% of copy", 90.0, lambda measured: measured["percent_of_copy"]),
            ("times eager", 2.5, _speedup("speedup_over_eager")),
            ("times torch.compile", 0.95, _speedup("speedup_over_compile")),
        )
    ),
    Bar("DCGAN-32, batch 64, TF32: captured over eager", 2.0, "step_dcgan32_tf32.json", graph_over_eager),
    Bar("DCGAN-64, batch 128, bf16: captured over the published loop", 3.0, "step_dcgan64_bf16.json", step("speedup_over_published")),
    Bar("DCGAN-64, batch 128, bf16: captured over its best torch.compile", 1.3, "step_dcgan64_bf16.json", step("speedup_over_compile")),
    Bar("every run ends well: share", 1.0, "runs.json", ended_well),
    Bar("metrics agree with the CPU's", 1.0, "evaluation.json", agreement),
    Bar("64 seeds together over one after another", 10.0, "many_seeds.json", together),
)
"""What the design asks of an H200; the last one is arithmetic's lower end (40 to 60 times for the smallest networks)."""


def judged(bar: Bar, out: Path) -> tuple[str, str]:
    """Return ``met``, ``missed`` or ``not reached``, and the figure."""
    content = read(out / bar.file)
    value = None if content is None else bar.value(content)
    if value is None:
        return "not reached", ""
    return "met" if value >= bar.least else "missed", f"{value:.4g}"


def read(path: Path) -> Any:
    """Return the content of a file, or None where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def not_reached(out: Path) -> list[str]:
    """Return what each file says that the time did not suffice for, a line each."""
    lines = []
    for path in sorted(out.glob("*.json")):
        content = read(path)
        if isinstance(content, list):
            for row in content:
                if row.get("status") in ("not run", "not reached", "stopped"):
                    lines.append(f"{path.name}: " + " ".join(str(v) for k, v in row.items() if k not in ("status", "whole_seconds")))
        elif isinstance(content, dict) and "files" in content:
            lines += [f"{path.name}: {file}::{test}" for file, one in content["files"].items() for test in one["not_reached"]]
        elif isinstance(content, dict):
            names = [_row(row) for row in content.get("rows", ()) if row["status"] == "not run" and row["reason"].startswith(_LATE)]
            lines += [f"{path.name}: {name}" for name in dict.fromkeys(names)]
    return lines


def _row(row: dict[str, Any]) -> str:
    if "entry" in row:
        return " ".join(filter(None, row["entry"].values()))
    size = "x".join(map(str, row["shape"]))
    return " ".join(filter(None, (row["op"], row["title"], row["variant"], size, row["dtype"], row["layout"], row["wanted"])))


def summary(out: Path) -> tuple[str, list[list[str]]]:
    """Return the summary as Markdown, and the entries: part, name, exit code and seconds."""
    path = out / "parts.tsv"
    parts = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    verdicts = [(bar, *judged(bar, out)) for bar in BARS]
    counts = {word: sum(verdict == word for _, verdict, _ in verdicts) for word in ("met", "missed", "not reached")}
    lines = [f"{len(BARS)} bars: " + ", ".join(f"{count} {word}" for word, count in counts.items()) + ".", ""]
    lines += ["| bar | at least | measured | |", "| --- | --- | --- | --- |"]
    lines += [f"| {bar.name} | {bar.least:g} | {value} | {verdict} |" for bar, verdict, value in verdicts]
    lines += ["", f"{sum(rc == '0' for _, _, rc, _ in parts)} of {len(parts)} entries ended with 0.", ""]
    lines += ["| part | entry | rc | seconds |", "| --- | --- | --- | --- |", *(f"| {' | '.join(part)} |" for part in parts), ""]
    late = not_reached(out)
    lines += [f"Not reached: {len(late)}", "", *(f"- {line}" for line in late), ""]
    lines += [f"- {path.name}: {path.stat().st_size / 1024:.1f} KiB" for path in sorted(out.iterdir()) if path.is_file()]
    return "\n".join(lines) + "\n", parts


if __name__ == "__main__":
    folder, called = Path(sys.argv[1]), sys.argv[2:]
    text, entries = summary(folder)
    (folder / "summary.md").write_text(text, encoding="utf-8")
    print(f"\n== summary\n{text}")
    raise SystemExit(1 if any(rc != "0" for part, _, rc, _ in entries if part in called or not called) else 0)
