"""Autoencoders: the VAE of Kingma and Welling (2014), and its bounds. Registration only, without torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ganbench import ArchitectureSpec, MetricSpec, PluginSpec, Quantity, RecipeSpec, hookimpl
from ganbench_autoencoders.options import BoundTableOptions, VAEOptions
from ganbench_reproduce import ReproductionSpec

_PAPER = "Kingma and Welling, 2014, https://arxiv.org/abs/1312.6114"
_BURDA = "Burda et al., 2016, https://arxiv.org/abs/1509.00519"
_PIXELS = {"grey": "grey pixels from 0 to 1", "static": "pixels that are 1 above half and else 0"}

VAE = ArchitectureSpec(
    name="vae",
    summary="a variational autoencoder with a hidden layer on each side",
    factory="ganbench_autoencoders.networks:build_vae",
    options=VAEOptions,
    paper=_PAPER,
    spaces=("images",),
    losses=("none",),
    algorithm="ganbench_autoencoders.algorithm:VAE",
    defaults=(("loss.name", "none"), ("training.ema_halflife_kimg", 0.0)),
)

_SOURCE = (
    ("training.batch_size", 128),
    *(
        (f"generator_optimizer.{key}", value)
        for key, value in (("kind", "adam"), ("learning_rate", 1e-3), ("beta1", 0.9), ("beta2", 0.999), ("eps", 1e-8))
    ),
)
_DATA = "the images are the dataset's, and not MNIST's unless --dataset mnist says so"

VAE_784 = RecipeSpec(
    name="vae-784",
    summary="the VAE of pytorch/examples: 784-400-20-400-784 on 28x28 grey pixels",
    paper=f"{_PAPER}; pytorch/examples",
    architecture="vae",
    resolution=28,
    settings=_SOURCE,
    deviations=(_DATA, "the budget is the dataset's default, and not 10 epochs"),
)
VAE_SMALL = RecipeSpec(
    name="vae-small",
    summary="the same VAE on 16x16 binary pixels, for two cores",
    paper=f"{_PAPER}; pytorch/examples",
    architecture="vae",
    resolution=16,
    settings=(*_SOURCE, ("architecture.options.pixels", "static")),
    deviations=(_DATA, "256 pixels, binary, in the place of 784 grey ones", "the budget is the dataset's default, and not 10 epochs"),
)

VAE_ELBO = ReproductionSpec(
    name="vae-elbo",
    summary="the bounds of a VAE by the size of its latents, on binary pixels; published figures of other images as notes",
    factory="ganbench_autoencoders.table:build",
    options=BoundTableOptions,
    paper=f"{_PAPER}; {_BURDA}",
)


@hookimpl
def ganbench_register() -> Iterable[PluginSpec]:
    """Return all of it."""
    return [VAE, VAE_784, VAE_SMALL, *_metrics(), VAE_ELBO]


def _metrics() -> Iterator[MetricSpec]:
    for bound, label, words, paper in (
        ("elbo", "ELBO", "evidence lower bound", _PAPER),
        ("iwae_50", "IWAE 50", "importance-weighted bound with 50 draws", _BURDA),
    ):
        for pixels, where in _PIXELS.items():
            name = f"{bound}_{pixels}"
            yield MetricSpec(
                name=name,
                summary=f"{words} of held-out samples in nats, of {where}",
                factory=f"ganbench_autoencoders.bounds:{name}",
                paper=paper,
                quantities=(Quantity(name=name, label=f"{label} {pixels} (nats)", higher_is_better=True),),
                looks_at="scores",
                spaces=("images",),
            )
