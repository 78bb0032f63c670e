"""How often `ganbench ab` errs: resample collected process pairs into comparisons of the default size and count their verdicts.

``python benchmarks/error_rates_table.py FILE [--comparisons 2000] [--json OUT]`` reads what ``error_rates.py`` wrote and prints a table.
Each comparison draws as many pairs as the last look has, without replacement, and stops at the look where ``ganbench ab`` would have
stopped. It is done twice: with pairs from anywhere, and with pairs that ran one after another, which shows whether neighbours depend on
each other.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ganbench.compare import RULES, Pair, PairedMetric, Policy, compare_in_looks

STATES = ("regressed", "improved", "unchanged", "inconclusive")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """The verdicts on the pairs of one slowdown."""

    plugin: str
    slowdown: float
    """Percent."""
    drawn: str
    """``anywhere`` or ``in order``."""
    num_pairs: int
    """Collected."""
    mean: float
    """Of ln(head / base)."""
    spread: float
    """Standard deviation of ln(head / base) from pair to pair."""
    neighbours: float
    """Correlation of one pair's ratio with the next one's."""
    comparisons: int
    counts: dict[str, int]
    pairs_used: float
    """Mean over the comparisons."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--comparisons", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = list(tabulate(arguments.file, arguments.comparisons, arguments.seed))
    print(markdown(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")


def tabulate(file: Path, comparisons: int, seed: int) -> Iterator[Row]:
    """Yield the rows of every plugin and slowdown in a file."""
    text = file.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
    for plugin, slowdown in sorted({(line["plugin"], line["slowdown"]) for line in lines}):
        mine = [line for line in lines if (line["plugin"], line["slowdown"]) == (plugin, slowdown)]
        if len(mine) < Policy().looks[-1]:
            continue
        for drawn in ("anywhere", "in order"):
            yield judged(mine, plugin, slowdown, drawn, comparisons, random.Random(seed))


def judged(lines: Sequence[dict], plugin: str, slowdown: float, drawn: str, comparisons: int, rng: random.Random) -> Row:
    """Return the verdicts on many draws."""
    policy, rule = Policy(), RULES["images_per_second"]
    pairs = [Pair(base=tuple(line["base"]), head=tuple(line["head"])) for line in lines]
    ratios, size = [line["log_ratio"] for line in lines], policy.looks[-1]
    counts: Counter[str] = Counter(dict.fromkeys(STATES, 0))
    used = 0
    for _ in range(comparisons):
        start = rng.randrange(len(pairs) - size + 1)
        chosen = rng.sample(pairs, size) if drawn == "anywhere" else pairs[start : start + size]
        comparison, taken = compare_in_looks([PairedMetric(rule=rule, pairs=tuple(chosen))], policy)
        counts[comparison.findings[0].state] += 1
        used += taken
    return Row(
        plugin=plugin,
        slowdown=slowdown,
        drawn=drawn,
        num_pairs=len(pairs),
        mean=statistics.fmean(ratios),
        spread=statistics.stdev(ratios),
        neighbours=statistics.correlation(ratios[:-1], ratios[1:]),
        comparisons=comparisons,
        counts=dict(counts),
        pairs_used=used / comparisons,
    )


def markdown(rows: Sequence[Row]) -> str:
    """Return the table."""
    head = "| code | slowdown | pairs, drawn | mean head / base | spread | regressed | improved | unchanged | inconclusive | pairs used |"
    lines = [head, "|" + " --- |" * (head.count("|") - 1)]
    for row in rows:
        shares = " | ".join(f"{row.counts[state] / row.comparisons:.2%}" for state in STATES)
        lines.append(
            f"| {row.plugin} | {row.slowdown:g} % | {row.num_pairs}, {row.drawn} | {math.exp(row.mean):.4f} | {row.spread:.2%} | {shares} "
            f"| {row.pairs_used:.1f} |"
        )
    number = rows[0].comparisons if rows else 0
    told = "Mean and spread are of the images per second of process pairs; neighbouring pairs correlate by "
    correlations = ", ".join(f"{row.neighbours:+.2f} ({row.slowdown:g} %)" for row in rows if row.drawn == "anywhere")
    return "\n".join([*lines, "", f"{number} comparisons in each row. {told}{correlations}."])


if __name__ == "__main__":
    main()
