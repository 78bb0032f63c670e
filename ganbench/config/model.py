"""What a run is, fully resolved: nothing downstream fills in, guesses or checks again."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

RUNNERS = ("eager", "cuda_graph", "compile")
"""How a step can be executed."""
KERNELS = ("ref", "triton")
"""What the fused ops can be."""
Precision = Literal["fp32", "bf16"]
Schedule = Literal["constant", "linear", "cosine", "exponential"]


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
class TrainingConfig:
    """How long, how fast, and with which numerics."""

    total_kimg: float = 100.0
    """Budget in thousands of real images shown to the discriminator."""
    batch_size: int = 64
    """Real images in one discriminator step."""
    generator_batch_factor: int = 1
    """Generator batch as a multiple of batch_size; SNGAN and WGAN-GP use 2."""
    d_steps: int = 1
    """Discriminator steps for each generator step."""
    d_steps_boost: int = 0
    """Discriminator steps in the first 25 iterations and in every 500th (martinarjovsky/WassersteinGAN: 100); 0 takes d_steps there too."""
    seed: int = 0
    """Seed of weights, latents and the order of the data."""
    ema_halflife_kimg: float = 2.0
    """Half-life of the averaged generator that is evaluated; 0 evaluates the raw generator."""
    ema_start_kimg: float = 0.0
    """The average is a copy of the generator until then."""
    penalty_every: int = 1
    """Apply the loss's penalties in every n-th discriminator step, with n times their weight (Karras et al. 2020, lazy regularisation)."""
    shared_fakes: bool = True
    """One generator forward serves both updates, as in pytorch/examples; takes effect with d_steps = 1 and equal batches."""
    horizontal_flip: bool = False
    """Mirror half of the real images."""
    dequantise: bool = False
    """Add U(0, 1/128), one grey level, to each pixel of the real images."""
    packing: int = 1
    """Images that the discriminator judges at once (Lin et al. 2018, PacGAN), where the architecture can."""
    force: bool = False
    """Train a pair of architecture and loss that makes no sense; the record says so."""
    precision: Precision = "fp32"
    """bf16 runs the networks under autocast; weights, losses and optimizers stay in fp32."""
    tf32: bool = False
    """Let NVIDIA GPUs use TF32 in fp32 matrix products and convolutions."""
    channels_last: bool = True
    """NHWC memory layout, which convolutions and tensor cores like; the results agree up to rounding."""
    deterministic: bool = False
    """Only deterministic algorithms; on a CPU runs are deterministic anyway."""
    cudnn_benchmark: bool = False
    """Let cuDNN time its algorithms; faster, and not the same bits from run to run."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    runner: str = "auto"
    """How the step is executed: auto, eager, cuda_graph or compile; auto replays CUDA graphs on a GPU and is eager on a CPU."""
    kernels: str = "auto"
    """The fused ops: triton, ref (plain PyTorch), or auto, which is Triton on a GPU."""
    threads: int = 0
    """CPU threads; 0 measures which count is fastest in the first seconds."""
    keep_memory: bool = True
    """On a CPU, keep freed memory for the next step instead of giving it back to the system (glibc)."""
    workers: int = 2
    """Processes that decode a streamed dataset."""
    max_abs_logit: float = 1e4
    """The run counts as diverged when the mean absolute logit of a reporting interval exceeds this; 0 turns the check off."""

    def __post_init__(self) -> None:
        _require(self.total_kimg > 0 and math.isfinite(self.total_kimg), "total_kimg", self.total_kimg, "above 0")
        _require(self.batch_size >= 1, "batch_size", self.batch_size, "1 or more")
        _require(self.generator_batch_factor >= 1, "generator_batch_factor", self.generator_batch_factor, "1 or more")
        _require(self.d_steps >= 1, "d_steps", self.d_steps, "1 or more")
        _require(self.d_steps_boost >= 0, "d_steps_boost", self.d_steps_boost, "0 or more")
        _require(self.packing >= 1, "packing", self.packing, "1 or more")
        divisible = self.batch_size % self.packing == 0
        _require(divisible, "packing", self.packing, f"a divisor of batch_size, which is {self.batch_size}")
        _require(self.penalty_every >= 1, "penalty_every", self.penalty_every, "1 or more")
        _require(0 <= self.seed < 2**63, "seed", self.seed, "between 0 and 2^63 - 1")
        _require(self.ema_halflife_kimg >= 0, "ema_halflife_kimg", self.ema_halflife_kimg, "0 or more")
        _require(self.ema_start_kimg >= 0, "ema_start_kimg", self.ema_start_kimg, "0 or more")
        _require(0 <= self.threads <= 1024, "threads", self.threads, "between 0 and 1024")
        _require(0 <= self.workers <= 256, "workers", self.workers, "between 0 and 256")
        _require(self.max_abs_logit >= 0, "max_abs_logit", self.max_abs_logit, "0 or more")
        known = self.runner in ("auto", *RUNNERS)
        _require(known, "runner", repr(self.runner), "auto, eager, cuda_graph or compile")
        _require(self.kernels in ("auto", *KERNELS), "kernels", repr(self.kernels), "auto, triton or ref")
        head, _, index = self.device.partition(":")
        known = self.device in ("auto", "cpu", "cuda") or (head == "cuda" and index.isdigit())
        _require(known, "device", repr(self.device), "auto, cpu, cuda or cuda:N")


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimizerConfig:
    """One network's optimizer."""

    kind: Literal["adam", "rmsprop", "sgd"] = "adam"
    learning_rate: float = 2e-4
    beta1: float = 0.5
    """Adam only."""
    beta2: float = 0.999
    """Adam only."""
    eps: float = 1e-8
    weight_decay: float = 0.0
    """L2 penalty added to the gradient."""
    rmsprop_alpha: float = 0.99
    """Smoothing constant; RMSprop only."""
    schedule: Schedule = "constant"
    """How the learning rate falls over total_kimg: not at all, linearly or along a half cosine to 0; or by halves, whatever the budget."""
    schedule_start_kimg: float = 0.0
    """The learning rate is constant until then."""
    halflife_kimg: float = 0.0
    """Exponential schedule only: how long it takes to halve the learning rate."""
    min_learning_rate: float = 0.0
    """Exponential schedule only: it falls no lower."""
    momentum: float = 0.0
    """SGD only: the part of the last step that is made again."""
    final_momentum: float | None = None
    """SGD only: where the momentum rises to, in a straight line; unset: it stays."""
    momentum_ramp_kimg: float = 0.0
    """SGD only: when final_momentum is reached; 0 begins with it."""

    def __post_init__(self) -> None:
        _require(self.learning_rate > 0 and math.isfinite(self.learning_rate), "learning_rate", self.learning_rate, "above 0")
        _require(0 <= self.beta1 < 1, "beta1", self.beta1, "at least 0 and below 1")
        _require(0 <= self.beta2 < 1, "beta2", self.beta2, "at least 0 and below 1")
        _require(self.eps > 0, "eps", self.eps, "above 0")
        _require(self.weight_decay >= 0, "weight_decay", self.weight_decay, "0 or more")
        _require(0 <= self.rmsprop_alpha < 1, "rmsprop_alpha", self.rmsprop_alpha, "at least 0 and below 1")
        _require(self.schedule_start_kimg >= 0, "schedule_start_kimg", self.schedule_start_kimg, "0 or more")
        halves = self.halflife_kimg > 0 or (self.schedule != "exponential" and self.halflife_kimg == 0)
        _require(halves, "halflife_kimg", self.halflife_kimg, "above 0 with the exponential schedule, and 0 or more without")
        _require(0 <= self.min_learning_rate <= self.learning_rate, "min_learning_rate", self.min_learning_rate, "0 to learning_rate")
        final = self.momentum if self.final_momentum is None else self.final_momentum
        for name, value in (("momentum", self.momentum), ("final_momentum", final)):
            _require(0 <= value < 1, name, value, "at least 0 and below 1")
        _require(self.momentum_ramp_kimg >= 0, "momentum_ramp_kimg", self.momentum_ramp_kimg, "0 or more")


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationConfig:
    """What is measured, and how often."""

    metrics: tuple[str, ...] = ("auto",)
    """Full names (``fd5k_digits``); auto takes the dataset's own, none (or an empty list) measures nothing."""
    every_kimg: float = 0.0
    """Cadence; 0 divides the budget into four. The first evaluation is before the first step."""
    batch_size: int = 250
    """Images in one pass of the generator and the extractor."""
    samples_every_kimg: float = 0.0
    """Cadence of the sample grids; 0 follows the evaluations."""
    grid_size: int = 10
    """Rows and columns of a sample grid."""
    truncation: float = 0.0
    """Draw components of z beyond this again (Brock et al. 2019); 0 draws as in training. Normal latents only."""
    extractor_weights: str = ""
    """Weights file for an extractor that needs one."""

    def __post_init__(self) -> None:
        _require(self.every_kimg >= 0, "every_kimg", self.every_kimg, "0 or more")
        _require(self.samples_every_kimg >= 0, "samples_every_kimg", self.samples_every_kimg, "0 or more")
        _require(self.batch_size >= 1, "batch_size", self.batch_size, "1 or more")
        # Below 0.01 nearly every draw would be drawn again.
        _require(self.truncation == 0 or self.truncation >= 0.01, "truncation", self.truncation, "0, or 0.01 or more")
        _require(1 <= self.grid_size <= 32, "grid_size", self.grid_size, "between 1 and 32")


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointConfig:
    """When the state of a run is saved."""

    every_kimg: float = 0.0
    """Cadence; 0 follows the evaluations. Ctrl-C and the end of the run always save."""
    keep: int = 2
    """Checkpoints that are kept."""

    def __post_init__(self) -> None:
        _require(self.every_kimg >= 0, "every_kimg", self.every_kimg, "0 or more")
        _require(self.keep >= 1, "keep", self.keep, "1 or more")


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """Where datasets are found."""

    root: str = ""
    """Folder that holds the datasets; empty uses GANBENCH_DATA, the system's folders and the cache."""
    download: bool = True
    """Whether the network may be asked for datasets and weights."""
    resident_limit_mib: float = 2048.0
    """A split that is larger than this when decoded streams from disk."""

    def __post_init__(self) -> None:
        _require(self.resident_limit_mib >= 0, "resident_limit_mib", self.resident_limit_mib, "0 or more")


@dataclass(frozen=True, kw_only=True, slots=True)
class RunConfig:
    """One run, fully resolved."""

    name: str
    """The recipe or architecture as the user named it."""
    architecture: PluginChoice
    loss: PluginChoice
    dataset: PluginChoice
    augmentation: PluginChoice | None = None
    """None shows the discriminator images as they are."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    generator_optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    discriminator_optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    data: DataConfig = field(default_factory=DataConfig)
    metrics: tuple[PluginChoice, ...] = ()
    """Metric families with options that somebody set; the others have their defaults."""


SECTIONS: dict[str, type] = {
    "training": TrainingConfig,
    "generator_optimizer": OptimizerConfig,
    "discriminator_optimizer": OptimizerConfig,
    "evaluation": EvaluationConfig,
    "checkpoint": CheckpointConfig,
    "data": DataConfig,
}
"""The tables of a configuration file besides those of the plugins."""
PLUGIN_SECTIONS = ("architecture", "loss", "dataset", "augmentation")
"""The tables of the plugins."""
NO_PLUGIN = "none"
"""The name that leaves the augmentation out."""
