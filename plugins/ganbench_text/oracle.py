"""The synthetic benchmark of SeqGAN: texts of an LSTM with random weights, under which any text has an exact likelihood.

The sizes are those of Yu et al. 2017 (https://arxiv.org/abs/1609.05473, section 4) and of LantaoYu/SeqGAN. The weights are not: SeqGAN's
oracle is a file of its authors, Texygen, TextGAN-PyTorch and RelGAN each have another, and this one comes from a seed of NumPy's frozen
``RandomState``. A likelihood under one oracle says nothing of one under another, so that published figures cannot be subtracted from ours.

Everything is computed in float64, so that a rounding of another machine changes no token. Shapes: n texts, T tokens, V in the vocabulary.
"""

from __future__ import annotations

import functools
import hashlib

import numpy as np
import torch
from torch import Tensor

from ganbench import ArraySource, DataContext, Dataset
from ganbench_text.lstm import START, LanguageModel, choose
from ganbench_text.options import OracleOptions
from ganbench_text.space import Oracle, TokenSpace

_BATCH = 200


@functools.lru_cache(maxsize=2)
def oracle_network(vocabulary: int, length: int, hidden: int, seed: int) -> LanguageModel:
    """Return the network, weights N(0, 1), in float64."""
    network = LanguageModel(vocabulary, length, hidden, hidden).double().requires_grad_(False)
    random = np.random.RandomState(seed)
    for parameter in network.parameters():
        parameter.copy_(torch.from_numpy(random.standard_normal(tuple(parameter.shape))))
    return network


def hash_weights(network: LanguageModel) -> str:
    """Return the first 16 digits of a sha256 over all weights."""
    digest = hashlib.sha256()
    for parameter in network.parameters():
        digest.update(parameter.detach().numpy().tobytes())
    return digest.hexdigest()[:16]


@torch.inference_mode()
def draw_texts(network: LanguageModel, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """Return texts ``[n, T]``, and the mean entropy of what their tokens were drawn from, ``[n]`` in nats.

    Its mean over texts estimates the entropy for each token, and varies less than the texts' own likelihood.
    """
    state, token = network.begin(len(uniform)), torch.full((len(uniform),), START)
    texts, entropies = [], torch.zeros(len(uniform), dtype=torch.float64)
    for place in range(network.length):
        state = network.advance(network.from_token(network.embedding(token)), state)
        logits = network.output(state[0])
        token = choose(logits, uniform[:, place])
        logarithms = logits.log_softmax(1)
        entropies -= (logarithms.exp() * logarithms).sum(1)
        texts.append(token)
    return torch.stack(texts, dim=1), entropies / network.length


@torch.inference_mode()
def nll_per_text(oracle: Oracle, tokens: Tensor) -> Tensor:
    """Return minus the log-likelihood of texts ``[N, T]`` under an oracle, the mean over all T tokens in nats, ``[N]`` float64."""
    network = oracle_network(oracle.vocabulary, oracle.length, oracle.hidden, oracle.seed)
    return torch.cat([network.nll(part).mean(1) for part in torch.split(tokens, _BATCH)])


def build(options: OracleOptions, context: DataContext) -> Dataset:
    """Return texts of the oracle."""
    network = oracle_network(options.vocabulary, options.length, options.hidden, options.seed)
    count = options.num_texts + max(options.num_texts // 4, 2)
    numbers = np.random.RandomState(options.seed ^ 1).random_sample((count, options.length))
    parts = [draw_texts(network, part) for part in torch.split(torch.from_numpy(numbers), _BATCH)]
    texts, entropies = (torch.cat(side).clone() for side in zip(*parts, strict=True))
    oracle = Oracle(
        vocabulary=options.vocabulary,
        length=options.length,
        hidden=options.hidden,
        seed=options.seed,
        weights_hash=hash_weights(network),
        entropy=round(float(entropies.mean()), 6),
        entropy_error=round(float(entropies.std()) / count**0.5, 6),
    )
    space = TokenSpace(options.length, tuple(map(str, range(options.vocabulary))), separator=" ", oracle=oracle)
    return Dataset(
        name="oracle",
        train=ArraySource(texts[: options.num_texts], space=space),
        test=ArraySource(texts[options.num_texts :], space=space),
        notes=(
            f"oracle {oracle.weights_hash}: an LSTM of {options.hidden} units with weights N(0, 1) of seed {options.seed}; "
            f"its entropy is {oracle.entropy:.4f} ±{oracle.entropy_error:.4f} nats a token",
            "another seed, vocabulary or length is another benchmark; SeqGAN, Texygen, TextGAN-PyTorch and RelGAN each have an oracle of "
            "their own, and published figures, the best of a run, are of those",
        ),
    )
