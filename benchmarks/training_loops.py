"""The loops that are compared: the harness as ``ganbench run`` builds it, the same numerics by hand, and the loop of pytorch/examples.

``ByHand`` has the harness's networks and numerics (fused Adam, channels_last, one generator forward, frozen discriminator) and nothing
else: real images are ready as float32, nothing is counted, scheduled or recorded.

``Published`` is pytorch/examples dcgan/main.py in our words: contiguous NCHW, sigmoid and BCELoss, one backward for real and one for
generated images, the generator's step through a discriminator that is not frozen, torch's default Adam, five ``item()`` an iteration.
Printing and incomplete batches are left out, and images are decoded already.

Shapes: N images of a batch, C, H, W an image.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from torchvision import transforms

from ganbench.config.resolve import Layer, resolve
from ganbench.data.index_stream import IndexStream
from ganbench.plugin.manager import PluginManager
from ganbench.results.events import EventLog
from ganbench.results.store import RunDirectory
from ganbench.training.calibration import choose_threads
from ganbench.training.clock import Clock
from ganbench.training.reporter import SilentReporter
from ganbench.training.runner import make_runner
from ganbench.training.seeding import stream
from ganbench.training.setup import Materials, build_materials
from ganbench.training.trainer import Trainer

TOTAL_KIMG = 200.0
"""Budget of the harness: longer than any measurement here, and a progress report every 1,000 images."""
UNCONDITIONAL = {"architecture.options.conditional": False, "loss.name": "logistic"}
"""The networks and the loss of the published loop, whatever the defaults are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What is trained, and for how many steps it is timed."""

    plugin: str
    settings: dict[str, object]
    blocks: int
    """Blocks of A B B A with one step in each quarter."""
    epoch_blocks: int
    """The same with an epoch in each quarter, for a loop with a DataLoader."""


CASES = {
    "digits-16": Case(
        plugin="dcgan",
        settings={"dataset.name": "digits", "training.batch_size": 64, **UNCONDITIONAL},
        blocks=120,
        epoch_blocks=10,
    ),
    "dcgan-64": Case(
        plugin="dcgan-64",
        settings={"dataset.name": "synthetic", "dataset.options.num_images": 512, **UNCONDITIONAL},
        blocks=12,
        epoch_blocks=3,
    ),
}
NEVER = {"evaluation.metrics": "none", "evaluation.samples_every_kimg": 1e9, "checkpoint.every_kimg": 1e9, "training.device": "cpu"}


class Harness:
    """The harness as ``ganbench run`` builds it: trainer, runner, event log and all; no evaluation, samples or checkpoints in between."""

    def __init__(self, case: Case, directory: Path, **training: object) -> None:
        manager = PluginManager()
        settings = {**case.settings, **NEVER, "training.total_kimg": TOTAL_KIMG, **{f"training.{k}": v for k, v in training.items()}}
        resolved = resolve(manager, case.plugin, [Layer(origin="benchmark", settings=settings)])
        self.materials: Materials = build_materials(resolved, manager, ())
        device = self.materials.device
        self.initial = [copy.deepcopy(m.state_dict()) for m in (self.materials.networks.generator, self.materials.networks.discriminator)]
        self.threads = choose_threads(self.materials.algorithm, device, 0).count
        self._open = contextlib.ExitStack()
        run = self._open.enter_context(RunDirectory.create_at(directory))
        events = self._open.enter_context(EventLog(run.events_path))
        self._trainer = Trainer(
            self.materials,
            make_runner("auto", self.materials.algorithm, device),
            run,
            events,
            Clock(device),
            manager,
            SilentReporter(),
        )

    def close(self) -> None:
        """Close its files."""
        self._open.close()

    @property
    def batch_size(self) -> int:
        """N."""
        return self.materials.config.training.batch_size

    @property
    def epoch_steps(self) -> int:
        """Full batches in an epoch."""
        return self.materials.dataset.train.num_images // self.batch_size

    def run(self, steps: int) -> None:
        """Train on for so many iterations."""
        self._trainer.total_images = self._trainer.counters.images_seen + steps * self.batch_size
        self._trainer.train()

    def losses(self, steps: int) -> Tensor:
        """Train for ``steps`` iterations from the start and return ``[steps, 2]``: the discriminator's and the generator's loss."""
        self.run(steps)
        return self.materials.algorithm.trajectory()[:steps]

    def networks(self) -> tuple[nn.Module, nn.Module]:
        """Return contiguous copies of generator and discriminator as they were before the first step."""
        made = copy.deepcopy((self.materials.networks.generator, self.materials.networks.discriminator))
        for module, state in zip(made, self.initial, strict=True):
            module.load_state_dict(state)
            module.to(memory_format=torch.contiguous_format)
        return made

    def real_images(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return all real images, ``[num_images, C, H, W]`` in [-1, 1]."""
        source = self.materials.dataset.train
        return (source.read(torch.arange(source.num_images)) / 127.5 - 1).to(dtype)

    def draw_latents(self, dtype: torch.dtype = torch.float32) -> Callable[[], Tensor]:
        """Return what draws the latents ``[N, latent_dim]`` that the harness draws."""
        random = stream(self.materials.config.training.seed, "latents")
        latent_dim = self.materials.networks.latent_dim
        return lambda: torch.randn(self.batch_size, latent_dim, generator=random).to(dtype)


class ByHand:
    """The harness's numerics and nothing else."""

    def __init__(self, harness: Harness, *, average: bool, dtype: torch.dtype = torch.float32) -> None:
        self._generator, self._discriminator = (n.to(dtype=dtype, memory_format=torch.channels_last) for n in harness.networks())
        self._frozen = list(self._discriminator.parameters())
        config = harness.materials.config
        self._adams = [
            torch.optim.Adam(n.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True) for n in (self._generator, self._discriminator)
        ]
        self._average = copy.deepcopy(self._generator).requires_grad_(False) if average else None
        halflife = config.training.ema_halflife_kimg
        self._weight = 1 - 0.5 ** (harness.batch_size / (1000 * halflife)) if halflife else 1.0
        self._images = harness.real_images(dtype).contiguous(memory_format=torch.channels_last)
        self._latents = harness.draw_latents(dtype)
        self._order = order(harness)

    def step(self) -> tuple[Tensor, Tensor]:
        """Update both networks and return their losses."""
        real = self._images[next(self._order)]
        fake = self._generator(self._latents())
        d_loss = softplus(-self._discriminator(real)).mean() + softplus(self._discriminator(fake.detach())).mean()
        self._update(1, d_loss)
        for parameter in self._frozen:
            parameter.requires_grad_(False)
        g_loss = softplus(-self._discriminator(fake)).mean()
        self._update(0, g_loss)
        for parameter in self._frozen:
            parameter.requires_grad_(True)
        if self._average is not None:
            with torch.no_grad():
                torch._foreach_lerp_(list(self._average.parameters()), list(self._generator.parameters()), self._weight)
                torch._foreach_copy_(list(self._average.buffers()), list(self._generator.buffers()))
        return d_loss.detach(), g_loss.detach()

    def _update(self, which: int, loss: Tensor) -> None:
        self._adams[which].zero_grad()
        loss.backward()
        self._adams[which].step()

    def run(self, steps: int) -> None:
        """Take so many steps."""
        for _ in range(steps):
            self.step()


class Published:
    """pytorch/examples dcgan/main.py around the same networks."""

    def __init__(self, harness: Harness, batches: Iterator[Tensor], dtype: torch.dtype = torch.float32) -> None:
        self._generator, self._discriminator = (n.to(dtype) for n in harness.networks())
        self._sigmoid, self._criterion = nn.Sigmoid(), nn.BCELoss()
        self._adam_d, self._adam_g = (
            torch.optim.Adam(n.parameters(), lr=2e-4, betas=(0.5, 0.999)) for n in (self._discriminator, self._generator)
        )
        self._latents, self._batches = harness.draw_latents(dtype), batches

    def _judge(self, images: Tensor, target: float) -> tuple[Tensor, Tensor]:
        """Score a batch against one label; return the loss after its backward, and the probabilities."""
        output = self._sigmoid(self._discriminator(images))
        loss = self._criterion(output, torch.full((len(images),), target, dtype=images.dtype))
        loss.backward()
        return loss, output

    def step(self) -> tuple[Tensor, Tensor]:
        """Update both networks and return their losses."""
        self._discriminator.zero_grad()
        real_loss, real_output = self._judge(next(self._batches), 1.0)
        real_mean = real_output.mean().item()
        fake = self._generator(self._latents())
        fake_loss, fake_output = self._judge(fake.detach(), 0.0)
        fake_mean = fake_output.mean().item()
        d_loss = real_loss + fake_loss
        self._adam_d.step()
        self._generator.zero_grad()
        g_loss, output = self._judge(fake, 1.0)
        self.shown = (d_loss.item(), g_loss.item(), real_mean, fake_mean, output.mean().item())
        self._adam_g.step()
        return d_loss.detach(), g_loss.detach()

    def run(self, steps: int) -> None:
        """Take so many steps."""
        for _ in range(steps):
            self.step()


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


def losses(loop: ByHand | Published, steps: int) -> Tensor:
    """Take the first steps and return ``[steps, 2]``: the discriminator's and the generator's loss."""
    return torch.stack([torch.stack(loop.step()) for _ in range(steps)])


def order(harness: Harness) -> Iterator[Tensor]:
    """Yield the indices of the harness's batches, ``[N]`` int64."""
    drawn = IndexStream(harness.materials.dataset.train.num_images, seed=harness.materials.config.training.seed)
    for position in range(0, 2**62, harness.batch_size):
        yield drawn.draw(position, harness.batch_size)[0]


def from_tensor(harness: Harness, dtype: torch.dtype = torch.float32) -> Iterator[Tensor]:
    """Yield the harness's batches from a tensor that is ready, ``[N, C, H, W]``."""
    images = harness.real_images(dtype).contiguous()
    return (images[indices] for indices in order(harness))


def from_loader(harness: Harness) -> Iterator[Tensor]:
    """Yield batches as the published loop gets them: a new iterator over the DataLoader for each epoch; incomplete batches are left out."""
    source = harness.materials.dataset.train
    dataset = PilImages(source.read(torch.arange(source.num_images)), harness.materials.dataset.shape.resolution)
    loader = DataLoader(dataset, batch_size=harness.batch_size, shuffle=True, num_workers=2, drop_last=True)
    while True:
        yield from loader
