"""Encoder, decoder, and one update of both.

Shapes: N samples of a batch, L the length of z.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from torch import Tensor, nn

from ganbench import Algorithm, AlgorithmContext, BuildContext, Latents, Networks, NoOptions, Phase, Statistics

L = 8


def decode(modules: Mapping[str, nn.Module], inputs: Tensor, labels: Tensor | None) -> Tensor:
    """Return samples of latents ``[N, L]``."""
    samples: Tensor = modules["decoder"](inputs)
    return samples


def build(options: NoOptions, context: BuildContext) -> Networks:
    """Build both networks for samples of any size."""
    size = context.space.size
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(prod(size), 32), nn.ReLU(), nn.Linear(32, 2 * L))
    decoder = nn.Sequential(nn.Linear(L, 32), nn.ReLU(), nn.Linear(32, prod(size)), nn.Tanh(), nn.Unflatten(1, size))
    return Networks(modules={"encoder": encoder, "decoder": decoder}, inputs=Latents(L), averaged=("decoder",), generate=decode)


class VAE(Algorithm):
    """One optimizer descends the squared error of what is encoded and decoded, and the divergence of its latents from N(0, 1)."""

    runners = ("eager", "cuda_graph", "compile")
    functions = ("losses",)

    def __init__(self, context: AlgorithmContext) -> None:
        super().__init__(context, Statistics(context.device, ("reconstruction", "divergence"), losses=("reconstruction",)))
        self.optimise("model", *self.networks.modules.values())

    def phases(self) -> Sequence[Phase]:
        """Return the only one."""
        return (Phase("update", self.update, self.stage_real),)

    def update(self) -> None:
        """Take one step."""
        real = self.draw_real().samples
        reconstruction, divergence = self.losses(real, self.draw_inputs(len(real)))
        self.step("model", reconstruction + divergence)
        self.update_averages()
        self.statistics.tell("reconstruction", reconstruction, divergence)

    def losses(self, real: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return both terms, means over the batch."""
        with self.autocast():
            mean, log_std = self.networks["encoder"](real).float().chunk(2, dim=1)
            again = self.networks["decoder"](mean + log_std.exp() * noise).float()
        divergence = (0.5 * (mean.square() + (2 * log_std).exp() - 1) - log_std).sum(1).mean()
        return (again - real).square().flatten(1).sum(1).mean(), divergence
