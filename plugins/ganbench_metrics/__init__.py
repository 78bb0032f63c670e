"""The metrics that come with ganbench, registered like anyone's.

Each has a file of its own for its arithmetic. What a user can say of it stands here: its options, its names, its quantities. The two are
apart because ``ganbench --help`` and ``plugins list`` read this file, which must import no torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from ganbench import MetricSpec, Quantity, Settings, hookimpl, setting


def _seed(value: int) -> None:
    if not 0 <= value < 2**32:
        raise ValueError(f"seed must be from 0 to 4294967295 (got {value})")


FRECHET = MetricSpec(
    name="fd",
    inception_name="fid",
    summary="Fréchet distance between Gaussian fits of the features (FID under Inception)",
    factory="ganbench_metrics.frechet:build_frechet",
    paper="Heusel et al., 2017, https://arxiv.org/abs/1706.08500",
    quantities=(Quantity(name="fd", label="FD", higher_is_better=False, inception_name="fid", inception_label="FID"),),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FrechetInfinityOptions(Settings):
    """How the Fréchet distance is extrapolated. The defaults are those of Chong and Forsyth (2020)."""

    num_points: int = setting(15, least=2)
    """Counts of generated samples at which it is measured."""
    seed: int = 2020
    """Seed of the stream by which the samples of each count are drawn."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        _seed(self.seed)


FRECHET_INFINITY = MetricSpec(
    name="fd_inf",
    inception_name="fid_inf",
    summary="Fréchet distance extrapolated to infinitely many generated samples (FID infinity under Inception)",
    factory="ganbench_metrics.frechet_infinity:build_frechet_infinity",
    options=FrechetInfinityOptions,
    paper="Chong and Forsyth, 2020, https://arxiv.org/abs/1911.07023",
    quantities=(
        Quantity(name="fd_inf", label="FD infinity", higher_is_better=False, inception_name="fid_inf", inception_label="FID infinity"),
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class KernelDistanceOptions(Settings):
    """How the kernel distance is estimated. The defaults are those of Binkowski et al. (2018)."""

    num_subsets: int = setting(100, least=1)
    """Random subsets over which the mean and the standard deviation are taken."""
    subset_size: int = setting(1000, least=2)
    """Images in a subset, drawn without replacement from each side."""
    seed: int = 2020
    """Seed of the subsets' own stream; 2020 draws the subsets of torch-fidelity."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        _seed(self.seed)


KERNEL = MetricSpec(
    name="kd",
    inception_name="kid",
    summary="kernel distance: squared MMD with a cubic kernel (KID under Inception)",
    factory="ganbench_metrics.kernel_distance:build_kernel_distance",
    options=KernelDistanceOptions,
    paper="Binkowski et al., 2018, https://arxiv.org/abs/1801.01401",
    quantities=(
        Quantity(name="kd", label="KD", higher_is_better=False, inception_name="kid", inception_label="KID"),
        Quantity(name="kd_std", label="KD std", higher_is_better=False, inception_name="kid_std", inception_label="KID std"),
        Quantity(name="kd_full", label="KD full", higher_is_better=False, inception_name="kid_full", inception_label="KID full"),
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SlicedWassersteinOptions(Settings):
    """How the sliced Wasserstein distance is estimated. The defaults are those of Berthet et al. (2026) and of torch-fidelity."""

    num_directions: int = setting(1000, least=1)
    """Random directions over which the mean is taken."""
    seed: int = 2020
    """Seed of the directions, and of what is drawn of the larger side; 2020 draws those of torch-fidelity."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        _seed(self.seed)


SLICED_WASSERSTEIN = MetricSpec(
    name="sw",
    inception_name="mind",
    summary="sliced 2-Wasserstein distance of the features, times 3 D (MIND under Inception)",
    factory="ganbench_metrics.sliced_wasserstein:build_sliced_wasserstein",
    options=SlicedWassersteinOptions,
    paper="Berthet et al., 2026, https://arxiv.org/abs/2605.06797",
    quantities=(Quantity(name="sw", label="SW", higher_is_better=False, inception_name="mind", inception_label="MIND"),),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class GaussianMmdOptions(Settings):
    """The kernel of the MMD. The default is CMMD's, of Jayasumana et al. (2024), for features of length 1."""

    sigma: float = setting(10.0, above=0)
    """Width of the Gaussian kernel, in feature units."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if self.sigma == math.inf:
            raise ValueError(f"sigma must be finite (got {self.sigma})")


GAUSSIAN_MMD = MetricSpec(
    name="mmd_rbf",
    summary="squared MMD with a Gaussian kernel, times 1000 (CMMD under the extractor clip)",
    factory="ganbench_metrics.gaussian_mmd:build_gaussian_mmd",
    options=GaussianMmdOptions,
    paper="Jayasumana et al., 2024, https://arxiv.org/abs/2401.09603",
    quantities=(Quantity(name="mmd_rbf", label="MMD RBF", higher_is_better=False),),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassifierScoreOptions(Settings):
    """How the classifier score is estimated. The defaults are those of torch-fidelity."""

    num_splits: int = setting(10, least=1)
    """Parts of the generated images over which the mean and the standard deviation are taken."""
    shuffle: bool = True
    """Whether the images are put in a random order before they are split."""
    seed: int = 2020
    """Seed of that order."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        _seed(self.seed)


CLASSIFIER = MetricSpec(
    name="cs",
    inception_name="is",
    summary="classifier score: how sure and how varied the classes are (Inception Score under Inception)",
    factory="ganbench_metrics.classifier_score:build_classifier_score",
    options=ClassifierScoreOptions,
    paper="Salimans et al., 2016, https://arxiv.org/abs/1606.03498",
    quantities=(
        Quantity(name="cs", label="CS", higher_is_better=True, inception_name="is", inception_label="IS"),
        Quantity(name="cs_std", label="CS std", higher_is_better=False, inception_name="is_std", inception_label="IS std"),
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PrecisionRecallOptions(Settings):
    """How precision and recall are estimated. The default is that of Kynkaanniemi et al. (2019)."""

    num_neighbours: int = setting(3, least=1)
    """k: a ball reaches to the k-th nearest neighbour of its centre in the centre's own set."""


PRECISION_RECALL = MetricSpec(
    name="pr",
    summary="precision and recall by nearest-neighbour balls",
    factory="ganbench_metrics.neighbour_metrics:build_precision_recall",
    options=PrecisionRecallOptions,
    paper="Kynkaanniemi et al., 2019, https://arxiv.org/abs/1904.06991",
    quantities=(
        Quantity(name="precision", label="precision", higher_is_better=True),
        Quantity(name="recall", label="recall", higher_is_better=True),
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class DensityCoverageOptions(Settings):
    """How density and coverage are estimated. The default is that of Naeem et al. (2020)."""

    num_neighbours: int = setting(5, least=1)
    """k: a ball reaches to the k-th nearest real neighbour of a real image."""


DENSITY_COVERAGE = MetricSpec(
    name="dc",
    summary="density and coverage by nearest-neighbour balls",
    factory="ganbench_metrics.neighbour_metrics:build_density_coverage",
    options=DensityCoverageOptions,
    paper="Naeem et al., 2020, https://arxiv.org/abs/2002.09797",
    quantities=(
        Quantity(name="density", label="density", higher_is_better=True),
        Quantity(name="coverage", label="coverage", higher_is_better=True),
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModesOptions:
    """How mode coverage is scored. The default is that of Lin et al. (2018)."""

    expected: Literal["even", "real"] = "even"
    """What the reverse KL is taken against: even shares of all modes, or the shares in the real images."""


MODES = MetricSpec(
    name="modes",
    summary="mode coverage: modes found, share of samples at a mode, reverse KL of the shares",
    factory="ganbench_metrics.modes:build_modes",
    options=ModesOptions,
    paper="Lin et al., 2018, https://arxiv.org/abs/1712.04086",
    quantities=(
        Quantity(name="modes", label="modes", higher_is_better=True),
        Quantity(name="high_quality", label="high quality", higher_is_better=True),
        Quantity(name="reverse_kl", label="reverse KL", higher_is_better=False),
    ),
    default_count=2500,
)


TARGET_ACCURACY = MetricSpec(
    name="target_accuracy",
    summary="share of the images that a classifier takes for the class they were translated to",
    factory="ganbench_metrics.target_accuracy:build_target_accuracy",
    quantities=(Quantity(name="target_accuracy", label="target accuracy", higher_is_better=True),),
    default_count=1000,
)


CLASS_ACCURACY = MetricSpec(
    name="class_accuracy",
    summary="share of the images that a classifier takes for the class they were asked to be, and the worst class's (conditional)",
    factory="ganbench_metrics.class_accuracy:build_class_accuracy",
    paper="Shmelkov et al., 2018, https://arxiv.org/abs/1807.09499",
    quantities=(
        Quantity(name="class_accuracy", label="class accuracy", higher_is_better=True),
        Quantity(name="worst_class_accuracy", label="worst class accuracy", higher_is_better=True),
    ),
    default_count=1000,
)


SQUARED_ERROR = MetricSpec(
    name="mse",
    summary="mean squared error of a translation from pairs, beside that of a trivial answer (inpainting: mean filling)",
    factory="ganbench_metrics.squared_error:build_squared_error",
    quantities=(
        Quantity(name="mse", label="MSE", higher_is_better=False),
        Quantity(name="guess_mse", label="MSE of a guess", higher_is_better=False),
    ),
    default_count=1000,
    looks_at="targets",
    spaces=("images",),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class LpipsOptions:
    """Between which images the perceptual distance is taken."""

    per_class: bool = False
    """Whether only images of one class are compared; the mean over the classes is returned. Needs a conditional run."""


LPIPS = MetricSpec(
    name="lpips",
    summary="diversity: mean perceptual distance between two generated images, without learned weights",
    factory="ganbench_metrics.lpips:build_lpips",
    options=LpipsOptions,
    paper="Zhang et al., 2018, https://arxiv.org/abs/1801.03924",
    quantities=(Quantity(name="lpips", label="LPIPS", higher_is_better=True),),
    default_count=2000,
    looks_at="layers",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class MsSsimOptions(Settings):
    """Between which images MS-SSIM is taken."""

    num_pairs: int = setting(1000, least=1)
    """Random pairs of different images over which the mean is taken."""
    per_class: bool = False
    """Whether only images of one class are compared, as Odena et al. (2017) do; each class has as many pairs. Needs a conditional run."""
    seed: int = 2020
    """Seed of the pairs' own stream."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        _seed(self.seed)


MS_SSIM = MetricSpec(
    name="msssim",
    summary="diversity: mean multi-scale structural similarity of two generated images",
    factory="ganbench_metrics.ms_ssim:build_ms_ssim",
    options=MsSsimOptions,
    paper="Wang et al., 2003, https://doi.org/10.1109/ACSSC.2003.1292216; Odena et al., 2017, https://arxiv.org/abs/1610.09585",
    quantities=(Quantity(name="msssim", label="MS-SSIM", higher_is_better=False),),
    default_count=2000,
    looks_at="samples",
    spaces=("images",),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassificationAccuracyOptions(Settings):
    """The classifier that is trained on generated images, and its budget."""

    steps: int = setting(300, least=1)
    """Optimizer steps, for generated and for real images alike."""
    batch_size: int = setting(128, least=2)
    """Images in a step."""
    width: int = setting(32, least=1)
    """Channels of the first convolution; the second has twice as many, all others four times."""
    learning_rate: float = 2e-3
    """AdamW's rate at the start; it falls to 0 along a cosine."""
    weight_decay: float = 0.02
    """AdamW's, on all weights."""
    seed: int = 0
    """The seed of the classifier's initialisation and of the order of the images."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be above 0 and finite (got {self.learning_rate})")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay must be 0 or more and finite (got {self.weight_decay})")
        _seed(self.seed)


CLASSIFICATION_ACCURACY = MetricSpec(
    name="cas",
    summary="classification accuracy score: train a classifier on generated images, test it on real held-out ones (conditional runs)",
    factory="ganbench_metrics.classification_accuracy:build_classification_accuracy",
    options=ClassificationAccuracyOptions,
    paper="Ravuri and Vinyals, 2019, https://arxiv.org/abs/1905.10887",
    quantities=(Quantity(name="cas", label="CAS", higher_is_better=True),),
    default_count=5000,
    looks_at="samples",
    spaces=("images",),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassFrechetOptions(Settings):
    """How few images of a class are enough."""

    least_per_class: int = setting(50, least=2)
    """Images that each class must have on each side. Few images make every class's distance large; real against real shows by how much."""


CLASS_FRECHET = MetricSpec(
    name="fd_class",
    inception_name="fid_class",
    summary="mean Fréchet distance within each class, and the worst class's (intra-FID under Inception; conditional runs)",
    factory="ganbench_metrics.class_frechet:build_class_frechet",
    options=ClassFrechetOptions,
    paper="Miyato and Koyama, 2018, https://arxiv.org/abs/1802.05637",
    quantities=(
        Quantity(
            name="fd_class", label="FD per class", higher_is_better=False, inception_name="fid_class", inception_label="FID per class"
        ),
        Quantity(
            name="fd_worst_class",
            label="FD worst class",
            higher_is_better=False,
            inception_name="fid_worst_class",
            inception_label="FID worst class",
        ),
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class MemorisedOptions:
    """How near is too near. The default is that of Alaa et al. (2022)."""

    factor: float = 1.0
    """An image is memorised when it is nearer to its nearest train image than this times that image's distance to its own nearest one."""

    def __post_init__(self) -> None:
        if not 0 < self.factor < math.inf:
            raise ValueError(f"factor must be above 0 and finite (got {self.factor})")


MEMORISED = MetricSpec(
    name="memorised",
    summary="share of generated images nearer to a train image than that one's own nearest one; of held-out images: real against real",
    factory="ganbench_metrics.memorised:build_memorised",
    options=MemorisedOptions,
    paper="Alaa et al., 2022, https://arxiv.org/abs/2102.08921",
    quantities=(Quantity(name="memorised", label="memorised", higher_is_better=False),),
    default_count=2000,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class NaiveAugmentationOptions(ClassificationAccuracyOptions):
    """The classifier that is trained on real and generated images, its budget, and how often."""

    steps: int = setting(100, least=1)
    """Optimizer steps, for every one of the training sets alike."""
    batch_size: int = setting(64, least=2)
    """Images in a step."""
    width: int = setting(16, least=1)
    """Channels of the first convolution; the second has twice as many, all others four times."""
    num_seeds: int = setting(3, least=1)
    """Classifiers over which the mean is taken, from ``seed`` on; each has other weights and other real images."""


NAIVE_AUGMENTATION = tuple(
    MetricSpec(
        name=f"nas_{count}_per_class",
        summary=f"naive augmentation: a classifier after {count} real images a class and generated ones, beside real alone (conditional)",
        factory=f"ganbench_metrics.naive_augmentation:build_{count}",
        options=NaiveAugmentationOptions,
        paper="Ravuri and Vinyals, 2019, https://arxiv.org/abs/1905.10887",
        quantities=(
            Quantity(name=f"nas_{count}_per_class", label=f"NAS, {count} a class", higher_is_better=True),
            Quantity(name=f"real_{count}_per_class", label=f"real alone, {count} a class", higher_is_better=True),
            Quantity(name=f"flips_{count}_per_class", label=f"real and flips, {count} a class", higher_is_better=True),
        ),
        default_count=1000,
        looks_at="samples",
        spaces=("images",),
    )
    for count in (5, 10, 50)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class BirthdayOptions(Settings):
    """What a batch is, and when two of its images are duplicates."""

    batch_size: int = setting(250, least=2)
    """Images among which duplicates are looked for; what is left over of the images of a run is not looked at."""
    factor: float = 0.2
    """Two images are duplicates when they are nearer than this times the median distance of a real image to the nearest of as many."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if not 0 < self.factor < math.inf:
            raise ValueError(f"factor must be above 0 and finite (got {self.factor})")


def _birthday(suffix: str, what: str, **fields: Any) -> MetricSpec:
    label = suffix.replace("_", " ")
    return MetricSpec(
        name=f"birthday{suffix}",
        summary=f"birthday test: share of batches with two images {what}; size of the support",
        factory=f"ganbench_metrics.birthday:build_birthday{suffix}",
        options=BirthdayOptions,
        paper="Arora and Zhang, 2018, https://arxiv.org/abs/1706.08224",
        quantities=(
            Quantity(name=f"birthday{suffix}", label=f"batches with duplicates{label}", higher_is_better=False),
            Quantity(name=f"support{suffix}", label=f"support{label}", higher_is_better=True),
            Quantity(name=f"support_at_least{suffix}", label=f"support at least{label}", higher_is_better=True),
        ),
        default_count=5000,
        **fields,
    )


BIRTHDAY = (
    _birthday("", "much nearer in features than real ones"),
    _birthday("_pixels", "much nearer in pixels than real ones", looks_at="samples", spaces=("images",)),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class InversionOptions(Settings):
    """The budget of the search for latents. Adam's other constants are torch's."""

    steps: int = setting(200, least=1)
    """Adam's steps from each start."""
    restarts: int = setting(2, least=1)
    """Starts for each image; the best end counts."""
    learning_rate: float = 0.05
    """Adam's rate at the start; it falls to 0 along a cosine."""
    pca_images: int = setting(2000, least=2)
    """Train images that PCA is fitted to, evenly spread over the split; all where there are fewer."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be above 0 and finite (got {self.learning_rate})")


INVERSION = MetricSpec(
    name="ivom",
    summary="inversion: squared error of held-out images at the best latents found, beside PCA with as many dimensions",
    factory="ganbench_metrics.inversion:build_inversion",
    options=InversionOptions,
    paper="Metz et al., 2017, https://arxiv.org/abs/1611.02163; Srivastava et al., 2017, https://arxiv.org/abs/1705.07761",
    quantities=(
        Quantity(name="ivom", label="IvOM", higher_is_better=False),
        Quantity(name="pca_error", label="PCA's error", higher_is_better=False),
    ),
    default_count=100,
    looks_at="samples",
    spaces=("images",),
)


@hookimpl
def ganbench_register() -> list[MetricSpec]:
    """Register the metrics."""
    return [
        *(FRECHET, FRECHET_INFINITY, KERNEL, CLASSIFIER, PRECISION_RECALL, DENSITY_COVERAGE, MODES, TARGET_ACCURACY, SQUARED_ERROR),
        *(SLICED_WASSERSTEIN, GAUSSIAN_MMD, LPIPS, MS_SSIM, CLASSIFICATION_ACCURACY, CLASS_ACCURACY, CLASS_FRECHET, MEMORISED),
        *(*NAIVE_AUGMENTATION, *BIRTHDAY, INVERSION),
    ]
