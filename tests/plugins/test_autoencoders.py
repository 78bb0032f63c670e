"""The VAE: its source's number of parameters, its bounds against a closed form, and scores that do not depend on the batch."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import ganbench
from ganbench import BuildContext, ConfigError, Networks, SampleSet
from ganbench_autoencoders.bounds import elbo_static
from ganbench_autoencoders.networks import build_vae
from ganbench_autoencoders.options import VAEOptions
from ganbench_spaces.images import ImageSpace


def networks(side: int = 28, **options: int | str) -> Networks:
    torch.manual_seed(0)
    context = BuildContext(space=ImageSpace(channels=1, height=side, width=side), num_classes=0)
    return build_vae(VAEOptions(**options), context)  # type: ignore[arg-type]


def test_it_has_the_sources_number_of_parameters() -> None:
    """784-400-20-400-784, as in pytorch/examples, vae/main.py."""
    modules = networks().modules.values()
    assert sum(p.numel() for module in modules for p in module.parameters()) == 652_824


@pytest.mark.parametrize("pixels", ["grey", "static"])
def test_bounds_are_exact_where_the_posterior_is_known(pixels: str) -> None:
    """Weights of zero: z says nothing of x, its posterior is the prior, and every pixel is a fair coin."""
    built = networks(4, width=3, latent_dim=2, pixels=pixels)
    for module in built.modules.values():
        for parameter in module.parameters():
            nn.init.zeros_(parameter)
    samples = torch.rand(5, 1, 4, 4) * 2 - 1
    for scorer in (built.scorers[name] for name in (f"elbo_{pixels}", f"iwae_50_{pixels}")):
        torch.testing.assert_close(scorer(built.modules, samples), torch.full((5,), -16 * math.log(2), dtype=torch.float64))


def test_a_score_is_of_the_sample_alone_and_the_weighted_bound_is_the_tighter_one() -> None:
    """A batch of one gives what a batch of all gives, twice the same."""
    built = networks(4, width=8, latent_dim=3, pixels="static")
    samples = torch.rand(6, 1, 4, 4) * 2 - 1
    elbo, weighted = (built.scorers[name](built.modules, samples) for name in ("elbo_static", "iwae_50_static"))
    alone = torch.cat([built.scorers["elbo_static"](built.modules, one[None]) for one in samples])
    torch.testing.assert_close(alone, elbo)
    assert bool((weighted > elbo).all())


def test_binary_pixels_have_another_bound_by_another_name() -> None:
    """So that the two data sets never share a column; what a model does not give is one clear line."""
    assert set(networks(4, pixels="grey").scorers) == {"elbo_grey", "iwae_50_grey", "anomaly"}
    with pytest.raises(ConfigError, match=r"'elbo_static' is of a score that this model does not give \(it gives elbo_grey\)"):
        elbo_static(object()).compute(SampleSet(scores={"elbo_grey": torch.zeros(2)}), SampleSet())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"settings": {"training.d_steps": 2}}, r"training\.d_steps must be 1 for vae \(got 2\)"),
        ({"settings": {"training.dequantise": True}}, r"training\.dequantise must be false for vae \(got true\)"),
        ({"settings": {"augmentation.name": "diffaugment"}}, "vae trains on images as they are, without an augmentation"),
    ],
)
def test_what_its_iteration_cannot_heed_is_refused(how: dict[str, Any], words: str, tmp_path: Path) -> None:
    """By the setting's name, before anything is trained."""
    with pytest.raises(ConfigError, match=words):
        ganbench.run("vae", out=tmp_path / "run", **how)
    assert not (tmp_path / "run").exists()
