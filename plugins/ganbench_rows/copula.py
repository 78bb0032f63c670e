"""Two baselines that are no GANs: independent marginals, and a Gaussian copula.

Both have the marginals of the train split: of numbers the quantiles, with straight lines between them, of categories the shares. A Gaussian
copula (Sklar 1959; as the Synthetic Data Vault uses it, Patki et al. 2016, https://doi.org/10.1109/DSAA.2016.49) ties them by the
correlation of normal scores, which is estimated from the rows that the run shows it, each once in an epoch. Without it the columns are
independent. A number's score is the normal quantile of its rank, a category's that of the middle of its share; categories stand in their
order in the table, which is arbitrary for most, and what depends on it is not the copula's merit.

Shapes: n rows, C columns, Q quantiles, W numbers that networks see of a row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganbench import Algorithm, AlgorithmContext, BuildContext, Latents, Networks, Phase, Statistics
from ganbench_rows.columns import Category, Number
from ganbench_rows.space import RowSpace, rows_of

_SHRINK = 1e-3
"""Part of the correlation that is the identity's, so that columns that determine each other have a factor too."""


class Marginals(nn.Module):
    """Normal scores ``[n, C]`` to rows ``[n, W]``, and back; with the correlation of the scores that it was shown."""

    moments: Tensor
    seen: Tensor

    def __init__(self, space: RowSpace, tied: bool) -> None:
        super().__init__()
        self.space, self.tied = space, tied
        count = len(space.columns)
        self.register_buffer("moments", torch.zeros(count, count, dtype=torch.float64))
        self.register_buffer("seen", torch.zeros(1, dtype=torch.float64))

    def correlation(self) -> Tensor:
        """Return the correlation ``[C, C]`` float64: the identity before the first row, and where the columns are independent."""
        identity = torch.eye(len(self.moments), dtype=self.moments.dtype, device=self.moments.device)
        if not self.tied:
            return identity
        scale = self.moments.diagonal().clamp_min(torch.finfo(torch.float64).tiny).rsqrt()
        found = (1 - _SHRINK) * self.moments * scale[:, None] * scale + _SHRINK * identity
        correlation: Tensor = torch.where(self.seen > 0, found, identity)
        return correlation

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return rows."""
        scores = latents.double() @ torch.linalg.cholesky(self.correlation()).T
        ranks = torch.special.ndtr(scores)
        values = [_value_at(column, ranks[:, place]) for place, column in enumerate(self.space.columns)]
        return self.space.encode(torch.stack(values, dim=1))

    def scores(self, stored: Tensor) -> Tensor:
        """Return the normal scores of rows ``[n, C]``, as float64."""
        ranks = [_rank_of(column, stored[:, place].contiguous()) for place, column in enumerate(self.space.columns)]
        scores: Tensor = torch.special.ndtri(torch.stack(ranks, dim=1))
        return scores


def _value_at(column: Number | Category, ranks: Tensor) -> Tensor:
    """Return the values ``[n]`` of a column at ranks in [0, 1]."""
    if isinstance(column, Category):
        cumulative = ranks.new_tensor(column.shares).cumsum(0)
        return torch.searchsorted(cumulative[:-1].contiguous(), ranks.contiguous(), right=True).double()
    quantiles = ranks.new_tensor(column.quantiles)
    place = (ranks * (len(quantiles) - 1)).clamp(0, len(quantiles) - 1)
    below = place.long().clamp_max(len(quantiles) - 2)
    return torch.lerp(quantiles[below], quantiles[below + 1], place - below)


def _rank_of(column: Number | Category, values: Tensor) -> Tensor:
    """Return the ranks in (0, 1) of values ``[n]``: the middle of those that they share."""
    if isinstance(column, Category):
        shares = values.new_tensor(column.shares)
        return (shares.cumsum(0) - shares / 2)[values.long()].clamp(1e-6, 1 - 1e-6)
    quantiles = values.new_tensor(column.quantiles)
    below, above = (torch.searchsorted(quantiles, values, right=side) for side in (False, True))
    return ((below + above) / 2 / len(quantiles)).clamp(0.5 / len(quantiles), 1 - 0.5 / len(quantiles))


class ShownRows(Algorithm):
    """Estimates the correlation from the rows it is shown; the loss is how unlikely a batch's scores were before, in nats."""

    def __init__(self, context: AlgorithmContext) -> None:
        super().__init__(context, Statistics(context.device, ("loss",), losses=("loss",)))
        marginals = self.networks["generator"]
        assert isinstance(marginals, Marginals)
        self.marginals = marginals

    def phases(self) -> Sequence[Phase]:
        """Return the one phase."""
        return (Phase("estimate", self.estimate, self.stage_real),)

    @torch.no_grad()
    def estimate(self) -> None:
        """Add a batch to the moments."""
        marginals = self.marginals
        scores = marginals.scores(marginals.space.quantise(self.draw_real().samples))
        factor = torch.linalg.cholesky(marginals.correlation())
        whitened = torch.linalg.solve_triangular(factor, scores.T, upper=False)
        constant = factor.diagonal().log().sum() + len(factor) / 2 * math.log(2 * math.pi)
        self.statistics.tell("loss", (0.5 * whitened.square().sum(0).mean() + constant).float())
        marginals.moments.add_(scores.T @ scores)
        marginals.seen.add_(len(scores))


def build_independent(options: object, context: BuildContext) -> Networks:
    """Return marginals without ties."""
    return _build(context, tied=False)


def build_copula(options: object, context: BuildContext) -> Networks:
    """Return marginals that are tied by a Gaussian copula."""
    return _build(context, tied=True)


def _build(context: BuildContext, *, tied: bool) -> Networks:
    space = rows_of(context.space)
    return Networks(modules={"generator": Marginals(space, tied)}, inputs=Latents(len(space.columns)), averaged=())
