"""The content hash."""

from __future__ import annotations

import pytest
import torch

from ganbench.data.source import ContentHasher
from ganbench_spaces.images import ImageSpace, image_source

IMAGES = torch.randint(0, 256, (10, 3, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(10)


def hash_of(images: torch.Tensor, labels: torch.Tensor | None) -> str:
    hasher = ContentHasher(ImageSpace(*images.shape[1:]))
    hasher.update(images)
    return hasher.finish(labels)


def test_pieces_hash_like_the_whole() -> None:
    """A streamed split and a resident one with equal content have equal hashes, also with empty pieces and odd strides."""
    hasher = ContentHasher(ImageSpace(3, 4, 4))
    for start, stop in ((0, 3), (3, 3), (3, 10)):
        hasher.update(IMAGES[start:stop].contiguous(memory_format=torch.channels_last))
    assert hasher.finish(LABELS) == hash_of(IMAGES, LABELS) == image_source(IMAGES, LABELS).content_hash


def test_every_part_of_the_content_counts() -> None:
    """Another pixel, order, shape or label, or no labels, is another hash."""
    changed = IMAGES.clone()
    changed[9, 2, 3, 3] ^= 1
    hashes = [
        hash_of(IMAGES, LABELS),
        hash_of(IMAGES, None),
        hash_of(IMAGES, LABELS.flip(0)),
        hash_of(changed, LABELS),
        hash_of(IMAGES.flip(0), LABELS),
        hash_of(IMAGES.reshape(30, 1, 4, 4), LABELS),
        hash_of(IMAGES[:9], LABELS[:9]),
    ]
    assert len(set(hashes)) == len(hashes)


def test_the_hash_is_the_same_on_every_machine() -> None:
    """The hash of fixed content is a constant: caches and records are keyed by it."""
    images = torch.arange(48, dtype=torch.uint8).reshape(1, 3, 4, 4)
    assert hash_of(images, torch.tensor([7])) == "659f52f53e3caad78fe6a28ff22655fa74a696c01014bb213edadb30310e1374"


def test_another_shape_is_refused() -> None:
    """Images of another size than the hasher's are an error that shows both."""
    with pytest.raises(ValueError, match=r"uint8 \[n, 3, 4, 4\] \(got torch.uint8 \[2, 3, 8, 8\]\)"):
        ContentHasher(ImageSpace(3, 4, 4)).update(torch.zeros(2, 3, 8, 8, dtype=torch.uint8))
