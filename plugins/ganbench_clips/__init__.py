"""Clips: MoCoGAN and VGAN, digits that move and any frames, and what judges them. Registration only, without torch.

All networks are written from their articles and from the facts of their authors' code.
"""

from __future__ import annotations

from collections.abc import Iterator

from ganbench import (
    ArchitectureSpec,
    DatasetSpec,
    ExtractorSpec,
    MetricSpec,
    PluginSpec,
    Quantity,
    RecipeSpec,
    SpaceSpec,
    both_optimizers,
    hookimpl,
)
from ganbench_clips import options
from ganbench_reproduce import ReproductionSpec

_MOCOGAN = "Tulyakov et al. 2018, https://arxiv.org/abs/1707.04993"
_VGAN = "Vondrick et al. 2016, https://arxiv.org/abs/1609.02612"
_CLIP = ("clip",)
_SHARED = ("ganbench_extractors",)
"""What saves and verifies the networks that ship."""
_LOSSES = ("logistic", "least-squares", "hinge")
_ALWAYS = (("training.ema_halflife_kimg", 0.0), ("loss.name", "logistic"))
_APART = ("training.shared_fakes", False)
_JUDGES = ("fd1k_moving-digits", "fd1k_moving-digits-frames", "motion1k")


@hookimpl
def ganbench_register() -> list[PluginSpec]:
    """Return the family."""
    return [_space(), *_architectures(), *_recipes(), *_datasets(), *_extractors(), *_metrics(), _table()]


def _space() -> SpaceSpec:
    return SpaceSpec(
        name="clip",
        summary="clips of frames of one size, uint8 as they are stored and [-1, 1] as networks see them",
        factory="ganbench_clips.space:ClipSpace",
        sources=_SHARED,
        unit="clips",
    )


def _architectures() -> Iterator[ArchitectureSpec]:
    yield ArchitectureSpec(
        name="mocogan",
        summary="MoCoGAN: clips of content and motion; one discriminator for frames, one for clips",
        factory="ganbench_clips.mocogan:build",
        sources=_SHARED,
        options=options.MoCoGANOptions,
        paper=f"{_MOCOGAN}; sergeytulyakov/mocogan",
        spaces=_CLIP,
        conditional=True,
        losses=_LOSSES,
        algorithm="ganbench_clips.mocogan_step:MoCoGAN",
        defaults=(("dataset.name", "moving-digits"), *_ALWAYS, ("training.batch_size", 10)),
    )
    yield ArchitectureSpec(
        name="vgan",
        summary="VGAN: clips of a still background and a masked foreground of three-dimensional convolutions",
        factory="ganbench_clips.vgan:build",
        sources=_SHARED,
        options=options.VGANOptions,
        paper=f"{_VGAN}; cvondrick/videogan",
        spaces=_CLIP,
        losses=_LOSSES,
        algorithm="ganbench_clips.vgan:VGAN",
        defaults=(("dataset.name", "moving-digits"), *_ALWAYS, _APART, ("training.batch_size", 64)),
    )


def _recipes() -> Iterator[RecipeSpec]:
    adam = both_optimizers(kind="adam", learning_rate=2e-4, beta1=0.5, beta2=0.999, eps=1e-8)
    small = both_optimizers(kind="adam", learning_rate=5e-4, beta1=0.5, beta2=0.999, eps=1e-8)
    decay = both_optimizers(weight_decay=1e-5)
    of_mocogan = (
        "both discriminators' real samples come from one batch; the source has a loader for each",
        "a clip of more frames than 16 at 64 pixels has a logit for each stretch of 16",
    )
    yield RecipeSpec(
        name="mocogan-64",
        summary="MoCoGAN as published: 16 frames of 64x64, frames of 10 clips and 3 whole clips a step",
        paper=f"{_MOCOGAN}; sergeytulyakov/mocogan train.py",
        architecture="mocogan",
        resolution=64,
        settings=(*_ALWAYS, ("training.batch_size", 10), ("training.total_kimg", 1000.0), *adam, *decay),
        deviations=(*of_mocogan, "100,000 steps of 10 clips are 1,000 kimg, of which three in ten are judged whole"),
    )
    yield RecipeSpec(
        name="mocogan-small",
        summary="MoCoGAN for two cores: 32x32, width 16 in each network",
        paper=f"{_MOCOGAN}; sergeytulyakov/mocogan train.py",
        architecture="mocogan",
        resolution=32,
        settings=(
            *_ALWAYS,
            ("training.batch_size", 16),
            ("architecture.options.generator_width", 16),
            ("architecture.options.discriminator_width", 16),
            ("architecture.options.clip_batch", 8),
            *small,
            *decay,
        ),
        deviations=(*of_mocogan, "a layer less, a quarter of the width, frames of 16 clips and 8 whole clips a step, a rate of 5e-4"),
    )
    of_vgan = (
        "the generator is updated with new clips, judged by the discriminator's new weights; the source has the logits of the old ones",
        "the digit's label is not used",
    )
    yield RecipeSpec(
        name="vgan-64",
        summary="VGAN as published: clips of 64x64 (32 frames there: -o dataset.frames=32), batches of 64",
        paper=f"{_VGAN}; cvondrick/videogan main.lua",
        architecture="vgan",
        resolution=64,
        settings=(*_ALWAYS, _APART, ("training.batch_size", 64), *adam),
        deviations=(*of_vgan, "the budget is the dataset's; the source trains until it is stopped"),
    )
    yield RecipeSpec(
        name="vgan-small",
        summary="VGAN for two cores: 32x32, width 16 in each network",
        paper=f"{_VGAN}; cvondrick/videogan main.lua",
        architecture="vgan",
        resolution=32,
        settings=(
            *_ALWAYS,
            _APART,
            ("training.batch_size", 16),
            ("architecture.options.generator_width", 16),
            ("architecture.options.discriminator_width", 16),
            *small,
        ),
        deviations=(*of_vgan, "a layer less, a quarter of the width, batches of 16, a rate of 5e-4"),
    )


def _datasets() -> Iterator[DatasetSpec]:
    yield DatasetSpec(
        name="moving-digits",
        summary="clips: scikit-learn's digits fly and bounce in a frame; digit, speed and direction known; always offline",
        factory="ganbench_clips.moving:build",
        space="clip",
        sources=_SHARED,
        options=options.MovingDigitsOptions,
        paper="Srivastava et al. 2015, https://arxiv.org/abs/1502.04681",
        metrics=_JUDGES,
        extractor="moving-digits",
        defaults=(("training.total_kimg", 64.0),),
    )
    yield DatasetSpec(
        name="clips",
        summary="clips: any folder of folders of frames, or of animated GIF and WebP files (-o path=DIR)",
        factory="ganbench_clips.folder:build",
        space="clip",
        sources=_SHARED,
        options=options.ClipsOptions,
        metrics=("motion1k",),
        extractor="moving-digits",
        defaults=(("training.total_kimg", 1000.0),),
    )


def _extractors() -> Iterator[ExtractorSpec]:
    yield ExtractorSpec(
        name="moving-digits",
        summary="two small networks that read digit, speed and direction of a clip: clip-FD, which is no FVD; offline",
        factory="ganbench_clips.reader:build",
        sources=_SHARED,
    )
    yield ExtractorSpec(
        name="moving-digits-frames",
        summary="the same networks on one frame of each clip: FD per frame; offline",
        factory="ganbench_clips.reader:build_frames",
        sources=_SHARED,
    )


def _metrics() -> Iterator[MetricSpec]:
    yield MetricSpec(
        name="motion",
        summary="clips: distance of the distributions of speed and of jerkiness, in pixels a frame",
        factory="ganbench_clips.motion:build",
        sources=_SHARED,
        quantities=(
            Quantity(name="motion", label="speed off", higher_is_better=False),
            Quantity(name="jerkiness", label="jerkiness off", higher_is_better=False),
        ),
        default_count=1000,
        looks_at="samples",
        spaces=_CLIP,
    )
    yield MetricSpec(
        name="digit_kept",
        summary="clips: share of a clip's frames in which the shipped networks see its most frequent digit",
        factory="ganbench_clips.motion:build_kept",
        sources=_SHARED,
        quantities=(Quantity(name="digit_kept", label="digit kept", higher_is_better=True),),
        default_count=200,
        looks_at="samples",
        spaces=_CLIP,
    )


def _table() -> ReproductionSpec:
    return ReproductionSpec(
        name="moving-digits",
        summary="MoCoGAN and VGAN, small, on digits that move; published figures of other clips as notes",
        factory="ganbench_clips.table:build",
        sources=_SHARED,
        options=options.MovingTableOptions,
        paper=_MOCOGAN,
    )
