"""The runner that compiles the functions of tensors a step is made of; the optimizers, the sampler and the average stay as they are.

A region is a network's forward together with what follows it: the generator; the discriminator on real and on generated images with its
loss; the discriminator on generated images with the generator's loss; the penalties with their double backward (:mod:`.compiled_penalty`).
What is compiled must move everything as the steps do as they are written, and that is checked before the run begins.
"""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import torch

from ganbench.errors import RunFailed
from ganbench.training.algorithm import Steps, execute
from ganbench.training.compiled_penalty import CompiledPenalty, Function, first_line
from ganbench.training.eager_runner import EagerRunner
from ganbench.training.rehearsal import Movements, rehearse, require_repetition, undone

_REMEDIES = {
    "InvalidCxxCompiler": "install a C++ compiler (g++ or clang++), or use --runner eager",
    "TritonMissing": "install triton, or use --runner auto",
}
_serial = itertools.count()


class CompileRunner(EagerRunner):
    """Calls each phase as it is written, over compiled functions.

    Args:
        algorithm: with ``compile`` among its runners.
        device: where it runs.
        backend: of ``torch.compile``.
    """

    name = "compile"

    def __init__(self, algorithm: Steps, device: torch.device, backend: str | Function = "inductor") -> None:
        super().__init__(algorithm, device)
        self._device, self._backend = device, backend
        self._originals: dict[str, Function] = {}
        self._penalty: CompiledPenalty | None = None

    def notes(self) -> tuple[str, ...]:
        """Say why the penalty is not compiled, where it is not."""
        reason = "" if self._penalty is None else self._penalty.reason_for_eager
        return (f"the penalty runs eagerly: {reason}",) if reason else ()

    def start(self) -> None:
        """Compile everything, and compare the first iterations with eager ones; the algorithm's state is left as it was found.

        Raises:
            RunFailed: something does not compile here, or compiled it does something else.
        """
        expected = self._rehearse()
        try:
            require_repetition(self._compiled_movements(), expected, "compiled")
        except (RuntimeError, RunFailed) as error:
            self._restore()
            if isinstance(error, RunFailed):
                raise
            what = first_line(error)
            hint = _REMEDIES.get(what.partition(":")[0], "use --runner eager")
            raise RunFailed(f"torch.compile failed: {what}", hint=hint) from error
        finally:
            _end_workers(self._backend)

    def _compiled_movements(self) -> Movements:
        """Compile what each phase calls, and return what the first iterations move."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # compilers warn of what torch does inside; a plugin's own warnings came with the eager steps
            self._algorithm.transform(self._wrap)
            with undone(self._algorithm, self._device):
                for phase in self._algorithm.phases():
                    phase.prepare()
                    phase.run()
            return self._rehearse()

    def _wrap(self, name: str, function: Function) -> Function:
        """Return what is called in the place of a function."""
        self._originals[name] = function
        if name != "penalty":
            return self._compile(name, function, fullgraph=False)
        modules = list(self._algorithm.modules().values())
        self._penalty = CompiledPenalty(function, modules, lambda region: self._compile(name, region, fullgraph=True))
        return self._penalty

    def _compile(self, name: str, function: Function, *, fullgraph: bool) -> Function:
        options: dict[str, Any] | None = None
        if self._backend == "inductor":
            options = {"fallback_random": True}  # a network with dropout draws the numbers that it draws in the other runners
        region = _with_code_of_its_own(name, function)
        compiled: Function = torch.compile(region, backend=self._backend, fullgraph=fullgraph, dynamic=False, options=options)
        return compiled

    def _restore(self) -> None:
        """Put the functions back as they were."""
        self._algorithm.transform(self._originals.get)

    def _rehearse(self) -> Movements:
        return rehearse(self._algorithm, self._device, lambda i: execute(self._algorithm, i))


def _with_code_of_its_own(name: str, function: Function) -> Function:
    """Return a function that calls another.

    Dynamo keeps a few compiled variants for each code object and then gives up; the methods of two algorithms in one process share theirs.
    """

    def region(*arguments: Any) -> Any:
        return function(*arguments)

    region.__code__ = region.__code__.replace(co_name=f"{name}_{next(_serial)}")
    return region


def _end_workers(backend: str | Function) -> None:
    """End the processes that Inductor compiles in; a later compilation starts them again."""
    if backend == "inductor":
        from torch._inductor.async_compile import shutdown_compile_workers

        shutdown_compile_workers()
