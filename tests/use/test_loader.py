"""Loaders: weights that somebody else has published, as a generator; of which nothing is run, and what does not fit is one line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ganbench import (
    ArchitectureSpec,
    BuildContext,
    DataContext,
    Dataset,
    DatasetSpec,
    Latents,
    Networks,
    PluginManager,
    UsageError,
    build_options,
    tensors_to_bytes,
)
from ganbench.cli.main import main
from ganbench.plugin.factory import Registered
from ganbench.record.serialise import from_json
from ganbench.testing import Broken, Subject, promises_of
from ganbench_loaders import pytorch_dcgan
from ganbench_spaces.images import ImageSpace
from ganbench_use.loader import fill, load_generator
from ganbench_use.spec import LoaderSpec

THEIRS = '''
"""The public example, written out as its users have it."""

from torch import nn


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(8, 8, 4, 1, 0, bias=False), nn.BatchNorm2d(8), nn.ReLU(True),
            nn.ConvTranspose2d(8, 4, 4, 2, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(True),
            nn.ConvTranspose2d(4, 1, 4, 2, 1, bias=False), nn.Tanh(),
        )

    def forward(self, z):
        return self.main(z)
'''
LOADERS = """
import torch
from torch import nn
from ganbench import Latents, Networks


def networks(generate, labels=False):
    return Networks(modules={"generator": nn.Identity()}, inputs=Latents(4, labels=labels), generate=generate)


def sigmoid(options, context, weights):
    return networks(lambda modules, z, labels: torch.rand(len(z), 1, 16, 16))


def bytes_(options, context, weights):
    return networks(lambda modules, z, labels: 255 * torch.randn(len(z), 1, 16, 16))


def small(options, context, weights):
    return networks(lambda modules, z, labels: torch.randn(len(z), 1, 8, 8).tanh())


def whole(options, context, weights):
    return networks(lambda modules, z, labels: torch.zeros(len(z), 1, 16, 16, dtype=torch.int64))


def raises(options, context, weights):
    return networks(lambda modules, z, labels: z @ z)


def nothing(options, context, weights):
    return None
"""


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def digits() -> Dataset:
    """The digits."""
    found = PluginManager().find(DatasetSpec, "digits")
    made: Dataset = found.build(found.spec.options(), DataContext())
    return made


@pytest.fixture
def weights() -> dict[str, Tensor]:
    """Weights as the public example saves them, for 16x16."""
    return pytorch_dcgan.example()[1]


def samples(path: str, dataset: Dataset, key: str = "", loader: str = "pytorch-dcgan") -> Tensor:
    """Return samples of weights in a file."""
    loaded = load_generator(PluginManager(), loader, Path(path), key, {}, dataset, "cpu")
    return loaded.source("g").stream(8)(0, 8)


def test_the_layout_is_that_of_the_public_example() -> None:
    """At 64x64 the names, and the 3,576,704 parameters that the source's network has."""
    generator = pytorch_dcgan.Generator((100, 512, 256, 128, 64, 3))
    assert sum(one.numel() for one in generator.parameters()) == 3_576_704
    norms = [f"main.{n}.{of}" for n in (1, 4, 7, 10) for of in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")]
    assert set(generator.state_dict()) == {*norms, *(f"main.{n}.weight" for n in (0, 3, 6, 9, 12))}
    assert pytorch_dcgan.widths_of(generator.state_dict()) == (100, 512, 256, 128, 64, 3)
    assert generator.eval()(torch.zeros(2, 100)).shape == (2, 3, 64, 64)


def test_every_form_of_a_file_makes_the_same_samples(weights: dict[str, Tensor], digits: Dataset) -> None:
    """Plain, in a checkpoint, of nn.DataParallel, from before batches were counted, and as safetensors."""
    torch.save(weights, "plain.pth")
    torch.save({"epoch": 3, "netG": weights}, "checkpoint.pth")
    torch.save({f"module.{name}": one for name, one in weights.items()}, "parallel.pth")
    torch.save({name: one for name, one in weights.items() if "num_batches" not in name}, "old.pth")
    Path("g.safetensors").write_bytes(tensors_to_bytes(weights))
    expected = samples("plain.pth", digits)
    assert int(expected.max()) - int(expected.min()) > 100
    for path, key in (("checkpoint.pth", "netG"), ("parallel.pth", ""), ("old.pth", ""), ("g.safetensors", "")):
        assert torch.equal(samples(path, digits, key), expected)


@pytest.mark.slow
def test_weights_are_measured_as_with_their_module(weights: dict[str, Tensor], workplace: Path) -> None:
    """The same value under the same key; the record names the loader. And samples of them are written."""
    torch.save(weights, "g.pth")
    (workplace / "theirs.py").write_text(THEIRS)
    shared = ["--dataset", "digits", "--metric", "fd100_digits", "--no-floor", "--device", "cpu"]
    assert main(["evaluate", "g.pth", "--loader", "pytorch-dcgan", *shared, "--out", "one"]) == 0
    assert main(["evaluate", "theirs.py:Generator", "--weights", "g.pth", "--latent-dim", "8x1x1", *shared, "--out", "other"]) == 0
    one, other = (from_json((workplace / name / "record.json").read_text()) for name in ("one", "other"))
    assert one.final("fd100_digits").value == pytest.approx(other.final("fd100_digits").value, rel=1e-6)
    assert one.keys.evaluation == other.keys.evaluation
    assert one.work.parameters == other.work.parameters
    assert ("loader", "pytorch-dcgan") in [(plugin.kind, plugin.name) for plugin in one.plugins]
    assert one.config["loader.name"] == "pytorch-dcgan"
    drawn = ["sample", "g.pth", "--loader", "pytorch-dcgan", "--dataset", "digits", "--device", "cpu", "-n", "5", "--out", "drawn"]
    assert main(drawn) == 0
    assert len(list(Path("drawn/images").iterdir())) == 5


class Code:
    """What a pickle runs."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("ran",)


WRONG = {
    "no file": (None, "there is no file g.pth"),
    "a module": (torch.nn.Linear(2, 2), "it holds code (torch.nn.modules.linear.Linear), which is never run"),
    "code": ({"main.0.weight": Code()}, "it holds code (posix.mkdir), which is never run"),
    "a list": ([1, 2], "holds a list, and no state dict"),
    "nothing": ({}, "holds an empty dict, and no state dict"),
    "a checkpoint": ({"epoch": 3, "netG": {}}, "'epoch' is a int; it has epoch, netG; choose with --weights-key"),
    "another network": ({"fc.weight": torch.ones(2, 2)}, "no weights of pytorch/examples' DCGAN generator"),
    "one missing": ("-main.1.running_var", "the weights have no main.1.running_var"),
    "one too many": ("+main.20.weight", "the weights have main.20.weight, for which the network has no place"),
    "another shape": ("+main.4.weight", "main.4.weight is [3], and the network has [4] there"),
    "widths that do not meet": ("+main.3.weight", "main.3.weight is [3, 3, 4, 4], and [8, any, 4, 4] follows"),
    "a bias": ("+main.3.bias", "have no bias"),
    "not a number": ("*main.4.weight", "makes NaN or Inf; the weights are damaged"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_such_weights_is_one_line(case: str, weights: dict[str, Tensor], digits: Dataset) -> None:
    """And nothing of the file is run."""
    content, expected = WRONG[case]
    if isinstance(content, str):
        name, was = content[1:], dict(weights)
        shape = (3, 3, 4, 4) if name == "main.3.weight" else (3,)
        changed = {"-": {}, "+": {name: torch.ones(shape)}, "*": {name: weights[name if name in weights else "main.1.weight"] * torch.nan}}
        content = {key: one for key, one in was.items() if key != name} | changed[content[0]]
    if content is not None:
        torch.save(content, "g.pth")
    with pytest.raises(UsageError) as caught:
        samples("g.pth", digits)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("loader", "expected"),
    [
        ("sigmoid", "and networks see images in [-1, 1]; the loader is to scale them"),
        ("bytes_", "and networks see images in [-1, 1]; the loader is to scale them"),
        ("small", "makes torch.float32 [8, 1, 8, 8], and digits has floating point [8, 1, 16, 16]"),
        ("whole", "makes torch.int64"),
        ("raises", "raised RuntimeError"),
        ("nothing", "must return ganbench.Networks (got NoneType)"),
    ],
)
def test_samples_that_are_none_of_the_data_are_one_line(loader: str, expected: str, workplace: Path, digits: Dataset) -> None:
    """Whatever a loader of somebody's makes."""
    torch.save({"w": torch.ones(1)}, "g.pth")
    (workplace / "theirs.py").write_text(LOADERS)
    with pytest.raises(UsageError) as caught:
        samples("g.pth", digits, loader=f"./theirs.py:{loader}")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


CALLS = {
    "unknown": (["evaluate", "--loader", "pytorch-dcgn", "--dataset", "digits"], "did you mean 'pytorch-dcgan'?"),
    "no loader": (["evaluate", "--dataset", "digits"], "--loader is missing"),
    "no data": (["evaluate", "--loader", "pytorch-dcgan"], "--dataset is missing"),
    "an option": (["sample", "--loader", "pytorch-dcgan", "--dataset", "digits", "-o", "loader.a=1"], "unknown option loader.a"),
    "how it is asked": (["evaluate", "--loader", "pytorch-dcgan", "--range", "0,1"], "--range says nothing of weights with a loader"),
    "of a run": (
        ["sample", "--loader", "pytorch-dcgan", "--dataset", "digits", "--as-evaluated"],
        "--as-evaluated says nothing of weights",
    ),
    "no loader for samples": (["sample", "--dataset", "digits"], "--loader is missing; ganbench plugins list --kind loader"),
}


@pytest.mark.parametrize("case", CALLS)
def test_a_call_that_is_wrong_is_one_line(case: str, weights: dict[str, Tensor], capsys: pytest.CaptureFixture[str]) -> None:
    """With exit code 2, and no folder."""
    torch.save(weights, "g.pth")
    (command, *flags), expected = CALLS[case]
    assert main([command, "g.pth", *flags, "--device", "cpu", "--out", "made"]) == 2
    error = capsys.readouterr().err
    assert expected in error
    assert len(error.splitlines()) == 1
    assert not Path("made").exists()


def plain(options: Any, context: BuildContext, weights: dict[str, Tensor]) -> Networks:
    layer = torch.nn.Linear(3, 16)
    fill(layer, weights)
    return Networks(
        modules={"generator": layer}, inputs=Latents(3), generate=lambda m, z, y: m["generator"](z).tanh().unflatten(1, (1, 4, 4))
    )


def plain_example() -> tuple[BuildContext, dict[str, Tensor]]:
    random = torch.Generator().manual_seed(0)
    weights = {"weight": torch.randn(16, 3, generator=random), "bias": torch.randn(16, generator=random)}
    return BuildContext(space=ImageSpace.square(1, 4)), weights


def scaled(options: Any, context: BuildContext, weights: dict[str, Tensor]) -> Networks:
    made = plain(options, context, weights)
    return Networks(modules=made.modules, inputs=made.inputs, generate=lambda m, z, y: (made.generate(m, z, y) + 1) / 2)


def of_batch(options: Any, context: BuildContext, weights: dict[str, Tensor]) -> Networks:
    made = plain(options, context, weights)
    return Networks(modules=made.modules, inputs=made.inputs, generate=lambda m, z, y: made.generate(m, z - z.mean(0), y))


def without_bias(options: Any, context: BuildContext, weights: dict[str, Tensor]) -> Networks:
    return plain(options, context, {**weights, "bias": weights["bias"] * 0})


def forgiving(options: Any, context: BuildContext, weights: dict[str, Tensor]) -> Networks:
    return plain(options, context, {**plain_example()[1], **{name: weights[name] for name in ("weight", "bias") if name in weights}})


def random(options: Any, context: BuildContext, weights: dict[str, Tensor]) -> Networks:
    return plain(options, context, {**weights, "bias": torch.randn(16)})


BREAKS = {
    plain: "",
    random: "it makes other samples each time",
    scaled: "its images lie from",
    of_batch: "a sample alone is another than in a batch",
    without_bias: "another bias changes nothing",
    forgiving: "weights without weight are loaded all the same",
}


@pytest.mark.parametrize("factory", BREAKS)
def test_the_kit_finds_what_a_loader_breaks(factory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each promise by a loader that breaks it, and none by one that keeps them; ours does."""
    import sys

    monkeypatch.setitem(sys.modules, "loaders_of_a_test", sys.modules[__name__])
    spec = LoaderSpec(name="l", summary="s", factory=f"loaders_of_a_test:{factory.__name__}", example="loaders_of_a_test:plain_example")
    assert broken(spec).startswith(BREAKS[factory])
    if factory is plain:
        assert broken(spec) == broken(PluginManager().find(LoaderSpec, "pytorch-dcgan").spec) == ""


def broken(spec: LoaderSpec) -> str:
    """Return what the first promise that is broken says."""
    subject = Subject(registered=Registered(spec=spec, distribution="d", version="1"), manager=PluginManager(), target=spec.name)
    for one in promises_of(spec):
        if one.kinds == ("loader",):
            try:
                one.keep(subject)
            except Broken as error:
                return error.what
    return ""


def built(name: str, **options: Any) -> Networks:
    """Return an architecture for the digits."""
    found = PluginManager().find(ArchitectureSpec, name)
    context = BuildContext(space=ImageSpace.square(1, 16), num_classes=10, class_names=tuple("0123456789"))
    made: Networks = found.build(build_options(found.spec.options, options, name), context)
    return made


@pytest.fixture(scope="module")
def small() -> Networks:
    """A narrow DCGAN, by class, whose batch norm has seen something."""
    made = built("dcgan", generator_width=4, discriminator_width=4, latent_dim=8)
    made["generator"].train()(torch.randn(16, 8), torch.arange(16) % 10)
    return made


OWN_FORMS = {
    "an export": (True, {"config": "generator.json"}),
    "a run's settings": (True, {"config": "config.toml"}),
    "a state dict of the module alone": (False, {"name": "dcgan", "options": "generator_width=4,latent_dim=8"}),
    "an option above those of a file": (False, {"config": "other.json", "options": "generator_width=4"}),
}


@pytest.mark.parametrize("form", OWN_FORMS)
def test_weights_of_an_architecture_that_is_installed_make_its_samples(form: str, small: Networks, digits: Dataset) -> None:
    """Under the names of an export and of the module itself; a file or the user says how it was built, and only what generates is kept."""
    is_export, options = OWN_FORMS[form]
    state = small["generator"].state_dict()
    torch.save({f"generator.{name}": one for name, one in state.items()} if is_export else state, "g.pt")
    settings = {"architecture.name": "dcgan", "architecture.options.latent_dim": 8, "training.seed": 3}
    for name, width in (("generator.json", 4), ("other.json", 32)):
        Path(name).write_text(json.dumps({"settings": {**settings, "architecture.options.generator_width": width}}))
    Path("config.toml").write_text('[architecture]\nname = "dcgan"\n[architecture.options]\nlatent_dim = 8\ngenerator_width = 4\n')
    asked = {f"loader.{name}": value for name, value in options.items()}
    loaded = load_generator(PluginManager(), "architecture", Path("g.pt"), "", asked, digits, "cpu")
    assert list(loaded.networks.modules) == ["generator"]
    latents, labels = torch.randn(6, 8), torch.arange(6)
    with torch.no_grad():
        expected = small["generator"].eval()(latents, labels)
        assert torch.equal(expected, loaded.generate(latents, labels))


WRONG_OWN = {
    "no name": ({}, "which architecture are the weights of? Say it with -o loader.name=NAME, or -o loader.config=generator.json"),
    "an unknown name": ({"name": "dcgna"}, "unknown architecture 'dcgna'; did you mean 'dcgan'?"),
    "a file": ({"name": "./evil.py:build"}, "./evil.py:build is a file, which would run; an architecture that is installed has a name"),
    "no such option": ({"name": "dcgan", "options": "widht=4"}, "unknown option dcgan.widht"),
    "no value": ({"name": "dcgan", "options": "generator_width"}, "-o loader.options wants KEY=VALUE (got 'generator_width')"),
    "another width": ({"name": "dcgan", "options": "latent_dim=8"}, "and the network has [18, 128, 4, 4] there"),
    "no file": (
        {"config": "none.json"},
        "none.json cannot be read: No such file or directory; give the generator.json of `ganbench export`",
    ),
    "another file": ({"config": "g.json"}, "g.json does not say how a generator was built; give the generator.json of"),
    "no TOML": ({"config": "g.pt"}, "g.pt is not valid TOML"),
    "asked with data": ({"name": "pix2pix"}, "pix2pix is asked with samples, and not with latents: measure its run"),
}


@pytest.mark.parametrize("case", WRONG_OWN)
def test_what_does_not_say_how_its_architecture_was_built_is_one_line(case: str, small: Networks, digits: Dataset) -> None:
    """And a name that a file gives runs no code beside it."""
    options, expected = WRONG_OWN[case]
    Path("evil.py").write_text("open('ran', 'w')\n")
    Path("g.json").write_text('{"settings": [1]}')
    torch.save(small["generator"].state_dict(), "g.pt")
    asked = {f"loader.{name}": value for name, value in options.items()}
    with pytest.raises(UsageError) as caught:
        load_generator(PluginManager(), "architecture", Path("g.pt"), "", asked, digits, "cpu")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not Path("ran").exists()
