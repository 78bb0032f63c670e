"""Generators of R3GAN and PyTorch-StudioGAN in their files' layouts: sampled as their own network, and refused where they do not fit."""

from __future__ import annotations

import os
import pickle
import sys
import types
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

from ganbench import BuildContext, NoOptions, PluginManager
from ganbench.cli.main import main
from ganbench.testing import Subject, promises_of
from ganbench_loaders import r3gan, studiogan
from ganbench_spaces.images import ImageSpace
from ganbench_use.pickled import read_networks
from ganbench_use.spec import LoaderSpec
from ganbench_use.weights import read_weights

FILTER = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 64


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A working directory, in which nothing of a file may have run."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    yield
    assert not Path("ran").exists()


def named(*parts: tuple[str, Any], base: type[nn.Module] = nn.Module) -> Any:
    """Return a module with children, parameters and buffers by name, and nothing else."""
    module = base()
    for name, part in parts:
        if isinstance(part, nn.Parameter) or not isinstance(part, Tensor):
            setattr(module, name, part)
        else:
            module.register_buffer(name, part)
    return module


class Stage(nn.Module):
    """As R3GAN's modules are named in a pickle: by a class that is not there when the file is read."""


class Convolution(nn.Module):
    pass


class Generator(nn.Module):
    pass


Stage.__module__, Convolution.__module__, Generator.__module__ = "R3GAN.Networks", "R3GAN.Networks", "training.networks"


def conv(before: int, after: int, kernel: int, groups: int = 1) -> nn.Module:
    layer = nn.Conv2d(before, after, kernel, padding=kernel // 2, groups=groups, bias=False)
    return named(("Layer", layer), base=Convolution)  # type: ignore[no-any-return]


def r3gan_network(classes: int = 0, widths: tuple[int, ...] = (16, 16, 8), blocks: int = 3, group: int = 4, length: int = 6) -> Any:
    """Return R3GAN's generator in the source's names; ``length`` is that of z and of a label's embedding."""
    stages = []
    for level, (before, width) in enumerate(zip((0, *widths[:-1]), widths, strict=True)):
        if not level:
            basis = nn.Parameter(torch.randn(width, 4, 4))
            enter = named(("Basis", basis), ("LinearLayer", nn.Linear(length * (1 + bool(classes)), width, bias=False)), base=Stage)
        else:
            enter = named(("Resampler", named(("Kernel", FILTER.clone()), base=Stage)), base=Stage)
            if before != width:
                enter.LinearLayer = conv(before, width, 1)
        residual = [
            named(
                ("LinearLayer1", conv(width, 2 * width, 1)),
                ("LinearLayer2", conv(2 * width, 2 * width, 3, groups=2 * width // group)),
                ("LinearLayer3", conv(2 * width, width, 1)),
                ("NonLinearity1", named(("Bias", nn.Parameter(0.1 * torch.randn(2 * width))), base=Stage)),
                ("NonLinearity2", named(("Bias", nn.Parameter(0.1 * torch.randn(2 * width))), base=Stage)),
                base=Stage,
            )
            for _ in range(blocks)
        ]
        stages.append(named(("Layers", nn.ModuleList([enter, *residual])), ("DataType", torch.bfloat16), base=Stage))
    model = named(("MainLayers", nn.ModuleList(stages)), ("AggregationLayer", conv(widths[-1], 3, 1)), base=Stage)
    if classes:
        model.EmbeddingLayer = nn.Linear(classes, length, bias=False)
    return named(("Model", model), ("z_dim", length), ("c_dim", classes), ("img_resolution", 16), base=Generator)


def r3gan_images(network: Any, z: Tensor, labels: Tensor | None) -> Tensor:
    """Return what the articles' formulas make of z, in float32."""
    model = network.Model
    if labels is not None:
        z = torch.cat([z, model.EmbeddingLayer.weight.T[labels]], 1)
    x: Any = None
    for stage in model.MainLayers:
        enter, *blocks = stage.Layers
        if x is None:
            x = enter.Basis * enter.LinearLayer(z)[:, :, None, None]
        else:
            if hasattr(enter, "LinearLayer"):
                x = enter.LinearLayer.Layer(x)
            # Each sample becomes four, by the filter; a transposed convolution of each channel.
            x = F.conv_transpose2d(x, (4 * FILTER).expand(x.shape[1], 1, 4, 4), stride=2, padding=1, groups=x.shape[1])
        for block in blocks:
            y = F.leaky_relu(block.LinearLayer1.Layer(x) + block.NonLinearity1.Bias[:, None, None], 0.2)
            y = F.leaky_relu(block.LinearLayer2.Layer(y) + block.NonLinearity2.Bias[:, None, None], 0.2)
            x = x + block.LinearLayer3.Layer(y)
    return model.AggregationLayer.Layer(x)  # type: ignore[no-any-return]


def snapshot(network: Any, more: dict[str, Any] | None = None) -> bytes:
    """Return a file as R3GAN writes it; the modules that it names are there no longer."""
    optimizer = torch.optim.Adam(network.parameters(), betas=(0.0, 0.9))
    content = {
        **{"G": r3gan_network(), "D": named(base=Generator), "G_ema": network.eval().requires_grad_(False)},
        **{"training_set_kwargs": {"path": "faces.zip", "xflip": True}, "cur_nimg": 20_000_000, "G_opt_state": optimizer.state_dict()},
        **(more or {}),
    }
    modules = {name: types.ModuleType(name) for name in ("R3GAN", "R3GAN.Networks", "training", "training.networks")}
    modules["R3GAN.Networks"].__dict__.update(Stage=Stage, Convolution=Convolution)
    modules["training.networks"].__dict__.update(Generator=Generator)
    with mock.patch.dict(sys.modules, modules):
        return pickle.dumps(content)


def build(loader: Any, weights: dict[str, Tensor], classes: int = 0, resolution: int = 16) -> Any:
    context = BuildContext(space=ImageSpace.square(3, resolution), num_classes=classes)
    return loader.build(NoOptions(), context, weights)["generator"].eval()


@pytest.mark.parametrize("classes", [0, 3])
def test_a_snapshot_of_r3gan_samples_as_its_own_network(classes: int) -> None:
    """With labels or without, from the pickle and from a state dict, with a width that halves."""
    network = r3gan_network(classes)
    Path("net.pkl").write_bytes(snapshot(network))
    z, labels = torch.randn(5, 6), torch.arange(5) % classes if classes else None
    with torch.no_grad():
        expected = r3gan_images(network, z, labels)
        for weights in (read_weights(Path("net.pkl")), network.state_dict(), network.Model.state_dict()):
            found = build(r3gan, dict(weights), classes)(z, labels)
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert expected.std() > 0.05


def test_the_layout_has_the_parameters_of_r3gans_preset_for_cifar() -> None:
    """The names are of a network of brownvc/R3GAN's 20,781,952 parameters."""
    with torch.device("meta"):
        network = r3gan_network(10, (768,) * 4, blocks=2, group=16, length=64)
    assert sum(one.numel() for one in network.parameters()) == 20_781_952


def test_a_snapshot_is_sampled_and_converted_by_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """The pickle and the safetensors that it becomes give the same samples."""
    Path("net.pkl").write_bytes(snapshot(r3gan_network()))
    assert main(["export", "net.pkl", "--out", "weights"]) == 0
    assert "G_ema.safetensors" in capsys.readouterr().err
    data = ["--dataset", "synthetic", "-o", "resolution=16", "-o", "num_images=64", "-n", "4", "--write", "npz", "--device", "cpu"]
    for file, out in (("net.pkl", "a"), ("weights/G_ema.safetensors", "b")):
        assert main(["sample", file, "--loader", "r3gan", *data, "--out", out]) == 0
    samples = [np.load(f"{out}/samples.npz")["samples"] for out in "ab"]
    assert samples[0].std() > 1
    assert (samples[0] == samples[1]).all()


class Hostile:
    """Calls a function when Python's reader meets it."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    "thing", [Hostile(os.system, "touch ran"), Hostile(torch.load, "x"), Hostile(torch.get_default_dtype)], ids=["os", "load", "dtype"]
)
def test_a_hostile_snapshot_is_refused_in_one_line(thing: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, nothing written and nothing run."""
    Path("net.pkl").write_bytes(snapshot(r3gan_network(), {"augment_pipe": thing}))
    assert main(["export", "net.pkl", "--out", "weights"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("ganbench: net.pkl cannot be read: it holds code (")
    assert len(err.strip().splitlines()) <= 2
    assert not Path("weights").exists()


def test_a_precision_is_a_name_and_is_not_called() -> None:
    """What a stage computes in stands in the file; a call of it does not."""
    for operations in (b")R.", b")\x81."):
        with pytest.raises(ValueError, match=r"torch\.bfloat16"):
            read_networks(b"\x80\x04ctorch\nbfloat16\n" + operations)


class Attention(nn.Module):
    """Self-attention in PyTorch-StudioGAN's names."""

    def __init__(self, channels: int, normed: Any) -> None:
        super().__init__()
        self.conv1x1_theta, self.conv1x1_phi = (normed(nn.Conv2d(channels, channels // 8, 1, bias=False)) for _ in range(2))
        self.conv1x1_g = normed(nn.Conv2d(channels, channels // 2, 1, bias=False))
        self.conv1x1_attn = normed(nn.Conv2d(channels // 2, channels, 1, bias=False))
        self.sigma = nn.Parameter(torch.full((1,), 0.7))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.conv1x1_theta(x), F.max_pool2d(self.conv1x1_phi(x), 2), F.max_pool2d(self.conv1x1_g(x), 2)
        weights = torch.einsum("nchw,ncij->nhwij", query, key).flatten(3).softmax(-1)
        seen = torch.einsum("nhwk,nck->nchw", weights, value.flatten(2))
        return x + self.sigma * self.conv1x1_attn(seen)  # type: ignore[no-any-return]


class Norm(nn.Module):
    """A conditional batch norm: tables of the label (older), or linear maps of a vector."""

    def __init__(self, conditions: int, channels: int, normed: Any, tables: bool) -> None:
        super().__init__()
        self.bn, self.tables = nn.BatchNorm2d(channels, eps=1e-4, affine=False), tables
        kind = (lambda: nn.Embedding(conditions, channels)) if tables else (lambda: nn.Linear(conditions, channels, bias=False))
        for name in ("embed0", "embed1") if tables else ("gain", "bias"):
            setattr(self, name, normed(kind()))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        gain, bias = (self.embed0(y), self.embed1(y)) if self.tables else (self.gain(y), self.bias(y))
        return self.bn(x) * (1 + gain)[:, :, None, None] + bias[:, :, None, None]  # type: ignore[no-any-return]


class Block(nn.Module):
    def __init__(self, channels: int, conditions: int, normed: Any, tables: bool) -> None:
        super().__init__()
        if conditions:
            self.bn1, self.bn2 = (Norm(conditions, channels, normed, tables) for _ in range(2))
        else:
            self.bn1, self.bn2 = (nn.BatchNorm2d(channels, eps=1e-4) for _ in range(2))
        self.conv2d0 = normed(nn.Conv2d(channels, channels, 1))
        self.conv2d1, self.conv2d2 = (normed(nn.Conv2d(channels, channels, 3, padding=1)) for _ in range(2))

    def forward(self, x: Tensor, *y: Tensor) -> Tensor:
        h = self.conv2d1(F.interpolate(F.relu(self.bn1(x, *y)), scale_factor=2))
        return self.conv2d2(F.relu(self.bn2(h, *y))) + self.conv2d0(F.interpolate(x, scale_factor=2))  # type: ignore[no-any-return]


class StudioGAN(nn.Module):
    """Its generators at 32x32, SAGAN's and BigGAN's, older and newer, in its names."""

    def __init__(self, kind: str, width: int = 4, classes: int = 3, part: int = 5, shared: int = 6, normalised: bool = True) -> None:
        super().__init__()
        normed: Any = (lambda layer: spectral_norm(layer, eps=1e-6)) if normalised else (lambda layer: layer)
        channels, self.kind, self.part, self.width = 4 * width, kind, part, width
        self.linear0 = normed(nn.Linear(part, channels * 16))
        conditions = {"biggan": part + shared, "biggan-unlabelled": part, "sagan-unlabelled": 0}.get(kind, classes)
        if kind == "biggan":
            self.shared = nn.Embedding(classes, shared)
        blocks: list[nn.Module] = [Block(channels, conditions, normed, kind == "sagan-older") for _ in range(3)]
        blocks.insert(2, Attention(channels, normed))
        self.blocks = nn.ModuleList(nn.ModuleList([one]) for one in blocks)
        self.bn4 = nn.BatchNorm2d(channels, eps=1e-4)
        self.conv2d5 = normed(nn.Conv2d(channels, 3, 3, padding=1))

    def forward(self, z: Tensor, labels: Tensor | None) -> Tensor:
        first, *parts = z.split(self.part, 1)
        x = self.linear0(first).reshape(len(z), -1, 4, 4)
        level = 0
        for (block,) in self.blocks:  # type: ignore[misc]
            if isinstance(block, Attention):
                x = block(x)
                continue
            if self.kind.startswith("biggan"):
                known = [self.shared(labels)] if self.kind == "biggan" else []
                y: tuple[Tensor, ...] = (torch.cat([*known, parts[level]], 1),)
            elif labels is None:
                y = ()
            else:
                y = (labels if self.kind == "sagan-older" else F.one_hot(labels, 3).float(),)
            x, level = block(x, *y), level + 1
        return torch.tanh(self.conv2d5(F.relu(self.bn4(x))))

    def settled(self) -> StudioGAN:
        """Give every number a value of its own, and let spectral norm see its weights."""
        scale = 0.3 if hasattr(self.linear0, "weight_orig") else 0.1
        for name, tensor in self.state_dict().items():
            if tensor.is_floating_point() and not name.endswith(("weight_u", "weight_v")):
                tensor.copy_(scale * torch.randn(tensor.shape) if not name.endswith("running_var") else 0.5 + torch.rand(tensor.shape))
        self.train()
        labels = torch.arange(8) % 3 if not self.kind.endswith("unlabelled") else None
        for _ in range(2):  # power iterations, which do not converge in so few
            self(torch.randn(8, self.part * (4 if self.kind.startswith("biggan") else 1)), labels)
        return self.eval()


KINDS = ("biggan", "sagan-older", "sagan-newer", "sagan-unlabelled", "biggan-unlabelled")


@pytest.mark.slow(keep=2)
@pytest.mark.parametrize(("kind", "normalised"), [*product(KINDS, (True, False))])
def test_a_checkpoint_of_studiogan_samples_as_its_own_network(kind: str, normalised: bool) -> None:
    """With PyTorch's own spectral norm, whose singular vectors the file holds, and without."""
    network = StudioGAN(kind, normalised=normalised).settled()
    assert any(name.endswith("_orig") for name in network.state_dict()) == normalised
    torch.save({"state_dict": network.state_dict(), "optimizer": {"param_groups": [{"lr": 2e-4}]}, "step": 100_000}, "g.pth")
    classes = 0 if kind.endswith("unlabelled") else 3
    z, labels = torch.randn(5, 20 if kind.startswith("biggan") else 5), torch.arange(5) % 3 if classes else None
    with torch.no_grad():
        expected = network(z, labels)
        found = build(studiogan, read_weights(Path("g.pth"), "state_dict"), classes, 32)(z, labels)
    assert expected.std() > 0.02
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "part", "width", "parameters"),
    [("sagan-older", 128, 64, 4_386_308), ("sagan-newer", 128, 64, 4_386_308), ("biggan", 20, 96, 9_416_196)],
)
def test_the_layout_has_the_parameters_of_studiogans_log(kind: str, part: int, width: int, parameters: int) -> None:
    """Of SAGAN on CIFAR-10, and of BigGAN as ``biggan-cifar-studiogan`` counts it; the names are of networks of that size."""
    with torch.device("meta"):
        network = StudioGAN(kind, width=width, classes=10, part=part, shared=128)
    assert sum(one.numel() for one in network.parameters()) == parameters


def test_a_checkpoint_of_studiogan_is_sampled_by_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The state dict stands under a key, which the message names where it is left out."""
    torch.save({"state_dict": StudioGAN("sagan-unlabelled").settled().state_dict(), "optimizer": {}}, "g.pth")
    data = ["--dataset", "synthetic", "-o", "resolution=32", "-o", "num_images=64", "-n", "4", "--write", "npz", "--device", "cpu"]
    sample = ["sample", "g.pth", "--loader", "studiogan", *data]
    assert main([*sample, "--weights-key", "state_dict", "--out", "a"]) == 0
    assert np.load("a/samples.npz")["samples"].std() > 1
    assert main(["export", "g.pth", "--out", "weights"]) == 0
    assert [one.name for one in Path("weights").iterdir()] == ["state_dict.safetensors"]
    assert main(["sample", "weights/state_dict.safetensors", *sample[2:], "--out", "c"]) == 0
    assert (np.load("a/samples.npz")["samples"] == np.load("c/samples.npz")["samples"]).all()
    capsys.readouterr()
    assert main([*sample, "--out", "b"]) == 2
    assert "it has state_dict, optimizer; choose with --weights-key" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"step": 3}, "g.pth holds no state dict"),
        ([torch.zeros(2)], "g.pth holds no state dict"),
        ({"../out": {"weight": torch.zeros(2)}}, "g.pth holds no state dict"),
        ({"state_dict": {"weight": torch.eye(2).to_sparse()}}, "g.pth holds no state dict"),
        (nn.Linear(2, 2), "g.pth cannot be read: it holds code"),
    ],
)
def test_a_file_without_a_state_dict_is_not_converted(content: Any, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, exit code 2, nothing written."""
    torch.save(content, "g.pth")
    assert main(["export", "g.pth", "--out", "weights"]) == 2
    assert words in capsys.readouterr().err
    assert not Path("weights").exists()


R3, SAGAN = "MainLayers.0.Layers.", "blocks.0.0."


@pytest.mark.parametrize(
    ("loader", "change", "words"),
    [
        (r3gan, lambda w: w.pop(f"{R3}0.Basis"), "these are no weights of an R3GAN generator: MainLayers.0.Layers.0.Basis"),
        (
            r3gan,
            lambda w: w.update({"WallBranch.Layer.weight": torch.zeros(1)}),
            "WallBranch.Layer.weight, for which the network has no place",
        ),
        (r3gan, lambda w: w.pop(f"{R3}2.LinearLayer2.Layer.weight"), "the weights have no main.stages.0.1.mix.weight"),
        (r3gan, lambda w: w["MainLayers.1.Layers.0.Resampler.Kernel"].fill_(1), "another filter"),
        (r3gan, lambda w: w.update({"EmbeddingLayer.weight": torch.zeros(2, 5)}), "as long as the embedding of a label"),
        (r3gan, lambda w: w.update({"EmbeddingLayer.weight": torch.zeros(3, 5)}), "know 5 classes, and the dataset has 0"),
        (r3gan, lambda w: w.update({"AggregationLayer.Layer.weight": torch.zeros(1, 8, 1, 1)}), "images of 1 channels and 16x16"),
        (r3gan, lambda w: w.update({f"{R3}0.Basis": torch.zeros(3)}), "these are no weights of an R3GAN generator"),
        (
            studiogan,
            lambda w: w.pop("linear0.weight_orig"),
            "no weights of a SAGAN or BigGAN generator of PyTorch-StudioGAN: linear0.weight",
        ),
        (studiogan, lambda w: w.pop("linear0.weight_u"), "linear0.weight_orig lacks the singular vectors linear0.weight_u"),
        (studiogan, lambda w: w.update({f"{SAGAN}conv2d9.weight": torch.zeros(1)}), "conv2d9.weight, for which the network has no place"),
        (studiogan, lambda w: w.pop(f"{SAGAN}bn1.running_mean"), "the weights have no blocks.0.norm1.running_mean"),
        (studiogan, lambda w: w.update({"blocks.7.0.sigma": torch.zeros(1)}), "which no such generator has"),
        (studiogan, lambda w: w.update({"conv2d5.bias": torch.zeros(4)}), r"conv.bias is \[4\], and the network has \[3\] there"),
    ],
)
def test_weights_of_another_network_are_refused(loader: Any, change: Any, words: str) -> None:
    """By what is wrong with them."""
    network = r3gan_network().Model if loader is r3gan else StudioGAN("sagan-unlabelled").settled()
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    change(weights)
    with pytest.raises(ValueError, match=words):
        build(loader, weights, resolution=16 if loader is r3gan else 32)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["r3gan", "studiogan"])
def test_the_loaders_keep_the_promises_of_their_kind(name: str) -> None:
    """Every number of their examples counts, and what is missing, too many or of another shape is refused."""
    manager = PluginManager()
    registered = manager.find(LoaderSpec, name)
    subject = Subject(registered=registered, manager=manager, target=name)
    kept = [one.keep(subject) for one in promises_of(registered.spec) if one.kinds == ("loader",)]
    assert len(kept) == 5
