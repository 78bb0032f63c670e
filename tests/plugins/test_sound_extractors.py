"""What judges sounds: the shipped classifiers of spoken digits, and VGGish with given weights."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import ganbench
from ganbench import DataContext, ExtractorContext, ExtractorSpec, MetricSpec, NoOptions, PluginManager, plan_metrics
from ganbench_extractors.recipes import SEEDS
from ganbench_extractors.train import train_all
from ganbench_sound import espeak, vggish, vggish_weights
from ganbench_sound.classifier import LENGTH, RATE, RECIPE, WEIGHTS, build, mel_bands, to_pictures
from ganbench_sound.options import SpokenDigitsOptions
from ganbench_sound.spoken import build as build_spoken
from ganbench_sound.train import pictures_of

MANIFEST = json.loads((WEIGHTS / "spoken-digits.json").read_text())


def tone(hertz: float, length: int = LENGTH, rate: int = RATE) -> torch.Tensor:
    """Return a tone of half the full scale, ``[1, 1, T]`` int16."""
    return (16_384 * torch.sin(2 * math.pi * hertz * torch.arange(length) / rate)).round().to(torch.int16)[None, None]


def test_five_small_files_ship_with_their_accuracies() -> None:
    """One for each seed, all together well below a megabyte, each at or above the recipe's accuracy; the recipe is the one in the code."""
    members = MANIFEST["members"]
    assert [member["seed"] for member in members] == list(SEEDS)
    assert all(member["test_accuracy"] >= RECIPE.least_accuracy for member in members)
    assert sum((WEIGHTS / member["file"]).stat().st_size for member in members) < 600_000
    stated = dataclasses.asdict(RECIPE)
    assert MANIFEST["recipe"] == json.loads(json.dumps(stated))


def test_a_tone_lights_its_band() -> None:
    """By the mel scale, low ones first; full scale less 6 dB is white, silence is black."""
    for hertz in (250.0, 1000.0, 3000.0):
        picture = to_pictures(tone(hertz))[0, 0]
        wanted = (2595 * math.log10(1 + hertz / 700) - 97.7) / ((2595 * math.log10(1 + 4000 / 700) - 97.7) / 33) - 1
        assert int(picture[:, 10].argmax()) == pytest.approx(wanted, abs=1)
        assert picture.max() > 240
    assert not to_pictures(torch.zeros(1, 1, LENGTH, dtype=torch.int16)).any()
    bands = mel_bands(8000, 256, 32)
    assert bands.shape == (32, 129)
    assert (bands.amax(1) > 0.2).all()


def test_features_and_logits_are_of_each_network() -> None:
    """As the protocol says; five networks, not five copies."""
    extractor = build(NoOptions(), ExtractorContext())
    found = extractor.extract(torch.cat([tone(300), tone(900)]))
    assert len(found) == extractor.num_members == 5
    assert all(one.features.shape == (2, extractor.dims) and one.features.dtype == torch.float32 for one in found)
    assert all(one.logits is not None and one.logits.shape == (2, 10) for one in found)
    assert not torch.allclose(found[0].features, found[1].features)


@pytest.mark.parametrize("sounds", [torch.zeros(1, 1, LENGTH), tone(300, 8192), tone(300)[0]])
def test_other_sounds_are_refused(sounds: torch.Tensor) -> None:
    """Trap: a length of another rate is not judged as if it were this one."""
    with pytest.raises(ValueError, match=r"takes 4096 samples at 8000 Hz, int16 \[N, 1, 4096\]"):
        build(NoOptions(), ExtractorContext()).extract(sounds)


@pytest.mark.skipif(not espeak.is_there(), reason="espeak-ng is not on this machine")
@pytest.mark.slow
def test_the_networks_have_the_accuracy_of_their_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of held-out voices, where this espeak-ng says what they were trained on."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path))
    dataset = pictures_of(build_spoken(SpokenDigitsOptions(source="espeak-ng"), DataContext()))
    if dataset.train.content_hash != MANIFEST["train_hash"]:
        pytest.skip("this version of espeak-ng says other sounds")
    assert dataset.test is not None
    extractor = build(NoOptions(), ExtractorContext())
    judged = extractor._judge.extract(dataset.test.read(torch.arange(dataset.test.num_samples)))
    for member, found in zip(MANIFEST["members"], judged, strict=True):
        assert found.logits is not None
        correct = (found.logits.argmax(1) == dataset.test.labels).double().mean().item()
        assert correct == pytest.approx(member["test_accuracy"], abs=5e-3)


@pytest.mark.slow
def test_training_again_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On few tones: the same seed, the same files."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    dataset = pictures_of(build_spoken(SpokenDigitsOptions(source="tones", voices=8, takes=1), DataContext()))
    quick = dataclasses.replace(RECIPE, epochs=1, least_accuracy=0.0, batch_size=16)
    paths = [train_all(quick, dataset, tmp_path / name, seeds=(0,)) for name in ("one", "two")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    bare = dataclasses.replace(dataset, test=None)
    with pytest.raises(ganbench.RunFailed, match="no test split"):
        pictures_of(bare)


def test_a_classifier_score_is_not_called_inception_score() -> None:
    """Trap: IS 4.67 and 4.90 of one model are of two classifiers; ours has its classifier in its name, and IS is refused."""
    manager = PluginManager()
    families, extractors = ({one.spec.name: one.spec for one in manager.specs(kind)} for kind in (MetricSpec, ExtractorSpec))
    assert not extractors["spoken-digits"].inception
    (planned,) = plan_metrics(("cs1k",), families, extractors, "spoken-digits")
    assert planned.name == "cs1k_spoken-digits"
    with pytest.raises(ganbench.ConfigError, match="is1k_spoken-digits"):
        plan_metrics(("is1k_spoken-digits",), families, extractors, "spoken-digits")


def test_vggish_has_the_published_layers() -> None:
    """Hershey et al. 2017 and its authors' release: 72,141,184 parameters, 128 features."""
    with torch.device("meta"):
        network = vggish.VGGish()
    assert sum(p.numel() for p in network.parameters()) == 72_141_184
    assert next(iter(network.state_dict())) == "features.0.weight"
    assert list(network.state_dict())[-1] == "embeddings.4.bias"


def test_vggishs_input_is_its_formula() -> None:
    """The log-mel window by NumPy in double precision: 25 ms every 10 ms, 64 bands from 125 to 7,500 Hz, an offset of 0.01."""
    sound = tone(440, 16_384, 16_000)
    found = vggish.to_windows(sound, vggish.mel_matrix())
    assert found.shape == (1, 1, 96, 64)
    wave = sound[0, 0].double().numpy() / 32767
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    spectra = np.stack([np.abs(np.fft.rfft(wave[i * 160 : i * 160 + 400] * window, 512)) for i in range(96)])
    mels = 1127 * np.log(1 + np.linspace(0, 8000, 257) / 700)
    edges = np.linspace(1127 * np.log(1 + 125 / 700), 1127 * np.log(1 + 7500 / 700), 66)
    bands = np.stack([np.interp(mels, edges[i : i + 3], [0, 1, 0]) for i in range(64)], axis=1)
    np.testing.assert_allclose(found[0, 0].numpy(), np.log(spectra @ bands + 0.01), atol=1e-3)
    with pytest.raises(ValueError, match="takes 15600 samples or more at 16000 Hz"):
        vggish.to_windows(sound[:, :, :15_000], vggish.mel_matrix())


def test_vggishs_weights_are_given_or_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing: where to get them; another file: what does not fit; another file in the cache: its hash."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path))
    with pytest.raises(ganbench.WeightsError, match="the VGGish weights are not there") as caught:
        vggish.build(NoOptions(), ExtractorContext())
    assert vggish_weights.URL in str(caught.value.hint)
    with pytest.raises(ganbench.WeightsError, match="no such weights file"):
        vggish.build(NoOptions(), ExtractorContext(weights=tmp_path / "none.pth"))
    other = tmp_path / "weights" / vggish.FILE
    other.parent.mkdir()
    torch.save({"features.0.weight": torch.zeros(64, 1, 3, 3)}, other)
    with pytest.raises(ganbench.WeightsError, match="does not fit VGGish"):
        vggish.build(NoOptions(), ExtractorContext(weights=other))
    with pytest.raises(ganbench.WeightsError):
        vggish.build(NoOptions(), ExtractorContext())
