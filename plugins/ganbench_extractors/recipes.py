"""What the shipped classifiers are and how they were trained. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass

SEEDS = (0, 1, 2, 3, 4)
"""One network for each: metrics are averaged over them, because one seed's distances differ from another's by up to 2x."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassifierRecipe:
    """One classifier: its data, network and training."""

    name: str
    """What the extractor is called."""
    dataset: str
    """The dataset plugin whose train split it is trained on."""
    least_accuracy: float
    """A network below this on the test split is not shipped."""
    resolution: int
    """H = W of the network's input in pixels."""
    widths: tuple[int, ...]
    """Channels of the convolutions; all but the last halve the image."""
    epochs: int
    dims: int = 64
    """Width of the feature layer."""
    num_classes: int = 10
    batch_size: int = 128
    learning_rate: float = 4e-3
    """Peak of AdamW's rate: linear warm-up over the first tenth, then a cosine to 0."""
    weight_decay: float = 0.02
    rotation_degrees: float = 8.0
    """Largest rotation of the augmentation, either way."""
    scaling: float = 0.1
    """Largest relative enlargement or reduction."""
    shift: float = 0.08
    """Largest shift as a fraction of the image, in x and in y."""
    flip: bool = False
    """Whether half of the images are mirrored."""


RECIPES = {
    recipe.name: recipe
    for recipe in (
        ClassifierRecipe(
            name="digits",
            dataset="digits",
            least_accuracy=0.97,
            resolution=16,
            widths=(16, 32, 64),
            epochs=40,
            batch_size=64,
        ),
        ClassifierRecipe(
            name="fashion",
            dataset="fashion-mnist",
            least_accuracy=0.91,
            resolution=32,
            widths=(24, 32, 64, 48),
            epochs=10,
            rotation_degrees=0.0,
            scaling=0.0,
            shift=0.03,
            flip=True,
        ),
    )
}
