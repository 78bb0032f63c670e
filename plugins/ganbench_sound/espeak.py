"""Digits spoken by espeak-ng, a program that synthesises speech by formants: many voices, each at several speeds and pitches.

The ten digits of a take are spoken in one call, with silence between them, and told apart by it; where that fails, in a call each.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganbench import DataError
from ganbench_sound.wav import UndecodableError, read_wav

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ACCENTS = ("en-us", "en-gb")
"""A voice's takes have them in turn."""
TRAIN_VOICES = (
    *("m1", "f1", "m2", "f2", "m3", "f3", "m4", "f4", "m5", "m6", "m7", "klatt", "klatt2", "klatt3", "adam", "Alicia", "Andrea", "Andy"),
    *("Annie", "antonio", "aunty", "belinda", "benjamin", "boris", "caleb", "david", "Denis", "Diogo", "ed", "edward", "Gene", "grandma"),
    *("grandpa", "Henrique", "Hugo", "Jacky", "john", "Lee", "linda", "marcelo"),
)
TEST_VOICES = ("m8", "f5", "klatt4", "Alex", "Marco", "steph", "quincy", "Michael", "shelby", "paul")
"""Voices that no train split has, whatever the options: a classifier that learned voices by heart would not know them."""
_PROGRAM = "espeak-ng"
_SECONDS = 60
_BREAK = '<break time="600ms"/>'
_SILENT_SECONDS = 0.25
"""Words are told apart by a silence of this; stops inside a word are shorter."""
_THRESHOLD = 0.01
"""Of the loudest sample: what is below at either end of a word is cut off."""


@dataclass(frozen=True, slots=True)
class Take:
    """How a voice speaks once."""

    voice: str
    accent: str
    words_a_minute: int
    pitch: int
    """0 to 99, as espeak-ng has it."""


def is_there() -> bool:
    """Whether the program is on the path."""
    return shutil.which(_PROGRAM) is not None


def version() -> str:
    """Return the program's version: ``1.51``.

    Raises:
        DataError: it cannot be run.
    """
    words = _run("--version").decode(errors="replace").split("Data at")[0].split()
    return next((word for word in words if word[:1].isdigit()), "unknown")


def known_voices() -> frozenset[str]:
    """Return the variants of voices that this copy has; another name would be spoken by the plain voice without a word."""
    lines = _run("--voices=variant").decode(errors="replace").splitlines()
    return frozenset(word.removeprefix("!v/") for line in lines for word in line.split() if word.startswith("!v/"))


def speak(take: Take) -> tuple[list[NDArray[np.float32]], int]:
    """Return the ten digits, each ``[t]`` float32 without the silence around it, and the samples a second.

    Raises:
        DataError: the program fails, or says nothing.
    """
    text = "<speak>" + _BREAK.join(f"{word}." for word in WORDS) + "</speak>"
    samples, rate = _say(take, text)
    words = split_words(samples, rate)
    if len(words) != len(WORDS):
        words = [piece for word in WORDS for piece in split_words(_say(take, f"<speak>{word}.</speak>")[0], rate)[:1]]
    if len(words) != len(WORDS):
        raise DataError(f"espeak-ng is silent with the voice {take.voice!r}", hint="install espeak-ng again, or use -o source=tones")
    return words, rate


def split_words(samples: NDArray[np.float32], rate: int) -> list[NDArray[np.float32]]:
    """Return the stretches of ``[t]`` between silences of a quarter of a second, without the silence around them."""
    loud = np.flatnonzero(np.abs(samples) > _THRESHOLD * np.abs(samples).max(initial=0))
    if not len(loud):
        return []
    return [samples[part[0] : part[-1] + 1] for part in np.split(loud, np.flatnonzero(np.diff(loud) > _SILENT_SECONDS * rate) + 1)]


def _say(take: Take, text: str) -> tuple[NDArray[np.float32], int]:
    words = ("-v", f"{take.accent}+{take.voice}", "-s", str(take.words_a_minute), "-p", str(take.pitch), "-m", "--stdout", text)
    content = _run(*words)
    try:
        # The program does not know how long its output will be, and says 2 GiB.
        samples, rate = read_wav(content[:40] + b"\xff\xff\xff\xff" + content[44:])
    except UndecodableError as error:
        raise DataError(f"what espeak-ng says cannot be read: {error}", hint="use -o source=tones") from None
    return samples[:, 0], rate


def _run(*words: str) -> bytes:
    try:
        done = subprocess.run([_PROGRAM, *words], capture_output=True, timeout=_SECONDS, check=True, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError) as error:
        detail = getattr(error, "stderr", None) or str(error).encode()
        line = (detail.decode(errors="replace").strip().splitlines() or [type(error).__name__])[0][:160]
        raise DataError(f"espeak-ng cannot be run ({line})", hint="install it, or use -o source=tones") from None
    return done.stdout
