"""Table 1 of Lin et al. (2018) as an experiment: its cells, its columns, and what a reader of the table must know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

from ganbench_pacgan import PacGANOptions
from ganbench_pacgan.cell import CellRun
from ganbench_pacgan.published import figures
from ganbench_reproduce.experiment import ExperimentCell, ExperimentColumn, ExperimentRun, ExperimentSetup
from ganbench_toy.distributions import Modes, ceiling, grid25, ring8

_DATA: dict[str, tuple[str, Callable[[], Modes]]] = {"ring": ("2D ring", ring8), "grid": ("2D grid", grid25)}
_CHOICES = ("data", "packings", "runner")
"""Options that choose among cells or change no number."""


class Table1:
    """An :class:`ganbench.Experiment`.

    Args:
        options: which cells, and the protocol.
    """

    columns = (
        ExperimentColumn(name="modes", label="modes", digits=1),
        ExperimentColumn(name="high_quality", label="high quality (%)", digits=1),
        ExperimentColumn(name="reverse_kl", label="reverse KL (nats)", digits=2),
        ExperimentColumn(name="reverse_kl_good", label="reverse KL of good samples", digits=2),
    )
    interval_name = "epochs"
    num_seeds = 10
    error_name = "as printed, taken for a standard error over 10 runs"

    def __init__(self, options: PacGANOptions) -> None:
        self._options, self.intervals = options, options.epochs
        self._wanted = {f"{data}-{packing}": (data, packing) for data in options.data for packing in options.packings}
        self.cells = tuple(
            ExperimentCell(
                name=name,
                label=f"{_DATA[data][0]}, {'GAN' if packing == 1 else f'PacGAN{packing}'}",
                published=figures(data, packing),
            )
            for name, (data, packing) in self._wanted.items()
        )
        self.notes = (*_departures(options), *_notes())

    def start(self, setup: ExperimentSetup) -> ExperimentRun:
        """Return a cell before its first step."""
        data, packing = self._wanted[setup.cell]
        return CellRun(setup, self._options, _DATA[data][1](), packing)


def build(options: PacGANOptions) -> Table1:
    """Build the experiment from its options."""
    return Table1(options)


def _departures(options: PacGANOptions) -> tuple[str, ...]:
    """Say which options are not the published protocol."""
    changed = [f.name for f in fields(options) if f.name not in _CHOICES and getattr(options, f.name) != f.default]
    return (f"not the published protocol: {', '.join(f'{n}={getattr(options, n)}' for n in changed)}",) if changed else ()


def _notes() -> tuple[str, ...]:
    return (
        f"the data themselves score {100 * ceiling():.2f} % high quality: a sample is good within 3 standard deviations of its mode",
        "scores are of 2500 samples from fixed latents after the last epoch, by the generator's averaged statistics",
        "reverse KL counts every sample at its closest mode, that of good samples those within 3 standard deviations of it; the source's "
        "code counts good samples only, and logs the entropy and the Jensen-Shannon divergence of their shares, not this divergence",
        "Adam is torch's: the source's lets beta1 decay by a factor of 1 - 1e-8 each step",
        "weights, data and latents come from other random streams than the source's",
    )
