"""What judges clips: the shipped networks, FD of whole clips and of single frames, and statistics of motion."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

import ganbench
from ganbench import ExtractorContext, ExtractorSpec, MetricSpec, NoOptions, PluginManager, SampleSet, plan_metrics
from ganbench_clips import motion, moving, reader, train
from ganbench_clips.network import ClipReader, to_input
from ganbench_metrics.frechet import Gaussian, distance_between

MANIFEST = json.loads((reader.WEIGHTS / "moving-digits.json").read_text())
RANDOM = np.random.RandomState(0)


def shuffle(clips: torch.Tensor) -> torch.Tensor:
    """Return clips whose frames are in a random order, another in each."""
    orders = torch.from_numpy(np.stack([RANDOM.permutation(clips.shape[2]) for _ in clips]))
    return torch.stack([clip[:, order] for clip, order in zip(clips, orders, strict=True)])


def freeze(clips: torch.Tensor) -> torch.Tensor:
    """Return clips that show one of their frames all the time, the one that stands for them."""
    return torch.stack([clip[:, place].unsqueeze(1).expand_as(clip) for clip, place in zip(clips, reader.choose_frame(clips), strict=True)])


@pytest.fixture(scope="module")
def scores() -> dict[str, dict[str, float]]:
    """By what was done to held-out clips: distance to clips of the same handwriting, of whole clips and of frames; speed, jerkiness."""
    images = moving.split_images()[1]
    real, other = moving.fly(images, 300, 1).clips, moving.fly(images, 300, 2).clips
    networks, weights = reader.load_networks()
    one = (networks[:1], weights, "cpu")
    extractors = {"clip": reader.ClipFeatures(*one), "frame": reader.FrameFeatures(*one)}

    def gaussian(name: str, clips: torch.Tensor) -> Gaussian:
        features = extractors[name].extract(clips)[0].features.double().numpy()
        return Gaussian(mean=features.mean(0), covariance=np.cov(features.T))

    references = {name: gaussian(name, real) for name in extractors}
    found: dict[str, dict[str, float]] = {}
    for name, clips in (("real", other), ("shuffled", shuffle(other)), ("frozen", freeze(other))):
        found[name] = {kind: distance_between(references[kind], gaussian(kind, clips)) for kind in extractors}
        moved = motion.MotionMetric().compute(SampleSet(samples=real), SampleSet(samples=clips))
        found[name] |= dict(zip(("speed", "jerkiness"), moved, strict=True))
    return found


@pytest.mark.parametrize("damage", ["shuffled", "frozen"])
def test_shuffled_and_frozen_clips_score_worse_at_an_equal_frame_fd(scores: dict[str, dict[str, float]], damage: str) -> None:
    """Trap: a metric of video that frames alone can satisfy. From data, no generator: each frame is real, and only time is not."""
    real, damaged = scores["real"], scores[damage]
    print({name: {kind: round(value, 3) for kind, value in found.items()} for name, found in scores.items()})
    assert damaged["frame"] < 1.5 * real["frame"]
    assert damaged["clip"] > 4 * real["clip"]
    assert damaged["speed"] > 4 * real["speed"]
    assert damage == "frozen" or damaged["jerkiness"] > 4 * real["jerkiness"]


def test_small_files_ship_with_what_they_read() -> None:
    """Below 400 kB together, each at or above the recipe's accuracy; the recipe is the one in the code."""
    members = MANIFEST["members"]
    assert [member["seed"] for member in members] == list(train.RECIPE.seeds)
    assert all(member["test_accuracy"] >= train.RECIPE.least_accuracy for member in members)
    assert sum((reader.WEIGHTS / member["file"]).stat().st_size for member in members) < 400_000
    assert MANIFEST["recipe"] == json.loads(json.dumps(dataclasses.asdict(train.RECIPE)))


def test_the_networks_read_held_out_clips_as_their_manifest_says() -> None:
    """Digit, speed and direction, of the first 200 of its 1,000 clips: within what so few can tell."""
    flights = moving.fly(moving.split_images()[1], 1000, 1)
    few = moving.Flights(**{field.name: getattr(flights, field.name)[:200] for field in dataclasses.fields(flights)})
    networks, _ = reader.load_networks()
    for network, member in zip(networks, MANIFEST["members"], strict=True):
        found = train.measure(network, few)
        assert found["test_accuracy"] == pytest.approx(member["test_accuracy"], abs=0.06)
        assert found["speed_error"] == pytest.approx(member["speed_error"], rel=0.3)
        assert found["direction_error_degrees"] == pytest.approx(member["direction_error_degrees"], rel=0.4)


def test_features_and_logits_are_of_each_network() -> None:
    """As the protocol says, for grey and for coloured clips, of any size and length; the frame that is looked at is one of the clip's."""
    clips = torch.randint(0, 256, (3, 3, 5, 20, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for extractor in (reader.build(NoOptions(), ExtractorContext()), reader.build_frames(NoOptions(), ExtractorContext())):
        found = extractor.extract(clips)
        assert len(found) == extractor.num_members
        assert all(one.features.shape == (3, extractor.dims) for one in found)
        assert all(one.logits is not None and one.logits.shape == (3, 10) for one in found)
        torch.testing.assert_close(extractor.extract(clips[1:2])[0].features, found[0].features[1:2])
    assert torch.equal(reader.choose_frame(clips), clips.long().sum((1, 2, 3, 4)) % 5)
    assert torch.equal(reader.choose_frame(shuffle(clips)), reader.choose_frame(clips))
    grey = torch.full((1, 1, 2, 32, 32), 255, dtype=torch.uint8)
    assert torch.equal(to_input(grey), torch.ones(1, 2, 32, 32))


@pytest.mark.parametrize("clips", [torch.zeros(1, 1, 1, 32, 32, dtype=torch.uint8), torch.zeros(1, 1, 4, 32, 32)])
def test_a_single_frame_and_other_types_are_refused(clips: torch.Tensor) -> None:
    """In a line that says what is taken."""
    with pytest.raises(ValueError, match=r"take clips of 2 frames or more, uint8 \[N, 1 or 3, T, H, W\]"):
        to_input(clips)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    """By their hash, which is pinned in the manifest."""
    with pytest.raises(ganbench.WeightsError, match="cannot read the extractor's manifest"):
        reader.load_networks(tmp_path)
    (tmp_path / "moving-digits.json").write_text(json.dumps(MANIFEST))
    with pytest.raises(ganbench.WeightsError, match="cannot read extractor weights"):
        reader.load_networks(tmp_path)
    (tmp_path / MANIFEST["members"][0]["file"]).write_bytes(b"other")
    with pytest.raises(ganbench.WeightsError, match="are damaged: sha256 must be"):
        reader.load_networks(tmp_path)


def test_our_number_is_not_called_fvd() -> None:
    """Trap: FVD is of I3D's features; ours has its network in its name, and no name of ours claims more."""
    manager = PluginManager()
    families, extractors = ({one.spec.name: one.spec for one in manager.specs(kind)} for kind in (MetricSpec, ExtractorSpec))
    assert not any("fvd" in name for name in (*families, *extractors))
    (planned,) = plan_metrics(("fd1k",), families, extractors, "moving-digits")
    assert planned.name == "fd1k_moving-digits"
    with pytest.raises(ganbench.ConfigError, match="fid1k_moving-digits"):
        plan_metrics(("fid1k_moving-digits",), families, extractors, "moving-digits")


def test_speed_and_jerkiness_are_of_the_centre_of_light() -> None:
    """By hand: a dot that moves two pixels a frame, one that jumps to and fro, one that stands, and a black clip."""
    clips = torch.zeros(4, 1, 5, 9, 9, dtype=torch.uint8)
    for frame in range(5):
        clips[0, 0, frame, 4, 2 * frame] = 200
        clips[1, 0, frame, 4 + 3 * (frame % 2), 0] = 7
        clips[2, 0, frame, 1, 1] = 255
    speed, jerkiness = motion.speed_and_jerkiness(clips)
    assert speed.tolist() == [2, 3, 0, 0]
    assert jerkiness.tolist() == [0, 6, 0, 0]
    assert motion.centres(clips[3:])[0, 0].tolist() == [4, 4]
    still, moving_on = torch.randn(50, dtype=torch.float64), torch.randn(70, dtype=torch.float64) * 2 + 1
    assert motion.wasserstein(still, moving_on) == pytest.approx(wasserstein_distance(still.numpy(), moving_on.numpy()), rel=1e-12)


def test_a_digit_that_changes_is_seen() -> None:
    """Real clips keep their digit in nearly all frames, clips whose frames come from other clips do not."""
    clips = moving.fly(moving.split_images()[1], 16, 3).clips
    mixed = torch.stack([clips.roll(frame, 0)[:, :, frame] for frame in range(16)], dim=2)
    kept, lost = (motion.DigitKeptMetric().compute(SampleSet(), SampleSet(samples=side))[0] for side in (clips, mixed))
    assert kept > 0.8
    assert lost < 0.5
    assert 0 < motion.DigitKeptMetric().compute(SampleSet(), SampleSet(samples=clips[:, :, :2]))[0] <= 1


@pytest.mark.slow
def test_training_again_gives_the_same_bytes(tmp_path: Path) -> None:
    """On few clips: the same seed, the same files; a network that reads too few digits is not shipped."""
    quick = dataclasses.replace(train.RECIPE, epochs=1, clips=16, batch_size=8, least_accuracy=0.0, seeds=(0,))
    test = moving.fly(moving.split_images()[1], 8, 1)
    paths = [train.train_all(quick, tmp_path / name, test) for name in ("one", "two")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert math.isfinite(train.measure(ClipReader().eval(), test)["speed_error"])
    with pytest.raises(ganbench.RunFailed, match=r"test accuracy must be 1.1 or more"):
        train.train_all(dataclasses.replace(quick, least_accuracy=1.1), tmp_path / "three", test)


@pytest.mark.slow
def test_the_kit_finds_nothing_to_mend() -> None:
    """`ganbench plugins check` of the datasets, the space, the extractors and the metrics."""
    from ganbench.testing import check

    small = {"dataset.name": "moving-digits", "dataset.options.clips": 128}
    for name in ("moving-digits", "moving-digits-frames", "motion", "digit_kept", "clip"):
        outcomes = check(name, kind="space") if name == "clip" else check(name, settings=small)
        assert outcomes
        assert [outcome for outcome in outcomes if outcome.state == "broken"] == [], name
