"""The metrics that come with ganbench, registered like anyone's. Their arithmetic is in ``ganbench.evaluation``."""

from ganbench.plugin import hookimpl
from ganbench.spec import MetricSpec, Quantity
from ganbench_metrics.options import (
    ClassFrechetOptions,
    ClassificationAccuracyOptions,
    ClassifierScoreOptions,
    DensityCoverageOptions,
    KernelDistanceOptions,
    LpipsOptions,
    MemorisedOptions,
    ModesOptions,
    MsSsimOptions,
    PrecisionRecallOptions,
)

FRECHET = MetricSpec(
    name="fd",
    inception_name="fid",
    summary="Fréchet distance between Gaussian fits of the features (FID under Inception)",
    factory="ganbench_metrics.frechet:build_frechet",
    paper="Heusel et al., 2017, https://arxiv.org/abs/1706.08500",
    quantities=(Quantity(name="fd", label="FD", higher_is_better=False, inception_name="fid", inception_label="FID"),),
)

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

PRECISION_RECALL = MetricSpec(
    name="pr",
    summary="precision and recall by nearest-neighbour balls",
    factory="ganbench_metrics.precision_recall:build_precision_recall",
    options=PrecisionRecallOptions,
    paper="Kynkaanniemi et al., 2019, https://arxiv.org/abs/1904.06991",
    quantities=(
        Quantity(name="precision", label="precision", higher_is_better=True),
        Quantity(name="recall", label="recall", higher_is_better=True),
    ),
)

DENSITY_COVERAGE = MetricSpec(
    name="dc",
    summary="density and coverage by nearest-neighbour balls",
    factory="ganbench_metrics.density_coverage:build_density_coverage",
    options=DensityCoverageOptions,
    paper="Naeem et al., 2020, https://arxiv.org/abs/2002.09797",
    quantities=(
        Quantity(name="density", label="density", higher_is_better=True),
        Quantity(name="coverage", label="coverage", higher_is_better=True),
    ),
)

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
    summary="share of the images that a classifier takes for the class they were asked to be, and the worst class's (conditional runs)",
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
    paired=True,
)

LPIPS = MetricSpec(
    name="lpips",
    summary="diversity: mean perceptual distance between two generated images, without learned weights",
    factory="ganbench_metrics.lpips:build_lpips",
    options=LpipsOptions,
    paper="Zhang et al., 2018, https://arxiv.org/abs/1801.03924",
    quantities=(Quantity(name="lpips", label="LPIPS", higher_is_better=True),),
    default_count=2000,
    layered=True,
)

MS_SSIM = MetricSpec(
    name="msssim",
    summary="diversity: mean multi-scale structural similarity of two generated images",
    factory="ganbench_metrics.ms_ssim:build_ms_ssim",
    options=MsSsimOptions,
    paper="Wang et al., 2003, https://doi.org/10.1109/ACSSC.2003.1292216; Odena et al., 2017, https://arxiv.org/abs/1610.09585",
    quantities=(Quantity(name="msssim", label="MS-SSIM", higher_is_better=False),),
    default_count=2000,
    on_images=True,
)

CLASSIFICATION_ACCURACY = MetricSpec(
    name="cas",
    summary="classification accuracy score: train a classifier on generated images, test it on real held-out ones (conditional runs)",
    factory="ganbench_metrics.classification_accuracy:build_classification_accuracy",
    options=ClassificationAccuracyOptions,
    paper="Ravuri and Vinyals, 2019, https://arxiv.org/abs/1905.10887",
    quantities=(Quantity(name="cas", label="CAS", higher_is_better=True),),
    default_count=5000,
    on_images=True,
)

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

MEMORISED = MetricSpec(
    name="memorised",
    summary="share of generated images nearer to a train image than that one's own nearest neighbour; the floor is held-out images' share",
    factory="ganbench_metrics.memorised:build_memorised",
    options=MemorisedOptions,
    paper="Alaa et al., 2022, https://arxiv.org/abs/2102.08921",
    quantities=(Quantity(name="memorised", label="memorised", higher_is_better=False),),
    default_count=2000,
)


@hookimpl
def ganbench_register() -> list[MetricSpec]:
    """Register the metrics."""
    return [
        *(FRECHET, KERNEL, CLASSIFIER, PRECISION_RECALL, DENSITY_COVERAGE, MODES, TARGET_ACCURACY, SQUARED_ERROR),
        *(LPIPS, MS_SSIM, CLASSIFICATION_ACCURACY, CLASS_ACCURACY, CLASS_FRECHET, MEMORISED),
    ]
