"""The real samples nearest to generated ones: what a generator that copies its data is seen by.

Shapes: N samples, K neighbours of each.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench import Source

_CHUNK = 1000
"""Real samples that are compared at once."""


def nearest(samples: Tensor, train: Source, count: int) -> tuple[Tensor, Tensor]:
    """Return the nearest samples of a source by Euclidean distance of what networks see; of equally near ones the first.

    Args:
        samples: ``[N, *stored_size]`` on the CPU.
        train: where the real ones are.
        count: K, at most as many as there are.

    Returns:
        Places ``[N, K]`` int64 and distances ``[N, K]`` float32, the nearest first.
    """
    space = train.space
    asked = space.to_network(space.arrange(samples)).flatten(1)  # [N, D]
    places, distances = torch.empty(len(asked), 0, dtype=torch.int64), torch.empty(len(asked), 0)
    for start in range(0, train.num_samples, _CHUNK):
        chunk = torch.arange(start, min(start + _CHUNK, train.num_samples))
        real = space.to_network(space.arrange(train.read(chunk))).flatten(1)
        found = torch.cdist(asked, real, compute_mode="donot_use_mm_for_euclid_dist")  # the difference of squares is not 0 for a copy
        distances, order = torch.cat([distances, found], dim=1).sort(dim=1, stable=True)
        places = torch.cat([places, chunk.expand(len(asked), -1)], dim=1).gather(1, order)[:, :count]
        distances = distances[:, :count]
    return places, distances
