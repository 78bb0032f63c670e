"""One split of real images as one extractor sees it: the whole of it, from the cache where it can be, and random parts of it.

All that is missing is filled in one pass; a pass for parts alone reads only the images of the parts.

Shapes: N real images, M networks of an extractor.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ganbench.data.source import ImageSource
from ganbench.metrics.collect import Wanted, collect
from ganbench.metrics.evaluation_key import extractor_fields, reference_fields
from ganbench.metrics.key import Key
from ganbench.metrics.protocol import Extractor, FeatureSet, Needs
from ganbench.metrics.reference_cache import ReferenceCache, feature_set_from_tensors, feature_set_to_tensors

logger = logging.getLogger(__name__)

FLOOR_SEED = 0
"""Of the permutation that parts the real images."""

Sets = tuple[FeatureSet, ...]
"""One feature set for each network of an extractor."""
Part = tuple[int, int]
"""(which, images in it): 0 or 1 for the first or second so many images of the permutation, or :data:`WHOLE`."""
WHOLE: Part = (-1, -1)


class RealImages:
    """One split under one extractor.

    Args:
        source: the split.
        split: its name.
        extractor: the networks.
        batch_size: images at a time.
        device: where the float64 sums are kept.
        cache: where to look first for the whole split and to keep what was made; None for neither.
    """

    def __init__(
        self, source: ImageSource, split: str, extractor: Extractor, *, batch_size: int, device: str, cache: ReferenceCache | None
    ) -> None:
        self.source, self._split, self._extractor, self._cache = source, split, extractor, cache
        self._batch_size, self._device = batch_size, device

    def fill(self, wanted: Mapping[Part, Needs]) -> dict[Part, Sets]:
        """Return the sets that are wanted.

        Args:
            wanted: what each is to keep.
        """
        cached = self._load(wanted[WHOLE]) if WHOLE in wanted else ()
        missing = {part: needs for part, needs in wanted.items() if part != WHOLE or not cached}
        filled = {WHOLE: cached} if cached else {}
        if missing:
            filled.update(self._extract(missing))
        if WHOLE in missing:
            self._store(wanted[WHOLE], filled[WHOLE])
        return filled

    def _extract(self, wanted: Mapping[Part, Needs]) -> dict[Part, Sets]:
        """Fill sets in one pass over the images that belong to at least one."""
        members = {part: self._members(part) for part in wanted}
        indices = torch.stack(list(members.values())).any(dim=0).nonzero().squeeze(1)
        labels = None if self.source.labels is None else self.source.labels[indices]

        def images_at(start: int, count: int) -> Tensor:
            return self.source.read(indices[start : start + count])

        compact = {part: Wanted(members=members[part][indices], needs=needs) for part, needs in wanted.items()}
        logger.info("extracting %s features of %d real images", self._extractor.extractor_id, len(indices))
        with torch.inference_mode():
            return collect(images_at, compact, self._extractor, batch_size=self._batch_size, device=self._device, labels=labels)

    def _members(self, part: Part) -> Tensor:
        """Return which images belong to a part, ``[N]`` bool."""
        total = self.source.num_images
        if part == WHOLE:
            return torch.ones(total, dtype=torch.bool)
        which, count = part
        order = torch.randperm(total, generator=torch.Generator().manual_seed(FLOOR_SEED))
        members = torch.zeros(total, dtype=torch.bool)
        members[order[which * count : (which + 1) * count]] = True
        return members

    def _load(self, needs: Needs) -> Sets:
        """Return the whole split from the cache, or nothing unless every network's set is there."""
        if self._cache is None or not _is_kept(needs):
            return ()
        found = []
        for member in range(self._extractor.num_members):
            entry = self._cache.load(self._key(needs, member))
            if entry is None:
                return ()
            found.append(feature_set_from_tensors(entry, device=self._device))
        labels = self.source.labels if needs.labels else None
        return tuple(replace(one, labels=labels) for one in found)

    def _store(self, needs: Needs, sets: Sets) -> None:
        if self._cache is not None and _is_kept(needs):
            for member, one in enumerate(sets):
                self._cache.store(self._key(needs, member), feature_set_to_tensors(one))

    def _key(self, needs: Needs, member: int) -> Key:
        kept = f"{'statistics' * needs.statistics}{'+features' * needs.features}{'+logits' * needs.logits}"
        fields = {**extractor_fields(self._extractor), **reference_fields(self.source, self._split)}
        return Key.of(**fields, member=member, kept=kept)


def _is_kept(needs: Needs) -> bool:
    """Images lie in the source already, and no metric asks for the whole split's spread."""
    return not needs.images and not needs.spread
