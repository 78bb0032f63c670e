"""One iteration of many seeds at once: the mathematics of one seed, mapped over a leading axis.

Parameters, optimizer states, averages and statistics of the seeds lie on top of each other. The four functions of tensors that an
adversarial iteration is made of are those of the seeds' own algorithm, mapped by ``torch.func.vmap``; Adam, RMSprop, SGD and the averages
are elementwise, and the sum of the seeds' losses has for each seed's parameters the gradient of its own loss. Every seed draws from its own
streams what it would draw alone. So a seed's step differs from its step alone by the order in which a batched product is added up: the
first generated batch of narrow networks has the same bits, wide ones differ in the last (tests/plugins/seeds).

Shapes: S seeds, N samples of a seed's batch.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from ganbench import AdversarialAlgorithm, AlgorithmContext, ArraySource, Batch, choose_runner
from ganbench_seeds.sampler import StackedSampler
from ganbench_seeds.statistics import StackedLedger


class StackFailed(Exception):
    """An iteration of many seeds cannot be taken; each of them may well be trained alone."""


class Stack(AdversarialAlgorithm):
    """The algorithm of all seeds together.

    Args:
        members: the seeds' own algorithms, all after so many iterations and of one configuration but for the seed. Their random streams
            are drawn from; their networks and the rest stay as they are until :meth:`give_back`.
        iteration: how many.
    """

    runners = ("eager",)
    functions = ()

    def __init__(self, members: Sequence[AdversarialAlgorithm], iteration: int = 0) -> None:
        first = members[0]
        self._members = tuple(members)
        states = [AdversarialAlgorithm.state_dict(one) for one in members]
        self._one_seed = _Functions(first)
        source = first.dataset.train
        assert isinstance(source, ArraySource)
        seeds, position = [one.training.seed for one in members], states[0]["sampler"]["position"]
        modules = {name: _stacked([one.networks[name] for one in members]) for name in first.networks.modules}
        super().__init__(
            AlgorithmContext(
                config=first.config,
                networks=dataclasses.replace(first.networks, modules=modules),
                objective=first.objective,
                sampler=StackedSampler(source, seeds, first.training, first.device, position),
                train_labels=None,
                device=first.device,
                dataset=first.dataset,
            )
        )
        self.ledger = self._stacked_ledger = StackedLedger([state["statistics"] for state in states], first.device)
        for kind in ("modules", "optimizers"):
            _lay(_live(AdversarialAlgorithm.state_dict(self), kind), [_live(state, kind) for state in states])
        self._weights = {name: _weights(name, module) for name, module in modules.items()}
        self._indices = torch.arange(len(members), device=first.device)
        self.count, self.iteration = len(members), iteration
        self._runner = choose_runner("eager", self, first.device).runner

    def advance(self) -> None:
        """Take one iteration.

        Raises:
            StackFailed: whatever failed in it; the seeds' own algorithms are where they were given back last.
        """
        try:
            self._runner.run(self.iteration)
        except Exception as error:
            raise StackFailed(f"{type(error).__name__}: {error}") from error
        self.iteration += 1

    @property
    def phase_milliseconds(self) -> tuple[tuple[str, float], ...]:
        """The mean time of each phase, of all seeds together."""
        return self._runner.phase_milliseconds()

    @torch.no_grad()
    def give_back(self, index: int) -> None:
        """Bring one seed's own algorithm to where the stack is; its random streams are there already."""
        member = self._members[index]
        theirs, ours = AdversarialAlgorithm.state_dict(member), AdversarialAlgorithm.state_dict(self)
        for kind in ("modules", "optimizers"):
            _take(_live(theirs, kind), _live(ours, kind), index)
        self.give_statistics(index)
        member.sampler.load_state_dict({**theirs["sampler"], **ours["sampler"]})

    def give_statistics(self, index: int, *, read: bool = False) -> None:
        """Bring one seed's statistics to where the stack is; ``read`` says that they are read now, and begin anew."""
        self._members[index].statistics.load_state_dict(self._stacked_ledger.of_seed(index))
        if read:
            self._stacked_ledger.forget(index)

    def generate(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """Return float32 samples ``[S, N, ...]``."""
        samples: Tensor = self._map("generate", latents, labels)
        return samples

    def discriminator_loss(
        self, real: Tensor, fake: Tensor, real_labels: Tensor | None, fake_labels: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the losses ``[S]`` and the logits' statistics ``[S, 5]``."""
        losses: tuple[Tensor, Tensor] = self._map("discriminator_loss", real, fake, real_labels, fake_labels)
        return losses

    def generator_loss(self, fake: Tensor, labels: Tensor | None, real: Tensor | None = None, real_labels: Tensor | None = None) -> Tensor:
        """Return the losses ``[S]``."""
        losses: Tensor = self._map("generator_loss", fake, labels, real, real_labels)
        return losses

    def penalty(self, real: Tensor, fake: Tensor, labels: Tensor | None, uniform: Callable[[int], Tensor]) -> Tensor:
        """Return the sums of the penalties ``[S]``; ``uniform`` draws ``[S, n]``."""

        def of_one(judge: Callable[..., Any], index: Tensor, real: Tensor, fake: Tensor, labels: Tensor | None = None) -> Tensor:
            discriminate = _Discriminate(lambda samples: judge("judge", samples, labels).logits)
            own = [
                p(discriminate, real, fake, lambda count: uniform(count).index_select(0, index[None])[0]) for p in self.objective.penalties
            ]
            return torch.stack(own).sum()

        # Numbers that are drawn inside are drawn by uniform, for all seeds at once: vmap has nothing to make different.
        given = (real, fake) if labels is None else (real, fake, labels)
        penalties: Tensor = self._mapped("discriminator", of_one, self._indices, *given, randomness="same")
        return penalties

    def _map(self, name: str, *arguments: Tensor | None) -> Any:
        """Return what one of the seeds' functions returns, for every seed; what is None for one is None for all."""
        given = [argument is not None for argument in arguments]

        def of_one(call: Callable[..., Any], *tensors: Tensor) -> Any:
            rest = iter(tensors)
            return call(name, *(next(rest) if there else None for there in given))

        network = "generator" if name == "generate" else "discriminator"
        return self._mapped(network, of_one, *(argument for argument in arguments if argument is not None))

    def _mapped(self, network: str, function: Callable[..., Any], *tensors: Tensor, randomness: str = "error") -> Any:
        """Map a function over the seeds; its first argument calls a method of a seed's own algorithm with that seed's network."""
        one_seed = self._one_seed

        def of_one(parameters: dict[str, Tensor], buffers: dict[str, Tensor], *own: Tensor) -> Any:
            weights = (parameters, buffers)
            return function(lambda *call: functional_call(one_seed, weights, call, tie_weights=one_seed.ties_weights), *own)

        return vmap(of_one, randomness=randomness)(*self._weights[network], *tensors)

    def step(self, name: str, loss: Tensor) -> None:
        """Take one step of an optimizer of all seeds: the losses ``[S]`` share no parameter."""
        super().step(name, loss.sum())

    def present(self, samples: Tensor) -> Tensor:
        """Return samples as the discriminators see them: packed."""
        packed: Tensor = samples if self.training.packing == 1 else self._map("present", samples)
        return packed

    def draw_inputs(self, count: int) -> Tensor:
        """Return what the generators are asked, ``[S, count, ...]``."""
        return torch.stack([one.draw_inputs(count) for one in self._members])

    def draw_labels(self, count: int) -> Tensor | None:
        """Return ``[S, count]`` labels, or None where the networks want none."""
        drawn = [labels for one in self._members if (labels := one.draw_labels(count)) is not None]
        return torch.stack(drawn) if drawn else None

    def draw_real(self) -> Batch:
        """Return the staged batches; without labels where the networks want none."""
        batch = self.sampler.take(self.training.batch_size)
        if self.training.dequantise:
            shape, grain = batch.samples.shape[1:], self.dataset.space.grain
            noise = [torch.rand(shape, device=self.device, generator=one.random) for one in self._members]
            batch.samples = batch.samples + grain * torch.stack(noise)
        if not self.networks.inputs.labels:
            batch.labels = None
        return batch

    def uniform(self, count: int) -> Tensor:
        """Return ``[S, count]`` numbers in [0, 1)."""
        return torch.stack([one.uniform(count) for one in self._members])


class _Functions(nn.Module):
    """The methods of one seed's algorithm as a module, whose parameters ``functional_call`` replaces."""

    def __init__(self, algorithm: AdversarialAlgorithm) -> None:
        super().__init__()
        self.generator, self.discriminator = algorithm.generator, algorithm.discriminator
        self._algorithm = algorithm
        self.ties_weights = len(list(self.named_parameters(remove_duplicate=False))) > len(list(self.parameters()))

    def forward(self, name: str, *arguments: Any) -> Any:
        """Call a method."""
        return getattr(self._algorithm, name)(*arguments)


class _Discriminate:
    """A discriminator as a penalty gets it, with the derivative that a penalty cannot ask autograd for inside vmap."""

    def __init__(self, judge: Callable[[Tensor], Tensor]) -> None:
        self._judge = judge

    def __call__(self, samples: Tensor) -> Tensor:
        return self._judge(samples)

    def gradient(self, samples: Tensor) -> Tensor:
        """Return d(sum of logits) / d(samples), with its own graph."""
        slope: Tensor = grad(lambda at: self._judge(at).sum())(samples)
        return slope


def _stacked(modules: Sequence[nn.Module]) -> nn.Module:
    """Return a copy of the first module whose parameters and buffers are those of all, ``[S, ...]``; it is never called."""
    made = copy.deepcopy(modules[0])
    for path, one in made.named_modules():
        theirs = [module.get_submodule(path) for module in modules]
        for name, parameter in one.named_parameters(recurse=False):
            stack = torch.stack([their.get_parameter(name).detach() for their in theirs])
            one.register_parameter(name, nn.Parameter(stack, parameter.requires_grad))
        for name, buffer in one.named_buffers(recurse=False):
            setattr(one, name, torch.stack([their.get_buffer(name) for their in theirs]) if buffer is not None else None)
    return made


def _weights(network: str, module: nn.Module) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the stacked parameters and buffers of a network, as :class:`_Functions` calls them."""
    parameters = {f"{network}.{path}": parameter for path, parameter in module.named_parameters()}
    return dict(parameters), {f"{network}.{path}": buffer for path, buffer in module.named_buffers()}


def _live(state: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return the tensors of all modules, or of all optimizers, of an algorithm's state: those that it works on, and no copies."""
    if kind == "optimizers":
        return {name: optimizer["state"] for name, optimizer in state[kind].items()}
    found: dict[str, Any] = state[kind]
    return found


@torch.no_grad()
def _lay(stack: Any, seeds: Sequence[Any]) -> None:
    """Put the tensors of the seeds on top of each other, in place; counts of steps are those of every seed."""
    if isinstance(stack, Tensor):
        stack.copy_(seeds[0] if stack.shape == seeds[0].shape else torch.stack(list(seeds)))
        return
    for name, inner in stack.items():
        _lay(inner, [seed[name] for seed in seeds])


def _take(seed: Any, stack: Any, index: int) -> None:
    """Put one layer of the stack in the place of a seed's tensors."""
    if isinstance(seed, Tensor):
        seed.copy_(stack if stack.shape == seed.shape else stack[index])
        return
    for name, inner in seed.items():
        _take(inner, stack[name], index)
