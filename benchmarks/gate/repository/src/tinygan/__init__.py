"""A GAN of two layers, and a metric of its own: a third party's plugin."""

from dataclasses import dataclass

from ganbench import ArchitectureSpec, MetricSpec, PluginSpec, Quantity, both_optimizers, hookimpl


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Of both networks."""

    width: int = 64
    """Units of the hidden layers."""


GAN = ArchitectureSpec(
    name="tinygan",
    summary="a GAN of two layers",
    factory="tinygan.gan:build",
    options=Options,
    defaults=(
        ("training.total_kimg", 2.0),
        ("training.batch_size", 32),
        ("training.ema_halflife_kimg", 0.2),
        ("evaluation.metrics", ("spread500", "spread200")),
        *both_optimizers(learning_rate=2e-4, schedule="linear"),
    ),
)
SPREAD = MetricSpec(
    name="spread",
    summary="relative error of the pixels' standard deviation",
    factory="tinygan.spread:build",
    quantities=(Quantity(name="spread", label="spread error", higher_is_better=False),),
    looks_at="samples",
    spaces=("images",),
)


@hookimpl
def ganbench_register() -> list[PluginSpec]:
    """Return what this package has."""
    return [GAN, SPREAD]
