"""A pool of generated images from which a discriminator is shown older ones too (Shrivastava et al. 2017, https://arxiv.org/abs/1612.07828).

Agrees with util/image_pool.py of junyanz/pytorch-CycleGAN-and-pix2pix: while the pool fills up, images go in and through; then each image
is, with probability 1/2, put in the place of a random one, which is returned instead. Here everything happens on the device, for a whole
batch at once, with the result of going through it image by image.

Shapes: N images of a batch, P places.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ImagePool(nn.Module):
    """Keeps the images of one domain; what it holds is saved with the run.

    Args:
        size: P, 1 or more.
        image_shape: (C, H, W).
        random: its stream, on the device.
    """

    images: Tensor
    count: Tensor

    def __init__(self, size: int, image_shape: tuple[int, int, int], random: torch.Generator) -> None:
        super().__init__()
        self._random = random
        self.register_buffer("images", torch.zeros(size, *image_shape, device=random.device))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64, device=random.device))

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Return as many images, ``[N, C, H, W]``, some of them from earlier calls."""
        total, size, device = len(images), len(self.images), images.device
        order = torch.arange(total, device=device)
        chance, place = torch.rand(2, total, device=device, generator=self._random)
        filling = self.count + order < size  # [N]
        slots = torch.where(filling, self.count + order, (place * size).long().clamp_(max=size - 1))  # [N]
        stored = filling | (chance > 0.5)  # [N]
        # writes[i, j]: j + 1 where image j goes into the slot of image i, else 0; the last writer of a slot is its maximum.
        writes = ((slots[:, None] == slots[None, :]) & stored[None, :]).long() * (order + 1)[None, :]
        candidates = torch.cat([self.images.index_select(0, slots), images])  # the slots' own, then the batch
        earlier = self._source(writes.tril(-1), order)
        shown = torch.where(stored & ~filling, earlier, total + order)
        result = candidates.index_select(0, shown)
        self.images.index_copy_(0, slots, candidates.index_select(0, self._source(writes, order)))
        self.count.copy_((self.count + total).clamp(max=size))
        return result

    @staticmethod
    def _source(writes: Tensor, order: Tensor) -> Tensor:
        """Return where each slot's image lies among the candidates: with its last writer, or in the slot itself."""
        last = writes.amax(dim=1)
        return torch.where(last > 0, len(order) + last - 1, order)
