"""Generators of texts as their sources have them: numbers of parameters, plans, rewards, hard texts and temperatures."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F
from zoo_text import CASES

import ganbench
from ganbench import BuildContext
from ganbench.cli.main import main
from ganbench_text import characters, gumbel, seqgan
from ganbench_text.gumbel import GumbelGAN
from ganbench_text.lstm import LanguageModel, build_language_model, choose, score
from ganbench_text.options import CharacterOptions, GumbelOptions, LanguageModelOptions, SeqGANOptions
from ganbench_text.seqgan import SeqGAN
from ganbench_text.space import TokenSpace

PUBLISHED = BuildContext(space=TokenSpace(20, tuple(map(str, range(5000))), separator=" "))
CHARACTERS = BuildContext(space=TokenSpace(32, tuple(map(chr, range(100)))))


def algorithm(name: str, **settings: Any) -> ganbench.Algorithm:
    """Return a small one, as a run builds it."""
    manager = ganbench.PluginManager()
    plain = {"training.device": "cpu", "training.threads": 1, **CASES[name], **settings}
    return ganbench.build(ganbench.plan(name, metrics=(), settings=plain, manager=manager), manager).algorithm


def small_model(temperature: float = 1.0) -> LanguageModel:
    """Return a generator with weights that matter."""
    torch.manual_seed(0)
    return LanguageModel(5, 4, 3, 6, std=1.0, temperature=temperature)


@pytest.mark.parametrize(
    ("build", "options", "context", "counts"),
    [
        (build_language_model, LanguageModelOptions(), PUBLISHED, {"generator": 333_320}),
        (seqgan.build, SeqGANOptions(), PUBLISHED, {"generator": 333_320, "discriminator": 7_045_402}),
        (gumbel.build, GumbelOptions(), PUBLISHED, {"generator": 333_320, "discriminator": 3_328_001}),
        (characters.build, CharacterOptions(), CHARACTERS, {"generator": 15_277_156, "discriminator": 13_180_417}),
    ],
    ids=["language-model", "seqgan", "gumbel-softmax", "character-gan"],
)
def test_the_networks_have_the_parameters_of_their_sources_layers(build: Any, options: Any, context: Any, counts: dict[str, int]) -> None:
    """LantaoYu/SeqGAN generator.py and discriminator.py (1,720 filters, embedding 64, highway, two classes), weilinie/RelGAN
    lstm_vanilla.py (64 representations, 300 filters each of 2 to 5, highway, 100, 1), igul222/improved_wgan_training gan_language.py with
    100 characters (128 to 32 x 512, five blocks of two convolutions of 5)."""
    with torch.device("meta"):
        made = build(options, context)
    assert {name: sum(p.numel() for p in module.parameters()) for name, module in made.modules.items()} == counts


def test_tokens_are_drawn_by_their_softmax_and_scored_by_what_they_were_drawn_from() -> None:
    """One uniform number each; none of probability 0; of texts of four tokens shares are probabilities."""
    logits = torch.tensor([[0.5, 0.2, 0.3, 0.0]]).log().expand(1000, -1)
    chosen = choose(logits, torch.arange(1000) / 1000)
    assert torch.bincount(chosen, minlength=4).tolist() == pytest.approx([500, 200, 300, 0], abs=1)
    model = small_model()
    texts = model(torch.rand(20_000, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1).argmax(-1)
    every = torch.cartesian_prod(*[torch.arange(5)] * 4)
    shares = torch.bincount((texts * torch.tensor([125, 25, 5, 1])).sum(1), minlength=625) / 20_000
    with torch.no_grad():
        assert torch.allclose(shares, (-model.nll(every).sum(1)).exp(), atol=0.012)


@pytest.mark.slow
def test_a_lower_temperature_is_likelier_and_less_varied_and_changes_no_training() -> None:
    """The sweep that stands beside each GAN: quality rises, variety falls, and held-out texts are scored by the same temperature."""
    uniform = torch.rand(500, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
    plain = small_model()
    with torch.no_grad():
        drawn = [small_model(t)(uniform).argmax(-1) for t in (0.5, 1.0, 2.0)]
        quality = [float(plain.nll(texts).mean()) for texts in drawn]
        variety = [len(texts.unique(dim=0)) for texts in drawn]
        assert quality == sorted(quality)
        assert variety == sorted(variety)
        assert len(set(variety)) == 3
        texts = F.one_hot(drawn[1], 5).float()
        by_hand = F.cross_entropy(plain.logits(drawn[1]).flatten(0, 1) / 0.5, drawn[1].flatten(), reduction="none").view(500, 4).mean(1)
        assert torch.allclose(score({"generator": plain}, texts, temperature=0.5).float(), by_hand)
    cold, warm = (algorithm("language-model", **{"architecture.options.temperature": t}) for t in (0.5, 1.0))
    for one in (cold, warm):
        phases = {phase.name: phase for phase in one.phases()}
        for _ in range(2):
            one.stage_real()
            phases["likelihood"].run()
    assert all(torch.equal(a, b) for a, b in zip(*(m.modules()["generator"].parameters() for m in (cold, warm)), strict=True))


@pytest.mark.slow
def test_what_is_measured_is_hard_whatever_is_trained_on() -> None:
    """Soft texts are the discriminator's alone: the evaluated ones are one-hot, and drawn at temperature 1."""
    inputs = torch.rand(6, 6, generator=torch.Generator().manual_seed(1)) * 2 - 1
    for relaxation in ("soft", "straight-through"):
        one = algorithm("gumbel-softmax", **{"architecture.options.relaxation": relaxation})
        assert isinstance(one, GumbelGAN)
        seen, evaluated = one.generate(one.draw_noise()), one.sample(inputs, None)
        assert torch.allclose(seen.sum(-1), torch.ones(8, 6), atol=1e-5)
        is_hard = bool(((seen.detach() - seen.detach().round()).abs() < 1e-6).all())
        assert is_hard == (relaxation == "straight-through")
        assert seen.requires_grad
        assert torch.equal(evaluated, F.one_hot(evaluated.argmax(-1), 12).float())


def test_the_temperature_rises_exponentially_once_the_likelihood_is_done() -> None:
    """From 1, to the option's value after its iterations (weilinie/RelGAN oracle_train.py, ``exp``)."""
    settings = {"architecture.options.most_inverse_temperature": 4.0, "architecture.options.temperature_iterations": 10}
    one = algorithm("gumbel-softmax", **settings)
    assert isinstance(one, GumbelGAN)
    found = []
    for iterations in (0, 5, 10):
        one.set_progress(8 * one.num_likelihood + iterations * one.samples_shown(1))
        found.append(one.inverse_temperature.item())
    assert found == pytest.approx([1, 2, 4])
    assert [one.plan(i) for i in (0, 1, 2)] == [("likelihood",), *[("generator", "discriminator", "discriminator")] * 2]


def test_seqgan_has_three_parts_and_counts_the_real_half() -> None:
    """Likelihood, the discriminator alone, then rounds; the network that rolls out begins as the generator at the first."""
    one = algorithm("seqgan")
    assert [one.plan(i) for i in range(4)] == [
        ("likelihood",),
        ("discriminator_alone",),
        ("begin_rollouts", "generator", "discriminator", "discriminator"),
        ("generator", "discriminator", "discriminator"),
    ]
    assert [one.samples_shown(i) for i in range(4)] == [8, 4, 8, 8]
    manager = ganbench.PluginManager()
    published = ganbench.plan("seqgan-oracle", metrics=(), manager=manager).config
    options = published.architecture.options
    assert isinstance(options, SeqGANOptions)
    kimg_of_rounds = published.training.total_kimg - options.likelihood_kimg - options.discriminator_kimg
    rounds = kimg_of_rounds * 1000 / (32 * published.training.d_steps)
    assert rounds == pytest.approx(200)
    assert options.likelihood_kimg / 9.984 == pytest.approx(120)
    assert options.discriminator_kimg / 9.984 == pytest.approx(150)


def test_a_tokens_reward_is_of_texts_that_begin_with_it() -> None:
    """Roll-outs keep the beginning and draw the rest anew; the last reward is of the text itself; the slow network moves by its rate."""
    one = algorithm("seqgan")
    assert isinstance(one, SeqGAN)
    texts = one.draw_texts(3)
    given, num_given = texts.repeat(5, 1), torch.arange(1, 6).repeat_interleave(3)
    whole = one.rollout.draw(torch.rand(15, 6), given=given, num_given=num_given)
    kept = torch.arange(6) < num_given[:, None]
    assert torch.equal(whole[kept], given[kept])
    assert not torch.equal(whole, given)
    rewards = one.rewards(texts)
    one.discriminator.eval()
    assert rewards.shape == (3, 6)
    assert torch.allclose(rewards[:, -1], one.discriminator.judge(texts).sigmoid())
    assert bool(((rewards > 0) & (rewards < 1)).all())
    before = [p.clone() for p in one.rollout.parameters()]
    with torch.no_grad():
        for parameter in one.generator.parameters():
            parameter.add_(1)
    one.move_rollouts(0.8)
    moved = [float((now - then).mean()) for now, then in zip(one.rollout.parameters(), before, strict=True)]
    assert moved == pytest.approx([1.0] + [0.2] * (len(moved) - 1), abs=1e-5)


def test_the_policy_gradient_is_the_likelihood_of_drawn_tokens_by_reward() -> None:
    """Summed over texts and tokens; a token without reward has no gradient; clipped to its norm."""
    one = algorithm("seqgan")
    assert isinstance(one, SeqGAN)
    texts, rewards = one.draw_texts(2), torch.zeros(2, 6)
    rewards[0, 2] = 0.5
    by_hand = -0.5 * one.generator.logits(texts)[0, 2].log_softmax(0)[texts[0, 2]]
    loss = one.generator_loss(texts, rewards)
    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-5)
    one.step("generator", 1e6 * loss)
    norm = torch.stack([p.grad.norm() for p in one.generator.parameters() if p.grad is not None]).norm()
    assert norm.item() == pytest.approx(5, rel=1e-3)


@pytest.mark.slow
def test_settings_that_texts_cannot_heed_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """An odd batch, parts of an embedding that do not add up, unequal filters, another space."""
    narrow = ["-o", "filters=5,6", "-o", "filter_sizes=1,3"]
    oracle = ["-o", "dataset.vocabulary=12", "-o", "dataset.num_texts=80", "-o", "dataset.hidden=4"]
    for plugin, flags, said in (
        (
            "seqgan",
            ["--batch-size", "7", *narrow, *oracle],
            "must be even for seqgan, whose batches are half real (got 7)",
        ),
        ("gumbel-softmax", ["-o", "num_representations=7"], "num_representations must divide discriminator_embedding (got 64 and 7)"),
        ("seqgan", ["-o", "filters=1,2"], "filters must be as many numbers as filter_sizes (got 2 and 12)"),
        ("language-model", ["--set", "training.d_steps=2", *oracle], "training.d_steps must be 1 for language-model (got 2)"),
        ("language-model", ["--dataset", "digits"], "language-model"),
    ):
        assert main(["run", "--plugin", plugin, *flags, "--metric", "none", "--kimg", "0.1", "--set", "training.device=cpu"]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert len(error.strip().splitlines()) == 1, error


@pytest.mark.slow
def test_maximum_likelihood_learns_the_oracle(tmp_path: Any) -> None:
    """Both likelihoods fall, neither below the oracle's entropy; pictures are lines of tokens, and the notes say which oracle it was."""
    settings = {"dataset.options.vocabulary": 20, "dataset.options.length": 8, "dataset.options.num_texts": 2000, "training.threads": 1}
    run = ganbench.run(
        "mle-small", metrics=("nll_oracle500", "nll_gen"), settings={**settings, "training.total_kimg": 20.0}, out=tmp_path / "run"
    )
    first, last = ({v.name: v for v in one.values} for one in (run.record.evaluations[0], run.record.evaluations[-1]))
    real = last["nll_oracle500"].floor
    assert real is not None
    for name in ("nll_oracle500", "nll_gen"):
        assert real < last[name].value < first[name].value - 0.3
    assert last["below_entropy500"].value == 0
    assert any(note.startswith("oracle ") and "nats a token" in note for note in run.record.notes)
    pictures = sorted((tmp_path / "run" / "samples").glob("*.txt"))
    assert len(pictures) >= 2
    assert all(token.isdigit() for line in pictures[-1].read_text().splitlines()[1:3] for token in line.split())
