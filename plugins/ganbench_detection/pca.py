"""Principal components as a detector: how far an image is from the plane that the images it was shown lie near.

The mean and the covariance are of all images that the run shows. Generated images are draws from the Gaussian of that mean and covariance,
within the plane. The score is the mean squared error of the projection. It is the baseline that a detector has to beat.

Shapes: N images, D numbers of an image, K components.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ganbench import Algorithm, AlgorithmContext, BuildContext, Latents, Networks, Phase, Statistics
from ganbench_detection.ganomaly_step import require_images_as_they_are
from ganbench_detection.options import PCAOptions
from ganbench_spaces.images import images_of


class Components(nn.Module):
    """What is known of the images that were shown, and the plane that it gives."""

    total: Tensor
    products: Tensor
    seen: Tensor

    def __init__(self, size: tuple[int, ...], explained: float) -> None:
        super().__init__()
        self.size, self._explained = size, explained
        count = math.prod(size)
        self.register_buffer("total", torch.zeros(count, dtype=torch.float64))
        self.register_buffer("products", torch.zeros(count, count, dtype=torch.float64))
        self.register_buffer("seen", torch.zeros(1, dtype=torch.float64))
        self._plane: tuple[float, Tensor, Tensor, Tensor] | None = None

    def show(self, images: Tensor) -> None:
        """Add images ``[N, ...]`` to the sums."""
        rows = images.flatten(1).double()
        self.total.add_(rows.sum(0))
        self.products.add_(rows.T @ rows)
        self.seen.add_(len(rows))

    def mean(self) -> Tensor:
        """Return ``[D]`` float64; 0 before the first image."""
        return self.total / self.seen.clamp_min(1)

    def plane(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the mean ``[D]``, K directions ``[D, K]`` and the standard deviations ``[K]`` along them, float64.

        Before the first image the covariance is the identity.
        """
        seen = self.seen.item()
        if self._plane is None or self._plane[0] != seen:
            mean = self.mean()
            covariance = self.products / self.seen - mean[:, None] * mean if seen else torch.eye(len(mean)).to(self.products)
            variances, directions = torch.linalg.eigh(covariance)
            variances, directions = variances.flip(0).clamp_min(0), directions.flip(1)
            shares = variances.cumsum(0) / variances.sum().clamp_min(torch.finfo(torch.float64).tiny)
            kept = min(int((shares < self._explained - 1e-9).sum()) + 1, len(shares))
            self._plane = (seen, mean, directions[:, :kept], variances[:kept].sqrt())
        return self._plane[1:]

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return images of normal latents ``[N, D]``, the first K of which are looked at."""
        mean, directions, deviations = self.plane()
        rows: Tensor = mean + (latents[:, : len(deviations)].double() * deviations) @ directions.T
        return rows.float().reshape(-1, *self.size)

    def project(self, images: Tensor) -> Tensor:
        """Return the point of the plane that is nearest to each image, float64 ``[N, D]``."""
        mean, directions, _ = self.plane()
        return mean + (images.flatten(1).double() - mean) @ directions @ directions.T


def score(modules: Mapping[str, nn.Module], images: Tensor) -> Tensor:
    """Return the mean squared error of the projection, ``[N]``."""
    components = modules["generator"]
    assert isinstance(components, Components)
    return (components.project(images) - images.flatten(1)).square().mean(1)


class ShownImages(Algorithm):
    """Adds what it is shown to the sums; the loss is the mean squared distance of a batch to the mean before it."""

    def __init__(self, context: AlgorithmContext) -> None:
        require_images_as_they_are(context, d_steps=1)
        super().__init__(context, Statistics(context.device, ("loss",), losses=("loss",)))
        components = self.networks["generator"]
        assert isinstance(components, Components)
        self._components = components

    def phases(self) -> Sequence[Phase]:
        """Return the one phase."""
        return (Phase("show", self.show, self.stage_real),)

    @torch.no_grad()
    def show(self) -> None:
        """Take in a batch."""
        images = self.draw_real().samples
        self.statistics.tell("loss", (images.flatten(1).double() - self._components.mean()).square().mean().float())
        self._components.show(images)


def build(options: PCAOptions, context: BuildContext) -> Networks:
    """Return components that have seen nothing."""
    size = images_of(context.space).size
    components = Components(size, options.explained)
    return Networks(modules={"generator": components}, inputs=Latents(math.prod(size)), averaged=(), scorers={"anomaly": score})
