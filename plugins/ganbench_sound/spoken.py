"""``spoken-digits``: made by espeak-ng, or by a synthesiser of tones where that is not there; split by voice, made once and kept.

Which of the two it was stands in the dataset's name, and with the program's version in its notes; the content hash differs anyway.

Shapes: N sounds, T samples of a sound.
"""

from __future__ import annotations

import hashlib
import json
import logging
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganbench import DataContext, DataError, Dataset, cache_directory, keep_in_cache, tensors_from_bytes, tensors_to_bytes
from ganbench_sound import espeak, tones
from ganbench_sound.files import RESAMPLER, fit, resample, to_stored
from ganbench_sound.options import SpokenDigitsOptions
from ganbench_sound.space import sound_source

CLASS_NAMES = espeak.WORDS
_VERSION = 1
"""Counted up whenever the same options give other sounds."""
_PEAK = 0.9
"""The loudest sample of each sound."""
_HELD_OUT_SHARE = 4
"""One voice is held out for so many that are not."""
_SLOWEST, _FASTEST = 160, 220
"""Words a minute."""
_LOWEST, _HIGHEST = 30, 70
_log = logging.getLogger(__name__)


def build(options: SpokenDigitsOptions, context: DataContext) -> Dataset:
    """Return the digits.

    Raises:
        ganbench.DataError: espeak-ng is asked for and cannot be run, or has too few of the voices.
    """
    by_espeak = options.source == "espeak-ng" or (options.source == "auto" and espeak.is_there())
    train, test, notes = _espeak_voices(options) if by_espeak else _tone_voices(options)
    splits, was_cut = _load_or_make([*train], [*test], options, notes[0])
    notes += [f"{was_cut} sounds were longer than {options.length} samples and are cut at their end"] if was_cut else []
    sources = [sound_source(sounds, labels, rate=options.rate) for sounds, labels in splits]
    return Dataset(
        name="spoken-digits" if by_espeak else "spoken-digits:tones",
        train=sources[0],
        test=sources[1],
        num_classes=len(CLASS_NAMES),
        class_names=CLASS_NAMES,
        notes=(*notes, f"{len(train)} voices to train on, {len(test)} others held out"),
    )


def _espeak_voices(options: SpokenDigitsOptions) -> tuple[Sequence[str], Sequence[str], list[str]]:
    """Return the voices of either split, and what the user should know of them."""
    known = espeak.known_voices()
    train, test = ([voice for voice in voices if voice in known] for voices in (espeak.TRAIN_VOICES, espeak.TEST_VOICES))
    wanted = _num_held_out(options)
    if len(train) < options.voices or len(test) < wanted:
        raise DataError(
            f"this espeak-ng has {len(train)} of the {options.voices} voices to train on and {len(test)} of the {wanted} to hold out",
            hint="use fewer with -o voices=N, or -o source=tones",
        )
    return train[: options.voices], test[:wanted], [f"spoken by espeak-ng {espeak.version()}"]


def _tone_voices(options: SpokenDigitsOptions) -> tuple[Sequence[str], Sequence[str], list[str]]:
    train, test = range(options.voices), range(100, 100 + _num_held_out(options))
    notes = ["tones of a synthesiser, no speech"]
    if options.source == "auto":
        notes.append("espeak-ng is not on this machine; with it these would be spoken digits")
    return [f"tone-{voice}" for voice in train], [f"tone-{voice}" for voice in test], notes


def _num_held_out(options: SpokenDigitsOptions) -> int:
    return max(1, options.voices // _HELD_OUT_SHARE)


def _load_or_make(train: list[str], test: list[str], options: SpokenDigitsOptions, maker: str) -> tuple[list[tuple[Tensor, Tensor]], int]:
    """Return sounds and labels of both splits, and how many sounds were cut: those that are kept, or new ones, which are kept then."""
    recipe = [_VERSION, maker, train, test, options.rate, options.length, options.takes, RESAMPLER, _PEAK]
    path = cache_directory() / "datasets" / "spoken-digits" / hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:32]
    kept = _load(path)
    if kept is None:
        _log.info("making %d sounds of spoken digits, which are kept in the cache", 10 * options.takes * len(train + test))
        made = [_make(voices, options) for voices in (train, test)]
        kept = {f"{split}_{what}": part for split, one in zip(("train", "test"), made, strict=True) for what, part in one.items()}
        payload = tensors_to_bytes(kept)
        try:
            keep_in_cache(path, hashlib.sha256(payload).digest() + payload)
        except OSError as error:
            _log.warning("the spoken digits cannot be kept in the cache (%s), so the next run makes them again", error.strerror)
    splits = [(kept[f"{split}_sounds"], kept[f"{split}_labels"]) for split in ("train", "test")]
    return splits, int(kept["train_cut"].sum() + kept["test_cut"].sum())


def _load(path: Path) -> dict[str, Tensor] | None:
    """Return what is kept in a file; None where there is none, or it is damaged."""
    try:
        content = path.read_bytes()
        if hashlib.sha256(content[32:]).digest() != content[:32]:
            raise ValueError("another hash")
        return tensors_from_bytes(content[32:])
    except FileNotFoundError:
        return None
    except Exception:  # whatever the bytes make of the reader
        _log.warning("the spoken digits in the cache are damaged and are made again")
        return None


def _make(voices: list[str], options: SpokenDigitsOptions) -> dict[str, Tensor]:
    """Return the sounds of some voices: take by take, digit by digit."""
    sounds, cut = [], []
    for voice in voices:
        for take in range(options.takes):
            for word in _words(voice, take, options.rate):
                loudest = float(np.abs(word).max())
                sounds.append(fit(word * np.float32(_PEAK / loudest), options.length, "start")[0])
                cut.append(len(word) > options.length)
    labels = torch.arange(10).repeat(len(voices) * options.takes)
    return {"sounds": to_stored(np.stack(sounds)), "labels": labels, "cut": torch.tensor(cut)}


def _words(voice: str, take: int, rate: int) -> list[NDArray[np.float32]]:
    """Return the ten digits as a voice says them the n-th time, at a speed and a pitch that follow from both."""
    drawn = random.Random(f"{voice} {take}")  # seeded by the text's sha512, the same everywhere
    if voice.startswith("tone-"):
        return tones.play(tones.Tone(int(voice[5:]), speed=drawn.uniform(0.85, 1.3), pitch=drawn.uniform(0.9, 1.1)), rate)
    accent, speed, pitch = espeak.ACCENTS[take % 2], drawn.randint(_SLOWEST, _FASTEST), drawn.randint(_LOWEST, _HIGHEST)
    words, found = espeak.speak(espeak.Take(voice, accent, speed, pitch))
    return [resample(word.astype(np.float64), found, rate) for word in words]
