"""What measures texts, against closed forms and public implementations: both likelihoods, n-grams, words, BLEU."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor

from ganbench import ConfigError, DataContext, SampleSet
from ganbench_text.bleu import build as build_bleu
from ganbench_text.bleu import build_self, sentence_bleu
from ganbench_text.ngrams import NgramMetric, jensen_shannon, number_ngrams
from ganbench_text.nll import GeneratorNLLMetric, OracleNLLMetric
from ganbench_text.novelty import NoveltyMetric, ValidWordsMetric
from ganbench_text.options import OracleOptions
from ganbench_text.oracle import build as build_oracle
from ganbench_text.oracle import nll_per_text
from ganbench_text.space import TokenSpace, tokens_of

SPACE = TokenSpace(6, ("", "a", "b", "c", "d"), has_end=True, lexicon=frozenset({"ab", "abc", "cab"}))
NUMBERS = TokenSpace(8, tuple("012345"), separator=" ")


def texts(*words: str) -> Tensor:
    """Return words as tokens, filled up."""
    return torch.tensor([["_abcd".index(letter) for letter in word.ljust(6, "_")] for word in words])


def draw(count: int, length: int, vocabulary: int, seed: int) -> Tensor:
    """Return random texts whose small tokens are common."""
    random = torch.Generator().manual_seed(seed)
    return (torch.rand(count, length, generator=random).square() * vocabulary).long()


def sides(space: TokenSpace, real: Tensor | None, fake: Tensor) -> tuple[SampleSet, SampleSet]:
    """Return both sides as a metric is given them."""
    return SampleSet(samples=real, space=space), SampleSet(samples=fake)


def test_one_likely_text_again_and_again_beats_the_entropy_and_is_flagged() -> None:
    """NLL-oracle knows quality alone: below the oracle's entropy it says collapse, and of the oracle's own texts it does not."""
    dataset = build_oracle(OracleOptions(vocabulary=20, length=6, num_texts=500, hidden=8), DataContext())
    space, train = tokens_of(dataset.space), dataset.train.read(torch.arange(500))
    assert space.oracle is not None
    likely = train[nll_per_text(space.oracle, train).argmin()].expand(50, -1)
    (collapsed, flag), (honest, none) = (OracleNLLMetric().compute(*sides(space, None, fake)) for fake in (likely, train))
    assert collapsed < space.oracle.entropy
    assert (flag, none) == (1.0, 0.0)
    assert honest == pytest.approx(float(nll_per_text(space.oracle, train).mean()), rel=1e-12)


def test_the_generators_likelihood_is_the_mean_of_its_scores() -> None:
    """Over all held-out texts; a model that gives none is told."""
    scores = {"nll_gen": torch.tensor([1.0, 2.0, 6.0])}
    assert GeneratorNLLMetric().compute(SampleSet(scores=scores), SampleSet()) == (3.0,)
    with pytest.raises(ConfigError, match="needs a generator that gives texts a likelihood"):
        GeneratorNLLMetric().compute(SampleSet(scores={"other": torch.ones(1)}), SampleSet())


def by_counts(one: Tensor, other: Tensor, n: int) -> float:
    """Return the divergence in bits by its definition, from dictionaries of n-grams."""
    counts = [Counter(tuple(t[i : i + n]) for t in side.tolist() for i in range(len(t) - n + 1)) for side in (one, other)]
    p, q = ({gram: c / sum(count.values()) for gram, c in count.items()} for count in counts)
    middle = {gram: (p.get(gram, 0) + q.get(gram, 0)) / 2 for gram in {*p, *q}}
    return sum(sum(share * math.log2(share / middle[gram]) for gram, share in side.items()) for side in (p, q)) / 2


def test_the_divergence_of_ngrams_is_its_definition() -> None:
    """As igul222/improved_wgan_training's js_with: in bits, from 0 for equal shares to 1 for none in common, n = 4 first."""
    one, other = draw(60, 7, 5, 0), draw(40, 7, 5, 1)
    expected = [by_counts(one, other, n) for n in (4, 1, 2, 3)]
    assert NgramMetric().compute(*sides(NUMBERS, one, other)) == pytest.approx(expected, abs=1e-12)
    assert NgramMetric().compute(*sides(NUMBERS, one, one)) == (0, 0, 0, 0)
    assert jensen_shannon(torch.tensor([0, 0, 1]), torch.tensor([2, 3])) == pytest.approx(1)
    wide = draw(50, 4, 40_000, 2)
    assert number_ngrams([wide], 4)[3][0].unique().numel() == len(wide.unique(dim=0))


def test_words_are_valid_new_and_distinct() -> None:
    """By hand; an end within a word makes it invalid, and each text counts as often as it was made."""
    train, made = texts("ab", "dd"), texts("ab", "abc", "abc", "dd", "a_b")
    assert ValidWordsMetric().compute(*sides(SPACE, train, made)) == (3 / 5, 2 / 5)
    assert NoveltyMetric().compute(*sides(SPACE, train, made)) == (pytest.approx(3 / 5), 4 / 5)
    assert NoveltyMetric().compute(*sides(SPACE, train, train)) == (0, 1)


def test_bleu_by_hand() -> None:
    """Half of four tokens, one of three pairs and a floor of 0.1 for what never matches; a short text has a penalty and fewer orders."""
    space = TokenSpace(4, tuple("01234567"), separator=" ")
    made, real = torch.tensor([[0, 1, 5, 6]]), torch.tensor([[0, 1, 2, 3]])
    four, two, three, five = sentence_bleu(space, made, real)
    assert two == pytest.approx((2 / 4 * 1 / 3) ** (1 / 2))
    assert three == pytest.approx((2 / 4 * 1 / 3 * 0.1 / 2) ** (1 / 3))
    assert four == five == pytest.approx((2 / 4 * 1 / 3 * 0.1 / 2 * 0.1 / 1) ** (1 / 4))
    assert sentence_bleu(space, torch.tensor([[4, 5, 6, 7]]), real) == (0, 0, 0, 0)
    assert sentence_bleu(SPACE, texts("ab"), texts("abcd"))[1] == pytest.approx(math.exp(1 - 4 / 2))


@pytest.mark.parametrize("filled", [False, True])
def test_bleu_is_sacrebleus(filled: bool) -> None:
    """Sentence by sentence, against other texts and against each other, with repeated tokens and texts of all lengths."""
    metrics: Any = pytest.importorskip("sacrebleu.metrics")
    space = TokenSpace(8, ("", *"abcdef"), separator=" ", has_end=True) if filled else NUMBERS
    made, real = draw(14, 8, 6, 3), draw(11, 8, 6, 4)
    if filled:
        cut = torch.arange(8) < torch.arange(1, 15)[:, None].clamp_max(8)
        made, real = (made + 1) * cut, (real + 1) * cut.flip(0)[:11]
    lines, others = space.read(made), space.read(real)
    found = {"bleu": sentence_bleu(space, made, real), "self": sentence_bleu(space, made)}
    for place, order in enumerate((4, 2, 3, 5)):
        bleu = metrics.BLEU(smooth_method="floor", smooth_value=0.1, effective_order=True, max_ngram_order=order, tokenize="none")
        theirs = [bleu.sentence_score(line, others).score / 100 for line in lines]
        itself = [bleu.sentence_score(line, [*lines[:i], *lines[i + 1 :]]).score / 100 for i, line in enumerate(lines)]
        assert found["bleu"][place] == pytest.approx(sum(theirs) / len(theirs), abs=1e-9)
        assert found["self"][place] == pytest.approx(sum(itself) / len(itself), abs=1e-9)


def test_texts_that_are_all_alike_have_a_self_bleu_of_one_and_real_ones_less() -> None:
    """What BLEU alone prefers, self-BLEU shows."""
    real, alike = draw(200, 8, 6, 5), draw(1, 8, 6, 6).expand(200, -1)
    assert build_self(None).compute(*sides(NUMBERS, None, alike)) == pytest.approx((1, 1, 1, 1))
    assert build_self(None).compute(*sides(NUMBERS, None, real))[0] < 0.95
    assert build_bleu(None).compute(*sides(NUMBERS, real, real))[0] == pytest.approx(1)
