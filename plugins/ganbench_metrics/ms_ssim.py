"""MS-SSIM between pairs of generated images: a mean near that of real images says that they are as varied, a higher one that they are
alike.

Wang et al. (2003), https://doi.org/10.1109/ACSSC.2003.1292216; as a measure of diversity Odena et al. (2017),
https://arxiv.org/abs/1610.09585, there within a class (the option ``per_class``). A Gaussian window of 11x11 pixels with standard
deviation 1.5, without border; K1 = 0.01, K2 = 0.03; five scales, each half of the one before by the mean of 2x2 pixels; published weights.
Agrees with pytorch-msssim 1.0.0, but for the float32 rounding of its window, where that takes the images (161 pixels or more) and each
halved size is even.

Smaller images have as many scales as leave 11 pixels or more at the coarsest, and their weights are the first ones of the five, divided
by their sum: one scale from 11 pixels (then this is SSIM), two from 22, three from 44, four from 88, five from 176. A negative mean of
contrast and structure counts as 0, so that its powers are real.

Shapes: P pairs, C channels, H x W pixels.

Random pairs of different images.

Shapes: N images, P pairs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor
from torch.nn.functional import avg_pool2d, conv2d

from ganbench import ConfigError, Needs, SampleSet, labels_of
from ganbench_metrics import MsSsimOptions


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


WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""The scales' weights, the finest first (Wang et al. 2003); their sum is 1.0001 there."""
WINDOW = 11
SIGMA = 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_BLOCK_ELEMENTS = 2**21


def num_scales(height: int, width: int) -> int:
    """Return how many scales images of a size have.

    Raises:
        ConfigError: they are smaller than the window.
    """
    smaller = min(height, width)
    if smaller < WINDOW:
        raise ConfigError(f"msssim needs images of {WINDOW}x{WINDOW} pixels or more (got {height}x{width})", hint="choose another metric")
    return next(n for n in range(len(WEIGHTS), 0, -1) if smaller // 2 ** (n - 1) >= WINDOW)


def scale_weights(scales: int) -> tuple[float, ...]:
    """Return the weights of so many scales, the finest first."""
    if scales == len(WEIGHTS):
        return WEIGHTS
    return tuple(weight / sum(WEIGHTS[:scales]) for weight in WEIGHTS[:scales])


def ms_ssim(first: Tensor, second: Tensor) -> Tensor:
    """Return MS-SSIM of each pair, the mean over the channels.

    Args:
        first: ``[P, C, H, W]`` uint8 in [0, 255].
        second: the other image of each pair, alike.

    Returns:
        ``[P]`` float64, from 0 to 1.

    Raises:
        ConfigError: the images are smaller than the window.
    """
    scales = num_scales(*first.shape[-2:])
    x, y = (images.to(torch.float64).flatten(0, 1)[:, None] for images in (first, second))  # [P * C, 1, H, W]
    product = torch.ones(len(x), dtype=torch.float64, device=x.device)
    for scale, weight in enumerate(scale_weights(scales)):
        ssim, contrast_structure = _means(x, y)
        last = scale == scales - 1
        product = product * (ssim if last else contrast_structure).clamp(min=0) ** weight
        if not last:
            x, y = avg_pool2d(x, 2), avg_pool2d(y, 2)
    return product.view(first.shape[:2]).mean(dim=1)


def _means(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean over all positions of SSIM, and of its contrast and structure alone; ``[P * C]`` each."""
    mean_x, mean_y, square_x, square_y, product = (_blur(part) for part in (x, y, x * x, y * y, x * y))
    covariance, variances = product - mean_x * mean_y, square_x - mean_x**2 + square_y - mean_y**2
    contrast_structure = (2 * covariance + C2) / (variances + C2)
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return (luminance * contrast_structure).flatten(1).mean(dim=1), contrast_structure.flatten(1).mean(dim=1)


def _blur(images: Tensor) -> Tensor:
    """Return the Gaussian mean around each pixel that is 5 pixels or more from the border."""
    offsets = torch.arange(WINDOW, dtype=images.dtype, device=images.device) - WINDOW // 2
    window = torch.exp(-offsets.square() / (2 * SIGMA**2))
    window = window / window.sum()
    return conv2d(conv2d(images, window.view(1, 1, -1, 1)), window.view(1, 1, 1, -1))


@dataclass(frozen=True, slots=True)
class MsSsimMetric:
    """Mean MS-SSIM between pairs of generated images as a metric; the real ones are asked for real against real alone."""

    options: MsSsimOptions = field(default_factory=MsSsimOptions)
    implementation: str = "ms-ssim-1"
    least_samples: int = 2

    @property
    def needs(self) -> Needs:
        """The generated images, and what they were asked for where pairs are of one class."""
        return Needs(statistics=False, samples=True, labels=self.options.per_class, reference=False)

    def parameters(self) -> dict[str, str | int | float]:
        """Return what changes the value."""
        return {"num_pairs": self.options.num_pairs, "per_class": self.options.per_class, "seed": self.options.seed}

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (mean MS-SSIM,).

        Raises:
            ConfigError: images smaller than the window, or too few of them.
        """
        if fake.samples is None:
            raise ValueError("this metric needs the images, and the sample set holds none")
        pairs = self._pairs(fake, len(fake.samples))
        images = fake.samples.to("cuda" if torch.cuda.is_available() else "cpu")
        blocks = torch.split(pairs.to(images.device), max(1, _BLOCK_ELEMENTS // images[0].numel()))
        return (torch.cat([ms_ssim(images[block[:, 0]], images[block[:, 1]]) for block in blocks]).mean().item(),)

    def _pairs(self, fake: SampleSet, count: int) -> Tensor:
        generator = torch.Generator().manual_seed(self.options.seed)
        if not self.options.per_class:
            return random_pairs(count, self.options.num_pairs, generator)
        return random_pairs_in_class(labels_of(fake), self.options.num_pairs, generator)


def build_ms_ssim(options: MsSsimOptions) -> MsSsimMetric:
    """Build the metric from its options."""
    return MsSsimMetric(options)
