"""Sounds: WaveGAN and SpecGAN, spoken digits and any sound files, and what judges them. Registration only, without torch.

Both networks are written from their article and from the facts of its authors' code.
"""

from __future__ import annotations

from collections.abc import Iterator

from ganbench import ArchitectureSpec, DatasetSpec, ExtractorSpec, PluginSpec, RecipeSpec, SpaceSpec, both_optimizers, hookimpl
from ganbench_reproduce import ReproductionSpec
from ganbench_sound import options

_PAPER = "Donahue et al. 2019, https://arxiv.org/abs/1802.04208"
_SOURCE = f"{_PAPER}; chrisdonahue/wavegan"

_LOSS = (("loss.name", "wasserstein"), ("loss.options.gp_weight", 10.0))
_DEFAULTS = (("dataset.name", "spoken-digits"), *_LOSS)
_INVERSE = "the overlapping pieces of an inverted spectrogram are divided by the sum of their squared windows"
_JUDGES = ("fd1k_spoken-digits", "cs1k_spoken-digits")


@hookimpl
def ganbench_register() -> list[PluginSpec]:
    """Return the family."""
    return [_space(), *_architectures(), *_recipes(), *_datasets(), *_extractors(), _table()]


def _space() -> SpaceSpec:
    return SpaceSpec(
        name="waveform",
        summary="sounds of one channel, 16-bit as they are stored and [-1, 1] as networks see them",
        factory="ganbench_sound.space:WaveformSpace",
        sources=("ganbench_extractors",),
        unit="sounds",
    )


def _architectures() -> list[ArchitectureSpec]:
    return [
        ArchitectureSpec(
            name="wavegan",
            summary="WaveGAN: sounds by convolutions of 25 samples; phase shuffle in the discriminator",
            factory="ganbench_sound.wavegan:build",
            sources=("ganbench_extractors",),
            options=options.WaveGANOptions,
            paper=_SOURCE,
            spaces=("waveform",),
            conditional=True,
            packing=True,
            defaults=_DEFAULTS,
        ),
        ArchitectureSpec(
            name="specgan",
            summary="baseline for sounds: SpecGAN, spectrograms as images, made audible by Griffin and Lim's algorithm",
            factory="ganbench_sound.specgan:build",
            sources=("ganbench_extractors",),
            options=options.SpecGANOptions,
            paper=_SOURCE,
            spaces=("waveform",),
            conditional=True,
            algorithm="ganbench_sound.specgan:SpecGAN",
            defaults=_DEFAULTS,
        ),
    ]


def _recipes() -> Iterator[RecipeSpec]:
    loss = (*_LOSS, ("training.ema_halflife_kimg", 0.0), ("training.batch_size", 64))
    adam = both_optimizers(kind="adam", learning_rate=1e-4, beta1=0.5, beta2=0.9, eps=1e-8)
    faster = both_optimizers(kind="adam", learning_rate=4e-4, beta1=0.5, beta2=0.9, eps=1e-8)
    published = (
        "200,000 iterations of 5 x 64 sounds, as the article reports; the source trains until it is stopped",
        "sounds come from one list that is shuffled anew in each epoch, where the source shuffles a buffer of 4,096",
    )
    small = (
        "half a second at 8 kHz, which drops the widest layer, and an eighth of the width",
        "labels, which the source does not use",
        "one critic step for each of the generator's and four times the rate, for minutes in the place of days",
    )
    for architecture, title, score, deviations in (
        ("wavegan", "WaveGAN", 4.67, ("convolutions pad 11 samples before and 10 behind; TensorFlow pads 10 before and 11 behind",)),
        ("specgan", "SpecGAN", 6.03, ("convolutions pad 2 numbers before and 1 behind; TensorFlow pads 1 before and 2 behind", _INVERSE)),
    ):
        wide = f"{title} as published: 16,384 samples, width 64, five critic steps (IS {score} in print, by its own classifier)"
        sizes = (("architecture.options.width", 64), ("architecture.options.conditional", False))
        shuffle = (("architecture.options.phase_shuffle", 2),) if architecture == "wavegan" else (("architecture.options.griffin_lim", 16),)
        yield RecipeSpec(
            name=f"{architecture}-sc09",
            summary=wide,
            paper=f"{_SOURCE} train_{architecture}.py",
            architecture=architecture,
            settings=(*loss, *sizes, *shuffle, ("training.total_kimg", 64_000.0), ("training.d_steps", 5), *adam),
            deviations=(*deviations, *published),
        )
        sizes = (("architecture.options.width", 8), ("architecture.options.conditional", True))
        yield RecipeSpec(
            name=f"{architecture}-small",
            summary=f"{title} for two cores: 4,096 samples, width 8, told the digit",
            paper=_SOURCE,
            architecture=architecture,
            settings=(*loss, *sizes, *shuffle, ("training.d_steps", 1), *faster),
            deviations=(*deviations, *small),
        )


def _datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            name="spoken-digits",
            summary="sounds: ten digits by 40 voices of espeak-ng, other voices held out; tones where that program is not there; offline",
            factory="ganbench_sound.spoken:build",
            space="waveform",
            sources=("ganbench_extractors",),
            options=options.SpokenDigitsOptions,
            metrics=_JUDGES,
            extractor="spoken-digits",
            defaults=(("training.total_kimg", 80.0),),
        ),
        DatasetSpec(
            name="sounds",
            summary="sounds: any folder of WAV and FLAC files (-o path=DIR), resampled, cut or padded",
            factory="ganbench_sound.folder:build",
            space="waveform",
            sources=("ganbench_extractors",),
            options=options.SoundsOptions,
            metrics=("fd2k_vggish",),
            extractor="vggish",
            defaults=(("training.total_kimg", 1000.0),),
        ),
        DatasetSpec(
            name="sc09",
            summary="sounds: the ten digits of Speech Commands, one second at 16 kHz, from a folder of the data root",
            factory="ganbench_sound.folder:build_sc09",
            space="waveform",
            sources=("ganbench_extractors",),
            options=options.CutOptions,
            paper="Warden 2018, https://arxiv.org/abs/1804.03209",
            metrics=("fd2k_vggish",),
            extractor="vggish",
            defaults=(("training.total_kimg", 1000.0),),
        ),
    ]


def _extractors() -> list[ExtractorSpec]:
    return [
        ExtractorSpec(
            name="spoken-digits",
            summary="five small classifiers of spoken digits, 4,096 samples at 8 kHz; offline",
            factory="ganbench_sound.classifier:build",
            sources=("ganbench_extractors",),
        ),
        ExtractorSpec(
            name="vggish",
            summary="VGGish, for the Fréchet audio distance at 16 kHz; give torchvggish's weights with --extractor-weights",
            factory="ganbench_sound.vggish:build",
            sources=("ganbench_extractors",),
            paper="Hershey et al. 2017, https://arxiv.org/abs/1609.09430; Kilgour et al. 2019, https://arxiv.org/abs/1812.08466",
            find_weights="ganbench_sound.vggish_weights:find_weights",
        ),
    ]


def _table() -> ReproductionSpec:
    return ReproductionSpec(
        name="wavegan-spoken-digits",
        summary="WaveGAN and SpecGAN, small, asked for spoken digits; published figures of other sounds as notes",
        factory="ganbench_sound.table:build",
        sources=("ganbench_extractors",),
        options=options.SpokenTableOptions,
        paper=_PAPER,
    )
