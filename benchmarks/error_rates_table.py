"""How often `ganbench ab` errs: resample collected process pairs into comparisons of the default size and count their verdicts.

``python benchmarks/error_rates_table.py FILE [--comparisons 2000] [--json OUT]`` reads what ``error_rates.py`` wrote and prints two tables.
A comparison takes as many pairs as the last look has and stops at the look where ``ganbench ab`` would have stopped, by its own functions
and its default policy. Pairs are drawn in three ways: anywhere, without replacement within a comparison; in order, as a run of pairs that
ran one after another, which shows whether neighbours depend on each other; and disjoint, in order and each pair once, which gives few
comparisons that share nothing. A slowdown that was not collected is made of the pairs of identical code, by dividing head's speeds.
The second table says how much the ratio of a pair varies by different estimators.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ganbench import Policy, rule_of
from ganbench_gate.findings import machine_of
from ganbench_gate.lockstep import SideResult
from ganbench_gate.paired import Pair, PairedMetric, compare_in_looks, log_shift

STATES = ("regressed", "improved", "unchanged", "inconclusive")
WANTED = (0.0, 5.0, 10.0)
"""Slowdowns in percent; made where they were not collected."""
MOST_WRONG, LEAST_SEEN = 0.01, 0.95
"""How often identical code may be called changed, and how often 10 percent must be seen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """The verdicts on the pairs of one slowdown."""

    plugin: str
    slowdown: float
    """Percent."""
    made: bool
    """Whether the slowdown was put on pairs of identical code."""
    drawn: str
    """``anywhere``, ``in order`` or ``disjoint``."""
    num_pairs: int
    """Collected."""
    mean: float
    """The mean of ln(head / base), images per second."""
    spread: float
    """Standard deviation of ln(head / base) from pair to pair."""
    neighbours: float
    """Correlation of one pair's ratio with the next one's."""
    comparisons: int
    counts: dict[str, int]
    pairs_used: float
    """Mean over the comparisons."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimator:
    """How one estimator of a pair's ln(head / base) behaves over the pairs of one slowdown."""

    plugin: str
    slowdown: float
    name: str
    bias: float
    """Mean minus what the slowdown should give."""
    spread: float
    """Standard deviation."""
    largest: float
    """Largest distance from what the slowdown should give."""


def rounds(pair: Pair) -> list[tuple[float, float, float, float]]:
    """Return the two base and the two head blocks of each round A B B A."""
    blocks = zip(pair.base[::2], pair.base[1::2], pair.head[::2], pair.head[1::2], strict=False)
    return list(blocks)


ESTIMATORS: dict[str, Callable[[Pair], float]] = {
    "shift of all blocks (used)": lambda pair: log_shift(pair.base, pair.head),
    "ratio of medians": lambda pair: math.log(statistics.median(pair.head) / statistics.median(pair.base)),
    "median of rounds": lambda pair: statistics.median(math.log((c + d) / (a + b)) for a, b, c, d in rounds(pair)),
    "mean of rounds": lambda pair: statistics.fmean(math.log(c * d / (a * b)) / 2 for a, b, c, d in rounds(pair)),
    "upper quartiles": lambda pair: math.log(quartile(pair.head) / quartile(pair.base)),
}


def quartile(values: Sequence[float]) -> float:
    """Return the speed that a quarter of the blocks exceed."""
    return statistics.quantiles(values, method="inclusive")[2]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--comparisons", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    lines = read(arguments.file)
    rows = list(tabulate(lines, arguments.comparisons, arguments.seed))
    estimators = list(estimated(lines))
    print("\n\n".join(filter(None, (conditions(lines), markdown(rows), *verdicts(rows), estimators_markdown(estimators)))))
    if arguments.json:
        whole = {"conditions": conditions(lines), "rows": [asdict(row) for row in rows], "estimators": [asdict(e) for e in estimators]}
        arguments.json.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def read(file: Path) -> list[dict[str, Any]]:
    """Return the pairs of a file in the order in which they ran, without a line that is still being written."""
    text = file.read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def tabulate(lines: Sequence[dict[str, Any]], comparisons: int, seed: int) -> Iterator[Row]:
    """Yield the rows of every plugin and slowdown."""
    for plugin in sorted({line["plugin"] for line in lines}):
        collected = {slowdown: pairs_of(lines, plugin, slowdown) for slowdown in {line["slowdown"] for line in lines}}
        for slowdown in sorted({*collected, *WANTED}):
            made = not collected.get(slowdown)
            pairs = slowed(collected.get(0.0, []), slowdown) if made else collected[slowdown]
            if len(pairs) >= Policy().looks[-1]:
                for drawn in ("anywhere", "in order", "disjoint"):
                    yield judged(pairs, plugin, slowdown, drawn, comparisons, random.Random(seed), made=made)


def pairs_of(lines: Sequence[dict[str, Any]], plugin: str, slowdown: float) -> list[Pair]:
    """Return the collected pairs of a slowdown."""
    mine = [line for line in lines if (line["plugin"], line["slowdown"]) == (plugin, slowdown)]
    return [Pair(base=tuple(line["base"]), head=tuple(line["head"])) for line in mine]


def slowed(pairs: Sequence[Pair], slowdown: float) -> list[Pair]:
    """Return pairs whose heads take so many percent longer."""
    return [Pair(base=pair.base, head=tuple(speed / (1 + slowdown / 100) for speed in pair.head)) for pair in pairs]


def judged(pairs: Sequence[Pair], plugin: str, slowdown: float, drawn: str, comparisons: int, rng: random.Random, *, made: bool) -> Row:
    """Return the verdicts on many draws."""
    policy, rule = Policy(), rule_of("samples_per_second")
    ratios = [log_shift(pair.base, pair.head) for pair in pairs]
    counts: Counter[str] = Counter(dict.fromkeys(STATES, 0))
    used = taken = 0
    for chosen in draws(pairs, drawn, comparisons, policy.looks[-1], rng):
        comparison, needed = compare_in_looks([PairedMetric(rule=rule, pairs=tuple(chosen))], policy)
        counts[comparison.findings[0].state] += 1
        used, taken = used + needed, taken + 1
    return Row(
        plugin=plugin,
        slowdown=slowdown,
        made=made,
        drawn=drawn,
        num_pairs=len(pairs),
        mean=statistics.fmean(ratios),
        spread=statistics.stdev(ratios),
        neighbours=statistics.correlation(ratios[:-1], ratios[1:]),
        comparisons=taken,
        counts=dict(counts),
        pairs_used=used / taken,
    )


def draws(pairs: Sequence[Pair], drawn: str, comparisons: int, size: int, rng: random.Random) -> Iterator[Sequence[Pair]]:
    """Yield the pairs of each comparison."""
    if drawn == "disjoint":
        yield from (pairs[start : start + size] for start in range(0, len(pairs) - size + 1, size))
        return
    for _ in range(comparisons):
        start = rng.randrange(len(pairs) - size + 1)
        yield rng.sample(pairs, size) if drawn == "anywhere" else pairs[start : start + size]


def estimated(lines: Sequence[dict[str, Any]]) -> Iterator[Estimator]:
    """Yield what every estimator makes of the collected pairs."""
    for plugin, slowdown in sorted({(line["plugin"], line["slowdown"]) for line in lines}):
        pairs, truth = pairs_of(lines, plugin, slowdown), -math.log1p(slowdown / 100)
        for name, estimate in ESTIMATORS.items() if len(pairs) > 1 else ():
            errors = [estimate(pair) - truth for pair in pairs]
            yield Estimator(
                plugin=plugin,
                slowdown=slowdown,
                name=name,
                bias=statistics.fmean(errors),
                spread=statistics.stdev(errors),
                largest=max(map(abs, errors)),
            )


def conditions(lines: Sequence[dict[str, Any]]) -> str:
    """Return under which conditions the pairs were collected."""
    loads = [line["load_before"] for line in lines]
    hours = (lines[-1]["finished"] - lines[0]["finished"]) / 3600
    blocks = statistics.median(len(line["base"]) for line in lines)
    return (
        f"{len(lines)} process pairs in {hours:.1f} hours, about {blocks:.0f} blocks a side; load of the machine before a pair "
        f"{statistics.median(loads):.1f} (from {min(loads):.1f} to {max(loads):.1f}); read on {machine_of(SideResult())}."
    )


def markdown(rows: Sequence[Row]) -> str:
    """Return the table of the verdicts."""
    head = "| code | slowdown | pairs | comparisons | head / base | spread | regressed | improved | unchanged | inconclusive | used |"
    lines = [head, "|" + " --- |" * (head.count("|") - 1)]
    for row in rows:
        shares = " | ".join(f"{row.counts[state] / row.comparisons:.2%}" for state in STATES)
        lines.append(
            f"| {row.plugin} | {row.slowdown:g} %{' (made)' if row.made else ''} | {row.num_pairs} | {row.comparisons}, {row.drawn} "
            f"| {math.exp(row.mean):.4f} | {row.spread:.2%} | {shares} | {row.pairs_used:.1f} |"
        )
    correlations = ", ".join(f"{row.neighbours:+.2f} ({row.slowdown:g} %)" for row in rows if row.drawn == "anywhere" and not row.made)
    told = (
        "head / base and spread are of the images per second of single pairs; used: mean number of pairs until the verdict; made: of "
        f"the pairs of identical code, head's speeds divided. Neighbouring pairs correlate by {correlations}."
    )
    return "\n".join([*lines, "", told])


def verdicts(rows: Sequence[Row]) -> Iterator[str]:
    """Yield for each plugin a sentence on what was promised, by the draws from anywhere."""
    for row in rows:
        if row.drawn != "anywhere" or row.made:
            continue
        share = {state: row.counts[state] / row.comparisons for state in STATES}
        if row.slowdown == 0:
            wrong = share["regressed"] + share["improved"]
            yield f"{row.plugin}: identical code is called changed in {wrong:.2%} (at most {MOST_WRONG:.0%}): {held(wrong <= MOST_WRONG)}."
        elif row.slowdown == 10:
            seen = share["regressed"]
            yield f"{row.plugin}: 10 % slower is called regressed in {seen:.2%} (at least {LEAST_SEEN:.0%}): {held(seen >= LEAST_SEEN)}."


def held(kept: bool) -> str:
    """Return the word for a promise."""
    return "held" if kept else "NOT held"


def estimators_markdown(estimators: Sequence[Estimator]) -> str:
    """Return the table of the estimators."""
    lines = ["| code | slowdown | estimator of a pair's ratio | bias | spread | largest error |", "|" + " --- |" * 6]
    lines += [f"| {e.plugin} | {e.slowdown:g} % | {e.name} | {e.bias:+.2%} | {e.spread:.2%} | {e.largest:.2%} |" for e in estimators]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
