"""Batches as the published loop gets them: torchvision's transforms in a DataLoader."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from torchvision import transforms

from ganbench_bench.step.harness import Harness


class PilImages(TorchDataset[Tensor]):
    """Images as torchvision's datasets hold them in memory, with the transforms of the published loop."""

    def __init__(self, images: Tensor, resolution: int) -> None:
        self._images = images.permute(0, 2, 3, 1).squeeze(-1).numpy()  # [num_images, H, W] or [num_images, H, W, 3] uint8
        halves = (0.5,) * images.shape[1]
        self._transform = transforms.Compose(
            [
                transforms.Resize(resolution),
                transforms.CenterCrop(resolution),
                transforms.ToTensor(),
                transforms.Normalize(halves, halves),
            ]
        )

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Tensor:
        transformed: Tensor = self._transform(Image.fromarray(self._images[index]))
        return transformed


def from_loader(harness: Harness) -> Iterator[Tensor]:
    """Yield batches as the published loop gets them: a new iterator over the DataLoader for each epoch; incomplete batches are left out."""
    source = harness.materials.dataset.train
    dataset = PilImages(source.read(torch.arange(source.num_samples)), harness.materials.dataset.space.resolution)
    loader = DataLoader(dataset, batch_size=harness.batch_size, shuffle=True, num_workers=2, drop_last=True)
    while True:
        yield from loader
