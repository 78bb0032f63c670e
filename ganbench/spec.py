"""The kinds of plugins, as they are registered: small frozen descriptions, never classes of networks.

A spec names a ``factory`` ("module:attribute") that is imported only when a run needs it, so that listing a hundred plugins imports none
of them. Registration modules must not import torch, numpy or anything as heavy.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from ganbench.errors import ConfigError
from ganbench.registration import ModelSpec, PluginSpec

Setting = tuple[str, "bool | int | float | str | tuple[str, ...]"]
"""A configuration path and its value, as ``--set path=value`` would give it."""


def both_optimizers(**values: bool | int | float | str) -> tuple[Setting, ...]:
    """Return the settings of the generator's optimizer and of the discriminator's, for a spec's ``settings`` or ``defaults``.

    Args:
        values: by the field of the optimizer's configuration, alike for both.

    Returns:
        Paths and values: ``both_optimizers(eps=1e-8)`` sets ``generator_optimizer.eps`` and ``discriminator_optimizer.eps``.
    """
    return tuple((f"{network}_optimizer.{name}", value) for network in ("generator", "discriminator") for name, value in values.items())


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchitectureSpec(ModelSpec):
    """A generator and a discriminator. ``factory(options, context: ganbench.BuildContext) -> ganbench.Networks``."""

    kind: ClassVar[str] = "architecture"

    spaces: tuple[str, ...] = ()
    """Names of the spaces whose samples it can make: ``("images",)``; empty for any."""
    resolutions: tuple[int, ...] = ()
    """The resolutions of square images that it can be built for; empty for any."""
    conditional: bool = False
    """Whether it can use labels."""
    packing: bool = False
    """Whether the factory heeds :attr:`ganbench.BuildContext.packing`."""
    losses: tuple[str, ...] = ()
    """Names of the losses that it can be trained with; empty for any. A model without an adversarial loss says ``("none",)`` here and sets
    ``("loss.name", "none")`` among its :attr:`defaults`."""
    algorithm: str = "ganbench.training.adversarial:AdversarialAlgorithm"
    """``"module:attribute"`` of the mathematics of one iteration; see :class:`ganbench.training.algorithm.Algorithm`."""
    defaults: tuple[Setting, ...] = ()
    """Settings that suit it, below everything that the user says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipeSpec(ModelSpec):
    """A named, sourced bundle of architecture, loss, optimizers and budget; ``--plugin NAME`` takes it like an architecture."""

    kind: ClassVar[str] = "recipe"
    has_factory: ClassVar[bool] = False

    architecture: str = ""
    """The name of the architecture that it configures."""
    resolution: int = 0
    """The resolution that the source trains at; given to a dataset that can choose its own. 0 for any."""
    settings: tuple[Setting, ...] = ()
    """Everything else that the source fixes, as configuration paths."""
    deviations: tuple[str, ...] = ()
    """Where this differs from its source, one sentence each."""


class LossSpec(PluginSpec):
    """An adversarial objective. ``factory(options) -> ganbench.Objective``."""

    __slots__ = ()
    kind: ClassVar[str] = "loss"

    def use(self, name: str) -> str:
        """Return the command that trains with it."""
        return f"ganbench run --plugin NAME --loss {name}"


class AugmentationSpec(PluginSpec):
    """What happens to all that the discriminator sees. ``factory(options, context: ganbench.BuildContext) -> ganbench.Augmentation``."""

    __slots__ = ()
    kind: ClassVar[str] = "augmentation"

    def use(self, name: str) -> str:
        """Return the command that trains with it."""
        return f"ganbench run --plugin NAME --augment {name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetSpec(PluginSpec):
    """A dataset. ``factory(options, context: ganbench.DataContext) -> ganbench.Dataset``."""

    kind: ClassVar[str] = "dataset"
    option_parts: ClassVar[tuple[str, ...]] = ("place",)

    space: str = ""
    """Name of the space of its samples: ``images``. Empty where only building it tells; what does not fit is then refused later."""
    metrics: tuple[str, ...] = ()
    """The metrics of a run that names none, for instance ``("fd5k_digits",)``; empty for none."""
    extractor: str = "inception"
    """The extractor of a metric whose name holds none."""
    defaults: tuple[Setting, ...] = ()
    """Settings that suit it (budget, cadence), below everything that the user says."""

    def use(self, name: str) -> str:
        """Return the command that trains on it."""
        return f"ganbench run --plugin NAME --dataset {name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantity:
    """One number that a metric yields."""

    name: str
    """Family name as it stands in a metric's full name: ``fd``, ``precision``."""
    label: str
    """As a table's heading shows it: ``FD``, ``precision``."""
    higher_is_better: bool
    inception_name: str = ""
    """The name that is allowed only under the verified Inception network: ``fid``. Empty where there is only one name."""
    inception_label: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricSpec(PluginSpec):
    """A metric. ``factory(options) -> ganbench.Metric``.

    ``name`` is the family (``fd``); ``inception_name`` (``fid``) is how it is called under the Inception network. The user writes
    ``<family><count>[_<extractor>]``: ``fid10k``, ``fd5k_digits``.
    """

    kind: ClassVar[str] = "metric"

    inception_name: str = ""
    quantities: tuple[Quantity, ...] = ()
    """In the order in which ``Metric.compute`` returns them; the first is the one that runs are ranked by."""
    default_count: int = 10_000
    """Generated samples where the name gives no count."""
    looks_at: Literal["features", "layers", "samples", "targets", "scores"] = "features"
    """What :meth:`ganbench.Metric.compute` is shown: ``features`` of real and generated samples; features that are ``layers``, from an
    extractor of layers; the ``samples`` themselves; generated samples and the ``targets`` of their inputs (of a generator whose inputs have
    a right answer); or the ``scores`` that the networks' scorers give the held-out samples. Only the first two have an extractor in their
    name, and the last has no count either: all held-out samples are scored, and none is generated."""
    spaces: tuple[str, ...] = ()
    """Names of the spaces whose samples it can look at: ``("images",)``; empty for any."""

    def use(self, name: str) -> str:
        """Return the command that measures by it; some metrics take no extractor."""
        if self.looks_at == "scores":
            return f"ganbench run --plugin NAME --metric {name}"
        return f"ganbench run --plugin NAME --metric {name}5k" + ("_EXTRACTOR" if self.looks_at in ("features", "layers") else "")


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtractorSpec(PluginSpec):
    """A feature network. ``factory(options, context: ganbench.ExtractorContext) -> ganbench.Extractor``."""

    kind: ClassVar[str] = "extractor"

    inception: bool = False
    """Whether the names FID, KID and IS may be used for it."""
    find_weights: str = ""
    """``"module:attribute"`` of ``(context: ganbench.ExtractorContext) -> pathlib.Path``, which finds or downloads its weights or raises
    :class:`ganbench.WeightsError`. It is asked first, and must not import torch. Empty where the weights come with the plugin."""
    variant: str = ""
    """How the same network with another preprocessing is told apart in labels: ``clean`` gives ``FID(clean)``; empty for the plain one."""
    gives: Literal["features", "layers"] = "features"
    """``layers`` where its features are normalised layers, between which a squared distance is a perceptual one (LPIPS): for metrics that
    look at layers alone. Named ``NAME-layers``, it is what such a metric takes where NAME would be another's extractor."""

    def use(self, name: str) -> str:
        """Return the command that measures with it; layers are for one metric."""
        return f"ganbench run --plugin NAME --metric {'lpips5k' if self.gives == 'layers' else 'fd5k'}_{name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtractorContext:
    """What the harness gives an extractor's factory."""

    device: str = "cpu"
    weights: Path | None = None
    """``--extractor-weights``; None to look in the cache."""
    download: bool = True
    """Whether the network may be asked."""


class FrozenSamplesSpec(PluginSpec):
    """Generated images with the scores that they must have. ``factory(options) -> ganbench.FrozenSamples``; ``ganbench ci`` scores them."""

    __slots__ = ()
    kind: ClassVar[str] = "frozen"

    def use(self, name: str) -> str:
        """Return the command that scores them."""
        return "ganbench ci --plugin NAME"


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceSpec(PluginSpec):
    """What one sample is: an image, a point, a sound. ``factory`` names the subclass of ``ganbench.Space``, which datasets make."""

    kind: ClassVar[str] = "space"

    unit: str = ""
    """Samples in the plural, as tables write them: ``images`` in ``images/s``."""


class ExecutorSpec(PluginSpec):
    """What runs the cells of a matrix. ``factory(options, context: ganbench.ExecutorContext) -> ganbench.Executor``."""

    __slots__ = ()
    kind: ClassVar[str] = "executor"

    def use(self, name: str) -> str:
        """Return the command that runs cells by it."""
        return f"ganbench matrix FILE --executor {name}"


class ReporterSpec(PluginSpec):
    """Who is told what happens in a run. ``factory(options, context: ganbench.ReporterContext) -> Callable[[ganbench.Event], None]``."""

    __slots__ = ()
    kind: ClassVar[str] = "reporter"

    def use(self, name: str) -> str:
        """Return the command whose run it is told of."""
        return f"ganbench run --plugin NAME --reporter {name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class PluginIdentity:
    """Which code a run used, for the record."""

    kind: str
    name: str
    distribution: str
    version: str
    source_hash: str = ""
    """sha256 over the sources of the factory's top-level package (or file), and of the further ones that its spec names."""


def check_space(what: str, spaces: tuple[str, ...], holder: str, space: str) -> None:
    """Refuse what is made for samples of some spaces where ``holder`` holds those of another; an empty name is not known yet.

    Raises:
        ConfigError: it does.
    """
    if space and spaces and space not in spaces:
        wanted = " or ".join(spaces)
        raise ConfigError(f"{what} {wanted}, and {holder} holds {space}", hint=f"choose one for {space}, or a dataset of {wanted}")
