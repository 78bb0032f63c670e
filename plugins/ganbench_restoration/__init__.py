"""Restoration: images made larger, cleaned, coloured, filled in and sharpened, and how near they come. Registration only, without torch.

SRResNet and SRGAN (Ledig et al. 2017), ESRGAN (Wang et al. 2018), the dataset that degrades any other, and the measures of fidelity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ganbench import ArchitectureSpec, DatasetSpec, MetricSpec, PluginSpec, Quantity, hookimpl
from ganbench_reproduce import ReproductionSpec
from ganbench_restoration import options
from ganbench_restoration.recipes import ESRGAN_PAPER, RECIPES, SRGAN_PAPER

_ADVERSARIAL = ("logistic", "least-squares", "hinge", "relativistic", "relativistic-average")
_ALWAYS = (("training.ema_halflife_kimg", 0.0), ("dataset.name", "restore"))
_MEASURES = {
    "psnr": ("PSNR", "peak signal-to-noise ratio", ""),
    "ssim": ("SSIM", "structural similarity", "Wang et al., 2004, https://doi.org/10.1109/TIP.2003.819861"),
}
_COLOURS = {"y": "luma", "rgb": "all channels"}
_BORDERS = {
    "crop0": "of whole images",
    "crop2": "without 2 pixels of border",
    "crop4": "without 4 pixels of border",
    "hole": "of the hidden pixels alone",
}
_SHARED = ("ganbench_datasets", "ganbench_extractors")
"""Further packages whose code runs."""


@hookimpl
def ganbench_register() -> Iterable[PluginSpec]:
    """Return all of it."""
    return [*_architectures(), *RECIPES, _restore(), *_metrics(), _super_resolution()]


def _architectures() -> Iterator[ArchitectureSpec]:
    alone = ("none",)
    for name, summary, paper, chosen, losses in (
        ("srresnet", "SRResNet: restores by residual blocks, trained by squared errors alone", SRGAN_PAPER, options.SRResNetOptions, alone),
        ("srgan", "SRGAN: SRResNet with a content loss and a discriminator", SRGAN_PAPER, options.SRGANOptions, _ADVERSARIAL),
        ("rrdb", "ESRGAN's generator, trained by absolute errors alone", ESRGAN_PAPER, options.RRDBOptions, alone),
        ("esrgan", "ESRGAN: dense blocks with a content loss and a discriminator", ESRGAN_PAPER, options.ESRGANOptions, _ADVERSARIAL),
    ):
        module, kind = ("pixel_algorithm", "PixelAlgorithm") if losses is alone else ("adversarial_algorithm", "AdversarialRestoration")
        loss = {"srgan": "logistic", "esrgan": "relativistic-average"}.get(name, "none")
        yield ArchitectureSpec(
            name=name,
            summary=summary,
            factory=f"ganbench_restoration.networks:build_{name}",
            sources=_SHARED,
            options=chosen,
            paper=paper,
            spaces=("images",),
            losses=losses,
            algorithm=f"ganbench_restoration.{module}:{kind}",
            defaults=(*_ALWAYS, ("loss.name", loss)),
        )


def _restore() -> DatasetSpec:
    return DatasetSpec(
        name="restore",
        summary="any dataset of images with a degraded copy of each: enlarge-x2, enlarge-x4, denoise, colour, inpaint, deblur",
        factory="ganbench_restoration.restore:build",
        space="images",
        sources=_SHARED,
        options=options.RestoreOptions,
        metrics=("psnr_crop4_y100", "ssim_crop4_y100"),
    )


def _super_resolution() -> ReproductionSpec:
    return ReproductionSpec(
        name="super-resolution",
        summary="SRResNet and SRGAN, small, beside bicubic enlargement on photographs; published figures of another data set as notes",
        factory="ganbench_restoration.super_resolution:build",
        sources=_SHARED,
        options=options.SuperResolutionOptions,
        paper=SRGAN_PAPER,
    )


def _metrics() -> Iterator[MetricSpec]:
    for measure, (label, words, paper) in _MEASURES.items():
        for border, where in _BORDERS.items():
            for colours, of in _COLOURS.items():
                if (measure, border) == ("ssim", "hole"):
                    continue
                name = f"{measure}_{border}_{colours}"
                heading = f"{label} {colours.upper()} {border.replace('crop', 'crop ')}"
                yield MetricSpec(
                    name=name,
                    summary=f"{words} of {of} to the right answer, {where}, beside a trivial answer's",
                    factory=f"ganbench_restoration.fidelity:{name}",
                    sources=_SHARED,
                    paper=paper,
                    quantities=(
                        Quantity(name=name, label=heading, higher_is_better=True),
                        Quantity(name=f"guess_{name}", label=f"{heading} of a guess", higher_is_better=True),
                    ),
                    default_count=100,
                    looks_at="targets",
                    spaces=("images",),
                )
