"""Train on synthetic, test on real: what a classifier that has seen only generated rows knows of real held-out ones.

Esteban et al. (2017), https://arxiv.org/abs/1706.02633, call it TSTR; Xu et al. (2019) rank generators of tables by it. The classifier is
scikit-learn's with its defaults, its inputs are numbers in standard deviations of what it was trained on and one-hot categories. F1 is the
mean over the categories of the target, rare ones counting as much as common ones; where the article has two categories it takes that of one
of them, so its figures are not these. Real against real is the same classifier trained on the real train rows.

Shapes: N rows, F numbers of a row as the classifier sees it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganbench import Needs, SampleSet, UnsuitableError
from ganbench_rows.columns import Category
from ganbench_rows.options import TSTROptions
from ganbench_rows.space import RowSpace, rows_of

_LEAST_STD = 1e-12
_Features = NDArray[np.float64]


def make_classifier(options: TSTROptions) -> Any:
    """Return a classifier of scikit-learn, untrained."""
    from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.tree import DecisionTreeClassifier

    if options.classifier == "logistic":
        return LogisticRegression(max_iter=1000, random_state=options.seed)
    kinds = {"forest": RandomForestClassifier, "adaboost": AdaBoostClassifier, "tree": DecisionTreeClassifier}
    return kinds[options.classifier](random_state=options.seed)


def target_of(space: RowSpace) -> int:
    """Return the place of the target among the columns.

    Raises:
        UnsuitableError: there is none, or it holds numbers.
    """
    if not space.target:
        raise UnsuitableError("tstr needs a target, and this table names none", hint="name a column with -o dataset.target=NAME")
    place = next(i for i, column in enumerate(space.columns) if column.name == space.target)
    if not isinstance(space.columns[place], Category):
        what = f"tstr needs a target with categories, and {space.target!r} holds numbers"
        raise UnsuitableError(what, hint="choose another metric or another target")
    return place


def as_features(space: RowSpace, rows: Tensor, target: int) -> _Features:
    """Return all columns but the target, ``[N, F]``: numbers as they are, categories one-hot."""
    parts = []
    for place, column in enumerate(space.columns):
        values = rows[:, place].double()
        if place == target:
            continue
        one_hot = (values[:, None] == torch.arange(column.width)).double() if isinstance(column, Category) else values[:, None]
        parts.append(one_hot)
    return torch.cat(parts, dim=1).numpy()


def tstr(space: RowSpace, trained_on: Tensor, tested_on: Tensor, options: TSTROptions) -> tuple[float, float]:
    """Return accuracy and mean F1 on rows ``[N, C]`` of a classifier that was trained on others.

    Raises:
        UnsuitableError: the table has no target with categories.
    """
    from sklearn.metrics import f1_score

    target = target_of(space)
    seen, asked = (as_features(space, rows, target) for rows in (trained_on, tested_on))
    right, answers = (rows[:, target].long().numpy() for rows in (tested_on, trained_on))
    if (answers == answers[0]).all():
        said = np.full(len(right), answers[0])
    else:
        centre, scale = seen.mean(0), np.maximum(seen.std(0), _LEAST_STD)
        said = make_classifier(options).fit((seen - centre) / scale, answers).predict((asked - centre) / scale)
    f1 = f1_score(right, said, average="macro", labels=np.unique(right), zero_division=0.0)
    return float((said == right).mean()), float(f1)


@dataclass(frozen=True, slots=True)
class TSTRMetric:
    """Accuracy (ranked) and F1; real against real is the classifier that was trained on real rows."""

    options: TSTROptions = field(default_factory=TSTROptions)
    implementation: str = "tstr-1"
    needs: ClassVar[Needs] = Needs(statistics=False, samples=True, held_out="reference", repeats=True)
    least_samples: int = 2

    def parameters(self) -> dict[str, str | int | float]:
        """Return what changes the value."""
        return asdict(self.options)

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (accuracy, F1), each from 0 to 1."""
        assert real.samples is not None
        assert fake.samples is not None
        return tstr(rows_of(real.space), fake.samples, real.samples, self.options)


def build(options: TSTROptions) -> TSTRMetric:
    """Build the metric from its options."""
    return TSTRMetric(options)
