"""The LSTM of SeqGAN (Yu et al. 2017, https://arxiv.org/abs/1609.05473; LantaoYu/SeqGAN generator.py), which also is its oracle.

One bias for each gate, a start token 0 that is a token like others, and all weights normal. A text is drawn token by token from one uniform
number for each, so that it is a function of its inputs.

Shapes: n texts, T tokens of a text, V tokens in the vocabulary, E numbers of an embedding, H units.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganbench import BuildContext, Latents, Networks
from ganbench_text.options import GeneratorOptions, LanguageModelOptions
from ganbench_text.space import one_hot, tokens_of

START = 0
State = tuple[Tensor, Tensor]


class LanguageModel(nn.Module):
    """Uniform numbers ``[n, T]`` in [-1, 1) to texts ``[n, T, V]``, one-hot.

    Args:
        vocabulary: V.
        length: T.
        embedding: E.
        hidden: H.
        std: of the weights at initialisation.
        temperature: of the texts that are drawn by :meth:`forward`.
    """

    def __init__(self, vocabulary: int, length: int, embedding: int, hidden: int, *, std: float = 0.1, temperature: float = 1.0) -> None:
        super().__init__()
        self.vocabulary, self.length, self.hidden, self.temperature = vocabulary, length, hidden, temperature
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.from_token = nn.Linear(embedding, 4 * hidden)
        self.from_state = nn.Linear(hidden, 4 * hidden, bias=False)
        self.output = nn.Linear(hidden, vocabulary)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=std)

    def begin(self, count: int) -> State:
        """Return the state before the first token, zeros ``[n, H]``."""
        zeros = self.output.weight.new_zeros(count, self.hidden)
        return zeros, zeros

    def advance(self, seen: Tensor, state: State) -> State:
        """Return the state after a token.

        Args:
            seen: ``[n, 4 H]``, what :attr:`from_token` says of it.
            state: before it.
        """
        hidden, cell = state
        enter, forget, leave, change = (seen + self.from_state(hidden)).chunk(4, dim=1)
        cell = forget.sigmoid() * cell + enter.sigmoid() * change.tanh()
        return leave.sigmoid() * cell.tanh(), cell

    def logits(self, tokens: Tensor) -> Tensor:
        """Return what is said of each token of texts ``[n, T]``, given those before it: ``[n, T, V]``."""
        before = torch.cat([torch.full_like(tokens[:, :1], START), tokens[:, :-1]], dim=1)
        seen, state, states = self.from_token(self.embedding(before)), self.begin(len(tokens)), []
        for place in range(tokens.shape[1]):
            state = self.advance(seen[:, place], state)
            states.append(state[0])
        logits: Tensor = self.output(torch.stack(states, dim=1))
        return logits

    def nll(self, tokens: Tensor, temperature: float = 1.0) -> Tensor:
        """Return minus the log-likelihood of each token ``[n, T]`` in nats, ``[n, T]``."""
        logits = self.logits(tokens)
        logits = (logits if logits.dtype == torch.float64 else logits.float()) / temperature
        return F.cross_entropy(logits.flatten(0, 1), tokens.flatten(), reduction="none").view_as(tokens)

    def draw(self, uniform: Tensor, temperature: float = 1.0, *, given: Tensor | None = None, num_given: Tensor | None = None) -> Tensor:
        """Return texts ``[n, T]`` int64.

        Args:
            uniform: ``[n, T]`` in [0, 1).
            temperature: logits are divided by it.
            given: texts ``[n, T]`` that begin those that are returned; None for none.
            num_given: how many tokens of each are given, ``[n]``.
        """
        state, token = self.begin(len(uniform)), torch.full((len(uniform),), START, device=uniform.device)
        texts = []
        for place in range(uniform.shape[1]):
            state = self.advance(self.from_token(self.embedding(token)), state)
            token = choose(self.output(state[0]) / temperature, uniform[:, place])
            if given is not None and num_given is not None:
                token = torch.where(num_given > place, given[:, place], token)
            texts.append(token)
        return torch.stack(texts, dim=1)

    def relax(self, noise: Tensor, inverse_temperature: Tensor) -> tuple[Tensor, Tensor]:
        """Return texts drawn by Gumbel noise ``[n, T, V]``: their softmaxes ``[n, T, V]``, and the tokens ``[n, T]`` that come next.

        The next token follows from the drawn one, and not from the softmax, as in RelGAN.
        """
        state, token = self.begin(len(noise)), torch.full((len(noise),), START, device=noise.device)
        soft, hard = [], []
        for place in range(noise.shape[1]):
            state = self.advance(self.from_token(self.embedding(token)), state)
            perturbed = self.output(state[0]).float() + noise[:, place]
            token = perturbed.argmax(1)
            soft.append((perturbed * inverse_temperature).softmax(1))
            hard.append(token)
        return torch.stack(soft, dim=1), torch.stack(hard, dim=1)

    def forward(self, inputs: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return texts."""
        with torch.no_grad():
            return one_hot(self.draw((inputs + 1) / 2, self.temperature), self.vocabulary)


def choose(logits: Tensor, uniform: Tensor) -> Tensor:
    """Return a token of each softmax, ``[n]`` int64, none of probability 0.

    Args:
        logits: ``[n, V]``.
        uniform: ``[n]`` in [0, 1).
    """
    cumulative = (logits if logits.dtype == torch.float64 else logits.float()).softmax(1).cumsum(1)
    places = torch.searchsorted(cumulative, uniform[:, None].to(cumulative.dtype) * cumulative[:, -1:], right=True)
    return places[:, 0].clamp_max(logits.shape[1] - 1)


def make_generator(options: GeneratorOptions, context: BuildContext, temperature: float = 1.0) -> LanguageModel:
    """Return an untrained generator for a run's texts."""
    space = tokens_of(context.space)
    return LanguageModel(len(space.symbols), space.length, options.embedding, options.hidden, temperature=temperature)


def inputs_of(context: BuildContext) -> Latents:
    """Return what a generator is asked: one uniform number for each token."""
    return Latents(tokens_of(context.space).length, "uniform")


def score(modules: Mapping[str, nn.Module], samples: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Return minus the log-likelihood of texts ``[n, T, V]`` under the generator, the mean over all T tokens in nats, ``[n]``."""
    generator = modules["generator"]
    assert isinstance(generator, LanguageModel)
    return generator.nll(samples.argmax(-1), temperature).double().mean(1)


def build_language_model(options: LanguageModelOptions, context: BuildContext) -> Networks:
    """Build the generator alone."""
    return Networks(
        modules={"generator": make_generator(options, context, options.temperature)},
        inputs=inputs_of(context),
        scorers={"nll_gen": partial(score, temperature=options.temperature)},
    )
