"""Random pairs of different images.

Shapes: N images, P pairs.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ganbench.errors import ConfigError


def random_pairs(count: int, num_pairs: int, generator: Generator) -> Tensor:
    """Return pairs of different numbers below ``count``, each pair as likely as any other.

    Args:
        count: N, 2 or more.
        num_pairs: P.
        generator: on the CPU.

    Returns:
        ``[P, 2]`` int64.

    Raises:
        ConfigError: fewer than two images.
    """
    if count < 2:
        raise ConfigError(f"a pair needs 2 images (got {count}); evaluate more images")
    first = torch.randint(count, (num_pairs,), generator=generator)
    step = torch.randint(1, count, (num_pairs,), generator=generator)
    return torch.stack([first, (first + step) % count], dim=1)


def random_pairs_in_class(labels: Tensor, num_pairs: int, generator: Generator) -> Tensor:
    """Return pairs of different images of one class, as many for each class: P divided by the classes, rounded up.

    Args:
        labels: ``[N]`` int64.
        num_pairs: P.
        generator: on the CPU.

    Returns:
        ``[classes * ceil(P / classes), 2]`` int64, class by class.

    Raises:
        ConfigError: a class has one image.
    """
    counts = dict(enumerate(labels.bincount().tolist()))
    alone = [name for name, count in counts.items() if count == 1]
    if alone:
        raise ConfigError(f"per_class needs 2 images or more of each class (class {alone[0]} has 1)", hint="evaluate more images")
    classes = [name for name, count in counts.items() if count]
    each = -(-num_pairs // len(classes))
    found = []
    for name in classes:
        members = (labels == name).nonzero().squeeze(1)
        found.append(members[random_pairs(len(members), each, generator)])
    return torch.cat(found)
