"""A few steps of many seeds, taken both ways and taken back: does the stack repeat what each seed does alone, and which way is faster."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench import Interrupted
from ganbench_seeds.member import Member
from ganbench_seeds.stack import Stack

_STEPS = 3
_TOLERANCE = 0.02
"""Relative and absolute, as of the captured and the compiled step: what adds in another order moves a loss by far less."""
_ROUNDS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """What came of it."""

    difference: float
    """Largest difference of a loss or a buffer from that of the seed alone."""
    repeats: bool
    together_milliseconds: float
    """One step of one seed's share; the median of some rounds."""
    alone_milliseconds: float

    @property
    def is_faster(self) -> bool:
        """Whether the seeds are faster together."""
        return self.together_milliseconds < self.alone_milliseconds

    def __str__(self) -> str:
        return f"{self.together_milliseconds:.3g} ms for a step of a seed, alone {self.alone_milliseconds:.3g} ms"


def try_together(members: Sequence[Member], stop: Callable[[], bool] = lambda: False) -> Trial:
    """Take the first steps of all seeds together, and those of each one alone; all of it is taken back.

    Args:
        members: the algorithms of the seeds, none of which is part of a stack.
        stop: asked between the seeds.

    Raises:
        StackFailed: a step cannot be taken together.
        Interrupted: the user wants to stop.
    """
    saved = [copy.deepcopy(one.state_dict()) for one in members]
    try:
        together = _together(members)
        _take_back(members, saved)
        alone = [_alone(one, stop) for one in members]
        _take_back(members, saved)
        ours, own = _timed(members)
    finally:
        _take_back(members, saved)
    pairs = [(ours, own) for found, expected in zip(together, alone, strict=True) for ours, own in zip(found, expected, strict=True)]
    return Trial(
        difference=max(float((ours - own).abs().max()) for ours, own in pairs),
        repeats=all(torch.allclose(ours, own, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True) for ours, own in pairs),
        together_milliseconds=ours,
        alone_milliseconds=own,
    )


def _together(members: Sequence[Member]) -> list[list[Tensor]]:
    """Return what the steps of each seed came to."""
    stack = Stack(members)
    for index, one in enumerate(members):
        one.join(stack, index)
    try:
        for _ in range(_STEPS):
            stack.advance()
        return [_outcome(one) for one in members]
    finally:
        for one in members:
            one.leave()


def _alone(member: Member, stop: Callable[[], bool]) -> list[Tensor]:
    if stop():
        raise Interrupted("interrupted before the first step")
    for iteration in range(_STEPS):
        _step(member, iteration)
    return _outcome(member)


def _outcome(member: Member) -> list[Tensor]:
    """Return the losses ``[steps, losses]`` and the buffers: where a network replaces one, and not in place, a stack would lose it."""
    state = member.state_dict()["modules"]
    buffers = [
        state[name][path] for name, network in member.networks.modules.items() for path, _ in network.named_buffers() if path in state[name]
    ]
    return [member.trajectory()[:_STEPS], *(buffer.double().clone() for buffer in buffers)]


def _step(member: Member, iteration: int) -> None:
    phases = {phase.name: phase for phase in member.phases()}
    for name in member.plan(iteration):
        phases[name].prepare()
        phases[name].run()


def _timed(members: Sequence[Member]) -> tuple[float, float]:
    """Return the milliseconds of a seed's step, together and alone, in turn forwards and backwards so that drift hits both alike."""
    stack, first = Stack(members), members[0]

    def together() -> None:
        stack.advance()

    def alone() -> None:
        for _ in range(_STEPS):
            _step(first, stack.iteration)

    ways: tuple[tuple[Callable[[], None], float, list[float]], ...] = ((together, len(members), []), (alone, _STEPS, []))
    for round_ in range(_ROUNDS):
        for way, steps, found in ways if round_ % 2 == 0 else ways[::-1]:
            began = time.perf_counter()
            way()
            if first.device.type == "cuda":
                torch.cuda.synchronize(first.device)
            found.append(1000 * (time.perf_counter() - began) / steps)
    ours, own = (statistics.median(found) for _, _, found in ways)
    return ours, own


def _take_back(members: Sequence[Member], saved: Sequence[dict[str, object]]) -> None:
    for one, state in zip(members, saved, strict=True):
        one.load_state_dict(state)
