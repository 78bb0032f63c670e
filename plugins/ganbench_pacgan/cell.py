"""One row of the table: the GANs of all its seeds, trained epoch by epoch and scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ganbench import choose_runner, start_runner
from ganbench_pacgan import PacGANOptions
from ganbench_pacgan.step import StackedGANs
from ganbench_pacgan.streams import Streams
from ganbench_reproduce.experiment import ExperimentFacts, ExperimentSetup
from ganbench_spaces.modes import score_modes
from ganbench_toy.distributions import Modes, mode_scores, squared_distances


class CellRun:
    """A :class:`ganbench.ExperimentRun`; an interval is an epoch.

    Args:
        setup: seeds and device.
        options: the protocol.
        modes: the data's mixture, on the CPU.
        packing: points in a pack.
    """

    def __init__(self, setup: ExperimentSetup, options: PacGANOptions, modes: Modes, packing: int) -> None:
        streams = Streams(setup.cell, setup.seeds)
        packs = streams.packs(modes, packing, options.num_samples).to(setup.device)
        self.gans = StackedGANs(options, packing, packs, streams)
        self._modes = replace(modes, centres=modes.centres.to(setup.device))
        self._latents = streams.scored_latents().to(setup.device)
        self._device, self._epochs = setup.device, 0
        # The algorithm is what a runner asks for, so that captured steps take the harness's own precautions.
        self._runner = start_runner(choose_runner(options.runner, self.gans, setup.device), self.gans, setup.device).runner
        self.facts = ExperimentFacts(
            steps_per_interval=self.gans.steps_per_epoch,
            flops_per_step=flops_per_step(options, packing),
            parameters=tuple(
                (name, sum(p.numel() for p in module.parameters()) // len(setup.seeds)) for name, module in self.gans.modules().items()
            ),
            runner=self._runner.name,
        )

    @property
    def steps(self) -> int:
        """Steps done."""
        return self._epochs * self.gans.steps_per_epoch + self.gans.position

    @property
    def intervals(self) -> int:
        """Epochs done."""
        return self._epochs

    def advance(self, pause: Callable[[], bool]) -> bool:
        """Train to the end of the epoch; see :class:`ganbench.ExperimentRun`."""
        while self.gans.position < self.gans.steps_per_epoch:
            self._runner.run(self.steps)
            self.gans.position += 1
            if pause():
                self._wait()
                return False
        self.gans.end_epoch()
        self._epochs += 1
        self._wait()
        return True

    def scores(self) -> Mapping[str, Sequence[float]]:
        """Return modes captured, high-quality samples in percent, and the reverse KL over all samples and over the good ones."""
        points = self.gans.points(self._latents)
        scores = mode_scores(points, self._modes)
        return {
            "modes": scores.modes_captured.tolist(),
            "high_quality": (100 * scores.high_quality).tolist(),
            "reverse_kl": reverse_kl(points, self._modes).tolist(),
            "reverse_kl_good": scores.reverse_kl.tolist(),
        }

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the GANs and the epochs done."""
        return {"gans": self.gans.state_dict(), "epochs": self._epochs}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it back."""
        self.gans.load_state_dict(state["gans"])
        self._epochs = state["epochs"]

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


def reverse_kl(points: Tensor, modes: Modes) -> Tensor:
    """Return KL(generated || data) over the modes, where every point belongs to its closest mode, good or not.

    Args:
        points: ``[S, N, 2]``; one that is NaN belongs to no mode.
        modes: the mixture, whose modes are equally likely.

    Returns:
        ``[S]`` float64 in nats.
    """
    finite = points.isfinite().all(-1)  # [S, N]
    nearest = squared_distances(points, modes).nan_to_num(nan=0.0).argmin(-1)
    counts = torch.zeros(points.shape[0], len(modes.centres), dtype=torch.int64, device=points.device)
    counts.scatter_add_(1, nearest, finite.to(torch.int64))
    return score_modes(counts, points.shape[1]).reverse_kl


def flops_per_step(options: PacGANOptions, packing: int) -> int:
    """Return the arithmetic of the matrix products of a step of one seed, forward and backward; a multiply-add counts twice."""
    width, units, batch = options.generator_width, options.discriminator_width, options.batch_size
    pieces = options.maxout_pieces * units
    generator, its_first = 2 * width + 3 * width * width + 2 * width, 2 * width
    discriminator, its_first_too = 2 * packing * pieces + 2 * units * pieces + units, 2 * packing * pieces
    # Weights and inputs each cost as much as the forward pass; the inputs of a first layer need no gradient.
    generators = packing * batch * (3 * generator - its_first)
    its_own_loss = 2 * batch * (3 * discriminator - its_first_too)
    through_it = batch * discriminator  # the generator's gradient, from the logits to the points
    return 2 * (generators + its_own_loss + through_it)
