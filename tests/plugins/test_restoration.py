"""Networks, degradations, the dataset of pairs and the iterations of the restoration family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import Tensor
from zoo_restoration import CASES

import ganbench
from ganbench import ArraySource, BuildContext, DataContext, Dataset, DatasetSpec, PluginManager, build_options
from ganbench.cli.main import main
from ganbench_restoration.degrade import Degradation, enlarge, make_smaller
from ganbench_restoration.discriminator import Discriminator
from ganbench_restoration.networks import build_srresnet, question
from ganbench_restoration.options import RestoreOptions, SRResNetOptions
from ganbench_restoration.pixel_algorithm import crop_at_random
from ganbench_restoration.restore import DegradedSource
from ganbench_restoration.rrdb import DenseBlock, RRDBNet
from ganbench_restoration.srresnet import Doubling, SRResNet
from ganbench_spaces.images import image_source
from ganbench_spaces.pairs import PairedImages

MANAGER = PluginManager()
TASKS = ("enlarge-x2", "enlarge-x4", "denoise", "colour", "inpaint", "deblur")


def parameters(module: torch.nn.Module) -> int:
    """Return how many there are."""
    return sum(parameter.numel() for parameter in module.parameters())


def dataset(limit_mib: int = 512, **options: Any) -> Dataset:
    """Return pairs of noise, of 40 images of 32x32."""
    given = {"of": "synthetic", "of_options": ("num_images=40",), **options}
    found = MANAGER.find(DatasetSpec, "restore")
    context = DataContext(data_root=None, download=False, resident_limit_mib=limit_mib)
    made = found.build(build_options(found.spec.options, given, "dataset"), context)
    assert isinstance(made, Dataset)
    return made


def photograph() -> Tensor:
    """Return a photograph without compression, ``[1, 3, 512, 512]`` uint8."""
    import skimage

    with Image.open(Path(skimage.__file__).parent / "data" / "astronaut.png") as image:
        return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None]


@pytest.mark.slow
def test_the_networks_have_the_published_numbers_of_parameters() -> None:
    """Counted from Lornatang/SRGAN-PyTorch (SRResNet without and with biases, discriminator) and xinntao/ESRGAN (RRDB)."""
    with torch.device("meta"):
        assert parameters(SRResNet(3, scale=4)) == 1_547_350
        assert parameters(SRResNet(3, scale=4, trunk_bias=True)) == 1_549_462
        assert parameters(Discriminator(3, 96, 96)) == 23_563_649
        assert parameters(RRDBNet(3, scale=4)) == 16_697_987


@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize("network", [SRResNet, RRDBNet])
def test_a_network_enlarges_by_its_scale(network: type[SRResNet] | type[RRDBNet], scale: int) -> None:
    """Images that are not square, too."""
    made = network(3, scale=scale, width=4, num_blocks=1)(torch.zeros(2, 3, 6, 5))
    assert made.shape == (2, 3, 6 * scale, 5 * scale)


@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize("network", [SRResNet, RRDBNet])
def test_added_to_what_is_given_it_begins_as_the_trivial_answer(network: type[SRResNet] | type[RRDBNet], scale: int) -> None:
    """To the bit, before it is trained."""
    given = torch.rand(1, 3, 8, 8) * 2 - 1
    made = network(3, scale=scale, width=4, num_blocks=1, add_to_given=True)(given)
    assert torch.equal(made, given if scale == 1 else enlarge(given, scale))


def test_pixel_shuffle_puts_channels_where_the_article_says() -> None:
    """Channel 4 c + 2 i + j becomes row i and column j of each square of channel c."""
    doubling = Doubling(2)
    convolution, _, activation = doubling
    with torch.no_grad():
        convolution.weight.zero_()  # type: ignore[union-attr, operator]
        convolution.bias.copy_(torch.arange(1.0, 9.0))  # type: ignore[union-attr, operator]
    made = doubling(torch.zeros(1, 2, 3, 3))
    assert isinstance(activation, torch.nn.PReLU)
    for channel in range(2):
        for row in range(2):
            for column in range(2):
                expected = 1 + 4 * channel + 2 * row + column
                assert made[0, channel, row::2, column::2].unique().tolist() == [expected]


def test_a_dense_blocks_change_counts_a_fifth() -> None:
    """With a last convolution that gives ones, the output is the input and 0.2."""
    block = DenseBlock(3, 2)
    last = block.convolutions[-1]
    torch.nn.init.zeros_(last.weight)  # type: ignore[arg-type]
    torch.nn.init.ones_(last.bias)  # type: ignore[arg-type]
    x = torch.rand(1, 3, 4, 4)
    assert torch.allclose(block(x), x + 0.2)
    assert [convolution.in_channels for convolution in block.convolutions] == [3, 5, 7, 9, 11]


@pytest.mark.parametrize("scale", [2, 4])
def test_the_kernel_is_pillows_bicubic_both_ways(scale: int) -> None:
    """Antialiased when it makes smaller, a = -0.5 when it enlarges: Pillow's to the rounding; torch's plain bicubic is another."""
    image = photograph()[:, :, 64:192, 64:192] // 2 + 64  # Pillow cuts off what overshoots black and white after the rows already
    with_pillow = Image.fromarray(image[0].permute(1, 2, 0).numpy())
    small = make_smaller(image.float(), scale)
    pillows = with_pillow.resize((128 // scale, 128 // scale), Image.Resampling.BICUBIC)
    assert difference(small, pillows) <= 2
    large = enlarge(small, scale).round().clamp(0, 255)
    again = Image.fromarray(small[0].to(torch.uint8).permute(1, 2, 0).numpy()).resize((128, 128), Image.Resampling.BICUBIC)
    assert difference(large, again) <= 2
    plain = torch.nn.functional.interpolate(small, scale_factor=float(scale), mode="bicubic").round().clamp(0, 255)
    assert difference(plain, again) > 3
    hasty = torch.nn.functional.interpolate(image.float(), scale_factor=1 / scale, mode="bicubic").round().clamp(0, 255)
    assert difference(hasty, pillows) > 3


def difference(levels: Tensor, picture: Image.Image) -> float:
    """Return the largest difference of a level."""
    other = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
    return float((levels - other).abs().max())


@pytest.mark.parametrize(
    ("task", "metric", "value"),
    [("enlarge-x4", "psnr_crop4_y", 26.844), ("enlarge-x2", "psnr_crop2_y", 31.712), ("enlarge-x4", "psnr_crop0_rgb", 25.385)],
)
def test_bicubics_psnr_of_a_fixed_photograph_is_the_stored_value(task: str, metric: str, value: float) -> None:
    """Whole, 512x512: another kernel, border or colour moves it by far more than the tolerance."""
    from ganbench import MetricSpec, SampleSet, Targets

    image = photograph()
    given = Degradation(RestoreOptions(task=task), 0)(image, [0])  # type: ignore[arg-type]
    targets = Targets(samples=image.float() / 127.5 - 1, guesses=given.float() / 127.5 - 1)
    found = MANAGER.find(MetricSpec, metric).build(None)
    assert found.compute(SampleSet(targets=targets), SampleSet(samples=given)) == pytest.approx((value, value), abs=0.002)


def test_each_task_degrades_as_it_says() -> None:
    """Noise of 25 levels, luma as Pillow has it, SciPy's Gaussian, the mean of what is visible in the middle and all else untouched."""
    image = photograph()[:, :, :64, :64]
    given = {task: Degradation(RestoreOptions(task=task), 32)(image, [7]) for task in ("denoise", "colour", "inpaint", "deblur")}  # type: ignore[arg-type]
    grey = torch.full((1, 3, 64, 64), 128, dtype=torch.uint8)
    noise = Degradation(RestoreOptions(task="denoise"), 0)(grey, [7]).float() - 128
    assert noise.std() == pytest.approx(25, rel=0.02)
    pillows = Image.fromarray(image[0].permute(1, 2, 0).numpy()).convert("L").convert("RGB")
    assert difference(given["colour"].float(), pillows) <= 1
    blurred = gaussian_filter(image.double().numpy(), (0, 0, 1.6, 1.6), mode="mirror", truncate=4)
    assert float((given["deblur"] - torch.from_numpy(blurred)).abs().max()) <= 0.6
    hole = torch.zeros(64, 64, dtype=torch.bool)
    hole[16:48, 16:48] = True
    assert torch.equal(given["inpaint"][:, :, ~hole], image[:, :, ~hole])
    assert torch.equal(given["inpaint"][:, :, 16, 16].float(), image[:, :, ~hole].float().mean(dim=2).round())


@pytest.mark.parametrize("task", TASKS)
def test_a_split_that_streams_has_the_pairs_of_one_in_memory(task: str) -> None:
    """And its hash; read in any order, noise included."""
    resident, streaming = dataset(task=task), dataset(limit_mib=0, task=task)
    assert isinstance(resident.train, ArraySource)
    assert isinstance(streaming.train, DegradedSource)
    order = torch.tensor([7, 0, 39])
    assert torch.equal(resident.train.read(order), streaming.train.read(order))
    assert resident.train.content_hash == streaming.train.content_hash
    assert resident.name == f"synthetic/{task}"


def test_held_out_images_have_noise_of_their_own() -> None:
    """The first of both splits have not the same."""
    source = image_source(torch.full((2, 1, 16, 16), 128, dtype=torch.uint8))
    rule = Degradation(RestoreOptions(task="denoise"), 0)
    train, test = (DegradedSource(source, rule, first).read(torch.tensor([0])) for first in (0, 2**31))
    assert not torch.equal(train, test)


def test_what_is_asked_is_the_small_image_and_not_the_enlarged_one() -> None:
    """Made of the answer by the rule that made what is given: enlarged, they are the same."""
    pairs = dataset(task="enlarge-x4")
    space = pairs.space
    assert isinstance(space, PairedImages)
    given, answers = space.split(space.to_network(space.arrange(pairs.first(3))))
    small = question(space, given, answers)
    assert small.shape == (3, 3, 8, 8)
    levels = enlarge((small + 1) * 127.5, 4).round().clamp(0, 255)
    assert float((levels / 127.5 - 1 - given).abs().max()) <= 1.01 / 127.5
    assert question(PairedImages(6, 32, 32), given, answers) is given


def test_crops_are_of_one_place_of_both_images_and_of_every_place() -> None:
    """Each is a part of its pair, at the corners too."""
    pairs = torch.arange(4 * 5 * 6, dtype=torch.float32).view(1, 4, 5, 6).expand(3, -1, -1, -1)
    found = crop_at_random(pairs, 4, torch.tensor([[0.0, 0.5, 0.999999], [0.0, 0.4, 0.999999]]))
    for crop, (top, left) in zip(found, [(0, 0), (1, 1), (1, 2)], strict=True):
        assert torch.equal(crop, pairs[0, :, top : top + 4, left : left + 4])


def run(plugin: str, out: Path, *more: str) -> int:
    """Train a few steps through the command line."""
    settings = [f"--set={path}={','.join(v) if isinstance(v, tuple) else v}" for path, v in CASES[plugin].items()]
    budget = ["--kimg", "0.012", "--set=evaluation.every_kimg=0.012", "--set=training.device=cpu", "--set=training.threads=1"]
    return main(["run", "--plugin", plugin, *settings, *budget, "--out", str(out), *more])


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_restored_and_scored_beside_its_trivial_answer(task: str, tmp_path: Path) -> None:
    """Before training, a network that adds to what is given has the trivial answer's value; pictures are of single colour images."""
    metrics = ["psnr_crop2_rgb40", *(["psnr_hole_rgb40"] if task == "inpaint" else [])]
    asked = [word for metric in metrics for word in ("--metric", metric)]
    assert run("srresnet", tmp_path / "run", "-o", f"dataset.task={task}", "-o", "add_to_given=true", *asked) == 0
    record = ganbench.load(tmp_path / "run").record
    first = {value.name: value.value for value in record.evaluations[0].values}
    for metric in metrics:
        assert first[metric] == pytest.approx(first[f"guess_{metric}"], abs=0.05)
    last = {value.name: value.value for value in record.evaluations[-1].values}
    assert all(last[f"guess_{metric}"] == first[f"guess_{metric}"] for metric in metrics)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["enlarge-x2", "denoise", "inpaint"])
def test_pix2pix_learns_the_same_pairs(task: str, tmp_path: Path) -> None:
    """With the same trivial answer as the family's own networks have; in the hole alone where there is one."""
    narrow = ["-o", "width=4", "-o", "discriminator_width=4", "-o", "patch_layers=1", "--batch-size", "4", "-o", "task=pairs"]
    data = ["--dataset", "restore", "-o", "dataset.of=synthetic", "-o", "dataset.of_options=num_images=40", "-o", f"dataset.task={task}"]
    metric = "psnr_hole_rgb40" if task == "inpaint" else "psnr_crop2_rgb40"
    budget = ["--kimg", "0.008", "--set=training.device=cpu", "--set=training.threads=1", "--metric", metric]
    assert main(["run", "--plugin", "pix2pix", *narrow, *data, *budget, "--out", str(tmp_path / "pix2pix")]) == 0
    assert run("srresnet", tmp_path / "srresnet", "-o", f"dataset.task={task}", "--metric", metric) == 0
    theirs, ours = (ganbench.load(tmp_path / name).record.evaluations[0] for name in ("pix2pix", "srresnet"))
    values = [{v.name: v.value for v in one.values}[f"guess_{metric}"] for one in (theirs, ours)]
    assert values[0] == pytest.approx(values[1], abs=1e-9)


SYNTHETIC = ["-o", "dataset.of=synthetic"]
BAD = {
    "no pairs": (["--dataset", "digits"], "this needs pairs of an image and its answer (got images alone)"),
    "points": (["-o", "dataset.of=ring8"], "restore degrades images (got points of ring8)"),
    "grey": (
        ["-o", "dataset.task=colour", "-o", "dataset.of=synthetic", "-o", "dataset.of_options=num_images=40,channels=1"],
        "task=colour needs colour images (got grey ones of synthetic)",
    ),
    "odd size": (
        [*SYNTHETIC, "-o", "dataset.resolution=30"],
        "task=enlarge-x4 needs a height and a width that are multiples of 4 (got 30x30)",
    ),
    "large crop": ([*SYNTHETIC, "-o", "crop=64"], "crop must be at most the images' 32 pixels (got 64)"),
    "odd crop": ([*SYNTHETIC, "-o", "crop=10"], "crop must be a multiple of 4, by which images are enlarged (got 10)"),
    "no such dataset": (["-o", "dataset.of=photos"], "unknown dataset 'photos'"),
    "no such option": (
        [*SYNTHETIC, "-o", "dataset.path=somewhere"],
        "dataset.path is an option that synthetic does not have",
    ),
    "no hole": (
        [*SYNTHETIC, "--metric", "psnr_hole_rgb40"],
        "psnr_hole_rgb looks at hidden pixels alone, and here every pixel is asked for",
    ),
    "a unit of its own": ([*SYNTHETIC, "--set=training.d_steps=2"], "training.d_steps must be 1 for srresnet (got 2)"),
}


@pytest.mark.slow(keep=3)
@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_done_is_one_line_and_no_folder(case: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, before anything is created."""
    flags, message = BAD[case]
    out = tmp_path / "run"
    metric = [] if "--metric" in flags else ["--metric", "none"]
    narrow = ["-o", "width=4", "-o", "num_blocks=1", "--set=training.device=cpu", "--set=training.threads=1"]
    assert main(["run", "--plugin", "srresnet", *narrow, *metric, *flags, "--out", str(out)]) == 2
    said = [line for line in capfd.readouterr().err.splitlines() if line]
    assert message in said[0]
    assert len([line for line in said if not line.startswith(" ")]) <= 2, said
    assert not out.exists()


def test_a_discriminator_of_an_odd_size_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It halves four times."""
    assert run("srgan", tmp_path / "run", "-o", "crop=24", "--metric", "none") == 2
    assert "the discriminator needs images of a multiple of 16 pixels (got 24x24)" in capfd.readouterr().err


@pytest.mark.slow
def test_vggs_weights_must_be_given(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """And are said to be elsewhere; a file that is another is not taken."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    assert run("srgan", tmp_path / "run", "-o", "content=vgg19", "--metric", "none") == 2
    assert "content=vgg19 needs the weights of VGG19" in capfd.readouterr().err
    checkpoints = tmp_path / "torch" / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "vgg19-dcbb9e9d.pth").write_bytes(b"something else")
    assert run("srgan", tmp_path / "run", "-o", "content=vgg19", "--metric", "none") == 2
    assert "is damaged: its sha256 must begin with dcbb9e9d" in capfd.readouterr().err


def test_the_small_network_starts_at_the_baseline_on_photographs() -> None:
    """100 squares of held-out photographs; SRResNet-small before training is bicubic, and none of its 12x12 inputs is the answer."""
    planned = ganbench.plan("srresnet-small", settings={"training.device": "cpu", "training.threads": 1}, manager=MANAGER)
    assert [metric.name for metric in planned.metrics] == ["psnr_crop4_y100", "ssim_crop4_y100"]
    context = BuildContext(space=PairedImages(6, 96, 96, scale=4), num_classes=0)
    networks = build_srresnet(SRResNetOptions(width=4, num_blocks=1, add_to_given=True), context)
    assert networks["generator"](torch.zeros(1, 3, 12, 12)).shape == (1, 3, 48, 48)
