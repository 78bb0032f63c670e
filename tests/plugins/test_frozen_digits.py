"""The frozen digits that ship with ganbench: whole, small, scored by every metric, and made by a script that makes them again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from ganbench import FrozenSamplesSpec, MetricSpec
from ganbench.errors import PluginError, UsageError
from ganbench.plugin.manager import PluginManager
from ganbench.testing.frozen import rescore
from ganbench_extractors.freeze import FAMILIES, NUM_IMAGES, freeze, sample_run
from ganbench_extractors.frozen import COLUMNS, FOLDER, read_mosaic, read_samples, write_mosaic

LIMIT_BYTES = 120_000
WITHOUT_SCORE = {"modes", "target_accuracy", "lpips", "msssim", "cas", "class_accuracy", "fd_class", "memorised"} | {
    *("nas_5_per_class", "nas_10_per_class", "nas_50_per_class", "birthday", "birthday_pixels", "ivom"),
}


@pytest.fixture(scope="module")
def manager() -> PluginManager:
    """Return the plugins of this environment."""
    return PluginManager()


def test_they_are_small_and_no_two_are_alike(manager: PluginManager) -> None:
    """500 images of a trained generator, which has not collapsed, in one small picture."""
    found = manager.find(FrozenSamplesSpec, "digits")
    samples = found.build(found.spec.options())
    assert list(samples.images.shape) == [NUM_IMAGES, 1, 16, 16]
    assert len(samples.images.flatten(1).unique(dim=0)) == NUM_IMAGES
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < LIMIT_BYTES


@pytest.mark.slow
def test_every_family_of_metrics_gives_its_stored_values(manager: PluginManager) -> None:
    """To a thousandth, under the same evaluation key; a metric without a score is one that needs more than images of all classes."""
    ours = [r.spec for r in manager.specs(MetricSpec) if r.distribution == "ganbench"]
    of_images = {spec.name for spec in ours if spec.looks_at not in ("targets", "scores") and "images" in (spec.spaces or ("images",))}
    assert of_images - WITHOUT_SCORE == set(FAMILIES)
    samples = read_samples(FOLDER / "digits.json")
    assert [score.metric for score in samples.scores] == [f"{family}{NUM_IMAGES}_digits" for family in FAMILIES]
    for one in rescore(samples, manager):
        assert {value.name: value.value for value in one.values} == pytest.approx(dict(one.stored.values), rel=1e-3)
        assert one.differences() == ()


@pytest.mark.slow
def test_a_drift_that_matters_is_seen(manager: PluginManager) -> None:
    """Images that are one grey level brighter have other scores: the tolerance does not hide what it should find."""
    samples = read_samples(FOLDER / "digits.json")
    brighter = (samples.images.to(torch.int16) + 1).clamp(max=255).to(torch.uint8)
    (one,) = rescore(type(samples)(images=brighter, dataset=samples.dataset, scores=samples.scores[:1]), manager)
    assert abs(one.values[0].value / one.stored.values["fd500_digits"] - 1) > 1e-3


@pytest.mark.parametrize("count", [1, COLUMNS, COLUMNS + 3])
def test_a_picture_holds_the_exact_images(tmp_path: Path, count: int) -> None:
    """Full rows and a row that is not."""
    images = torch.randint(0, 256, (count, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(count))
    write_mosaic(images, tmp_path / "a.png")
    assert torch.equal(read_mosaic(tmp_path / "a.png", count), images)
    with pytest.raises(ValueError, match="square images in rows of 25"):
        read_mosaic(tmp_path / "a.png", 2 * COLUMNS + 1)


@pytest.mark.slow
def test_the_scores_can_be_measured_anew(tmp_path: Path) -> None:
    """As after an intended change of a metric: the images stay, and the manifest is the one that ships."""
    for path in FOLDER.iterdir():
        shutil.copy(path, tmp_path)
    manifest = json.loads((tmp_path / "digits.json").read_text())
    for score in manifest["scores"]:
        score["values"] = {}
    (tmp_path / "digits.json").write_text(json.dumps(manifest))
    freeze("digits", None, tmp_path)
    ours, theirs = (json.loads((folder / "digits.json").read_text()) for folder in (tmp_path, FOLDER))
    for one, other in zip(ours.pop("scores"), theirs.pop("scores"), strict=True):
        assert one.pop("values") == pytest.approx(other.pop("values"), rel=1e-3)
        assert one == other
    assert ours == theirs


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "digits.png").unlink(), "cannot read the frozen samples .* FileNotFoundError"),
        (lambda folder: (folder / "digits.json").write_text("{"), "cannot read the frozen samples .*; install ganbench again"),
        (lambda folder: (folder / "digits.json").write_text("{}"), "KeyError: 'num_images'"),
        (lambda folder: write_mosaic(torch.zeros(NUM_IMAGES, 1, 16, 16, dtype=torch.uint8), folder / "digits.png"), "sha256 must be"),
    ],
)
def test_damaged_files_are_one_error(tmp_path: Path, damage, message: str) -> None:
    """That says which file, and what to do."""
    for path in FOLDER.iterdir():
        shutil.copy(path, tmp_path)
    damage(tmp_path)
    with pytest.raises(PluginError, match=message):
        read_samples(tmp_path / "digits.json")


@pytest.mark.slow
def test_new_images_come_from_the_last_checkpoint_of_a_run(tmp_path: Path, manager: PluginManager) -> None:
    """They are those that the run itself was evaluated on, and the same call gives the same images."""
    from ganbench.cli.main import main

    small = [
        "-o",
        "generator_width=4",
        "-o",
        "discriminator_width=4",
        "--set",
        "training.batch_size=8",
        "--threads",
        "1",
        "--device",
        "cpu",
    ]
    assert main(["run", "--plugin", "dcgan", *small, "--kimg", "0.05", "--no-eval", "--quiet", "--out", str(tmp_path / "run")]) == 0
    images, origin = sample_run(tmp_path / "run", manager)
    assert list(images.shape) == [NUM_IMAGES, 1, 16, 16]
    assert (origin["plugin"], origin["seed"], origin["samples_seen"]) == ("dcgan", 0, 56)
    assert torch.equal(images, sample_run(tmp_path / "run", manager)[0])
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    with pytest.raises(UsageError, match="has no checkpoint"):
        sample_run(tmp_path / "run", manager)
