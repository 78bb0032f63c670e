"""What a run is, fully resolved: nothing downstream fills in, guesses or checks again."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ganbench.config.setting import Part, Settings, setting

RUNNERS = ("eager", "cuda_graph", "compile")
"""How a step can be executed."""
KERNELS = ("ref", "triton")
"""What the fused ops can be."""
_Precision = Literal["fp32", "bf16"]
_Schedule = Literal["constant", "linear", "cosine", "exponential"]


def _require(ok: bool, field_name: str, got: object, allowed: str) -> None:
    if not ok:
        raise ValueError(f"{field_name} must be {allowed} (got {got})")


@dataclass(frozen=True, kw_only=True, slots=True)
class PluginChoice:
    """A plugin by name, with its options."""

    name: str
    """As the user gave it: ``dcgan``, ``dist:dcgan`` or ``./file.py:Name``."""
    options: object
    """An instance of the spec's frozen options dataclass."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig(Settings):
    """How long, how fast, and with which numerics."""

    total_kimg: float = setting(100.0, above=0, most=1e9)
    """Budget: how many real samples are shown to the discriminator."""
    batch_size: int = setting(64, least=1, unit="samples")
    """Real samples in one discriminator step."""
    generator_batch_factor: int = setting(1, least=1)
    """Generator batch as a multiple of batch_size; SNGAN and WGAN-GP use 2."""
    d_steps: int = setting(1, least=1, unit="steps")
    """Discriminator steps for each generator step."""
    d_steps_boost: int = setting(0, least=0, unit="steps")
    """Discriminator steps in the first 25 iterations and in every 500th (martinarjovsky/WassersteinGAN: 100); 0 takes d_steps there too."""
    seed: int = setting(0, part="seed", least=0, most=2**63 - 1)
    """Seed of weights, latents and the order of the data."""
    ema_halflife_kimg: float = setting(2.0, least=0)
    """Half-life of the averaged generator that is evaluated; 0 evaluates the raw generator."""
    ema_start_kimg: float = setting(0.0, least=0)
    """The average is a copy of the generator until then."""
    penalty_every: int = setting(1, least=1, unit="steps")
    """Apply the loss's penalties in every n-th discriminator step, with n times their weight (Karras et al. 2020, lazy regularisation)."""
    shared_fakes: bool = True
    """One generator forward serves both updates, as in pytorch/examples; takes effect with d_steps = 1 and equal batches."""
    horizontal_flip: bool = False
    """Mirror half of the real images."""
    dequantise: bool = False
    """Add U(0, 1/128), one grey level, to each pixel of the real images."""
    packing: int = setting(1, least=1, unit="samples")
    """What the discriminator judges at once (Lin et al. 2018, PacGAN), where the architecture can; a divisor of batch_size."""
    force: bool = setting(False, part="guard")
    """Run parts that do not go together, such as a penalty and a batch norm; the record says so. It changes nothing where they do."""
    precision: _Precision = setting("fp32", part="machine")
    """bf16 runs the networks under autocast; weights, losses and optimizers stay in fp32."""
    tf32: bool = setting(False, part="machine")
    """Let NVIDIA GPUs use TF32 in fp32 matrix products and convolutions."""
    channels_last: bool = setting(True, part="machine")
    """NHWC memory layout, which convolutions and tensor cores like; the results agree up to rounding."""
    deterministic: bool = setting(False, part="machine")
    """Only deterministic algorithms; on a CPU runs are deterministic anyway."""
    cudnn_benchmark: bool = setting(False, part="machine")
    """Let cuDNN time its algorithms; faster, and not the same bits from run to run."""
    device: str = setting("auto", part="machine")
    """auto, cpu, cuda or cuda:N."""
    runner: str = setting("auto", part="machine", choices=("auto", *RUNNERS))
    """How the step is executed: auto, eager, cuda_graph or compile; auto replays CUDA graphs on a GPU and is eager on a CPU."""
    kernels: str = setting("auto", part="machine", choices=("auto", "triton", "ref"))
    """The fused ops: triton, ref (plain PyTorch), or auto, which is Triton on a GPU."""
    threads: int = setting(0, part="machine", may_change=True, least=0, most=1024, unit="threads")
    """CPU threads; 0 measures which count is fastest in the first seconds."""
    keep_memory: bool = setting(True, part="machine")
    """On a CPU, keep freed memory for the next step instead of giving it back to the system (glibc)."""
    workers: int = setting(2, part="place", least=0, most=256, unit="processes")
    """Processes that decode a streamed dataset."""
    max_abs_logit: float = setting(1e4, part="guard", may_change=True, least=0)
    """The run counts as diverged when the mean absolute logit of a reporting interval exceeds this; 0 turns the check off."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        divisible = self.batch_size % self.packing == 0
        _require(divisible, "packing", self.packing, f"a divisor of batch_size, which is {self.batch_size}")
        head, _, index = self.device.partition(":")
        known = self.device in ("auto", "cpu", "cuda") or (head == "cuda" and index.isdigit())
        _require(known, "device", repr(self.device), "auto, cpu, cuda or cuda:N")


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimizerConfig(Settings):
    """One network's optimizer."""

    kind: Literal["adam", "rmsprop", "sgd"] = "adam"
    """Which algorithm."""
    learning_rate: float = setting(2e-4, above=0, below=math.inf)
    """Where the schedule begins."""
    beta1: float = setting(0.5, least=0, below=1)
    """Decay of the mean gradient; Adam only."""
    beta2: float = setting(0.999, least=0, below=1)
    """Decay of the mean squared gradient; Adam only."""
    eps: float = setting(1e-8, above=0)
    """Added to the root of the mean squared gradient; Adam and RMSprop."""
    weight_decay: float = setting(0.0, least=0)
    """L2 penalty added to the gradient."""
    rmsprop_alpha: float = setting(0.99, least=0, below=1)
    """Smoothing constant; RMSprop only."""
    schedule: _Schedule = "constant"
    """How the learning rate falls over total_kimg: not at all, linearly or along a half cosine to 0; or by halves, whatever the budget."""
    schedule_start_kimg: float = setting(0.0, least=0)
    """The learning rate is constant until then."""
    halflife_kimg: float = 0.0
    """Exponential schedule only, and above 0 there: how long it takes to halve the learning rate."""
    min_learning_rate: float = 0.0
    """Exponential schedule only: it falls no lower. At most learning_rate."""
    momentum: float = setting(0.0, least=0, below=1)
    """SGD only: the part of the last step that is made again."""
    final_momentum: float | None = setting(None, least=0, below=1)
    """SGD only: where the momentum rises to, in a straight line; unset: it stays."""
    momentum_ramp_kimg: float = setting(0.0, least=0)
    """SGD only: when final_momentum is reached; 0 begins with it."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        halves = self.halflife_kimg > 0 or (self.schedule != "exponential" and self.halflife_kimg == 0)
        _require(halves, "halflife_kimg", self.halflife_kimg, "above 0 with the exponential schedule, and 0 or more without")
        _require(0 <= self.min_learning_rate <= self.learning_rate, "min_learning_rate", self.min_learning_rate, "0 to learning_rate")


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationConfig(Settings):
    """What is measured, and how often."""

    metrics: tuple[str, ...] = ("auto",)
    """Full names (``fd5k_digits``); auto takes the dataset's own, none (or an empty list) measures nothing."""
    every_kimg: float = setting(0.0, least=0)
    """Cadence; 0 divides the budget into four. The first evaluation is before the first step."""
    batch_size: int = setting(250, least=1, unit="samples")
    """What goes through in one pass of the generator and the extractor."""
    samples_every_kimg: float = setting(0.0, least=0)
    """Cadence of the sample grids; 0 follows the evaluations."""
    grid_size: int = setting(10, least=1, most=32, unit="samples")
    """Rows and columns of a sample grid."""
    truncation: float = 0.0
    """Draw components of z beyond this again (Brock et al. 2019); 0 draws as in training, else 0.01 or more. Normal latents only."""
    extractor_weights: str = setting("", part="place")
    """Weights file for an extractor that needs one."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        # Below 0.01 nearly every draw would be drawn again.
        _require(self.truncation == 0 or self.truncation >= 0.01, "truncation", self.truncation, "0, or 0.01 or more")


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointConfig(Settings):
    """When the state of a run is saved."""

    every_kimg: float = setting(0.0, least=0)
    """Cadence; 0 follows the evaluations. Ctrl-C and the end of the run always save."""
    keep: int = setting(2, least=1, unit="checkpoints")
    """How many are kept, the newest of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig(Settings):
    """Where datasets are found."""

    root: str = ""
    """Folder that holds the datasets; empty uses GANBENCH_DATA, the system's folders and the cache."""
    download: bool = True
    """Whether the network may be asked for datasets and weights."""
    resident_limit_mib: float = setting(2048.0, least=0)
    """A split that is larger than this when decoded streams from disk."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunConfig:
    """One run, fully resolved."""

    name: str = field(metadata={"part": "name"})
    """The recipe or architecture as the user named it."""
    architecture: PluginChoice
    loss: PluginChoice | None = None
    """None for a model that is trained without an adversarial loss."""
    dataset: PluginChoice
    augmentation: PluginChoice | None = None
    """None shows the discriminator images as they are."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    generator_optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    discriminator_optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig, metadata={"part": "measuring"})
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig, metadata={"part": "place"})
    data: DataConfig = field(default_factory=DataConfig, metadata={"part": "place"})
    metrics: tuple[PluginChoice, ...] = field(default=(), metadata={"part": "measuring"})
    """Metric families with options that somebody set; the others have their defaults."""

    @property
    def title(self) -> str:
        """The name without the folder of a plugin's file."""
        return without_folder(self.name)


SECTIONS: dict[str, Any] = {
    table.name: table.default_factory for table in dataclasses.fields(RunConfig) if table.default_factory is not dataclasses.MISSING
}
"""The tables of a configuration file besides those of the plugins, each with its class."""
SHORT_NAMES = {
    "loss": "loss.name",
    "dataset": "dataset.name",
    "kimg": "training.total_kimg",
    **{name: f"training.{name}" for name in ("seed", "batch_size", "precision", "runner", "kernels", "threads", "device")},
}
"""What a flag, and an axis of a matrix, is called for a configuration path; the names of stored cells are made of these."""
_FLAGS = SHORT_NAMES | {
    "augment": "augmentation.name",
    "force": "training.force",
    "deterministic": "training.deterministic",
    "data_root": "data.root",
    "extractor_weights": "evaluation.extractor_weights",
}
PLUGIN_SECTIONS = ("architecture", "loss", "dataset", "augmentation")
"""The tables of the plugins."""
PLUGIN_NAMES = ("name", *(f"{section}.name" for section in PLUGIN_SECTIONS))
"""The settings that name plugins."""
NO_PLUGIN = "none"
"""The name that leaves the augmentation out."""
SETTINGS: dict[str, dataclasses.Field[Any]] = {
    f"{section}.{f.name}": f for section, settings in SECTIONS.items() for f in dataclasses.fields(settings)
}
"""Every setting by its path, but the options of plugins."""
_TABLES = {f.name: f for f in dataclasses.fields(RunConfig)}


def without_folder(name: str) -> str:
    """Return ``my_gan.py:MyGAN`` for a plugin in a file, wherever that lies; other names stay as they are."""
    return os.path.basename(name) if ".py:" in name else name  # noqa: PTH119 - a name, and one of the file's only sometimes


def part_of(path: str, config: RunConfig | None = None) -> Part:
    """Return what a setting is part of, by its path.

    Records of other versions have settings that this one does not know: such a one is part of what its table is, and of the work where the
    table is unknown too.

    Args:
        path: of the setting.
        config: what has it; None for a record, which says by its work key what the options of its plugins are part of.
    """
    section, _, rest = path.partition(".")
    options = getattr(getattr(config, section, None), "options", None) if section in PLUGIN_SECTIONS else None
    own = {f.name: f for f in dataclasses.fields(options)} if options is not None else {}
    for declared in (own.get(rest.removeprefix("options.")), SETTINGS.get(path), _TABLES.get(section)):
        part: Part | None = declared.metadata.get("part") if declared is not None else None
        if part is not None:
            return part
    return "work"


def may_change(path: str, config: RunConfig | None = None) -> bool:
    """Tell whether a run may go on with another value of a setting; see :func:`part_of`."""
    return part_of(path, config) == "place" or (path in SETTINGS and bool(SETTINGS[path].metadata.get("may_change")))


def settings_of_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a command's flags set, by configuration path; flags that are not given, and those that are no settings, are left out.

    Args:
        flags: values by the names that ``ganbench run --help`` has, with underscores; None for one that is not given.
    """
    return {path: flags[name] for name, path in _FLAGS.items() if flags.get(name) is not None}
