"""Frozen samples are scored with what is here now, and every difference to what is stored is seen."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from ganbench.errors import PluginError
from ganbench.plugin.manager import PluginManager
from ganbench.testing.frozen import FrozenSamples, FrozenScore, Rescored, rescore

IMAGES = torch.arange(80, dtype=torch.uint8).view(80, 1, 1, 1).expand(80, 1, 16, 16).contiguous()


@pytest.fixture(scope="module")
def manager() -> PluginManager:
    """Return the plugins of this environment."""
    return PluginManager()


def samples(*scores: FrozenScore) -> FrozenSamples:
    """Return grey images that imitate digits badly."""
    return FrozenSamples(images=IMAGES, dataset="digits", scores=scores)


@pytest.fixture(scope="module")
def scored(manager: PluginManager) -> tuple[Rescored, ...]:
    """Return the scores of two metrics, one of them with an option."""
    return rescore(samples(FrozenScore(metric="pr80_digits"), FrozenScore(metric="kd80_digits", options={"subset_size": 40})), manager)


@pytest.mark.slow
def test_each_metric_gives_its_quantities_with_its_own_options(scored: tuple[Rescored, ...]) -> None:
    """In the order of the stored scores; the key holds the option."""
    assert [[value.name for value in one.values] for one in scored] == [
        ["precision80_digits", "recall80_digits"],
        ["kd80_digits", "kd_std80_digits", "kd_full80_digits"],
    ]
    assert dict(scored[1].key.fields)["parameter.subset_size"] == 40
    assert scored[0].values[0].value < 0.1


def test_a_key_that_is_another_one_now_is_told_field_by_field(scored: tuple[Rescored, ...]) -> None:
    """With what it was and what it is."""
    key = dict(scored[0].key.fields)
    assert dataclasses.replace(scored[0], stored=FrozenScore(metric="pr80_digits", key=key)).differences() == ()
    older = FrozenScore(metric="pr80_digits", key={**key, "weights_hash": "0" * 64})
    assert dataclasses.replace(scored[0], stored=older).differences() == (("weights_hash", "0" * 64, key["weights_hash"]),)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (("fd81_digits",), "fd81_digits wants 81 images, and there are 80 frozen samples"),
        (("fd80_digits", "fd80_digits"), "name one metric twice: fd80_digits, fd80_digits"),
        (("fd80_digits", "fd80"), "name one metric twice: fd80_digits, fd80"),
    ],
)
def test_scores_that_cannot_be_of_these_samples_are_refused(manager: PluginManager, scores: tuple[str, ...], message: str) -> None:
    """Before anything is computed."""
    with pytest.raises(PluginError, match=message):
        rescore(samples(*(FrozenScore(metric=name) for name in scores)), manager)


@pytest.mark.parametrize("images", [IMAGES.float(), IMAGES[0], IMAGES[:0]])
def test_images_of_another_form_are_refused(images: torch.Tensor) -> None:
    """With the form that they have."""
    with pytest.raises(ValueError, match=r"images must be uint8 \[N, C, H, W\], N of 1 or more \(got torch"):
        FrozenSamples(images=images, dataset="digits", scores=(FrozenScore(metric="fd80_digits"),))


def test_samples_without_a_score_are_refused() -> None:
    """They could not show any drift."""
    with pytest.raises(ValueError, match="scores must be of one metric or more"):
        samples()
