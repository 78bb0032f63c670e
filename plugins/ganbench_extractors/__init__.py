"""The feature extractors that come with ganbench. Registration only: nothing here imports torch or numpy."""

from __future__ import annotations

from ganbench.plugin import hookimpl
from ganbench.spec import ExtractorSpec

INCEPTION_PAPER = "Szegedy et al., 2015, https://arxiv.org/abs/1512.00567"

INCEPTION = ExtractorSpec(
    name="inception",
    summary="the Inception network of FID (2015), TensorFlow's bilinear resize to 299",
    factory="ganbench_extractors.inception:build",
    paper=INCEPTION_PAPER,
    inception=True,
    needs_weights=True,
)

INCEPTION_CLEAN = ExtractorSpec(
    name="inception-clean",
    summary="the same network behind an antialiased bicubic resize (Parmar et al., 2021, https://arxiv.org/abs/2104.11222)",
    factory="ganbench_extractors.inception:build_clean",
    paper=INCEPTION_PAPER,
    inception=True,
    needs_weights=True,
    variant="clean",
)

DIGITS = ExtractorSpec(
    name="digits",
    summary="five small classifiers of 16x16 grey digits; offline",
    factory="ganbench_extractors.classifiers:build_digits",
)

FASHION = ExtractorSpec(
    name="fashion",
    summary="five small classifiers of 32x32 grey clothing; offline",
    factory="ganbench_extractors.classifiers:build_fashion",
)


@hookimpl
def ganbench_register() -> list[ExtractorSpec]:
    """Return the first-party extractors."""
    return [INCEPTION, INCEPTION_CLEAN, DIGITS, FASHION]
