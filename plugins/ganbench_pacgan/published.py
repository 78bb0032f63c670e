"""Table 1 of Lin et al. (2018), https://arxiv.org/abs/1712.04086: means with the +- that is printed behind them.

That +- is taken for a standard error over 10 runs. The authors' code (fjxmlzn/PacGAN) does not say what it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from ganbench_reproduce.experiment import PublishedFigure

_ROWS: dict[tuple[str, int], tuple[tuple[float, float], ...]] = {
    ("ring", 1): ((6.3, 0.5), (98.2, 0.2), (0.45, 0.09)),
    ("ring", 2): ((7.9, 0.1), (95.6, 2.0), (0.07, 0.03)),
    ("ring", 3): ((7.8, 0.1), (97.7, 0.3), (0.10, 0.02)),
    ("ring", 4): ((7.8, 0.1), (95.9, 1.4), (0.07, 0.02)),
    ("grid", 1): ((17.3, 0.8), (94.8, 0.7), (0.70, 0.07)),
    ("grid", 2): ((23.8, 0.7), (91.3, 0.8), (0.13, 0.04)),
    ("grid", 3): ((24.6, 0.4), (94.2, 0.4), (0.06, 0.02)),
    ("grid", 4): ((24.8, 0.2), (93.6, 0.6), (0.04, 0.01)),
}
"""By data and packing: modes captured, high-quality samples in percent, reverse KL in nats."""
_COLUMNS = ("modes", "high_quality", "reverse_kl")


def figures(data: str, packing: int) -> Mapping[str, PublishedFigure]:
    """Return the published row by column; empty for a packing that the table lacks."""
    row = _ROWS.get((data, packing), ())
    return {name: PublishedFigure(value=value, error=error) for name, (value, error) in zip(_COLUMNS, row, strict=False)}
