"""The options of the family; the text under a field is its help. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench import Settings, setting
from ganbench_reproduce.rows import check_once


@dataclass(frozen=True, kw_only=True, slots=True)
class BundledOptions(Settings):
    """Options of the tables that scikit-learn ships."""

    max_modes: int = setting(10, least=1, most=100)
    """Modes at most of a column of numbers; 1 standardises it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MixtureOptions(Settings):
    """Options of ``mixture-rows``."""

    num_rows: int = setting(4000, least=10)
    """Rows to train on, drawn once; a quarter as many are held out."""
    seed: int = setting(0, least=0, most=2**63 - 1)
    """Seed of the rows, the same for every run unless it is set."""
    max_modes: int = setting(10, least=1, most=100)
    """Modes at most of a column of numbers; 1 standardises it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TableOptions(Settings):
    """Options of ``table``."""

    path: str = setting(part="place")
    """A CSV file with a header, or a Parquet file (.parquet, .pq; needs pyarrow)."""
    target: str = ""
    """The column that a classifier is to predict, for ``tstr``."""
    categories: tuple[str, ...] = ()
    """Columns that hold categories although they look like numbers."""
    drop: tuple[str, ...] = ()
    """Columns that are left out: names, keys, dates."""
    delimiter: Literal["auto", "comma", "semicolon", "tab", "bar"] = "auto"
    """What stands between fields of a CSV file; auto takes what the header has most of."""
    missing: Literal["fill", "drop"] = "fill"
    """fill: a missing number is the train split's median, a missing category one of its own; drop: such rows are left out."""
    test_fraction: float = setting(0.2, above=0, below=1)
    """Part of the rows that is held out, chosen by a fixed seed, with the shares of the target's categories."""
    max_modes: int = setting(10, least=1, most=100)
    """Modes at most of a column of numbers; 1 standardises it."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if not self.path:
            raise ValueError("path must name a CSV or Parquet file (got ''); give it with -o path=FILE")


@dataclass(frozen=True, kw_only=True, slots=True)
class CTGANOptions(Settings):
    """Options of ``ctgan``; the defaults are the article's networks."""

    latent_dim: int = setting(128, least=1)
    """Length of z."""
    generator_widths: tuple[int, ...] = (256, 256)
    """Units of the generator's residual layers, each of which is put beside its input."""
    discriminator_widths: tuple[int, ...] = (256, 256)
    """Units of the discriminator's layers."""
    dropout: float = setting(0.5, least=0, below=1)
    """Part of each of the discriminator's layers that is dropped in training."""
    temperature: float = setting(0.2, above=0)
    """Of the Gumbel-softmax behind modes and categories."""
    condition: bool = True
    """Whether a category is asked for, and real rows are drawn to match; without it rows are drawn evenly."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        for name in ("generator_widths", "discriminator_widths"):
            widths = getattr(self, name)
            if not widths or min(widths) < 1:
                raise ValueError(f"{name} must be one number or more, each 1 or more (got {','.join(map(str, widths)) or 'none'})")


@dataclass(frozen=True, kw_only=True, slots=True)
class TSTROptions(Settings):
    """Options of ``tstr``."""

    classifier: Literal["forest", "adaboost", "tree", "logistic"] = "forest"
    """scikit-learn's random forest, AdaBoost, decision tree or logistic regression, each with its defaults."""
    seed: int = setting(0, least=0, most=2**32 - 1)
    """The classifier's."""


_Method = Literal["ctgan", "gaussian-copula", "independent-marginals"]
_Table = Literal["iris", "wine", "breast-cancer", "mixture-rows"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RowsTableOptions(Settings):
    """Options of the reproduction ``ctgan-tables``."""

    rows: tuple[_Method, ...] = ("ctgan", "gaussian-copula", "independent-marginals")
    """What is trained on each table."""
    tables: tuple[_Table, ...] = ("iris", "wine", "breast-cancer", "mixture-rows")
    """The datasets: those with a category to predict."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        check_once("rows", self.rows)
        check_once("tables", self.tables)
