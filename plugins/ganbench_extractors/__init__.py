"""The feature extractors and frozen samples that come with ganbench. Registration only: nothing here imports torch or numpy."""

from __future__ import annotations

from ganbench import ExtractorSpec, FrozenSamplesSpec, hookimpl

INCEPTION_PAPER = "Szegedy et al., 2015, https://arxiv.org/abs/1512.00567"
LPIPS_PAPER = "Zhang et al., 2018, https://arxiv.org/abs/1801.03924"

INCEPTION = ExtractorSpec(
    name="inception",
    summary="the Inception network of FID (2015), TensorFlow's bilinear resize to 299",
    factory="ganbench_extractors.inception:build",
    paper=INCEPTION_PAPER,
    inception=True,
    find_weights="ganbench_extractors.inception_weights:find_weights",
)

INCEPTION_CLEAN = ExtractorSpec(
    name="inception-clean",
    summary="the same network behind an antialiased bicubic resize (Parmar et al., 2021, https://arxiv.org/abs/2104.11222)",
    factory="ganbench_extractors.inception:build_clean",
    paper=INCEPTION_PAPER,
    inception=True,
    find_weights="ganbench_extractors.inception_weights:find_weights",
    variant="clean",
)

DIGITS = ExtractorSpec(
    name="digits",
    summary="five small classifiers of 16x16 grey digits; offline",
    factory="ganbench_extractors.classifiers:build_digits",
)

STACKED_DIGITS = ExtractorSpec(
    name="stacked-digits",
    summary="the digits classifiers on each of three channels, 1,000 modes; offline",
    factory="ganbench_extractors.stacked:build",
)

STACKED_PAIRS = ExtractorSpec(
    name="stacked-pairs",
    summary="the digits classifiers on each of two channels, 100 modes; offline",
    factory="ganbench_extractors.stacked:build_pairs",
)

FASHION = ExtractorSpec(
    name="fashion",
    summary="five small classifiers of 32x32 grey clothing; offline",
    factory="ganbench_extractors.classifiers:build_fashion",
)

DIGITS_LAYERS = ExtractorSpec(
    name="digits-layers",
    summary="the convolutions of the five digits classifiers, for perceptual distances; offline",
    factory="ganbench_extractors.layers:build_digits",
    paper=LPIPS_PAPER,
    gives="layers",
)

FASHION_LAYERS = ExtractorSpec(
    name="fashion-layers",
    summary="the convolutions of the five fashion classifiers, for perceptual distances; offline",
    factory="ganbench_extractors.layers:build_fashion",
    paper=LPIPS_PAPER,
    gives="layers",
)

VGG16_LAYERS = ExtractorSpec(
    name="vgg16-layers",
    summary="five layers of VGG16 at 64x64, for perceptual distances; give torchvision's weights with --extractor-weights",
    factory="ganbench_extractors.vgg:build",
    paper=LPIPS_PAPER,
    find_weights="ganbench_extractors.vgg_weights:find_weights",
    gives="layers",
)

DINOV2 = ExtractorSpec(
    name="dinov2",
    summary="DINOv2's ViT-L/14 at 224x224, as dgm-eval uses it; give its weights with --extractor-weights",
    factory="ganbench_extractors.dinov2:build",
    paper="Oquab et al., 2023, https://arxiv.org/abs/2304.07193; Stein et al., 2023, https://arxiv.org/abs/2306.04675",
    find_weights="ganbench_extractors.dinov2_weights:find_weights",
)

CLIP = ExtractorSpec(
    name="clip",
    summary="CLIP's ViT-L/14 at 336x336, as CMMD uses it; give its weights with --extractor-weights",
    factory="ganbench_extractors.clip:build",
    paper="Radford et al., 2021, https://arxiv.org/abs/2103.00020; Jayasumana et al., 2024, https://arxiv.org/abs/2401.09603",
    find_weights="ganbench_extractors.clip_weights:find_weights",
)

FROZEN_DIGITS = FrozenSamplesSpec(
    name="digits",
    summary="500 samples of a DCGAN on digits, with the scores that every metric must give them",
    factory="ganbench_extractors.frozen:build_digits",
)


@hookimpl
def ganbench_register() -> list[ExtractorSpec | FrozenSamplesSpec]:
    """Return the first-party extractors and frozen samples."""
    return [
        INCEPTION,
        INCEPTION_CLEAN,
        DIGITS,
        STACKED_DIGITS,
        STACKED_PAIRS,
        FASHION,
        DIGITS_LAYERS,
        FASHION_LAYERS,
        VGG16_LAYERS,
        DINOV2,
        CLIP,
        FROZEN_DIGITS,
    ]
