"""A metric's name holds its protocol, and a wrong name is an error that gives the right one."""

import subprocess
import sys

import pytest

from ganbench.errors import ConfigError
from ganbench.evaluation.naming import _plan_metric, plan_metrics
from ganbench.spec import ExtractorSpec, MetricSpec, Quantity
from ganbench_extractors import DIGITS, DIGITS_LAYERS, FASHION, INCEPTION, INCEPTION_CLEAN, VGG16_LAYERS
from ganbench_metrics import CLASS_FRECHET, CLASSIFIER, DENSITY_COVERAGE, FRECHET, KERNEL, LPIPS, MS_SSIM, PRECISION_RECALL

METRICS = {spec.name: spec for spec in (FRECHET, KERNEL, CLASSIFIER, PRECISION_RECALL, DENSITY_COVERAGE, CLASS_FRECHET)}
EXTRACTORS = {spec.name: spec for spec in (INCEPTION, INCEPTION_CLEAN, DIGITS, FASHION)}
PICTURES = {**METRICS, "lpips": LPIPS, "msssim": MS_SSIM}
LAYERED = {**EXTRACTORS, "digits-layers": DIGITS_LAYERS, "vgg16-layers": VGG16_LAYERS}


def plan(name, default="digits", metrics=METRICS, extractors=EXTRACTORS):
    return _plan_metric(name, metrics, extractors, default)


@pytest.mark.parametrize(
    ("written", "default", "name", "extractor", "count"),
    [
        ("fid10k", "inception", "fid10k", "inception", 10_000),
        ("fid10k", "digits", "fid10k", "inception", 10_000),
        ("fid", "inception", "fid10k", "inception", 10_000),
        ("FID10K", "inception", "fid10k", "inception", 10_000),
        ("fid10k_inception", "digits", "fid10k", "inception", 10_000),
        ("fid10k", "inception-clean", "fid10k", "inception", 10_000),
        ("fid10k_inception-clean", "digits", "fid10k_inception-clean", "inception-clean", 10_000),
        ("kid50k", "inception", "kid50k", "inception", 50_000),
        ("is", "inception", "is10k", "inception", 10_000),
        ("fd5k_digits", "inception", "fd5k_digits", "digits", 5000),
        ("fd5000_digits", "inception", "fd5k_digits", "digits", 5000),
        ("fd2500_digits", "inception", "fd2500_digits", "digits", 2500),
        ("fd5k", "digits", "fd5k_digits", "digits", 5000),
        ("fd", "digits", "fd10k_digits", "digits", 10_000),
        ("fd_fashion", "digits", "fd10k_fashion", "fashion", 10_000),
        ("cs5k", "fashion", "cs5k_fashion", "fashion", 5000),
        ("pr10k", "inception", "pr10k", "inception", 10_000),
        ("pr10k_inception", "digits", "pr10k", "inception", 10_000),
        ("pr5k_digits", "inception", "pr5k_digits", "digits", 5000),
        ("dc5k", "digits", "dc5k_digits", "digits", 5000),
        ("fd_class5k", "digits", "fd_class5k_digits", "digits", 5000),
        ("fid_class10k", "digits", "fid_class10k", "inception", 10_000),
    ],
)
def test_a_name_is_a_protocol(written, default, name, extractor, count):
    """Each spelling has one canonical name, which means the same when it is written in turn."""
    planned = plan(written, default)
    assert (planned.name, planned.extractor_name, planned.num_generated) == (name, extractor, count)
    assert plan(name, extractor) == planned


@pytest.mark.parametrize(
    ("written", "quantities"),
    [
        ("fid10k", [("fid10k", "FID")]),
        ("fid10k_inception-clean", [("fid10k_inception-clean", "FID(clean)")]),
        ("fd5k_digits", [("fd5k_digits", "FD digits")]),
        ("pr5k_digits", [("precision5k_digits", "precision digits"), ("recall5k_digits", "recall digits")]),
        ("pr10k_inception", [("precision10k", "precision"), ("recall10k", "recall")]),
        ("kid10k", [("kid10k", "KID"), ("kid_std10k", "KID std"), ("kid_full10k", "KID full")]),
        ("cs5k_fashion", [("cs5k_fashion", "CS fashion"), ("cs_std5k_fashion", "CS std fashion")]),
    ],
)
def test_every_quantity_has_its_name_and_label(written, quantities):
    """Names hold count and extractor; labels say FID only of Inception."""
    assert [(q.name, q.label) for q in plan(written).quantities] == quantities


@pytest.mark.parametrize(
    ("written", "default", "right"),
    [
        ("fid5k_digits", "digits", "write fd5k_digits"),
        ("is_fashion", "digits", "write cs10k_fashion"),
        ("kd5k_inception", "digits", "write kid5k"),
        ("fd10k", "inception", "write fid10k"),
        ("cs5k_inception-clean", "digits", "write is5k_inception-clean"),
        ("fdd5k", "digits", "did you mean 'fd'?"),
        ("precison5k", "digits", "known: cs, dc, fd"),
        ("fd5k_digit", "digits", "did you mean 'digits'?"),
        ("fd5k_", "digits", "FAMILY[COUNT][_EXTRACTOR]"),
        ("fd5m", "digits", "FAMILY[COUNT][_EXTRACTOR]"),
        ("fd-5k", "digits", "FAMILY[COUNT][_EXTRACTOR]"),
        ("fd0_digits", "digits", "must be 1 or more (got 0)"),
        ("", "digits", "FAMILY[COUNT][_EXTRACTOR]"),
    ],
)
def test_a_wrong_name_is_an_error_that_helps(written, default, right):
    """One line that quotes the name and says what to write."""
    with pytest.raises(ConfigError) as error:
        plan(written, default)
    assert right in str(error.value)
    assert repr(written.lower()) in str(error.value)
    assert "\n" not in str(error.value)


def test_an_inception_name_without_an_inception_extractor_is_an_error():
    """Nothing else is taken in its place."""
    with pytest.raises(ConfigError, match="needs the Inception extractor, and none is registered"):
        plan("fid10k", extractors={"digits": DIGITS})


def test_two_plain_inception_extractors_must_be_told_apart():
    """A second plain one makes the short name ambiguous, unless the dataset chose one of them."""
    other = ExtractorSpec(name="inception-jax", summary="another port", factory="a:b", inception=True)
    both = {**EXTRACTORS, other.name: other}
    with pytest.raises(ConfigError, match="there are inception, inception-jax"):
        plan("fid10k", extractors=both)
    assert plan("fid10k", "inception", extractors=both).extractor_name == "inception"


def test_one_protocol_named_twice_is_measured_once():
    """Spellings of one protocol fold into one; the order stays."""
    planned = plan_metrics(["pr5k_digits", "fd5000", "fd5k_digits", "pr5k"], METRICS, EXTRACTORS, "digits")
    assert [p.name for p in planned] == ["pr5k_digits", "fd5k_digits"]


def test_a_family_whose_name_begins_with_another_is_not_mistaken_for_it():
    """The longest family that fits is meant."""
    longer = MetricSpec(name="fdx", summary="s", factory="a:b", quantities=(Quantity(name="fdx", label="FDX", higher_is_better=False),))
    assert plan("fdx5k_digits", metrics={**METRICS, "fdx": longer}).spec is longer


@pytest.mark.parametrize(
    ("written", "default", "name", "extractor"),
    [
        ("lpips", "digits", "lpips2k_digits-layers", "digits-layers"),
        ("lpips500_digits-layers", "inception", "lpips500_digits-layers", "digits-layers"),
        ("lpips5k_vgg16-layers", "inception", "lpips5k_vgg16-layers", "vgg16-layers"),
        ("msssim", "digits", "msssim2k", ""),
        ("msssim500", "inception", "msssim500", ""),
    ],
)
def test_metrics_of_layers_and_of_images_choose_for_themselves(written, default, name, extractor):
    """Layers of the dataset's own extractor where none is named; no extractor for a metric that looks at the images."""
    planned = plan(written, default, PICTURES, LAYERED)
    assert (planned.name, planned.extractor_name) == (name, extractor)
    assert [q.name for q in planned.quantities] == [name]
    assert plan(name, "fashion", PICTURES, LAYERED) == planned


@pytest.mark.parametrize(
    ("written", "default", "message"),
    [
        (
            "lpips5k_digits",
            "digits",
            "needs an extractor of layers .got 'digits'.; write lpips5k_EXTRACTOR with one of digits-layers, vgg16",
        ),
        ("lpips5k", "inception", "needs an extractor of layers .got 'inception-layers'."),
        ("fd5k_digits-layers", "digits", "the features of 'digits-layers' are layers, for perceptual distances alone"),
        ("msssim5k_digits", "digits", "looks at the samples themselves, without an extractor; write msssim5k"),
    ],
)
def test_layers_and_features_are_not_taken_for_each_other(written, default, message):
    """A distance between 2,560 normalised activations is no FD, and one between features no LPIPS."""
    with pytest.raises(ConfigError, match=message):
        plan(written, default, PICTURES, LAYERED)


def test_naming_does_not_import_torch():
    """Tables, completion and --dry-run read names without it."""
    imports = "import sys, ganbench.evaluation.naming, ganbench_extractors, ganbench_metrics"
    code = f"{imports}; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
