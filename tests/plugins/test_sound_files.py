"""Sounds from files and from synthesisers: formats, rates, lengths, splits; one line for each file that cannot be used."""

from __future__ import annotations

import io
import struct
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import ganbench
from ganbench.cli.main import main
from ganbench_sound import espeak
from ganbench_sound.files import fit, read_sound, resample
from ganbench_sound.folder import build, build_sc09
from ganbench_sound.options import CutOptions, SoundsOptions, SpokenDigitsOptions
from ganbench_sound.spoken import build as build_spoken
from ganbench_sound.wav import UndecodableError, read_comment, read_wav, write_wav

RATE = 8000
TONE = np.sin(2 * np.pi * 440 * np.arange(400) / RATE) * 0.5


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what is made away from the user's cache."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def pcm(samples: NDArray[np.float64], width: int = 2, rate: int = RATE) -> bytes:
    """Return a WAV file as Python's own library writes it: ``[T]`` or ``[T, C]``, of some bytes a sample."""
    frames = np.atleast_2d(samples.T).T
    levels = np.round(frames * (2 ** (8 * width - 1) - 1)).astype(np.int64)
    octets = (levels + (128 if width == 1 else 0)).astype("<i8").tobytes()
    data = b"".join(octets[i : i + width] for i in range(0, len(octets), 8))
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(frames.shape[1])
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(data)
    return file.getvalue()


def raw(kind: int, bits: int, data: bytes, channels: int = 1, extra: bytes = b"") -> bytes:
    """Return a WAV file of any format."""
    form = struct.pack("<HHIIHH", kind, channels, RATE, RATE * channels * bits // 8, channels * bits // 8, bits) + extra
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def extensible(bits: int, data: bytes, kind: int) -> bytes:
    """Return a file of WAVE_FORMAT_EXTENSIBLE, as sox writes 24 bits."""
    return raw(0xFFFE, bits, data, extra=struct.pack("<HHIH", 22, bits, 4, kind) + b"\0" * 14)


@pytest.mark.parametrize(("width", "tolerance"), [(1, 1 / 100), (2, 1e-4), (3, 1e-6), (4, 1e-7)])
def test_pcm_of_every_width_is_read_rightly(width: int, tolerance: float) -> None:
    """8 bits are unsigned, 24 bits are signed in three bytes; Python's own library is who writes."""
    samples, rate = read_wav(pcm(TONE, width))
    assert rate == RATE
    assert samples.shape == (400, 1)
    assert np.abs(samples[:, 0] - TONE).max() < tolerance


def test_floats_and_the_extensible_form_are_read_rightly() -> None:
    """As other programs write them; what stands between the chunks is passed over."""
    for kind, bits, dtype in ((3, 32, "<f4"), (3, 64, "<f8")):
        samples, _ = read_wav(raw(kind, bits, TONE.astype(dtype).tobytes()))
        np.testing.assert_allclose(samples[:, 0], TONE, atol=1e-7)
    wide = (TONE * 2**23).astype("<i4").tobytes()
    data = b"".join(wide[i : i + 3] for i in range(0, len(wide), 4))
    np.testing.assert_allclose(read_wav(extensible(24, data, 1))[0][:, 0], TONE, atol=1e-6)
    plain = pcm(TONE)
    listed = plain[:12] + b"LIST" + struct.pack("<I", 3) + b"odd\0" + plain[12:]
    assert np.array_equal(read_wav(listed)[0], read_wav(plain)[0])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"ID3\4 no sound", "it is no WAV file"),
        (pcm(TONE)[:-100], "it is cut off: 700 of 800 bytes"),
        (pcm(TONE)[:30], "it says no format"),
        (pcm(TONE)[:36], "it has no data"),
        (raw(2, 4, b"\0" * 64), "ADPCM is not read; save it as 16-bit PCM"),
        (raw(7, 8, b"\0" * 64), "mu-law is not read"),
        (raw(1, 12, b"\0" * 64), "12-bit is not read"),
        (raw(3, 32, struct.pack("<f", float("nan"))), "it holds NaN or Inf"),
        (b"RF64" + pcm(TONE)[4:], "RF64 files are not read"),
    ],
)
def test_what_is_no_plain_wav_is_refused_in_a_few_words(content: bytes, words: str) -> None:
    """Empty, another file, cut off, compressed, of no number."""
    with pytest.raises(UndecodableError, match=words):
        read_wav(content)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """By Python's own library too, comment and all."""
    samples = np.array([0, 1, -1, 32767, -32767], np.int16)
    content = write_wav(samples, 8000, {"odd": "?"})
    assert np.array_equal(np.round(read_wav(content)[0][:, 0] * 32768).astype(np.int16), samples)
    assert read_comment(content) == {"odd": "?"}
    with wave.open(io.BytesIO(content)) as reader:
        assert (reader.getnchannels(), reader.getframerate(), reader.getnframes()) == (1, 8000, 5)
    with pytest.raises(UndecodableError, match="no comment"):
        read_comment(pcm(TONE))


def test_channels_are_averaged_and_rates_are_resampled(tmp_path: Path) -> None:
    """A file at twice the rate with a silent channel becomes half as loud and as long; SciPy's filter is the rule."""
    path = tmp_path / "stereo.wav"
    long = np.sin(2 * np.pi * 440 * np.arange(1600) / 16_000) * 0.5
    path.write_bytes(pcm(np.stack([long, np.zeros_like(long)], axis=1), rate=16_000))
    samples = read_sound(path, RATE)
    assert samples.shape == (800,)
    expected = np.sin(2 * np.pi * 440 * np.arange(800) / RATE) * 0.25
    np.testing.assert_allclose(samples[100:-100], expected[100:-100], atol=0.005)
    assert np.array_equal(resample(TONE, RATE, RATE), TONE.astype(np.float32))


def test_flac_is_read_by_soundfile_or_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The samples of the WAV file; without the package one line that names the extra; a broken file is named as such."""
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / "tone.flac"
    soundfile.write(path, TONE, RATE, subtype="PCM_16")
    np.testing.assert_allclose(read_sound(path, RATE), TONE, atol=1e-4)
    path.write_bytes(b"fLaC and no more")
    with pytest.raises(UndecodableError):
        read_sound(path, RATE)
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
    with pytest.raises(ganbench.DataError, match=r"tone\.flac is a FLAC file, which needs soundfile") as caught:
        read_sound(path, RATE)
    assert "pip install 'ganbench[sound]'" in str(caught.value.hint)


def test_the_rules_of_cutting_and_padding_are_what_they_say() -> None:
    """By hand; a slice more for what is left over."""
    five = np.arange(1, 6, dtype=np.float32)
    assert fit(five, 3, "start").tolist() == [[1, 2, 3]]
    assert fit(five, 3, "middle").tolist() == [[2, 3, 4]]
    assert fit(five, 3, "slices").tolist() == [[1, 2, 3], [4, 5, 0]]
    assert fit(five, 8, "start").tolist() == [[1, 2, 3, 4, 5, 0, 0, 0]]
    assert fit(five, 8, "middle").tolist() == [[0, 1, 2, 3, 4, 5, 0, 0]]


def folder(root: Path, **files: bytes) -> Path:
    """Write files; two underscores in a name stand for a folder, one for a dot."""
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def sounds(path: Path, **options: Any) -> ganbench.Dataset:
    """Return the dataset of a folder."""
    return build(SoundsOptions(path=str(path), **{"rate": RATE, "length": 256, **options}), ganbench.DataContext())


def test_a_folder_is_a_dataset_whose_hash_knows_the_rule(tmp_path: Path) -> None:
    """Trap: another rule of cutting, another rate: other data, by hash and by what keys say of the space."""
    root = folder(tmp_path / "tunes", a__one_wav=pcm(TONE), b__two_WAV=pcm(TONE[::-1] * 0.5), b__notes_txt=b"no sound")
    made = sounds(root, labels=True)
    assert (made.name, made.num_classes, made.class_names) == ("sounds:tunes", 2, ("a", "b"))
    assert made.train.labels is not None
    assert made.train.labels.tolist() == [0, 1]
    assert made.notes == ("1 other files are left out",)
    assert made.space.describe() == "1x256 at 8000 Hz"
    others = [sounds(root), sounds(root, fit="middle"), sounds(root, fit="slices"), sounds(root, rate=4000)]
    assert len({one.train.content_hash for one in [made, *others]}) == 5
    assert others[2].train.num_samples == 4
    assert others[3].space != made.space


def test_files_are_held_out_whole(tmp_path: Path) -> None:
    """All slices of a file are in one split."""
    root = folder(tmp_path, **{f"f{i}_wav": pcm(np.full(600, (i + 1) / 20)) for i in range(10)})
    made = sounds(root, fit="slices", test_fraction=0.3)
    assert made.test is not None
    levels = [set(split.read(torch.arange(split.num_samples))[:, 0, 0].tolist()) for split in (made.train, made.test)]
    assert (len(levels[0]), len(levels[1])) == (7, 3)
    assert levels[0].isdisjoint(levels[1])


def test_a_broken_file_ends_the_run_or_is_noted(tmp_path: Path) -> None:
    """By name; skipped where the user says so."""
    root = folder(tmp_path, bad_wav=b"RIFF", good_wav=pcm(TONE))
    with pytest.raises(ganbench.DataError, match=r"bad\.wav cannot be decoded \(it is no WAV file\)"):
        sounds(root)
    made = sounds(root, on_error="skip")
    assert made.train.num_samples == 1
    assert made.notes == ("1 files left out, they cannot be decoded: bad.wav (it is no WAV file)",)
    (root / "good.wav").unlink()
    with pytest.raises(ganbench.DataError, match="none of 1 sound files can be decoded"):
        sounds(root, on_error="skip")


def test_a_folder_that_cannot_be_used_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Empty, missing, with files outside of classes, larger than memory may hold; the command ends with its code for data."""
    empty = tmp_path / "empty"
    empty.mkdir()
    for path, options, words in (
        (empty, {}, "no WAV or FLAC file below"),
        (tmp_path / "nowhere", {}, "path must be a folder"),
        (folder(tmp_path / "flat", one_wav=pcm(TONE)), {"labels": True}, "one.wav lies outside of the class folders"),
        (tmp_path / "flat", {"test_fraction": 0.9}, "holds out all of 1 files"),
    ):
        with pytest.raises(ganbench.DataError, match=words):
            sounds(path, **options)
    with pytest.raises(ganbench.DataError, match="more than the 0 MiB"):
        build(SoundsOptions(path=str(tmp_path / "flat")), ganbench.DataContext(resident_limit_mib=0.01))
    words = ["run", "--plugin", "wavegan-small", "--dataset", "sounds", "--out", str(tmp_path / "run")]
    assert main([*words, "-o", f"path={empty}"]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) <= 3
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("layout", ["speech commands", "wavegan"])
def test_sc09_is_read_from_either_layout(layout: str, tmp_path: Path) -> None:
    """Speech Commands' lists and WaveGAN's folders give the same splits; other words are passed over."""
    files: dict[str, bytes] = {}
    for digit, word in enumerate(espeak.WORDS):
        for split in ("train", "test", "valid"):
            name = f"sc09/{word}/{split}.wav" if layout == "speech commands" else f"sc09/{split}/{word.title()}_{split}.wav"
            files[name] = pcm(np.full(300, (digit + 1) / 20), rate=16_000)
    if layout == "speech commands":
        files["sc09/bed/other.wav"] = pcm(TONE)
        files["sc09/testing_list.txt"] = "".join(f"{word}/test.wav\n" for word in espeak.WORDS).encode()
        files["sc09/validation_list.txt"] = "".join(f"{word}/valid.wav\n" for word in espeak.WORDS).encode()
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    made = build_sc09(CutOptions(), ganbench.DataContext(data_root=tmp_path))
    assert made.test is not None
    assert made.train.labels is not None
    assert made.train.labels.tolist() == list(range(10))
    assert made.space.describe() == "1x16384 at 16000 Hz"
    levels = made.train.read(torch.arange(10))[:, 0, 0] / 32767 * 20 - 1
    assert levels.round().tolist() == list(range(10))
    assert made.notes[1] == "10 sounds of the validation split are not used"


def test_sc09_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    """With where it belongs; nothing is downloaded."""
    with pytest.raises(ganbench.DataError, match="sc09 is not on this machine") as caught:
        build_sc09(CutOptions(), ganbench.DataContext(data_root=tmp_path))
    assert "sc09/zero/*.wav" in str(caught.value.hint)


SMALL: dict[str, Any] = {"voices": 4, "takes": 1, "length": 2048}


def spoken(**options: Any) -> ganbench.Dataset:
    """Return few spoken digits."""
    return build_spoken(SpokenDigitsOptions(**{**SMALL, **options}), ganbench.DataContext())


def test_tones_have_a_name_of_their_own_and_are_kept(cache: Path) -> None:
    """What stands in for speech says so in its name; it is read from the cache the next time, and made again where that is damaged."""
    first = spoken(source="tones")
    assert (first.name, first.num_classes) == ("spoken-digits:tones", 10)
    assert first.notes[0] == "tones of a synthesiser, no speech"
    (kept,) = (cache / "datasets" / "spoken-digits").iterdir()
    content = kept.read_bytes()
    assert spoken(source="tones").train.content_hash == first.train.content_hash
    kept.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert spoken(source="tones").train.content_hash == first.train.content_hash
    assert kept.read_bytes() == content
    loudest = first.train.read(torch.arange(40)).abs().amax(dim=(1, 2))
    assert loudest.float().mean() / 32767 == pytest.approx(0.9, abs=0.01)


def test_auto_takes_tones_where_espeak_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says what is missing; asked for by name, it is one line."""
    monkeypatch.setenv("PATH", "")
    made = spoken()
    assert made.name == "spoken-digits:tones"
    assert "espeak-ng is not on this machine" in made.notes[1]
    with pytest.raises(ganbench.DataError, match="espeak-ng cannot be run") as caught:
        spoken(source="espeak-ng")
    assert "source=tones" in str(caught.value.hint)


def test_no_voice_is_in_both_splits() -> None:
    """Trap: a classifier or a GAN that learned voices by heart must not meet them in the test split."""
    assert len({*espeak.TRAIN_VOICES, *espeak.TEST_VOICES}) == 50
    made = spoken(source="tones", voices=8)
    assert made.test is not None
    train, test = (split.read(torch.arange(split.num_samples)).flatten(1) for split in (made.train, made.test))
    assert (len(train), len(test)) == (80, 20)
    assert not (train[:, None] == test[None]).all(2).any()


needs_espeak = pytest.mark.skipif(not espeak.is_there(), reason="espeak-ng is not on this machine")


@needs_espeak
def test_espeak_says_ten_different_digits_with_every_voice() -> None:
    """The program's version is in the notes; voices and digits differ, nothing is silent; the same again."""
    made = spoken(source="espeak-ng", voices=2)
    assert made.name == "spoken-digits"
    assert made.notes[0] == f"spoken by espeak-ng {espeak.version()}"
    stored = made.train.read(torch.arange(20)).float()
    assert made.train.labels is not None
    assert made.train.labels.tolist() == [*range(10)] * 2
    assert (stored.abs().amax(dim=2) > 0.8 * 32767).all()
    assert len(stored.flatten(1).unique(dim=0)) == 20
    assert {*espeak.TRAIN_VOICES, *espeak.TEST_VOICES} <= espeak.known_voices()


@needs_espeak
def test_words_are_told_apart_by_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ten words do not fall into ten pieces, each is spoken by itself, with nearly the same lengths."""
    take = espeak.Take("m1", "en-us", 180, 50)
    together, rate = espeak.speak(take)
    real, calls = espeak.split_words, iter(range(100))
    monkeypatch.setattr(espeak, "split_words", lambda samples, rate: real(samples, rate)[: 9 if next(calls) == 0 else None])
    apart, _ = espeak.speak(take)
    assert len(apart) == len(together) == 10
    assert all(0.1 < len(word) / rate < 0.7 for word in together)
    assert all(abs(len(a) - len(b)) / rate < 0.1 for a, b in zip(together, apart, strict=True))
