"""Inversion finds the best latents where a closed form says which these are, and stands beside PCA's error."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from ganbench.errors import ConfigError, UnsuitableError
from ganbench.evaluation.protocol import SampleSet
from ganbench_metrics import InversionOptions
from ganbench_metrics.inversion import build_inversion, inversion_errors, pca_errors

OPTIONS = InversionOptions(steps=300, restarts=1, learning_rate=0.1)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


WEIGHTS = 0.1 * normal(3, 16)


def linear(latents, labels):
    """A generator of three latents."""
    return (latents @ WEIGHTS).view(-1, 1, 4, 4)


def projected(images):
    """Return the least squares of each image, by NumPy, from black to white 1."""
    flat = images.flatten(1).numpy().astype(np.float64)
    found = np.linalg.lstsq(WEIGHTS.numpy().astype(np.float64).T, flat.T, rcond=None)[0]
    return ((np.clip(found.T @ WEIGHTS.numpy(), -1, 1) - flat) ** 2).mean(1) / 4


def test_a_linear_generator_comes_as_near_as_least_squares():
    """And to its own images it comes all the way."""
    images = 0.3 * normal(6, 1, 4, 4, seed=1)
    assert inversion_errors(linear, images, None, normal(1, 6, 3, seed=2), OPTIONS).numpy() == pytest.approx(projected(images), rel=1e-3)
    own = linear(normal(4, 3, seed=3), None)
    assert float(inversion_errors(linear, own, None, normal(1, 4, 3, seed=2), OPTIONS).max()) < 1e-6


def test_an_image_is_searched_for_by_itself():
    """The rest of the batch does not change its error, in inference mode neither."""
    with torch.inference_mode():
        images, starts = 0.3 * normal(5, 1, 4, 4, seed=1), normal(1, 5, 3, seed=2)
        few = InversionOptions(steps=7)
        together = inversion_errors(linear, images, None, starts, few)
        alone = torch.cat([inversion_errors(linear, images[i : i + 1], None, starts[:, i : i + 1], few) for i in range(5)])
    assert together.numpy() == pytest.approx(alone.numpy(), rel=1e-5)


def test_the_best_of_the_starts_counts():
    """Of a generator with a valley that only one start lies in."""

    def bent(latents, labels):
        return torch.tanh(latents).sign().expand(-1, 16).view(-1, 1, 4, 4) + 0 * latents.sum()

    starts = torch.tensor([[[-1.0]], [[1.0]]])
    assert inversion_errors(bent, torch.ones(1, 1, 4, 4), None, starts[:1], InversionOptions(steps=2)).item() == 1
    assert inversion_errors(bent, torch.ones(1, 1, 4, 4), None, starts, InversionOptions(steps=2)).item() == 0


@pytest.mark.parametrize(("count", "dims"), [(60, 3), (60, 16), (10, 3), (10, 12)])
def test_pca_is_scikit_learns(count, dims):
    """With fewer images than values, and with as many dimensions as there are, too."""
    train, images = 0.2 * normal(count, 16, seed=4), 0.2 * normal(7, 16, seed=5)
    fitted = PCA(min(dims, count - 1)).fit(train.numpy())
    again = fitted.inverse_transform(fitted.transform(images.numpy())).clip(-1, 1)
    wanted = ((again - images.numpy()) ** 2).mean(1) / 4
    assert pca_errors(train.double(), images.double(), dims).numpy() == pytest.approx(wanted, abs=1e-7)


def sets(ask=linear, inputs=None, num_held_out=20):
    grey = lambda count, seed: torch.randint(0, 256, (count, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))  # noqa: E731
    held_out = SampleSet(samples=grey(num_held_out, 1), labels=torch.arange(num_held_out))
    return SampleSet(samples=grey(50, 0), held_out=held_out), SampleSet(inputs=normal(10, 3) if inputs is None else inputs, ask=ask)


def test_as_many_held_out_images_as_the_name_says_are_inverted_with_their_own_class():
    """Every second of twenty; the value is the mean, and it is the same again."""
    asked = []

    def ask(latents, labels):
        asked.append(labels.tolist())
        return linear(latents, labels)

    real, fake = sets(ask)
    metric = build_inversion(InversionOptions(steps=3, restarts=2, pca_images=30))
    values = metric.compute(real, fake)
    assert asked[0] == list(range(0, 20, 2))
    assert len(asked) == 2 * (3 + 1)
    assert metric.compute(real, fake) == values
    images = real.held_out.samples[::2].float() / 127.5 - 1
    starts = torch.stack([fake.inputs, fake.inputs[[9, *range(9)]]])
    assert values[0] == inversion_errors(linear, images, None, starts, metric.options).mean().item()
    train = real.samples[torch.arange(30) * 50 // 30].double().flatten(1) / 127.5 - 1
    assert values[1] == pytest.approx(pca_errors(train, images.double().flatten(1), 3).mean().item(), rel=1e-6)


def test_what_cannot_be_inverted_is_refused_in_a_line():
    """Samples alone, a generator that is asked samples, and more images than there are."""
    metric = build_inversion(InversionOptions(steps=1))
    for real, fake, kind, message in (
        (*sets(ask=None), UnsuitableError, "here are its samples alone"),
        (*sets(inputs=normal(10, 1, 4, 4)), UnsuitableError, "this generator is asked samples"),
        (*sets(num_held_out=9), ConfigError, "ivom10 inverts 10 held-out images, and there are 9; write ivom9"),
    ):
        with pytest.raises(kind, match=message):
            metric.compute(real, fake)


def test_a_wrong_rate_is_refused():
    """By its name."""
    with pytest.raises(ValueError, match="learning_rate must be above 0 and finite"):
        InversionOptions(learning_rate=0.0)
