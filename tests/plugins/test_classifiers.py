"""The shipped classifiers are what their manifests say, take any image, and can be made again."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from ganbench.data.source import DataContext, Dataset
from ganbench.errors import DataError, RunFailed, WeightsError
from ganbench.registration import NoOptions
from ganbench.spec import ExtractorContext
from ganbench_datasets.digits import build as build_digits_dataset
from ganbench_datasets.mnist import build_fashion_mnist
from ganbench_datasets.options import DigitsOptions, MnistOptions
from ganbench_extractors.classifiers import WEIGHTS, build_classifier, build_digits, build_fashion
from ganbench_extractors.network import SmallClassifier
from ganbench_extractors.recipes import RECIPES, SEEDS
from ganbench_extractors.resize import to_colour, to_grey
from ganbench_extractors.train import accuracy, load_dataset, load_split, rate_at, train, train_all
from ganbench_spaces.images import image_source

LIMIT_BYTES = 500_000


@pytest.fixture(scope="module")
def digits():
    """Return the digits dataset."""
    return build_digits_dataset(DigitsOptions(), DataContext())


@pytest.fixture(scope="module")
def extractor():
    """Return the shipped digits extractor."""
    return build_digits(NoOptions(), ExtractorContext())


def manifest(name):
    return json.loads((WEIGHTS / f"{name}.json").read_text())


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_five_small_files_ship_with_their_accuracies(name):
    """One for each seed, below 0.5 MB, each at or above the recipe's accuracy; the recipe is the one in the code."""
    found = manifest(name)
    assert [member["seed"] for member in found["members"]] == list(SEEDS)
    assert all(member["test_accuracy"] >= RECIPES[name].least_accuracy for member in found["members"])
    assert all((WEIGHTS / member["file"]).stat().st_size < LIMIT_BYTES for member in found["members"])
    recipe = RECIPES[name]
    assert found["recipe"] == {field: as_json(getattr(recipe, field)) for field in recipe.__dataclass_fields__}


def as_json(value):
    return list(value) if isinstance(value, tuple) else value


def check_accuracies(extractor, dataset, name):
    logits = [extractor.extract(batch) for batch in dataset.test.stored.split(500)]
    for member, line in enumerate(manifest(name)["members"]):
        predicted = torch.cat([found[member].logits.argmax(1) for found in logits])
        assert float((predicted == dataset.test.labels).double().mean()) == pytest.approx(line["test_accuracy"], abs=5e-4)


def test_the_digits_networks_have_the_accuracy_of_their_manifest(digits, extractor):
    """Measured on the test split, which was not trained on."""
    assert manifest("digits")["train_hash"] == digits.train.content_hash
    check_accuracies(extractor, digits, "digits")


def test_the_fashion_networks_have_the_accuracy_of_their_manifest():
    """Where the data lie on this machine."""
    try:
        dataset = build_fashion_mnist(MnistOptions(), DataContext(download=False))
    except DataError:
        pytest.skip("Fashion-MNIST is not on this machine")
    assert manifest("fashion")["train_hash"] == dataset.train.content_hash
    check_accuracies(build_fashion(NoOptions(), ExtractorContext()), dataset, "fashion")


def test_features_are_64_float32_numbers_for_each_network(digits, extractor):
    """As the protocol says, with the logits of ten classes."""
    found = extractor.extract(digits.test.stored[:3])
    assert len(found) == extractor.num_members == 5
    assert all(one.features.shape == (3, extractor.dims) and one.features.dtype == torch.float32 for one in found)
    assert all(one.logits.shape == (3, 10) for one in found)


def test_every_network_is_another(digits, extractor):
    """Five seeds, not five copies."""
    features = [one.features for one in extractor.extract(digits.test.stored[:3])]
    assert not any(torch.allclose(a, b) for i, a in enumerate(features) for b in features[i + 1 :])


def test_colour_is_made_grey_and_grey_colour_changes_nothing(digits, extractor):
    """Grey repeated to three channels has the features of the grey image."""
    images = digits.test.stored[:4]
    for grey, colour in zip(extractor.extract(images), extractor.extract(to_colour(images)), strict=True):
        torch.testing.assert_close(grey.features, colour.features, rtol=1e-4, atol=1e-4)
    red = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
    red[:, 0] = 200
    assert to_grey(red).unique().tolist() == pytest.approx([200 * 0.299])


@pytest.mark.slow
def test_enlarged_images_are_recognised(extractor):
    """64x64 images are brought down to 16x16; nearly all keep their class."""
    large = build_digits_dataset(DigitsOptions(resolution=64), DataContext())
    found = extractor.extract(large.test.stored)
    assert float((found[0].logits.argmax(1) == large.test.labels).double().mean()) > 0.95


@pytest.mark.parametrize(
    "images", [torch.zeros(1, 1, 16, 16), torch.zeros(1, 2, 16, 16, dtype=torch.uint8), torch.zeros(16, 16, dtype=torch.uint8)]
)
def test_other_tensors_are_refused(extractor, images):
    """Floats, two channels and a bare image each give one line."""
    with pytest.raises(ValueError, match=r"images must (be uint8|have 1 or 3 channels)"):
        extractor.extract(images)


def copy_of_weights(tmp_path):
    for path in WEIGHTS.glob("digits*"):
        shutil.copy(path, tmp_path)
    return tmp_path / "digits-0.safetensors"


def test_damaged_weights_are_refused(tmp_path):
    """One flipped bit is seen."""
    path = copy_of_weights(tmp_path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"digits-0\.safetensors are damaged: sha256 must be"):
        build_classifier(RECIPES["digits"], "cpu", tmp_path)


def test_missing_weights_are_named(tmp_path):
    """A file that is not there, and a folder with nothing."""
    copy_of_weights(tmp_path).unlink()
    with pytest.raises(WeightsError, match=r"cannot read extractor weights .*digits-0.safetensors"):
        build_classifier(RECIPES["digits"], "cpu", tmp_path)
    with pytest.raises(WeightsError, match=r"cannot read the extractor's manifest .*fashion.json"):
        build_classifier(RECIPES["fashion"], "cpu", tmp_path)


QUICK = replace(RECIPES["digits"], epochs=2, least_accuracy=0.5)


@pytest.mark.slow
def test_training_twice_gives_the_same_bytes_and_a_loadable_extractor(tmp_path, digits):
    """Same seed, same files; what was written passes the extractor's own checks."""
    paths = [train_all(QUICK, digits, tmp_path / name, seeds=(0, 1)) for name in ("one", "two")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    built = [build_classifier(QUICK, "cpu", path.parent) for path in paths]
    assert built[0].weights_hash == built[1].weights_hash
    assert built[0].num_members == 2


@pytest.mark.slow
def test_a_network_that_is_not_accurate_enough_is_not_written(tmp_path, digits):
    """The message has both figures."""
    with pytest.raises(RunFailed, match=r"test accuracy must be 1\.1 or more"):
        train_all(replace(QUICK, epochs=1, least_accuracy=1.1), digits, tmp_path, seeds=(0,))
    assert list(tmp_path.iterdir()) == []


def test_folding_the_batch_norm_keeps_the_function(digits):
    """The shipped form says what the trained one said in evaluation mode."""
    trained = SmallClassifier(16, (4, 8), 8, 10, normalised=True)
    for norm in trained.norms:
        torch.nn.init.uniform_(norm.running_mean, -1, 1)
        torch.nn.init.uniform_(norm.running_var, 0.5, 2)
    images, _ = load_split(QUICK, digits.test)
    torch.testing.assert_close(trained.folded()(images), trained.eval()(images), rtol=1e-4, atol=1e-5)


def test_data_without_labels_or_test_split_cannot_be_trained_on(digits):
    """One line each."""
    bare = image_source(digits.train.stored)
    with pytest.raises(RunFailed, match="no labels"):
        train(QUICK, bare, seed=0)
    with pytest.raises(RunFailed, match="no test split"):
        train_all(QUICK, Dataset(name="bare", train=bare), WEIGHTS)


def test_the_script_asks_for_its_dataset_by_name(digits):
    """What the plugin manager finds is the dataset that the manifest names."""
    assert load_dataset(RECIPES["digits"], None).train.content_hash == digits.train.content_hash


def test_accuracy_counts_what_is_named_rightly(digits):
    """A network that always says 3 is right for the threes."""

    class AlwaysThree(torch.nn.Module):
        def forward(self, images):
            return torch.eye(10)[3].expand(len(images), -1)

    share = float((digits.test.labels == 3).double().mean())
    assert accuracy(QUICK, AlwaysThree(), digits.test) == pytest.approx(share)


def test_the_learning_rate_rises_then_falls_to_zero():
    """Linear warm-up over a tenth, then a cosine."""
    assert [rate_at(p) for p in (0.0, 0.05, 0.1, 0.55, 1.0)] == pytest.approx([0, 0.5, 1, 0.5, 0])
