"""What an architecture plugin's factory returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from ganbench.errors import PluginError
from ganbench.training.inputs import Inputs
from ganbench.training.objective import Term, WeightTerm

_Modules = Mapping[str, nn.Module]


def _ask_generator(modules: _Modules, inputs: Tensor, labels: Tensor | None) -> Tensor:
    """Return what the module ``generator`` makes."""
    samples: Tensor = modules["generator"](inputs, labels)
    return samples


@dataclass(frozen=True, kw_only=True, slots=True)
class Networks:
    """Modules by name, initialised by their factory, and what they can do together.

    Which modules there must be is between an architecture and its algorithm. The default one asks for two:
    ``generator(inputs [N, ...] float32, labels [N] int64 | None) -> samples [N, ...]`` as the data's space has them, and
    ``discriminator(samples, labels | None) -> logits [N]`` or ``[N, ...]`` for patches, without a sigmoid, or a
    :class:`~ganbench.Judgement`.

    There, a network with a method ``set_reference(inputs, labels)`` is given one fixed batch before the first step, real samples for the
    discriminator and latents for the generator, and keeps it in buffers (virtual batch norm). A module whose output for a sample depends on
    the rest of the batch says so, unless it is a batch norm: ``couples_samples = "minibatch discrimination"``, a few words for the refusal
    of penalties on single samples.
    """

    modules: _Modules
    inputs: Inputs
    """What is asked of :attr:`generate`."""
    averaged: tuple[str, ...] = ("generator",)
    """The modules whose moving averages are evaluated in their places."""
    generate: Callable[[_Modules, Tensor, Tensor | None], Tensor] = _ask_generator
    """(modules, inputs, labels) to samples, with the modules as they are evaluated."""
    scorers: Mapping[str, Callable[[_Modules, Tensor], Tensor]] = field(default_factory=dict)
    """By name: (modules, samples ``[N, ...]``) to one number for each, ``[N]``: an anomaly score, a log-likelihood."""
    terms: tuple[Term, ...] = ()
    """Terms of the losses that belong to these networks, such as the class loss of a discriminator that classifies."""
    weight_terms: tuple[WeightTerm, ...] = ()

    def __post_init__(self) -> None:
        for name in self.averaged:
            self[name]

    def __getitem__(self, name: str) -> nn.Module:
        """Return a module.

        Raises:
            PluginError: there is none of this name.
        """
        if name not in self.modules:
            raise PluginError(f"the networks have no module {name!r} (they have {', '.join(self.modules) or 'none'})")
        return self.modules[name]
