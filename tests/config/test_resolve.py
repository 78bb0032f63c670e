"""From layers to one configuration: precedence, origins, recipes, scoping of options, and the way through a file and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganbench.config.model import RunConfig
from ganbench.config.resolve import Layer, Resolved, flatten, resolve
from ganbench.config.toml import dump_settings, read_settings
from ganbench.errors import ConfigError, PluginError
from ganbench.plugin.factory import Registered
from ganbench.plugin.manager import PluginManager
from ganbench.spec import ArchitectureSpec, DatasetSpec, LossSpec, RecipeSpec

MANAGER = PluginManager()


def run(name: str = "dcgan", *layers: dict[str, Any], **options: str) -> Resolved:
    """Resolve with layers called ``layer 1``, ``layer 2``, ..."""
    named = [Layer(origin=f"layer {i}", settings=settings) for i, settings in enumerate(layers, 1)]
    return resolve(MANAGER, name, named, options)


def error(name: str = "dcgan", *layers: dict[str, Any], **options: str) -> str:
    with pytest.raises((ConfigError, PluginError)) as caught:
        run(name, *layers, **options)
    return str(caught.value)


def test_the_defaults_need_no_setting() -> None:
    """DCGAN, the logistic loss, digits."""
    resolved = run()
    config = resolved.config
    assert (config.architecture.name, config.loss.name, config.dataset.name) == ("dcgan", "logistic", "digits")
    assert (config.training.batch_size, config.generator_optimizer.eps) == (64, 1e-8)
    assert not config.training.cudnn_benchmark
    assert resolved.origins["architecture.name"] == "--plugin"


def test_a_later_layer_wins_and_is_remembered() -> None:
    """The origin names the layer that had the last word; untouched paths are defaults."""
    resolved = run("dcgan", {"training.seed": 1, "training.batch_size": "32"}, {"training.seed": "2"})
    assert (resolved.config.training.seed, resolved.config.training.batch_size) == (2, 32)
    assert (resolved.origins["training.seed"], resolved.origins["training.batch_size"]) == ("layer 2", "layer 1")
    assert "training.d_steps" not in resolved.origins


def test_options_go_above_every_layer() -> None:
    """``-o`` is the last word of the command line."""
    resolved = run("dcgan", {"architecture.options.latent_dim": 10}, latent_dim="20")
    assert resolved.config.architecture.options.latent_dim == 20  # type: ignore[attr-defined]
    assert resolved.origins["architecture.options.latent_dim"] == "command line"


def with_plugins(*registered: Registered) -> PluginManager:
    manager = PluginManager()
    manager.registered += registered
    return manager


def registered(spec: Any, distribution: str = "other") -> Registered:
    return Registered(spec=spec, distribution=distribution, version="1")


def test_plugin_defaults_lie_below_the_recipe_and_the_user() -> None:
    """Built-in, dataset, recipe, user, in that order."""
    settings = (("training.total_kimg", 5.0), ("training.batch_size", 16), ("training.seed", 7))
    data = registered(DatasetSpec(name="data", summary="", factory="a:b", defaults=settings))
    recipe = registered(
        RecipeSpec(name="mine", summary="", architecture="dcgan", settings=(("dataset.name", "data"), ("training.batch_size", 8)))
    )
    resolved = resolve(with_plugins(data, recipe), "mine", [Layer(origin="user", settings={"training.seed": 9})])
    training = resolved.config.training
    assert (training.total_kimg, training.batch_size, training.seed) == (5.0, 8, 9)
    assert [resolved.origins[f"training.{n}"] for n in ("total_kimg", "batch_size", "seed")] == ["dataset data", "recipe mine", "user"]


def test_an_architecture_may_name_its_loss_and_its_dataset_below_a_recipe_and_the_user() -> None:
    """A model of other samples than digits runs without a word."""
    defaults = (("dataset.name", "data"), ("loss.name", "none"))
    data = registered(DatasetSpec(name="data", summary="", factory="a:b"))
    model = registered(ArchitectureSpec(name="model", summary="", factory="a:b", defaults=defaults))
    recipe = registered(RecipeSpec(name="mine", summary="", architecture="model", settings=(("dataset.name", "digits"),)))
    manager = with_plugins(data, model, recipe)
    alone = resolve(manager, "model", []).config
    assert (alone.dataset.name, alone.loss) == ("data", None)
    assert resolve(manager, "mine", []).config.dataset.name == "digits"
    said = resolve(manager, "model", [Layer(origin="user", settings={"dataset.name": "synthetic"})])
    assert said.config.dataset.name == "synthetic"


def test_a_recipe_brings_its_settings_and_its_resolution() -> None:
    """dcgan-32 on digits: pytorch-gan-collections' numbers at 32x32."""
    config = run("dcgan-32").config
    assert (config.name, config.architecture.name) == ("dcgan-32", "dcgan")
    assert (config.training.batch_size, config.training.total_kimg) == (128, 12_800)
    assert (config.generator_optimizer.beta1, config.generator_optimizer.beta2) == (0.5, 0.9)
    assert config.dataset.options.resolution == 32  # type: ignore[attr-defined]


def test_a_recipes_resolution_is_not_forced_on_a_dataset_that_cannot_choose(tmp_path: Path) -> None:
    """The images of an array file are what they are."""
    config = run("dcgan-32", {"dataset.name": "array", "dataset.options.path": str(tmp_path)}).config
    assert not hasattr(config.dataset.options, "resolution")


def test_what_overrides_a_recipe_is_listed() -> None:
    """The same value in other words is no override."""
    resolved = run(
        "dcgan-32", {"training.batch_size": "128", "generator_optimizer.learning_rate": "2e-4", "training.seed": 3}, latent_dim="64"
    )
    assert resolved.overridden == ()
    resolved = run("dcgan-32", {"training.batch_size": 64}, generator_width="32")
    assert resolved.overridden == ("architecture.options.generator_width", "training.batch_size")


def test_another_loss_drops_the_recipes_options_for_its_own() -> None:
    """And says so, instead of failing on options that the new loss does not have."""
    settings = (("loss.name", "wasserstein"), ("loss.options.gp_weight", 10.0), ("training.d_steps", 5))
    manager = with_plugins(registered(RecipeSpec(name="mine", summary="", architecture="dcgan", settings=settings)))
    kept = resolve(manager, "mine", [])
    assert kept.config.loss.options.gp_weight == 10.0  # type: ignore[attr-defined]
    resolved = resolve(manager, "mine", [Layer(origin="user", settings={"loss.name": "hinge"})])
    assert (resolved.config.loss.name, resolved.config.training.d_steps) == ("hinge", 5)
    assert resolved.overridden == ("loss.name", "loss.options.gp_weight")


def test_a_default_means_ganbenchs_own_when_another_distribution_has_the_name() -> None:
    """A plugin that registers ``digits`` breaks no run that did not ask for it."""
    rival = registered(DatasetSpec(name="digits", summary="", factory="a:b"))
    resolved = resolve(with_plugins(rival), "dcgan", [])
    assert (resolved.dataset.distribution, resolved.config.dataset.name) == ("ganbench", "ganbench:digits")


def test_a_recipe_means_its_own_distributions_plugins() -> None:
    """Its loss of a name that ganbench has too is its own; so is its architecture."""
    loss = registered(LossSpec(name="hinge", summary="", factory="a:b"))
    recipe = registered(RecipeSpec(name="mine", summary="", architecture="dcgan", settings=(("loss.name", "hinge"),)))
    resolved = resolve(with_plugins(loss, recipe), "mine", [])
    assert (resolved.loss.distribution, resolved.architecture.distribution) == ("other", "ganbench")


def test_a_name_in_conflict_that_the_user_gave_is_an_error() -> None:
    """Only what nobody chose is chosen for them."""
    rival = registered(LossSpec(name="hinge", summary="", factory="a:b"))
    with pytest.raises(PluginError, match="say ganbench:hinge or other:hinge"):
        resolve(with_plugins(rival), "dcgan", [Layer(origin="user", settings={"loss.name": "hinge"})])


def test_two_architectures_are_an_error() -> None:
    """--plugin against the architecture of a configuration file: neither is silently dropped."""
    manager = with_plugins(registered(ArchitectureSpec(name="other-gan", summary="", factory="a:b")))
    message = "--plugin names the architecture 'dcgan', and the settings name 'other-gan'; leave one of them out"
    with pytest.raises(ConfigError, match=message):
        resolve(manager, "dcgan", [Layer(origin="file", settings={"architecture.name": "other-gan"})])


def test_a_qualified_name_of_the_same_architecture_is_fine() -> None:
    """``ganbench:dcgan`` is dcgan."""
    assert run("dcgan", {"architecture.name": "ganbench:dcgan"}).architecture == run("dcgan").architecture


def test_a_bare_option_belongs_to_the_one_plugin_that_has_it() -> None:
    """The architecture first, then whoever has it; a section in front decides."""
    assert run(resolution="32").config.dataset.options.resolution == 32  # type: ignore[attr-defined]
    config = run("dcgan", {"loss.name": "hinge"}, **{"loss.r1_gamma": "0.5"}).config
    assert config.loss.options.r1_gamma == 0.5  # type: ignore[attr-defined]


def test_an_option_that_two_plugins_have_must_be_told_apart() -> None:
    """Unless one of them is the architecture."""
    from dataclasses import make_dataclass

    both = make_dataclass("Both", [("size", int, 1), ("latent_dim", int, 1)], frozen=True)
    loss = registered(LossSpec(name="sized", summary="", factory="a:b", options=both))
    data = registered(DatasetSpec(name="sized", summary="", factory="a:b", options=both))
    manager, layer = with_plugins(loss, data), Layer(origin="user", settings={"loss.name": "sized", "dataset.name": "sized"})
    with pytest.raises(ConfigError, match=r"-o size: more than one plugin has it; say -o loss.size=... or say -o dataset.size=..."):
        resolve(manager, "dcgan", [layer], {"size": "2"})
    resolved = resolve(manager, "dcgan", [layer], {"latent_dim": "2", "dataset.size": "5"})
    assert resolved.config.architecture.options.latent_dim == 2  # type: ignore[attr-defined]
    assert (resolved.config.loss.options.size, resolved.config.dataset.options.size) == (1, 5)  # type: ignore[attr-defined]


UNKNOWN = {
    "seed": "unknown setting 'seed'; did you mean 'training.seed'?",
    "training.sed": "unknown option training.sed; did you mean 'seed'?",
    "trainng.seed": "unknown setting 'trainng.seed'; did you mean 'training.seed'?",
    "loss.r1_gamma": "unknown setting 'loss.r1_gamma'; did you mean 'loss.options.r1_gamma'?",
    "loss.options.r1_gama": "unknown option loss.r1_gama; did you mean 'r1_gamma'?",
    "discriminator_optimizer.lr": "unknown option discriminator_optimizer.lr; known: ",
    "x.y": "unknown setting 'x.y'; tables: training, ",
    "name": "unknown setting 'name'; did you mean ",
    "training": "unknown setting 'training'",
}


@pytest.mark.parametrize("path", UNKNOWN)
def test_an_unknown_path_comes_with_a_suggestion(path: str) -> None:
    """The path that may have been meant."""
    assert error("dcgan", {path: 1}).startswith(UNKNOWN[path])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latent_dm": "3"}, "-o latent_dm: no plugin of this run has this option; did you mean 'latent_dim'?"),
        ({"model.latent_dim": "3"}, "-o model.latent_dim: unknown section 'model'; say architecture, loss, dataset or a metric's family"),
        ({"dataset.latent_dim": "3"}, "unknown option dataset.latent_dim; known: resolution"),
        ({"latent_dim": "0"}, "architecture.latent_dim must be 1 or more (got 0)"),
        ({"latent_dim": "many"}, "architecture.latent_dim must be a whole number (got 'many')"),
        ({"base_resolution": "3"}, "architecture.base_resolution must be one of 2, 4 (got '3')"),
        ({"resolution": "4"}, "dataset.resolution must be 8 or more (got 4)"),
        ({"label_smoothing": "1"}, "loss.label_smoothing must be at least 0 and below 1 (got 1.0)"),
    ],
)
def test_a_wrong_option_is_one_line(options: dict[str, str], message: str) -> None:
    """Section, option, what is allowed, what was got."""
    assert error("dcgan", **options) == message


OUT_OF_RANGE: dict[str, tuple[Any, str]] = {
    "training.total_kimg": (0, "above 0 and at most 1e+09 (got 0.0)"),
    "training.batch_size": (0, "1 or more (got 0)"),
    "training.generator_batch_factor": (0, "1 or more (got 0)"),
    "training.d_steps": (0, "1 or more (got 0)"),
    "training.seed": (-1, "between 0 and 2^63 - 1 (got -1)"),
    "training.ema_halflife_kimg": (-1, "0 or more (got -1.0)"),
    "training.ema_start_kimg": (-1, "0 or more (got -1.0)"),
    "training.threads": (2000, "between 0 and 1024 (got 2000)"),
    "training.workers": (-1, "between 0 and 256 (got -1)"),
    "training.max_abs_logit": (-1, "0 or more (got -1.0)"),
    "training.runner": ("warp", "auto, eager, cuda_graph or compile (got 'warp')"),
    "training.kernels": ("cuda", "auto, triton or ref (got 'cuda')"),
    "training.penalty_every": (0, "1 or more (got 0)"),
    "training.device": ("tpu", "auto, cpu, cuda or cuda:N (got 'tpu')"),
    "training.precision": ("fp8", "one of fp32, bf16 (got 'fp8')"),
    "generator_optimizer.kind": ("adamw", "one of adam, rmsprop, sgd (got 'adamw'); did you mean 'adam'?"),
    "generator_optimizer.learning_rate": ("inf", "above 0 (got inf)"),
    "generator_optimizer.beta1": (1, "at least 0 and below 1 (got 1.0)"),
    "discriminator_optimizer.beta2": (1.5, "at least 0 and below 1 (got 1.5)"),
    "discriminator_optimizer.eps": (0, "above 0 (got 0.0)"),
    "discriminator_optimizer.weight_decay": (-1, "0 or more (got -1.0)"),
    "discriminator_optimizer.rmsprop_alpha": (1, "at least 0 and below 1 (got 1.0)"),
    "generator_optimizer.schedule": ("step", "one of constant, linear, cosine, exponential (got 'step')"),
    "generator_optimizer.schedule_start_kimg": (-2, "0 or more (got -2.0)"),
    "evaluation.every_kimg": (-1, "0 or more (got -1.0)"),
    "evaluation.samples_every_kimg": (-1, "0 or more (got -1.0)"),
    "evaluation.batch_size": (0, "1 or more (got 0)"),
    "evaluation.grid_size": (33, "between 1 and 32 (got 33)"),
    "checkpoint.every_kimg": (-1, "0 or more (got -1.0)"),
    "checkpoint.keep": (0, "1 or more (got 0)"),
    "data.resident_limit_mib": (-1, "0 or more (got -1.0)"),
}


@pytest.mark.parametrize("path", OUT_OF_RANGE)
def test_a_value_out_of_range_says_what_is_allowed(path: str) -> None:
    """Path, bounds and the value that was got."""
    value, allowed = OUT_OF_RANGE[path]
    assert error("dcgan", {path: value}) == f"{path} must be {allowed}"


def through_a_file(config: RunConfig, tmp_path: Path) -> RunConfig:
    path = tmp_path / "config.toml"
    path.write_text(dump_settings(flatten(config), "a comment"))
    settings = read_settings(path)
    return resolve(MANAGER, settings.pop("name"), [Layer(origin="file", settings=settings)]).config


@pytest.mark.parametrize("name", ["dcgan", "dcgan-32", "dcgan-64", "ganbench:dcgan"])
def test_a_configuration_survives_its_file(name: str, tmp_path: Path) -> None:
    """A run can be repeated from config.toml alone."""
    config = run(name, {"training.seed": 2**62 + 1, "generator_optimizer.learning_rate": 1.23456789e-5, "evaluation.metrics": ()}).config
    assert through_a_file(config, tmp_path) == config


def test_an_unset_option_survives_its_file_even_if_the_recipe_sets_it(tmp_path: Path) -> None:
    """None is written down, so that reading back does not fall to the recipe's value."""
    settings = (("loss.name", "wasserstein"), ("loss.options.weight_clip", 0.02))
    manager = with_plugins(registered(RecipeSpec(name="mine", summary="", architecture="dcgan", settings=settings)))
    config = resolve(manager, "mine", [], {"weight_clip": "none"}).config
    assert config.loss.options.weight_clip is None  # type: ignore[attr-defined]
    path = tmp_path / "config.toml"
    path.write_text(dump_settings(flatten(config)))
    back = read_settings(path)
    assert resolve(manager, back.pop("name"), [Layer(origin="file", settings=back)]).config == config


def test_a_recipe_in_a_file_configures_a_registered_architecture(tmp_path: Path) -> None:
    """A recipe needs no package."""
    path = tmp_path / "mine.py"
    path.write_text(
        "from ganbench import RecipeSpec\nR = RecipeSpec(name='r', summary='', architecture='dcgan', settings=(('training.seed', 5),))"
    )
    resolved = run(f"{path}:R")
    assert (resolved.architecture.spec.name, resolved.config.training.seed) == ("dcgan", 5)
    assert through_a_file(resolved.config, tmp_path) == resolved.config


def test_a_file_plugin_survives_its_file(tmp_path: Path, loss_file: Callable[[], str]) -> None:
    """Its options are typed by the class in the file."""
    config = run("dcgan", {"loss.name": loss_file()}, **{"loss.depth": "7"}).config
    assert config.loss.options.depth == 7  # type: ignore[attr-defined]
    assert through_a_file(config, tmp_path) == config


@pytest.fixture
def loss_file(tmp_path: Path) -> Callable[[], str]:
    """A loss in a file, as ``--loss`` takes it."""

    def write() -> str:
        path = tmp_path / "loss.py"
        path.write_text(
            "from dataclasses import dataclass\n\n@dataclass(frozen=True)\nclass O:\n    depth: int = 1\n\n"
            "def Mine(options):\n    return options.depth\n\nMine.Options = O\n"
        )
        return f"{path}:Mine"

    return write


def test_an_architecture_may_name_the_loss_that_suits_it() -> None:
    """Below a recipe's word and the user's, above the default; the origin says whose word it is."""
    plain = resolve(MANAGER, "cyclegan", [])
    assert (plain.config.loss.name, plain.loss.spec.name) == ("least-squares", "least-squares")
    assert plain.origins["loss.name"] == "architecture cyclegan"
    other = resolve(MANAGER, "cyclegan", [Layer(origin="command line", settings={"loss.name": "hinge"})])
    assert other.loss.spec.name == "hinge"
    assert resolve(MANAGER, "dcgan", []).loss.spec.name == "logistic"
