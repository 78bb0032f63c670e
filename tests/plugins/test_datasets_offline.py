"""Registration, digits, synthetic: what needs no file and no network."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from ganbench.config.values import describe_fields
from ganbench.data.source import ArraySource, DataContext
from ganbench_datasets import digits, ganbench_register, synthetic
from ganbench_datasets.options import DigitsOptions, SyntheticOptions

NAMES = {
    "digits",
    "stacked-digits",
    "synthetic",
    "mnist",
    "medmnist",
    "fashion-mnist",
    "cifar10",
    "cifar100",
    "stl10",
    "celeba",
    "folder",
    "pairs",
    "array",
    "photographs",
}


def test_registration_imports_nothing_heavy() -> None:
    """Listing the datasets needs neither torch nor numpy."""
    code = "import sys, ganbench_datasets as d; d.ganbench_register(); print(sorted({'torch', 'numpy', 'PIL', 'rich'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_dataset_can_be_built_and_explains_its_options() -> None:
    """Each factory can be imported, and each option has a help text."""
    specs = ganbench_register()
    assert {spec.name for spec in specs} == NAMES
    for spec in specs:
        module, _, attribute = spec.factory.partition(":")
        assert callable(getattr(__import__(module, fromlist=[attribute]), attribute))
        for option in describe_fields(spec.options):
            assert option.help, f"{spec.name} -o {option.name} has no help"


def test_digits_have_a_fixed_stratified_split() -> None:
    """1,437 and 360 images, every class in its share, the same content on every machine."""
    data = digits.build(DigitsOptions(), DataContext())
    assert data.test is not None
    assert (data.train.num_samples, data.test.num_samples) == (1437, 360)
    assert data.space.resolution == 16
    assert data.class_names == tuple("0123456789")
    assert data.test.labels is not None
    assert torch.bincount(data.test.labels).tolist() == [36, 37, 35, 37, 36, 36, 36, 36, 35, 36]
    assert data.train.content_hash == "70456d42c2fb1f3519bd100c9499690a51858274ac4fb64d8b77929c477b059c"


def test_digits_at_their_own_size_are_the_originals() -> None:
    """At 8x8 nothing is filtered: 17 levels scaled to 255, train and test together all 1,797 images."""
    from sklearn.datasets import load_digits

    data = digits.build(DigitsOptions(resolution=8), DataContext())
    assert isinstance(data.train, ArraySource)
    assert isinstance(data.test, ArraySource)
    found = np.concatenate([data.train.stored.numpy(), data.test.stored.numpy()])[:, 0]
    expected = np.round(load_digits().images * 255 / 16).astype(np.uint8)
    assert sorted(image.tobytes() for image in found) == sorted(image.tobytes() for image in expected)


def test_digits_are_read_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    """And through it where its file lies elsewhere; both give the same table."""
    table = digits._shipped()
    monkeypatch.setattr(digits, "find_spec", lambda name: None)
    assert np.array_equal(digits._shipped(), table)


def test_synthetic_is_the_same_streamed_and_resident() -> None:
    """Each image is a function of its index: equal pixels, labels and hash; the splits differ."""
    options = SyntheticOptions(resolution=8, num_images=30, num_classes=3)
    resident, streamed = (synthetic.build(options, DataContext(resident_limit_mib=limit)) for limit in (1.0, 0.0))
    assert (resident.train.is_resident, streamed.train.is_resident) == (True, False)
    indices = torch.tensor([29, 0, 7])
    assert torch.equal(resident.train.read(indices), streamed.train.read(indices))
    assert resident.train.content_hash == streamed.train.content_hash
    assert resident.test is not None
    assert not torch.equal(resident.test.read(torch.tensor([0])), resident.train.read(torch.tensor([0])))
    assert resident.train.labels is not None
    assert torch.bincount(resident.train.labels).tolist() == [10, 10, 10]


def test_synthetic_depends_on_its_seed() -> None:
    """Another seed is other noise."""
    one, two = (synthetic.build(SyntheticOptions(num_images=2, seed=seed), DataContext()).train.content_hash for seed in (0, 1))
    assert one != two


@pytest.mark.parametrize("field", ["resolution", "channels", "num_images", "num_classes", "seed"])
def test_impossible_options_are_refused(field: str) -> None:
    """The message names the option and the value."""
    with pytest.raises(ValueError, match=rf"{field} must be . or more \(got -1\)"):
        SyntheticOptions(**{field: -1})


def test_digits_cannot_be_smaller_than_they_are() -> None:
    """Eight pixels are all there is."""
    with pytest.raises(ValueError, match=r"resolution must be 8 or more \(got 4\)"):
        DigitsOptions(resolution=4)
