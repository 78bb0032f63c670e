"""Pickles of StyleGAN2-ADA's kind: read as data, sampled as their own network samples, and refused where they are anything else."""

from __future__ import annotations

import io
import math
import os
import pickle
import pickletools
import struct
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganbench import BuildContext, PluginManager, tensors_from_bytes
from ganbench.cli.main import main
from ganbench_loaders import stylegan2_ada
from ganbench_loaders.options import StyleGAN2ADAOptions
from ganbench_spaces.images import ImageSpace
from ganbench_use.pickled import read_networks
from ganbench_use.spec import LoaderSpec
from ganbench_use.weights import read_weights

CODE = "import os; os.system('touch ran')"
"""What stands in the place of a module's source."""


class EasyDict(dict[str, Any]):
    """As ``dnnlib.util`` has it."""


def _reconstruct_persistent_obj(meta: dict[str, Any]) -> Any:
    raise AssertionError("called")


EasyDict.__module__, _reconstruct_persistent_obj.__module__ = "dnnlib.util", "torch_utils.persistence"


class Persistent(nn.Module):
    """Pickled as ``torch_utils.persistence`` does it: its source as a text, and its state."""

    def __reduce__(self) -> Any:
        meta = {"type": "class", "version": 6, "module_src": CODE, "class_name": type(self).__name__, "state": self.__dict__}
        return _reconstruct_persistent_obj, (meta,), None


class Affine(Persistent):
    def __init__(self, before: int, after: int, rate: float = 1.0, start: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before) / rate)
        self.bias = nn.Parameter(torch.full((after,), start) + 0.1 * torch.randn(after))
        self.weight_gain, self.bias_gain = rate / np.sqrt(before), rate  # a number of numpy, as in the source

    def forward(self, x: Tensor) -> Tensor:
        return x @ (self.weight * float(self.weight_gain)).T + self.bias * self.bias_gain


FILTER = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 64


def blurred(x: Tensor, pad: tuple[int, int]) -> Tensor:
    """Four times the filter, written as a convolution of each channel."""
    kernel = (4 * FILTER).expand(x.shape[1], 1, 4, 4).to(x)
    return F.conv2d(F.pad(x, (*pad, *pad)), kernel, groups=x.shape[1])


def on_sphere(x: Tensor) -> Tensor:
    return x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()


class Layer(Persistent):
    """A modulated convolution by its formula, each image with weights of its own."""

    def __init__(self, before: int, after: int, style: int, size: int, up: int, clamp: float | None) -> None:
        super().__init__()
        self.up, self.conv_clamp, self.act_gain = up, clamp, np.sqrt(2)
        self.register_buffer("resample_filter", FILTER.clone())
        self.affine = Affine(style, before, start=1.0)
        self.weight = nn.Parameter(torch.randn(after, before, 3, 3))
        self.register_buffer("noise_const", torch.randn(size, size))
        self.noise_strength = nn.Parameter(torch.tensor(0.3))
        self.bias = nn.Parameter(0.1 * torch.randn(after))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        images = []
        for image, style in zip(x, self.affine(w), strict=True):
            own = self.weight * style[None, :, None, None]
            own = own / (own.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
            if self.up == 2:
                images.append(blurred(F.conv_transpose2d(image[None], own.transpose(0, 1), stride=2), (1, 1)))
            else:
                images.append(F.conv2d(image[None], own, padding=1))
        y = torch.cat(images) + self.noise_const * self.noise_strength + self.bias[:, None, None]
        y = F.leaky_relu(y, 0.2) * math.sqrt(2)
        return y if self.conv_clamp is None else y.clamp(-self.conv_clamp, self.conv_clamp)


class ToRGB(Persistent):
    def __init__(self, before: int, channels: int, style: int, clamp: float | None) -> None:
        super().__init__()
        self.conv_clamp, self.weight_gain = clamp, 1 / np.sqrt(before)
        self.affine = Affine(style, before, start=1.0)
        self.weight = nn.Parameter(torch.randn(channels, before, 1, 1))
        self.bias = nn.Parameter(0.1 * torch.randn(channels))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        y = torch.einsum("oi,ni,nihw->nohw", self.weight[:, :, 0, 0], self.affine(w) * float(self.weight_gain), x)
        y = y + self.bias[:, None, None]
        return y if self.conv_clamp is None else y.clamp(-self.conv_clamp, self.conv_clamp)


class Block(Persistent):
    def __init__(self, before: int, after: int, size: int, style: int, paints: bool, clamp: float | None) -> None:
        super().__init__()
        self.register_buffer("resample_filter", FILTER.clone())
        if before:
            self.conv0 = Layer(before, after, style, size, 2, clamp)
        else:
            self.const = nn.Parameter(torch.randn(after, size, size))
        self.conv1 = Layer(after, after, style, size, 1, clamp)
        if paints:
            self.torgb = ToRGB(after, 3, style, clamp)


class Network(Persistent):
    """A StyleGAN2 generator in the source's names, written from the articles' formulas."""

    def __init__(self, classes: int = 0, skip: bool = True, clamp: float | None = 2.0) -> None:
        super().__init__()
        style, widths, self.skip = 8, {4: 6, 8: 6, 16: 3}, skip
        self.mapping, self.synthesis = Persistent(), Persistent()
        self.mapping.register_buffer("w_avg", torch.randn(style))
        if classes:
            self.mapping.embed = Affine(classes, style)
        for i in range(3):
            setattr(self.mapping, f"fc{i}", Affine(2 * style if classes and not i else style, style, rate=0.02))
        for before, size in ((0, 4), (4, 8), (8, 16)):
            paints = skip or size == 16
            setattr(self.synthesis, f"b{size}", Block(widths.get(before, 0), widths[size], size, style, paints, clamp))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        w = on_sphere(z)
        if labels is not None:
            embed: Any = self.mapping.embed
            w = torch.cat([w, on_sphere(embed(F.one_hot(labels, embed.weight.shape[1]).float()))], 1)
        for i in range(3):
            w = F.leaky_relu(getattr(self.mapping, f"fc{i}")(w), 0.2) * math.sqrt(2)
        x: Any = None
        images: Any = None
        for size in (4, 8, 16):
            block: Any = getattr(self.synthesis, f"b{size}")
            x = block.const.expand(len(z), -1, -1, -1) if x is None else block.conv0(x, w)
            x = block.conv1(x, w)
            if images is not None:
                enlarged = torch.zeros(*images.shape[:2], size, size)
                enlarged[:, :, ::2, ::2] = images
                images = blurred(enlarged, (2, 1))
            if hasattr(block, "torgb"):
                painted = block.torgb(x, w)
                images = painted if images is None else images + painted
        return images  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A working directory, in which nothing of a file may have run."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    yield
    assert not Path("ran").exists()


def published(network: nn.Module, protocol: int = 4) -> bytes:
    """Return a file as the source writes it; the modules that it names are there no longer."""
    content = {
        "G": Network(),
        "D": None,
        "G_ema": network,
        "training_set_kwargs": EasyDict(path="faces.zip", use_labels=False, resolution=16, xflip=True),
    }
    named = {"torch_utils.persistence": _reconstruct_persistent_obj, "dnnlib.util": EasyDict}
    modules = {name: types.ModuleType(name) for name in ("torch_utils", "dnnlib", *named)}
    for name, one in named.items():
        setattr(modules[name], one.__name__, one)
    with mock.patch.dict(sys.modules, modules):
        return pickle.dumps(content, protocol=protocol)


def generator(weights: dict[str, Tensor], classes: int = 0, **options: Any) -> Any:
    context = BuildContext(space=ImageSpace.square(3, 16), num_classes=classes)
    return stylegan2_ada.build(StyleGAN2ADAOptions(**options), context, weights)["generator"].eval()


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize(("classes", "skip", "clamp"), [(0, True, 2.0), (3, True, None), (3, False, 2.0)])
def test_a_pickle_samples_as_its_own_network(classes: int, skip: bool, clamp: float | None, protocol: int) -> None:
    """With labels or without, sums over resolutions or the last map alone, with the clamp and the rate that the file tells."""
    network = Network(classes, skip, clamp)
    z, labels = torch.randn(4, 8), torch.arange(4) % classes if classes else None
    with torch.no_grad():
        expected = network(z, labels)
        Path("net.pkl").write_bytes(published(network, protocol))
        found = generator(read_weights(Path("net.pkl")), classes)(z, labels)
    assert expected.std() > 0.3
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_the_averaged_network_is_read_unless_another_is_named() -> None:
    """``G_ema`` is what its authors evaluate."""
    network = Network()
    data = published(network)
    with torch.no_grad():
        network.mapping.w_avg += 1
    networks = read_networks(data)
    assert set(networks) == {"G", "G_ema"}
    Path("net.pkl").write_bytes(data)
    for key in ("G", "G_ema"):
        assert torch.equal(read_weights(Path("net.pkl"), key)["synthesis.b4.const"], networks[key]["synthesis.b4.const"])
    named = dict(Network().named_parameters()) | dict(Network().named_buffers())
    assert set(named) <= set(networks["G_ema"])
    assert float(networks["G_ema"]["mapping.fc0.weight_gain"]) == pytest.approx(0.02 / math.sqrt(8))


def test_a_state_dict_of_the_same_names_needs_the_rate_and_the_clamp_said() -> None:
    """What a pickle tells, options say."""
    network = Network()
    z = torch.randn(2, 8)
    with torch.no_grad():
        found = generator(dict(network.state_dict()), mapping_rate=0.02, clamp=2.0)(z)
        torch.testing.assert_close(found, network(z), rtol=1e-4, atol=1e-4)


def test_it_is_sampled_and_converted_by_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """The pickle and the safetensors that it becomes give the same samples."""
    Path("net.pkl").write_bytes(published(Network(clamp=0.3)))
    assert main(["export", "net.pkl", "--out", "weights"]) == 0
    assert "G_ema.safetensors" in capsys.readouterr().err
    converted = tensors_from_bytes(Path("weights/G_ema.safetensors").read_bytes())
    read = read_weights(Path("net.pkl"))
    assert set(converted) == set(read)
    assert all(torch.equal(converted[name], tensor) for name, tensor in read.items())
    data = ["--dataset", "synthetic", "-o", "resolution=16", "-o", "num_images=64", "-n", "4", "--write", "npz", "--device", "cpu"]
    for file, out in (("net.pkl", "a"), ("weights/G_ema.safetensors", "b")):
        assert main(["sample", file, "--loader", "stylegan2-ada", *data, "--out", out]) == 0
    samples = [np.load(f"{out}/samples.npz")["samples"] for out in "ab"]
    assert samples[0].std() > 1
    assert (samples[0] == samples[1]).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w: w.pop("synthesis.b8.conv1.weight"), "these are no weights of a StyleGAN2-ADA generator"),
        (lambda w: w.update({"synthesis.b8.skip.weight": torch.zeros(1)}), "residual blocks"),
        (lambda w: w.update({"synthesis.b8.extra": torch.zeros(1)}), "synthesis.b8.extra, for which the network has no place"),
        (lambda w: w["synthesis.b8.resample_filter"].fill_(1), "another filter"),
        (lambda w: w.pop("mapping.w_avg"), "mean_style"),
        (lambda w: w.update({"mapping.embed.weight": torch.zeros(8, 5)}), "the weights know 5 classes, and the dataset has 0"),
        (lambda w: w.update({"synthesis.b16.torgb.weight": torch.zeros(1, 3, 1, 1)}), "images of 1 channels"),
    ],
)
def test_weights_of_another_network_are_refused(change: Any, words: str) -> None:
    """By what is wrong with them."""
    weights = dict(Network().state_dict())
    change(weights)
    with pytest.raises(ValueError, match=words):
        generator(weights)


class Hostile:
    """Calls a function when Python's reader meets it."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def nested(levels: int) -> bytes:
    """Return tuples in tuples as a key, which Python's reader hashes until its stack ends."""
    return b"\x80\x04})" + b"\x85" * levels + b"K\x01s."


HOSTILE = {
    "os.system": lambda: pickle.dumps({"G_ema": Hostile(os.system, "touch ran")}),
    "builtins eval": lambda: pickle.dumps({"G_ema": Hostile(eval, CODE)}),
    "a nested reduce": lambda: pickle.dumps({"G_ema": [({"a": Hostile(getattr, Hostile(__import__, "os"), "system")},)]}),
    "a method of a known name": lambda: b"\x80\x04\x8c\x08builtins\x8c\x07set.add\x93.",
    "a name of torch that is no layer": lambda: b"\x80\x04ctorch.hub\nload\n)R.",
    "a layer's module below a dot": lambda: b"\x80\x04\x8c\x10torch.nn.modules\x8c\x0fos.path.exists.\x93.",
    "a number that is called": lambda: b"\x80\x04K\x01)R.",
    "a layer that is called": lambda: b"\x80\x04ctorch.nn.modules.linear\nLinear\n)R.",
    "no dictionary": lambda: pickle.dumps([1, 2]),
    "no network": lambda: pickle.dumps({"G_ema": {"weight": 1.0}}),
    "truncated": lambda: published(Network())[:-2000],
    "empty": lambda: b"",
    "no pickle": lambda: b"PK\x03\x04 and so on",
    "a text that is longer than the file": lambda: b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"abc.",
    "bytes that are longer than the file": lambda: b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"abc.",
    "an index of two billion": lambda: b"\x80\x04}r\xff\xff\xff\x7fj\xff\xff\xff\x7e.",
    "a value that was never kept": lambda: b"\x80\x04}h\x07.",
    "a key as deep as one likes": lambda: nested(200_000),
    "more operations than any network": lambda: b"\x80\x04" + b"N0" * 1_000_001 + b"}.",
    "nothing on the stack": lambda: b"\x80\x04s.",
    "a mark that is taken": lambda: b"\x80\x04(0.",
    "an object from outside": lambda: b"\x80\x04K\x01Q.",
    "an extension": lambda: b"\x80\x04\x82\x01.",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_pickle_is_refused_in_one_line(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, nothing written and nothing run."""
    Path("net.pkl").write_bytes(HOSTILE[kind]())
    assert main(["export", "net.pkl", "--out", "weights"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("ganbench: net.pkl cannot be read: ")
    assert len(err.strip().splitlines()) <= 2  # the second is the hint
    assert not Path("weights").exists()


def persistent(state: bytes) -> bytes:
    """Return the operations of a network with this state."""
    head = b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n"
    return head + b"}\x8c\x04type\x8c\x05classs\x8c\x05state" + state + b"s\x85R"


def test_modules_in_modules_have_an_end() -> None:
    """A network that holds itself, and one of thirty levels that each hold the next twice."""
    own = b"\x80\x04}\x8c\x05G_ema" + persistent(b"}q\x01\x8c\x08_modules}q\x02s") + b"q\x03h\x02\x8c\x01ah\x03s0s."
    double = b"\x80\x04" + persistent(b"}") + b"q\x000"
    for level in range(30):
        here, last = bytes([level + 1]), bytes([level])
        double += persistent(b"}\x8c\x08_modules}\x8c\x01ah" + last + b"s\x8c\x01bh" + last + b"ss") + b"q" + here + b"0"
    double += b"}\x8c\x05G_emah" + bytes([30]) + b"s."
    for data in (own, double):
        assert pickletools.optimize(data)
        with pytest.raises(ValueError, match="more than 100,000 modules, or more than 100 in each other"):
            read_networks(data)


def tensor_of(size: bytes, stride: bytes, offset: bytes = b"K\x00", times: int = 1) -> bytes:
    """Return a file whose network has tensors of this shape over six numbers."""
    buffer = io.BytesIO()
    torch.save(torch.arange(6.0)._typed_storage(), buffer, _use_new_zipfile_serialization=False)
    content = buffer.getvalue()
    storage = b"ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(content)) + content + b"\x85R"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + offset + size + stride + b"\x89}tR"
    entries = b"".join(b"\x8c\x04" + f"{i:04d}".encode() + b"h\x05s" for i in range(times))
    return b"\x80\x04" + tensor + b"q\x050}\x8c\x05G_ema" + persistent(b"}\x8c\x08_buffers}" + entries + b"s") + b"s."


def test_a_tensor_lies_within_its_numbers() -> None:
    """Views are as PyTorch makes them; larger ones, negative steps and one at many places are refused."""
    (found,) = read_networks(tensor_of(b"K\x02K\x03\x86", b"K\x03K\x01\x86"))["G_ema"].values()
    assert torch.equal(found, torch.arange(6.0).view(2, 3))
    (turned,) = read_networks(tensor_of(b"K\x03K\x02\x86", b"K\x01K\x03\x86"))["G_ema"].values()
    assert torch.equal(turned, torch.arange(6.0).view(2, 3).T)
    for data, words in (
        (tensor_of(b"K\x03K\x03\x86", b"K\x03K\x01\x86"), "larger than its numbers"),
        (tensor_of(b"J\xff\xff\xff\x7f\x85", b"K\x00\x85"), "larger than its numbers"),
        (tensor_of(b"K\x06\x85", b"K\x01\x85", offset=b"K\x01"), "larger than its numbers"),
        (tensor_of(b"J\xff\xff\xff\xff\x85", b"K\x01\x85"), "has no shape"),
        (tensor_of(b"K\x02\x85", b"K\x01K\x01\x86"), "has no shape"),
        (tensor_of(b"K\x06\x85", b"K\x01\x85", times=3000), "stand at many places"),
    ):
        with pytest.raises(ValueError, match=words):
            read_networks(data)


def test_the_loader_keeps_the_promises_of_its_kind() -> None:
    """Its example loads and samples, as the kit tries it."""
    found = PluginManager().find(LoaderSpec, "stylegan2-ada")
    context, weights = stylegan2_ada.example()
    networks = found.build(found.spec.options(), context, weights)
    assert networks["generator"].eval()(torch.zeros(2, 8)).shape == (2, 1, 8, 8)
