"""The iteration of unrolled GANs (Metz et al. 2017, https://arxiv.org/abs/1611.02163, section 2).

The discriminator takes its step as ever. The generator ascends the discriminator's loss as it would be after K more steps of the
discriminator's optimizer (equations 7 to 10), each of which depends on the generator: the gradient goes through all of them. Those steps
are thrown away. With K = 0 this is the minimax game.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call

from ganbench import AdversarialAlgorithm, AlgorithmContext, ConfigError
from ganbench_kernels import higher_order
from ganbench_unrolled import UnrolledOptions

Parameters = dict[str, Tensor]


class UnrolledAlgorithm(AdversarialAlgorithm):
    """Alternating updates, of which the generator's looks ahead."""

    runners = ("eager", "cuda_graph")

    def __init__(self, context: AlgorithmContext) -> None:
        context.require(shared_fakes=False, generator_batch_factor=1, packing=1)
        options, optimizer = context.config.architecture.options, context.config.discriminator_optimizer
        assert isinstance(options, UnrolledOptions)
        if optimizer.kind != "adam" or optimizer.weight_decay:
            got = optimizer.kind if optimizer.kind != "adam" else f"weight_decay {optimizer.weight_decay:g}"
            raise ConfigError(f"discriminator_optimizer must be plain Adam for {context.config.architecture.name} (got {got})")
        if context.objective is not None and context.objective.penalties:
            names = ", ".join(penalty.name for penalty in context.objective.penalties)
            raise ConfigError(f"the steps that {context.config.architecture.name} looks ahead know no penalties (got {names})")
        self._options = options
        super().__init__(context)
        self.generator_needs_real = True

    def generator_update(self) -> None:
        """Ascend the loss that the discriminator would have after its next steps on this batch."""
        fake = self.generate(self.draw_inputs(self.generator_batch), None)
        real, shown = self.present(self.draw_real().samples), self.present(fake)
        with higher_order():
            loss = -self._loss(self._unrolled(real, shown), real, shown)
        self.step("generator", loss)
        self.update_averages()
        self.ledger.add_generator(loss)

    def _loss(self, parameters: Parameters, real: Tensor, fake: Tensor) -> Tensor:
        """Return the discriminator's loss with other parameters than its own."""
        with self.autocast():
            of_real, of_fake = (functional_call(self.discriminator, parameters, (samples,)).float() for samples in (real, fake))
        made = self.objective.discriminator_loss(of_real, of_fake)
        return made[0] if isinstance(made, tuple) else made

    def _unrolled(self, real: Tensor, fake: Tensor) -> Parameters:
        """Return the discriminator's parameters after K steps, as functions of the generated samples."""
        named = dict(self.discriminator.named_parameters())
        parameters = {name: parameter.detach().clone().requires_grad_() for name, parameter in named.items()}
        optimizer, config = self.optimizers["discriminator"], self.config.discriminator_optimizer
        rate = optimizer.param_groups[0]["lr"]
        states = [optimizer.state[parameter] for parameter in named.values()]
        means, squares = ([state[name] for state in states] for name in ("exp_avg", "exp_avg_sq"))
        for ahead in range(1, self._options.unrolled_steps + 1):
            gradients = torch.autograd.grad(self._loss(parameters, real, fake), list(parameters.values()), create_graph=True)
            means = [torch.lerp(mean, gradient, 1 - config.beta1) for mean, gradient in zip(means, gradients, strict=True)]
            squares = [config.beta2 * s + (1 - config.beta2) * g.square() for s, g in zip(squares, gradients, strict=True)]
            parameters = {
                name: _moved(parameter, mean, square, state["step"] + ahead, rate, config.beta1, config.beta2, config.eps)
                for (name, parameter), mean, square, state in zip(parameters.items(), means, squares, states, strict=True)
            }
        return parameters


def _moved(parameter: Tensor, mean: Tensor, square: Tensor, step: Tensor, rate: Tensor, beta1: float, beta2: float, eps: float) -> Tensor:
    """Return a parameter after a step of Adam, as torch takes it; where the square is 0 its root has the derivative 0."""
    root = square.clamp_min(torch.finfo(square.dtype).tiny).sqrt() / (1 - beta2**step).sqrt()
    moved: Tensor = parameter - rate / (1 - beta1**step) * mean / (root + eps)
    return moved
