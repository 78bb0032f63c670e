"""Detectors of anomalies: sizes of their sources, the protocols, both areas, and every trap of published detectors.

The traps: two opposite protocols under one name; the best epoch of the test set in the place of the last; scaled scores; areas below 0.5;
batch norm that lets a batch change a score; a search that takes other steps each time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor, nn

import ganbench
from ganbench import ArraySource, BuildContext, ConfigError, DataContext, Dataset, Networks, PluginManager, SampleSet
from ganbench.cli.main import main
from ganbench_autoencoders.networks import build_vae
from ganbench_autoencoders.options import VAEOptions
from ganbench_detection import anogan, f_anogan, ganomaly, neighbours, options, pca, ranking
from ganbench_detection.anomalies import ChosenSamples, build
from ganbench_detection.f_anogan_step import FAnoGAN
from ganbench_detection.ganomaly_step import GANomaly
from ganbench_detection.protocol import DetectionProtocol
from ganbench_reproduce.experiment import ExperimentSetup
from ganbench_spaces.images import ImageSpace
from ganbench_use.evaluation import evaluate


def size_of(side: int, channels: int = 1) -> BuildContext:
    return BuildContext(space=ImageSpace(channels, side, side), num_classes=0)


def counts(networks: Networks) -> dict[str, int]:
    return {name: sum(p.numel() for p in module.parameters()) for name, module in networks.modules.items()}


def anomalies(**given: Any) -> Dataset:
    return build(options.AnomaliesOptions(**given), DataContext())


def test_ganomaly_and_anogan_have_their_sources_numbers_of_parameters() -> None:
    """samet-akcay/ganomaly at 32x32, grey and colour; houssamzenati/Efficient-GAN-Anomaly-Detection, gan/mnist_utilities.py, at 28x28."""
    with torch.device("meta"):
        assert counts(ganomaly.build(options.GANomalyOptions(), size_of(32))) == {"generator": 3_200_384, "discriminator": 661_248}
        assert counts(ganomaly.build(options.GANomalyOptions(), size_of(32, 3))) == {"generator": 3_206_528, "discriminator": 663_296}
        assert counts(anogan.build(options.AnoGANOptions(), size_of(28))) == {"generator": 6_781_505, "discriminator": 3_282_177}


def test_f_anogan_has_the_layers_of_its_source() -> None:
    """tSchlegl/f-AnoGAN, wgangp_64x64.py and z_encoding_izif.py, layer by layer: dim 64, z 128, four blocks at 64x64."""

    def block(before: int, middle: int, after: int) -> int:  # shortcut, two norms, a convolution without and one with biases
        return before * after + after + 2 * before + 2 * middle + 9 * before * middle + 9 * middle * after + after

    down = sum(block(before, before, after) for before, after in ((64, 128), (128, 256), (256, 512), (512, 512)))
    up = sum(block(before, after, after) for before, after in ((512, 512), (512, 256), (256, 128), (128, 64)))
    first, flat = 9 * 64 + 64, 4 * 4 * 512
    with torch.device("meta"):
        found = counts(f_anogan.build(options.FAnoGANOptions(), size_of(64)))
    generator = 128 * flat + flat + up + 2 * 64 + 9 * 64 + 1
    assert found == {"generator": generator, "discriminator": first + down + flat + 1, "encoder": first + down + 128 * (flat + 1)}


def test_the_two_protocols_are_opposite_and_stand_in_the_name() -> None:
    """Trap 1: what is normal in one is the anomaly in the other, over the same held-out images."""
    one, other = anomalies(protocol="normal-3"), anomalies(protocol="without-3")
    assert (one.name, other.name) == ("digits-normal-3", "digits-without-3")
    assert one.test is not None
    assert other.test is not None
    assert one.test.labels is not None
    assert other.test.labels is not None
    assert one.test.labels.equal(1 - other.test.labels)
    everything = torch.arange(one.test.num_samples)
    assert one.test.read(everything).equal(other.test.read(everything))
    assert one.train.num_samples + other.train.num_samples == 1437
    assert 0.85 < one.test.labels.double().mean() < 0.95


@pytest.fixture
def pets(tmp_path: Path) -> str:
    """A folder of two classes with names, four images each."""
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        for number in range(4):
            Image.new("L", (8, 8), color=number + (9 if name == "cats" else 99)).save(tmp_path / name / f"{number}.png")
    return str(tmp_path)


def test_any_labelled_dataset_will_do_and_a_class_has_a_name_too(pets: str) -> None:
    """A folder here; what streams goes on streaming, by the same indices; what holds nothing out is refused."""
    folder = {"of": "folder", "path": pets, "resolution": 8}
    found = anomalies(**folder, protocol="without-Cats", of_options=("labels=true", "test_fraction=0.5"))
    assert found.name.endswith("-without-Cats")
    assert bool((found.train.read(torch.arange(found.train.num_samples)) >= 99).all())
    with pytest.raises(ConfigError, match=r"anomalies are looked for in held-out samples, and .* has none"):
        anomalies(**folder, protocol="normal-0", of_options=("labels=true",))
    whole = ArraySource(torch.arange(12, dtype=torch.uint8).view(3, 1, 2, 2), space=ImageSpace(1, 2, 2))
    part = ChosenSamples(whole, torch.tensor([2, 0]), torch.tensor([1, 0]))
    assert part.read(torch.tensor([1, 0])).equal(whole.stored[[0, 2]])
    assert part.content_hash == ArraySource(whole.stored[[2, 0]], torch.tensor([1, 0]), space=whole.space).content_hash


def labelled(scores: Tensor, labels: Tensor) -> SampleSet:
    return SampleSet(scores={"anomaly": scores}, labels=labels)


def test_both_areas_are_scikit_learns_and_look_at_the_order_alone() -> None:
    """Ties too. Traps 3 and 4: scaling changes nothing, and what is below 0.5 is shown as it is."""
    random = torch.Generator().manual_seed(0)
    scores, labels = torch.randint(7, (60,), generator=random).double(), (torch.rand(60, generator=random) < 0.3).long()
    roc, precision = (one(options.RankingOptions()) for one in (ranking.build_auroc, ranking.build_auprc))
    (area,) = roc.compute(labelled(scores, labels), SampleSet())
    average, chance = precision.compute(labelled(scores, labels), SampleSet())
    assert area == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert average == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
    assert chance == pytest.approx(labels.double().mean().item())
    scaled = labelled((scores - scores.min()) / (scores.max() - scores.min()), labels)
    assert roc.compute(scaled, SampleSet()) == (area,)
    assert precision.compute(scaled, SampleSet()) == (average, chance)
    assert roc.compute(labelled(-labels.double(), labels), SampleSet()) == (0.0,)
    assert roc.compute(labelled(-scores, labels), SampleSet())[0] == pytest.approx(1 - area)


def small(name: str) -> Networks:
    torch.manual_seed(0)
    made = {
        "ganomaly": lambda: ganomaly.build(options.GANomalyOptions(latent_dim=4, width=2), size_of(8)),
        "anogan": lambda: anogan.build(options.AnoGANOptions(latent_dim=4, width=2, hidden=8, search_steps=5), size_of(8)),
        "f-anogan": lambda: f_anogan.build(options.FAnoGANOptions(latent_dim=4, width=2), size_of(8)),
        "pca": lambda: pca.build(options.PCAOptions(), size_of(8)),
        "nearest-neighbours": lambda: neighbours.build(options.NeighboursOptions(capacity=20), size_of(8)),
        "vae": lambda: build_vae(VAEOptions(latent_dim=4, width=8), size_of(8)),
    }[name]()
    shown = torch.rand(30, 1, 8, 8) * 2 - 1
    if isinstance(memory := made.modules.get("generator"), (pca.Components, neighbours.Memory)):
        memory.show(shown) if isinstance(memory, pca.Components) else memory.show(shown, torch.ones(30))
    for module in made.modules.values():
        for norm in module.modules():
            if isinstance(norm, (nn.BatchNorm1d, nn.BatchNorm2d)):  # as after training: no longer those of N(0, 1)
                nn.init.uniform_(norm.running_mean)  # type: ignore[arg-type]
                nn.init.uniform_(norm.running_var, 0.5, 2)  # type: ignore[arg-type]
        module.eval()
    return made


@pytest.mark.parametrize("name", ["ganomaly", "anogan", "f-anogan", "pca", "nearest-neighbours", "vae"])
def test_a_score_is_of_the_sample_alone(name: str) -> None:
    """Trap 5: scored alone it has what it has in a batch; an anomaly beside it changes nothing."""
    made, samples = small(name), torch.rand(5, 1, 8, 8) * 2 - 1
    score = made.scorers["anomaly"]
    with torch.inference_mode():
        together = score(made.modules, samples)
        alone = torch.cat([score(made.modules, one[None]) for one in samples])
    assert together.shape == (5,)
    torch.testing.assert_close(alone, together, rtol=1e-3, atol=1e-5)


def test_the_search_has_a_fixed_number_of_steps_and_a_seed() -> None:
    """Trap 6: the same twice, whatever the global random state; it finds better latents than it begins with, and leaves no gradients."""
    made, samples = small("anogan"), torch.rand(3, 1, 8, 8) * 2 - 1
    for parameter in made.modules["generator"].parameters():
        nn.init.normal_(parameter, 0, 0.5)  # as after training: latents matter
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    handle = made.modules["generator"].register_forward_hook(count)
    given = options.AnoGANOptions(latent_dim=4, width=2, hidden=8, search_steps=30, search_rate=0.1)
    latents, distances = anogan.search(made.modules, samples, given)
    assert calls == 31
    handle.remove()
    torch.manual_seed(5)
    again, _ = anogan.search(made.modules, samples, given)
    assert again.equal(latents)
    features = made.modules["discriminator"].features(samples)  # type: ignore[operator]
    first = torch.randn(1, 4, generator=torch.Generator().manual_seed(0)).repeat(3, 1)
    assert bool((distances < anogan.distance(made.modules, first, samples, features, 0.1)).all())
    other, _ = anogan.search(made.modules, samples, options.AnoGANOptions(latent_dim=4, hidden=8, width=2, search_steps=3, search_seed=1))
    assert not other.equal(latents)
    assert all(p.grad is None for module in made.modules.values() for p in module.parameters())


def materials(plugin: str, **settings: Any) -> Any:
    manager = PluginManager()
    given = {"dataset.options.resolution": 8, "training.batch_size": 4, "architecture.options.latent_dim": 4, **settings}
    quiet = {"architecture.options.width": 2, "training.threads": 1, "evaluation.metrics": ("none",), "training.device": "cpu"}
    return ganbench.build(ganbench.plan(plugin, settings={**quiet, **given}, manager=manager), manager)


def test_ganomalys_discriminator_begins_anew_when_it_has_won() -> None:
    """Its first weights come back where its loss is below the bound, and nothing changes above it."""
    algorithm = materials("ganomaly").algorithm
    assert isinstance(algorithm, GANomaly)
    parameters = algorithm.parameters["discriminator"]
    first = [p.detach().clone() for p in parameters]
    algorithm.stage_real()
    algorithm.joint_update()
    moved = [p.detach().clone() for p in parameters]
    assert not all(a.equal(b) for a, b in zip(first, moved, strict=True))
    algorithm.reset_discriminator(torch.tensor(1e-4))
    assert all(a.equal(b) for a, b in zip(moved, parameters, strict=True))
    algorithm.reset_discriminator(torch.tensor(1e-6))
    assert all(a.equal(b) for a, b in zip(first, parameters, strict=True))


def test_f_anogan_trains_its_encoder_last_with_the_others_frozen() -> None:
    """The plan changes after the GAN's share, shows as many images, and an update of the encoder moves nothing else."""
    settings = {"training.total_kimg": 0.2, "training.d_steps": 5, "architecture.options.gan_share": 0.5}
    algorithm = materials("f-anogan", **settings).algorithm
    assert isinstance(algorithm, FAnoGAN)
    assert algorithm.gan_iterations == 5
    assert algorithm.plan(4)[-1] == "generator"
    assert algorithm.plan(5) == ("encoder",) * 5
    assert algorithm.samples_shown(4) == algorithm.samples_shown(5) == 20
    before = {f"{n}.{k}": v.clone() for n, m in algorithm.modules().items() for k, v in m.state_dict().items()}
    algorithm.stage_real()
    algorithm.encoder_update()
    after = {f"{n}.{k}": v for n, m in algorithm.modules().items() for k, v in m.state_dict().items()}
    assert {name.split(".")[0] for name, value in after.items() if not value.equal(before[name])} == {"encoder"}
    assert algorithm.read_statistics()["encoder_loss"] > 0


def test_equal_images_are_remembered_once_and_no_more_than_there_is_room_for() -> None:
    """The score is the mean distance to the nearest; before the first image nothing is an anomaly."""
    made = neighbours.build(options.NeighboursOptions(num_neighbours=2, capacity=4), size_of(8))
    memory, score = made.modules["generator"], made.scorers["anomaly"]
    assert isinstance(memory, neighbours.Memory)
    images = torch.rand(6, 1, 8, 8) * 2 - 1
    assert score(made.modules, images).equal(torch.zeros(6, dtype=torch.float64))
    for batch in (images[:3], images[:3], images[2:]):
        memory.show(batch, memory.distances(batch).amin(1))
    assert int(memory.used) == 4
    assert memory.rows[:4].equal(images[:4].flatten(1))
    wanted = torch.cdist(images.flatten(1).double(), images[:4].flatten(1).double()).sort().values[:, :2].mean(1)
    torch.testing.assert_close(score(made.modules, images), wanted)
    assert memory(images)[:4].equal(images[:4])


@pytest.fixture(scope="module")
def pca_run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Principal components of one epoch of eights, evaluated before it and after it."""
    folder = tmp_path_factory.mktemp("detection") / "run"
    count = anomalies(protocol="normal-8", resolution=8).train.num_samples
    settings = {
        "dataset.options.protocol": "normal-8",
        "dataset.options.resolution": 8,
        "training.batch_size": count,
        "training.threads": 1,
    }
    return ganbench.run("pca", out=folder, kimg=count / 1000, settings=settings)


@pytest.mark.slow
def test_the_last_state_is_scored_and_not_the_best(pca_run: Any) -> None:
    """Trap 2: the value of the record is that of principal components computed otherwise, ranked by scikit-learn."""
    dataset = anomalies(protocol="normal-8", resolution=8)
    assert dataset.test is not None
    train, test = (s.read(torch.arange(s.num_samples)).flatten(1).numpy() / 127.5 - 1 for s in (dataset.train, dataset.test))
    _, lengths, directions = np.linalg.svd(train - train.mean(0), full_matrices=False)
    shares = np.cumsum(lengths**2) / (lengths**2).sum()
    plane = directions[: int((shares < 0.9).sum()) + 1]
    rest = test - train.mean(0)
    error = ((rest - rest @ plane.T @ plane) ** 2).mean(1)
    record = pca_run.record
    assert record.dataset == "digits-normal-8"
    first, last = record.evaluations
    assert (first.samples_seen, last.samples_seen) == (0, dataset.train.num_samples)
    values = {value.name: value.value for value in last.values}
    assert values["auroc"] == pytest.approx(roc_auc_score(dataset.test.labels, error), abs=1e-6)
    assert values["auprc"] == pytest.approx(average_precision_score(dataset.test.labels, error), abs=1e-6)


@pytest.mark.slow
def test_a_detector_can_be_evaluated_again(pca_run: Any, tmp_path: Path) -> None:
    """To the same areas, though its metrics look at no generated sample."""
    stored = evaluate(pca_run.directory, out=tmp_path / "again")
    again, before = ({v.name: v.value for v in one.evaluations[-1].values} for one in (stored.record, pca_run.record))
    assert again == before
    assert list((tmp_path / "again" / "samples").iterdir())


@pytest.mark.slow
def test_the_reproduction_scores_a_cell_at_its_end() -> None:
    """A cell is a method and a class; its run is an ordinary one, whose networks are asked for their scores."""
    experiment = DetectionProtocol(options.ProtocolOptions(methods=("pca",), classes=(8, 3), kimg=1))
    assert [cell.name for cell in experiment.cells] == ["pca-normal-8", "pca-normal-3"]
    assert any("another data set" in note for note in experiment.notes)
    cell = experiment.start(ExperimentSetup(cell="pca-normal-8", seeds=(0,), device=torch.device("cpu")))
    assert cell.advance(lambda: False)
    scores = cell.scores()
    assert set(scores) == {column.name for column in experiment.columns}
    assert 0.9 < scores["auroc"][0] <= 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"protocol": "normal-11"}, "digits has no class '11'"),
        ({"of": "synthetic", "of_options": ("num_images=8",)}, "anomalies are told by labels, and synthetic.* has none"),
        ({"of": "iris", "resolution": 8}, r"dataset\.resolution is an option that iris does not have"),
        ({"of": "anomalies", "protocol": "normal-1"}, "protocol=normal-1 leaves no normal samples to train on"),
        ({"of": "nothing"}, "nothing"),
    ],
)
def test_data_without_what_the_protocol_needs_are_refused(given: dict[str, Any], words: str) -> None:
    """By what is missing, before anything is trained."""
    with pytest.raises(ganbench.GanbenchError, match=words):
        anomalies(**given)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: options.AnomaliesOptions(protocol="3"), "protocol must be normal-CLASS or without-CLASS"),
        (lambda: options.ProtocolOptions(classes=(1, 1)), "classes must be one or more, each once"),
        (lambda: options.ProtocolOptions(classes=(-1,)), "classes must be 0 or more"),
        (lambda: anogan.build(options.AnoGANOptions(), size_of(30)), "sides are multiples of 4 \\(got 30x30\\)"),
        (lambda: materials("ganomaly", **{"training.d_steps": 2}), r"training\.d_steps must be 1 for ganomaly \(got 2\)"),
        (lambda: materials("ganomaly", **{"augmentation.name": "diffaugment"}), "ganomaly trains on images as they are"),
        (lambda: labelled_alone("anomaly", [0, 5]), "labelled 0 \\(normal\\) and 1 \\(anomaly\\), and theirs are 0 to 5"),
        (lambda: labelled_alone("anomaly", [1, 1]), "and theirs are 1 alone"),
        (lambda: labelled_alone("other", [0, 1]), "the score 'other' is not one that this model gives"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(make: Any, words: str) -> None:
    """Options, sizes, settings and labels."""
    with pytest.raises((ValueError, ConfigError), match=words):
        make()


def labelled_alone(scorer: str, labels: list[int]) -> None:
    metric = ranking.build_auroc(options.RankingOptions(scorer=scorer))
    metric.compute(labelled(torch.rand(2), torch.tensor(labels)), SampleSet())


def test_a_wrong_protocol_ends_with_2_and_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As any wrong option does."""
    assert main(["run", "--plugin", "pca", "-o", "dataset.protocol=3", "--out", str(tmp_path / "run")]) == 2
    assert "protocol must be normal-CLASS or without-CLASS (got '3')" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
