"""Sounds as they are stored, as networks see them and as people do: levels, WAV files, sheets of spectrograms; a run from end to end."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import ganbench
from ganbench.cli.main import main
from ganbench_report.pictures import pictures_of
from ganbench_sound.sheet import draw_sheet, join_sounds, spectrograms, split_sounds
from ganbench_sound.space import WaveformSpace, sound_source
from ganbench_sound.wav import UndecodableError, read_wav
from ganbench_spaces.grid import draw_grid

RATE = 8000


def tones(*hertz: float, length: int = 1024) -> Tensor:
    """Return tones of half the full scale, ``[n, 1, T]`` int16."""
    time = torch.arange(length) / RATE
    return WaveformSpace(length, RATE).quantise(0.5 * torch.stack([torch.sin(2 * torch.pi * f * time) for f in hertz])[:, None])


def test_levels_are_those_of_16_bits() -> None:
    """1 is the loudest; what is beyond is clipped; NaN is refused."""
    space = WaveformSpace(4, RATE)
    stored = space.to_stored(torch.tensor([[[1.0, -1.0, 1.7, 0.5 / 32767]]]))
    assert stored.dtype == torch.int16
    assert stored.flatten().tolist() == [32767, -32767, 32767, 0]
    assert space.to_network(stored).flatten().tolist()[:2] == [1, -1]
    with pytest.raises(ganbench.GanbenchError, match="generated sounds hold NaN or Inf"):
        space.to_stored(torch.full((1, 1, 4), torch.nan))


def test_a_rate_is_part_of_the_space() -> None:
    """Trap: equal samples at another rate are another sound; splits of two rates are refused, and keys name the rate."""
    one, other = (sound_source(tones(440), rate=rate) for rate in (8000, 16_000))
    assert one.space != other.space
    with pytest.raises(ValueError, match=r"1x1024 at 8000 Hz sounds to train on and 1x1024 at 16000 Hz"):
        ganbench.Dataset(name="mixed", train=one, test=other)
    with pytest.raises(ValueError, match=r"sounds must be int16 \[N, 1, 1024\]"):
        WaveformSpace(1024, 8000).check(torch.zeros(2, 1, 1024))


def test_the_picture_is_a_wav_file_that_can_be_taken_apart() -> None:
    """Generated sounds first, then real ones, with silence behind each."""
    generated, real = tones(300, 500), tones(700, 900, 1100)
    content = join_sounds(generated, real, RATE)
    samples, rate = read_wav(content)
    assert (len(samples), rate) == (5 * (1024 + 2000), RATE)
    assert not samples[1024:3024].any()
    back = split_sounds(content)
    assert torch.equal(back[0], generated)
    assert torch.equal(back[1], real)
    with pytest.raises(UndecodableError):
        split_sounds(content[:-2])


def test_a_spectrogram_shows_pitch_and_level() -> None:
    """A tone is brightest in the row of its frequency, low ones at the bottom; silence is black."""
    pictures = spectrograms(torch.cat([tones(500, 3000), torch.zeros(1, 1, 1024, dtype=torch.int16)]))
    assert pictures.shape == (3, 1, 64, 96)
    brightest = pictures[:2, 0].float().mean(2).argmax(1)
    assert [63 - int(row) for row in brightest] == pytest.approx([500 / 4000 * 64, 3000 / 4000 * 64], abs=1.5)
    assert pictures[0].max() > 200
    assert not pictures[2].any()


def test_the_sheet_has_a_row_of_real_sounds_and_one_for_each_moment(tmp_path: Path) -> None:
    """Files that are no sounds of ganbench are left out; of none there is no sheet."""
    paths = [tmp_path / f"{i}.wav" for i in range(3)]
    for path in paths[:2]:
        path.write_bytes(join_sounds(tones(300, 500), tones(700, 900), RATE))
    paths[2].write_bytes(b"RIFF")
    sheet = draw_sheet([(path.stem, path) for path in paths])
    assert sheet is not None
    with Image.open(io.BytesIO(sheet)) as picture:
        assert picture.height == 3 * (64 + 2) + 2
    assert draw_sheet([("2", paths[2]), ("3", tmp_path / "none.wav")]) is None


@pytest.mark.slow
def test_a_run_of_sounds_is_shown_as_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Trained, drawn, shown, sampled and paged: sounds to hear, and a sheet to see, in the run's folder and on the page."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    settings: dict[str, Any] = {
        "training.device": "cpu",
        "training.threads": 1,
        "training.batch_size": 10,
        "training.total_kimg": 0.04,
        "evaluation.every_kimg": 0.02,
        "dataset.options.source": "tones",
        "dataset.options.length": 256,
        "dataset.options.voices": 4,
        "dataset.options.takes": 1,
        "evaluation.metrics": (),
    }
    out = tmp_path / "run"
    stored = ganbench.run("wavegan-small", dataset="spoken-digits", settings=settings, out=out)
    assert stored.record.status == "complete"
    assert (stored.record.space, stored.record.unit, stored.record.dataset) == ("waveform", "sounds", "spoken-digits:tones")
    assert dict(stored.record.keys.work.fields)["data.shape"] == "1x256 at 8000 Hz"
    heard = sorted((out / "samples").glob("*.wav"))
    generated, real, rate = split_sounds(heard[-1].read_bytes())
    assert (len(generated), len(real), rate) == (10, 10, RATE)
    assert np.asarray(Image.open(out / "progress.png")).shape[0] == 1 + len(heard) * 66 + 66 + 1
    assert {one.type for one in pictures_of(out)} == {"audio/wav", "image/png"}
    capsys.readouterr()
    assert main(["show", str(out)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "tones of a synthesiser, no speech" in said
    assert main(["sample", str(out), "--out", str(tmp_path / "shown"), "-n", "6", "--class", "seven"]) == 0
    assert {path.name for path in (tmp_path / "shown").iterdir()} == {"sheet.wav", "sheet.png", "samples.npz", "sounds"}
    with np.load(tmp_path / "shown" / "samples.npz") as arrays:
        assert arrays["samples"].shape == (6, 1, 256)
        assert arrays["labels"].tolist() == [7] * 6


def test_the_sheet_of_a_run_is_no_grid_of_images(tmp_path: Path) -> None:
    """A PNG among the samples is not taken for a sound."""
    path = tmp_path / "0.png"
    path.write_bytes(draw_grid(torch.zeros(2, 1, 8, 8, dtype=torch.uint8)))
    assert draw_sheet([("0", path)]) is None


@pytest.mark.slow
def test_the_kit_finds_nothing_to_mend_in_the_dataset_its_extractor_and_the_space() -> None:
    """`ganbench plugins check` of each; the dataset's name is the extractor's too."""
    from ganbench.testing import check

    small = {"dataset.options.source": "tones", "dataset.options.voices": 2, "dataset.options.takes": 1, "dataset.name": "spoken-digits"}
    for name in ("spoken-digits", "waveform"):
        outcomes = check(name, settings=small if name == "spoken-digits" else {})
        assert [outcome for outcome in outcomes if outcome.state == "broken"] == [], name
