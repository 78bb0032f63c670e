"""The bounds of a VAE by the size of its latents, on binary pixels of data that ship: which are not MNIST's, so figures stand in notes."""

from __future__ import annotations

from ganbench_autoencoders.options import BoundTableOptions
from ganbench_reproduce.experiment import ExperimentColumn
from ganbench_reproduce.recipe_table import RecipeRow, RecipeTable

_NOTES = (
    "published of binarised MNIST at 28x28, a network of two hidden layers of 200 and 50 latents, negated: one draw 86.76, importance-"
    "weighted with 50 draws 84.78 (Burda et al. 2016, not checked here): other images, so that no difference is taken",
    "a pixel is 1 above half and else 0; bounds are in nats an image, of the whole held-out split",
    "the network of pytorch/examples: a hidden layer of 400 on each side",
)


def build(options: BoundTableOptions) -> RecipeTable:
    """Build the experiment from its options."""
    rows = [
        RecipeRow(
            name=f"latents-{size}",
            label=f"VAE, {size} latents",
            plugin="vae-small",
            settings={"architecture.options.latent_dim": size, "dataset.name": options.of, "training.total_kimg": options.kimg},
        )
        for size in options.latents
    ]
    fd = f"fd1k_{'fashion' if options.of == 'fashion-mnist' else 'digits'}"
    columns = {
        ExperimentColumn(name="elbo", label="ELBO (nats)"): "elbo_static",
        ExperimentColumn(name="iwae_50", label="IWAE 50 (nats)"): "iwae_50_static",
        ExperimentColumn(name="fd", label=fd.replace("fd1k_", "FD ")): fd,
    }
    return RecipeTable(rows, ("elbo_static", "iwae_50_static", fd), columns, _NOTES)
