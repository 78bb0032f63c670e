"""The Inception extractors equal torch-fidelity's on the same weights file, and say clearly what is wrong with another.

The file is an untrained state dict in the published format: seeded random weights, scaled so that activations neither die nor explode.
"""

import dataclasses
import hashlib
import io
import sys
import urllib.error

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch_fidelity import feature_extractor_inceptionv3 as fidelity
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, KEY_METRIC_ISC_STD, isc_features_to_metric
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, KEY_METRIC_KID_STD, kid_features_to_metric
from torch_fidelity.metric_prc import KEY_METRIC_PRECISION, KEY_METRIC_RECALL, prc_features_to_metric
from untrained_inception import write_untrained

from ganbench import tensors_to_bytes
from ganbench.cli.main import main
from ganbench.data.source import Dataset
from ganbench.errors import WeightsError
from ganbench.evaluation.evaluator import Evaluator
from ganbench.evaluation.naming import plan_metrics
from ganbench.record.serialise import from_json
from ganbench.registration import NoOptions
from ganbench.spec import ExtractorContext
from ganbench_extractors import INCEPTION, inception_weights, published
from ganbench_extractors.inception import RESOLUTION, build, build_clean
from ganbench_extractors.resize import resize_as_tensorflow
from ganbench_metrics import (
    CLASSIFIER,
    FRECHET,
    KERNEL,
    PRECISION_RECALL,
    ClassifierScoreOptions,
    KernelDistanceOptions,
    PrecisionRecallOptions,
)
from ganbench_metrics.classifier_score import build_classifier_score
from ganbench_metrics.frechet import build_frechet
from ganbench_metrics.kernel_distance import build_kernel_distance
from ganbench_metrics.neighbour_metrics import build_precision_recall
from ganbench_spaces.images import image_source

COUNT = 20
SUBSETS = KernelDistanceOptions(num_subsets=5, subset_size=10)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Save an untrained state dict and return its path."""
    return write_untrained(tmp_path_factory.mktemp("weights") / "untrained.pth")


@pytest.fixture(scope="module")
def theirs(weights):
    """Return torch-fidelity's own extractor as a function to (features, logits)."""
    return fidelity.FeatureExtractorInceptionV3("theirs", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(weights))


@pytest.fixture(scope="module")
def ours(weights):
    """Return the extractor under test."""
    return build(NoOptions(), ExtractorContext(weights=weights))


def smooth_images(count, height, width, seed, channels=3, contrast=60.0):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, channels, 5, 5, generator=generator) * contrast + 128
    return torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 255).to(torch.uint8)


def largest_difference(ours, theirs):
    return float((ours - theirs).abs().max() / theirs.abs().max())


@pytest.mark.slow
@pytest.mark.parametrize(("height", "width", "channels"), [(32, 32, 1), (320, 352, 3)])
def test_features_and_logits_equal_torch_fidelitys(ours, theirs, height, width, channels):
    """Grey images are repeated; small ones are enlarged and large ones reduced by TensorFlow's rule."""
    images = smooth_images(2, height, width, seed=1, channels=channels)
    (found,) = ours.extract(images)
    features, logits = theirs(images.expand(-1, 3, -1, -1))
    assert features.std() > 1e-3
    assert largest_difference(found.features, features) < 1e-5
    assert largest_difference(found.logits, logits) < 1e-5


@pytest.mark.parametrize("size", [(32, 32), (28, 40), (299, 299), (1, 1), (600, 333)])
def test_the_resize_equals_torch_fidelitys(size):
    """The same pixels and the same shares of them: enlarged, reduced, as it is, and of a single pixel."""
    images = torch.randint(0, 256, (2, 3, *size), generator=torch.Generator().manual_seed(0)).float()
    expected = interpolate_bilinear_2d_like_tensorflow1x(images, size=(RESOLUTION, RESOLUTION), align_corners=False)
    assert (resize_as_tensorflow(images, RESOLUTION) - expected).abs().max() < 1e-4


@pytest.mark.slow
def test_features_do_not_depend_on_the_batch_size(ours):
    """One image at a time gives what a batch gives."""
    images = smooth_images(3, 32, 32, seed=2)
    together = ours.extract(images)[0].features
    alone = torch.cat([ours.extract(image[None])[0].features for image in images])
    assert largest_difference(alone, together) < 1e-5


@pytest.fixture(scope="module")
def measured(ours, theirs):
    """Run the whole evaluator on our side, and torch-fidelity's network on theirs, on the same images."""
    real, fake = smooth_images(COUNT, 32, 32, seed=3), smooth_images(COUNT, 32, 32, seed=4, contrast=45.0)
    specs = {spec.name: spec for spec in (FRECHET, KERNEL, CLASSIFIER, PRECISION_RECALL)}
    names = [f"{family}{COUNT}" for family in ("fid", "kid", "is", "pr")]
    planned = plan_metrics(names, specs, {"inception": INCEPTION}, "inception")
    built = [
        build_frechet(NoOptions()),
        build_kernel_distance(SUBSETS),
        build_classifier_score(ClassifierScoreOptions()),
        build_precision_recall(PrecisionRecallOptions()),
    ]
    dataset = Dataset(name="smooth", train=image_source(real))
    evaluator = Evaluator(planned, dict(zip(names, built, strict=True)), {"inception": ours}, dataset, device="cpu", batch_size=32)
    values = {value.name: value.value for value in evaluator.evaluate(lambda start, count: fake[start : start + count])}
    return values, theirs(real), theirs(fake)


@pytest.mark.slow
def test_the_frechet_distance_equals_torch_fidelitys(measured):
    """In the space that the features span, where a turn changes nothing and its square root takes no time; and an exact one."""
    values, (real, _), (fake, _) = measured
    assert values[f"fid{COUNT}"] == pytest.approx(fidelity_fid(real, fake), abs=2e-4)
    exact = frechet_by_singular_values(real.double().numpy(), fake.double().numpy())
    assert exact > 1
    assert values[f"fid{COUNT}"] == pytest.approx(exact, rel=1e-6)


def fidelity_fid(real, fake):
    """Return torch-fidelity's FID of features."""
    basis, _ = torch.linalg.qr(torch.cat([real, fake]).double().T)
    statistics = [fid_features_to_statistics(features.double() @ basis) for features in (fake, real)]
    return fid_statistics_to_metric(*statistics, False)[KEY_METRIC_FID]


@pytest.mark.slow
def test_a_folder_against_a_folder_has_torch_fidelitys_distance(weights, measured, tmp_path):
    """By ``ganbench evaluate``, from PNGs on the disk to the record: the same images, the same weights."""
    _, (real, _), (fake, _) = measured
    few = 6
    for folder, images in (("real", smooth_images(COUNT, 32, 32, seed=3)), ("fake", smooth_images(COUNT, 32, 32, seed=4, contrast=45.0))):
        (tmp_path / folder).mkdir()
        for index, image in enumerate(images[:few]):
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(tmp_path / folder / f"{index}.png")
    data = ["--dataset", "folder", "-o", f"path={tmp_path / 'real'}", "-o", "resolution=32"]
    how = ["--metric", f"fid{few}", "--extractor-weights", str(weights), "--no-floor", "--device", "cpu"]
    assert main(["evaluate", str(tmp_path / "fake"), *data, *how, "--out", str(tmp_path / "out")]) == 0
    found = from_json((tmp_path / "out" / "record.json").read_text()).final(f"fid{few}").value
    assert found == pytest.approx(fidelity_fid(real[:few], fake[:few]), abs=2e-4)


def frechet_by_singular_values(real, fake):
    shift = real.mean(0) - fake.mean(0)
    first, second = (x - x.mean(0) for x in (real, fake))
    overlap = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    return shift @ shift + ((first**2).sum() + (second**2).sum() - 2 * overlap) / (COUNT - 1)


@pytest.mark.slow
def test_the_kernel_distance_equals_torch_fidelitys(measured):
    """The same subsets give the same mean and deviation."""
    values, (real, _), (fake, _) = measured
    expected = kid_features_to_metric(
        fake, real, kid_subsets=SUBSETS.num_subsets, kid_subset_size=SUBSETS.subset_size, rng_seed=SUBSETS.seed, verbose=False
    )
    assert values[f"kid{COUNT}"] == pytest.approx(expected[KEY_METRIC_KID_MEAN], abs=1e-6)
    assert values[f"kid_std{COUNT}"] == pytest.approx(expected[KEY_METRIC_KID_STD], abs=1e-6)


@pytest.mark.slow
def test_the_inception_score_equals_torch_fidelitys(measured):
    """The same order and splits give the same mean and deviation."""
    values, _, (_, logits) = measured
    expected = isc_features_to_metric(logits)
    assert expected[KEY_METRIC_ISC_MEAN] > 1.001
    assert values[f"is{COUNT}"] == pytest.approx(expected[KEY_METRIC_ISC_MEAN], abs=1e-5)
    assert values[f"is_std{COUNT}"] == pytest.approx(expected[KEY_METRIC_ISC_STD], abs=1e-5)


@pytest.mark.slow
def test_precision_and_recall_equal_torch_fidelitys(measured):
    """To the last image."""
    values, (real, _), (fake, _) = measured
    expected = prc_features_to_metric(fake, real, prc_neighborhood=3, prc_batch_size=100, save_cpu_ram=False, verbose=False)
    assert values[f"precision{COUNT}"] == pytest.approx(expected[KEY_METRIC_PRECISION], abs=1e-6)
    assert values[f"recall{COUNT}"] == pytest.approx(expected[KEY_METRIC_RECALL], abs=1e-6)


@pytest.mark.slow
def test_the_clean_resize_is_another_preprocessing(weights, ours):
    """It has an id of its own, and gives other features for reduced images."""
    clean = build_clean(NoOptions(), ExtractorContext(weights=weights))
    images = smooth_images(1, 340, 340, seed=5)
    images[:, :, ::2] = 0
    assert clean.preprocessing_id != ours.preprocessing_id
    assert clean.weights_hash == ours.weights_hash
    assert largest_difference(clean.extract(images)[0].features, ours.extract(images)[0].features) > 1e-3


def test_the_weights_hash_is_that_of_the_file(weights, ours):
    """Another file is another evaluation key."""
    assert ours.weights_hash == hashlib.sha256(weights.read_bytes()).hexdigest()


@pytest.fixture
def no_files(monkeypatch, tmp_path):
    """Point the cache and torch's hub at empty folders."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))


def assert_one_line(error, *parts):
    assert "\n" not in str(error.value)
    for part in parts:
        assert part in str(error.value)


@pytest.mark.usefixtures("no_files")
def test_without_weights_and_network_it_says_where_to_put_the_file():
    """One line with the address, the place and the option; exit code 2."""
    with pytest.raises(WeightsError) as error:
        build(NoOptions(), ExtractorContext(download=False))
    assert error.value.exit_code == 2
    assert_one_line(error, inception_weights.URL, str(inception_weights.PUBLISHED.cached), "--extractor-weights")


@pytest.mark.usefixtures("no_files")
def test_a_download_that_fails_says_where_to_put_the_file(monkeypatch):
    """A refused connection ends in the same advice."""

    def refuse(*_args, **_kwargs):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(inception_weights.urllib.request, "urlopen", refuse)
    with pytest.raises(WeightsError) as error:
        build(NoOptions(), ExtractorContext())
    assert_one_line(error, "no route to host", str(inception_weights.PUBLISHED.cached))


@pytest.mark.usefixtures("no_files")
def test_a_damaged_download_is_refused_and_not_kept(monkeypatch):
    """Something else than the published file never reaches the cache."""
    monkeypatch.setattr(inception_weights.urllib.request, "urlopen", lambda *_args, **_kwargs: io.BytesIO(b"<html>"))
    with pytest.raises(WeightsError) as error:
        build(NoOptions(), ExtractorContext())
    assert_one_line(error, f"sha256 must be {inception_weights.SHA256} (got {hashlib.sha256(b'<html>').hexdigest()})")
    assert not inception_weights.PUBLISHED.cached.exists()


@pytest.mark.slow
@pytest.mark.usefixtures("no_files")
def test_a_good_download_is_kept_and_used(monkeypatch, weights):
    """The second time the cached file is found without the network."""
    data = weights.read_bytes()
    known = dataclasses.replace(inception_weights.PUBLISHED, sha256=hashlib.sha256(data).hexdigest())
    monkeypatch.setattr(inception_weights, "PUBLISHED", known)
    monkeypatch.setattr(inception_weights.urllib.request, "urlopen", lambda *_args, **_kwargs: io.BytesIO(data))
    first = inception_weights.find_weights(ExtractorContext())
    assert first.read_bytes() == data
    assert inception_weights.find_weights(ExtractorContext(download=False)) == first


@pytest.mark.usefixtures("no_files")
def test_a_damaged_file_in_the_cache_is_refused():
    """A cached file must be the published one, in all 64 digits."""
    path = inception_weights.PUBLISHED.cached
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half a file")
    with pytest.raises(WeightsError) as error:
        build(NoOptions(), ExtractorContext(download=False))
    assert_one_line(error, str(path), "damaged", inception_weights.SHA256, hashlib.sha256(b"half a file").hexdigest())


@pytest.mark.usefixtures("no_files")
def test_a_file_that_shares_the_first_digits_is_refused(monkeypatch):
    """Thirty-two bits are found by trying."""
    monkeypatch.setattr(published, "sha256_of", lambda path: inception_weights.SHA256[:8] + "0" * 56)
    path = inception_weights.PUBLISHED.cached
    path.parent.mkdir(parents=True)
    path.write_bytes(b"forged")
    with pytest.raises(WeightsError, match="are damaged or others"):
        inception_weights.find_weights(ExtractorContext(download=False))


def _not_a_state_dict(path):
    torch.save([torch.zeros(2)], path)


def _another_network(path):
    torch.save(nn.Linear(2, 2).state_dict(), path)


def _text(path):
    path.write_text("not weights\n")


def _empty(path):
    path.write_bytes(b"")


def _code(path):
    torch.save(nn.Linear(2, 2), path)


@pytest.mark.parametrize("write", [_not_a_state_dict, _another_network, _text, _empty, _code])
def test_a_file_of_another_format_is_one_clear_line(tmp_path, write):
    """Whatever the file holds, nothing in it is run and the message names it."""
    path = tmp_path / "wrong.pth"
    write(path)
    with pytest.raises(WeightsError) as error:
        build(NoOptions(), ExtractorContext(weights=path))
    assert_one_line(error, str(path))


def test_safetensors_are_one_clear_line(tmp_path):
    """Other extractors take them; this network is loaded by torch-fidelity."""
    path = tmp_path / "w.safetensors"
    path.write_bytes(tensors_to_bytes({"fc.weight": torch.zeros(2, 2)}))
    with pytest.raises(WeightsError) as error:
        build(NoOptions(), ExtractorContext(weights=path))
    assert_one_line(error, str(path), "safetensors", "torch-fidelity's format")


def test_a_missing_file_that_was_named_is_not_replaced(tmp_path):
    """A path that leads nowhere is an error, never the cached file."""
    with pytest.raises(WeightsError, match="no such weights file"):
        build(NoOptions(), ExtractorContext(weights=tmp_path / "nowhere.pth"))


def test_a_machine_without_torch_fidelity_is_told_to_install_it(monkeypatch):
    """Before the weights are looked for."""
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", None)
    with pytest.raises(WeightsError, match=r"needs torch-fidelity, .*; pip install torch-fidelity"):
        build(NoOptions(), ExtractorContext(download=False))
