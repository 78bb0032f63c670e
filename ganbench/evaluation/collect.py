"""One pass over samples, through an extractor where features are wanted, sorted into any number of sets on the way.

A set holds what it is asked to keep, see :class:`~ganbench.evaluation.protocol.Needs`.

Shapes: N samples, D feature dimensions, K classes, M networks of an extractor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import torch
from torch import Tensor

from ganbench.data.space import require_finite
from ganbench.errors import PluginError, during
from ganbench.evaluation.protocol import Extractor, Features, Needs, SampleSet
from ganbench.evaluation.statistics import FeatureSpread, FeatureStatistics
from ganbench.ranks import Ranks

_Name = TypeVar("_Name")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """One set that a pass is to fill."""

    members: Tensor
    """``[N]`` bool on the CPU: which samples of the pass belong to it."""
    needs: Needs = field(default_factory=Needs)
    """What it keeps."""


class DataModes:
    """An extractor whose samples' modes are told by the data themselves, and not by its classes.

    Args:
        extractor: gives the features.
        mode_of: see :attr:`ganbench.Dataset.mode_of`.
        num_modes: how many modes there are.
    """

    def __init__(self, extractor: Extractor, mode_of: Callable[[Tensor], Tensor], num_modes: int) -> None:
        self.extractor_id, self.preprocessing_id = extractor.extractor_id, extractor.preprocessing_id
        self.weights_hash, self.dims, self.num_members = extractor.weights_hash, extractor.dims, extractor.num_members
        self.spaces = extractor.spaces
        self._extractor, self._mode_of, self._num_modes = extractor, mode_of, num_modes

    def extract(self, samples: Tensor) -> tuple[Features, ...]:
        """Return what the extractor says, with the modes; see :class:`~ganbench.evaluation.protocol.Extractor`."""
        modes = self._mode_of(samples)
        return tuple(replace(found, modes=modes, num_modes=self._num_modes) for found in self._extractor.extract(samples))


NOTHING = torch.zeros(0)
"""What is kept of no rows."""


def put_rows(rows: Tensor, kept: Tensor, at: int, count: int) -> Tensor:
    """Put rows into what is kept of ``count`` of them; it is made once, for its parts and their whole would be twice as much."""
    kept = kept if len(kept) else torch.empty(count, *rows.shape[1:], dtype=rows.dtype)
    kept[at : at + len(rows)] = rows
    return kept


class _Filling:
    """What one network says of one set, while the pass goes on."""

    def __init__(self, needs: Needs, count: int, dims: int, device: str | torch.device) -> None:
        self._needs, self._count = needs, count
        self._statistics = FeatureStatistics(dims, device=device)
        self._spread = FeatureSpread(dims, device=device) if needs.spread else None
        self._features = self._logits = NOTHING
        self._at = 0
        self._mode_counts: Tensor | None = None

    def add(self, found: Features, chosen: Tensor, labels: Tensor | None) -> None:
        """Take the chosen rows of a batch, ``[n]`` bool; the labels are those of the chosen ones."""
        features = _rows(found.features, chosen)
        if self._needs.statistics:
            self._statistics.update(features)
        if self._spread is not None:
            self._spread.update(features, labels)
        if not self._needs.statistics and self._spread is None:
            require_finite(features, "features")
        if self._needs.features:
            self._features = put_rows(features, self._features, self._at, self._count)
        if self._needs.logits and found.logits is not None:
            self._logits = put_rows(require_finite(_rows(found.logits, chosen), "logits"), self._logits, self._at, self._count)
        self._at += len(features)
        counts = _count_modes(found, chosen)
        self._mode_counts = counts if self._mode_counts is None or counts is None else self._mode_counts + counts

    def finish(self, samples: Tensor | None, labels: Tensor | None) -> SampleSet:
        return SampleSet(
            statistics=self._statistics,
            features=self._features if len(self._features) else None,
            logits=self._logits if len(self._logits) else None,
            mode_counts=self._mode_counts,
            spread=self._spread,
            samples=samples,
            labels=labels,
        )


class _Set:
    """One set under all networks, or under none; its samples and labels are the same for each."""

    def __init__(self, wanted: Wanted, extractor: Extractor | None, device: str | torch.device, labels: Tensor | None) -> None:
        self._wanted = wanted
        self._count, self._samples = int(wanted.members.sum()), NOTHING
        members = range(extractor.num_members if extractor else 0)
        self._fillings = [_Filling(wanted.needs, self._count, extractor.dims, device) for _ in members if extractor]
        assert labels is not None or not wanted.needs.labels, "a run without labels was let through"
        self._labels = labels if wanted.needs.labels else None

    def add(self, start: int, samples: Tensor, found: tuple[Features, ...]) -> None:
        """Take what belongs to the set from a batch that begins at sample ``start`` of the pass."""
        window = slice(start, start + len(samples))
        chosen = self._wanted.members[window]
        if not bool(chosen.any()):
            return
        labels = None if self._labels is None else self._labels[window][chosen]
        for filling, features in zip(self._fillings, found, strict=True):
            filling.add(features, chosen, labels)
        if self._wanted.needs.samples:
            self._samples = put_rows(_rows(samples, chosen), self._samples, int(self._wanted.members[:start].sum()), self._count)

    def finish(self) -> tuple[SampleSet, ...]:
        samples = self._samples if len(self._samples) else None
        labels = None if self._labels is None else self._labels[: len(self._wanted.members)][self._wanted.members]
        return tuple(filling.finish(samples, labels) for filling in self._fillings) or (SampleSet(samples=samples, labels=labels),)


def collect(
    samples_at: Callable[[int, int], Tensor],
    wanted: Mapping[_Name, Wanted],
    extractor: Extractor | None,
    *,
    batch_size: int,
    device: str | torch.device = "cpu",
    labels: Tensor | None = None,
    ranks: Ranks | None = None,
) -> dict[_Name, tuple[SampleSet, ...]]:
    """Show each sample to each network once and fill the sets.

    Args:
        samples_at: ``samples_at(start, count)`` returns samples ``[count, *stored_size]`` as the space stores them, on any device.
        wanted: the sets, at least one; their membership vectors have one length N.
        extractor: the networks; None where no set keeps anything of features.
        batch_size: samples at a time; the result does not depend on it beyond float32 rounding in the network.
        device: where the float64 sums are kept.
        labels: ``[N]`` int64 or longer on the CPU, of the samples of the pass; given where a set keeps them.
        ranks: the processes that share the pass, a batch each in turn; None for one.

    Returns:
        Nothing but to the first process: for each set one :class:`SampleSet` for each of the M networks, or one without features.

    Raises:
        Diverged: a feature or a logit is NaN or Inf.
        PluginError: the extractor returned another form than it declares.
    """
    total = len(next(iter(wanted.values())).members)
    sets = {name: _Set(one, extractor, device, labels) for name, one in wanted.items()}
    ranks = ranks or Ranks()
    for first in range(0, total, batch_size * ranks.world):
        start, mine = first + ranks.rank * batch_size, None
        if start < total:
            samples = samples_at(start, count := min(batch_size, total - start))
            with during(f"in extractor {extractor.extractor_id!r}" if extractor else ""):
                found = checked(extractor, extractor.extract(samples), count) if extractor else ()
            mine = (samples, found) if ranks.world == 1 else (samples.cpu(), tuple(map(_on_the_cpu, found)))
        for place, batch in enumerate(ranks.collect(mine)):
            for one in sets.values() if batch else ():
                one.add(first + place * batch_size, *batch)
    return {name: one.finish() for name, one in sets.items()} if ranks.is_first else {}


def _on_the_cpu(found: Features) -> Features:
    there = {name: tensor.cpu() for name in ("features", "logits", "modes") if (tensor := getattr(found, name)) is not None}
    return replace(found, **there)


def _count_modes(found: Features, chosen: Tensor) -> Tensor | None:
    """Return how many of the chosen samples belong to no mode, and to each; ``[1 + modes]`` on the CPU."""
    if found.modes is not None:
        return torch.bincount(_rows(found.modes, chosen).cpu() + 1, minlength=1 + found.num_modes)
    if found.logits is None:
        return None
    return torch.bincount(_rows(found.logits, chosen).argmax(dim=1).cpu() + 1, minlength=1 + found.logits.shape[1])


def _rows(rows: Tensor, chosen: Tensor) -> Tensor:
    return rows if bool(chosen.all()) else rows[chosen.to(rows.device)]


def checked(extractor: Extractor, found: tuple[Features, ...], count: int) -> tuple[Features, ...]:
    """Make sure that an extractor keeps its word.

    Raises:
        PluginError: another number of networks, samples or dimensions than declared.
    """
    if not isinstance(found, tuple) or not all(isinstance(one, Features) for one in found):
        got = type(found).__name__ if not isinstance(found, (tuple, list)) else ", ".join(type(one).__name__ for one in found) or "nothing"
        raise PluginError(f"extractor {extractor.extractor_id!r} must return a tuple of ganbench.Features (got {got})")
    shapes = [list(one.features.shape) for one in found]
    expected = [[count, extractor.dims]] * extractor.num_members
    if shapes != expected:
        raise PluginError(f"extractor {extractor.extractor_id!r} declares features of shapes {expected} and returned {shapes}")
    return found
