"""The classification accuracy score (CAS): what a classifier that has seen only generated images knows of real ones.

Ravuri and Vinyals (2019), https://arxiv.org/abs/1905.10887: train a classifier on generated images with the classes they were asked for,
and take its top-1 accuracy on real held-out images. Differs: a small convolutional network and a budget of seconds in the place of a
ResNet-50 on ImageNet, so values agree with no published ones; they rank models on one dataset under one budget, and real against real is
what the same classifier with the same budget reaches after real train images. Where the dataset has no held-out images with labels, the
accuracy is that on the train images, which the evaluation key says.

Shapes: N images, K classes.

A small convolutional classifier that is trained from scratch: the judge of the classification accuracy score.

Shapes: N images, C channels, H = W pixels, K classes, S steps of B images.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganbench import Needs, SampleSet
from ganbench_metrics import ClassificationAccuracyOptions

_LAST_SIZE = 4
_BLOCK = 500


def build_network(channels: int, size: int, num_classes: int, width: int) -> nn.Sequential:
    """Return convolutions of 3x3 with stride 2, batch norm and ReLU down to 4x4 pixels or fewer, and one linear layer.

    Args:
        channels: C.
        size: H = W.
        num_classes: K.
        width: channels after the first convolution.
    """
    layers: list[nn.Module] = []
    while size > _LAST_SIZE or not layers:
        widened = min(width * 2 ** (len(layers) // 3), 4 * width)
        layers += [nn.Conv2d(channels, widened, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(widened), nn.ReLU(inplace=True)]
        channels, size = widened, (size + 1) // 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * size * size, num_classes))


def train_classifier(images: Tensor, labels: Tensor, num_classes: int, options: ClassificationAccuracyOptions) -> nn.Module:
    """Train a classifier; the same arguments on the same machine give the same one, and no stream of random numbers but its own is touched.

    Args:
        images: ``[N, C, H, H]`` uint8 in [0, 255], N of 2 or more.
        labels: ``[N]`` int64, below K.
        num_classes: K.
        options: its form and its budget.

    Returns:
        The classifier in evaluation mode, on the GPU when there is one.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        network = build_network(images.shape[1], images.shape[2], num_classes, options.width)
    network.to(device).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay)
    for step, batch in enumerate(_batches(len(images), options)):
        for group in optimizer.param_groups:
            group["lr"] = options.learning_rate * 0.5 * (1 + math.cos(math.pi * step / options.steps))
        loss = F.cross_entropy(network(_scaled(images[batch], device)), labels[batch].to(device))
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
    return network.eval()


def _batches(count: int, options: ClassificationAccuracyOptions) -> Tensor:
    """Return the images of each step, ``[S, B]`` int64: one random order of all after the other."""
    generator = torch.Generator().manual_seed(options.seed)
    size = min(options.batch_size, count)
    orders = [torch.randperm(count, generator=generator) for _ in range(-(-options.steps * size // count))]
    return torch.cat(orders)[: options.steps * size].view(options.steps, size)


def _scaled(images: Tensor, device: str) -> Tensor:
    return images.to(device).float() / 127.5 - 1


@torch.no_grad()
def accuracy(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the share of images whose class a classifier names rightly.

    Args:
        network: in evaluation mode.
        images: ``[N, C, H, H]`` uint8 in [0, 255].
        labels: ``[N]`` int64.
    """
    device = next(network.parameters()).device
    hits = [network(_scaled(part, str(device))).argmax(dim=1).cpu() for part in torch.split(images, _BLOCK)]
    return (torch.cat(hits) == labels).double().mean().item()


def classification_accuracy(
    images: Tensor, labels: Tensor, real_images: Tensor, real_labels: Tensor, options: ClassificationAccuracyOptions
) -> float:
    """Return the accuracy on real images after training on others.

    Args:
        images: ``[N, C, H, H]`` uint8 in [0, 255], trained on.
        labels: ``[N]`` int64.
        real_images: tested on, alike.
        real_labels: theirs.
        options: the classifier and its budget.
    """
    num_classes = 1 + max(int(labels.max()), int(real_labels.max()))
    return accuracy(train_classifier(images, labels, num_classes, options), real_images, real_labels)


@dataclass(frozen=True, slots=True)
class ClassificationAccuracyMetric:
    """The classification accuracy score as a metric; real against real is the score of real train images."""

    options: ClassificationAccuracyOptions = field(default_factory=ClassificationAccuracyOptions)
    implementation: str = "classification-accuracy-1"
    needs: ClassVar[Needs] = Needs(statistics=False, samples=True, labels=True, held_out="reference", repeats=True)
    least_samples: int = 2

    def parameters(self) -> dict[str, str | int | float]:
        """Return what changes the value: all options."""
        return asdict(self.options)

    def compute(self, real: SampleSet, fake: SampleSet) -> tuple[float, ...]:
        """Return (accuracy,), from 0 to 1; see :func:`classification_accuracy`."""
        return (classification_accuracy(*_images_and_labels(fake), *_images_and_labels(real), self.options),)


def _images_and_labels(side: SampleSet) -> tuple[Tensor, Tensor]:
    if side.samples is None or side.labels is None:
        raise ValueError("this metric needs images and labels, and the sample set lacks them")
    return side.samples, side.labels


def build_classification_accuracy(options: ClassificationAccuracyOptions) -> ClassificationAccuracyMetric:
    """Build the metric from its options."""
    return ClassificationAccuracyMetric(options)
