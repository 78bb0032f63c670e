"""The bounds that options have in common, and the settings that both optimizers do."""

from __future__ import annotations

import pytest

from ganbench.config.values import at_least, fraction
from ganbench.spec import both_optimizers


def test_what_is_within_its_bound_passes_and_what_is_unset_too() -> None:
    """The bound itself is allowed."""
    at_least(1, width=1, depth=7, height=None)
    at_least(0.5, weight=0.5)
    fraction(dropout=0.0, rate=0.999)


@pytest.mark.parametrize(
    ("lowest", "value", "message"),
    [
        (1, 0, "width must be 1 or more (got 0)"),
        (0, -0.5, "width must be 0 or more (got -0.5)"),
        (0.5, 0.25, "width must be 0.5 or more (got 0.25)"),
        (0, float("nan"), "width must be 0 or more (got nan)"),
    ],
)
def test_what_is_below_its_bound_is_refused(lowest: float, value: float, message: str) -> None:
    """With field, bound and value, behind one that passes; NaN is below every bound."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        at_least(lowest, height=lowest, width=value)
    assert str(caught.value) == message


@pytest.mark.parametrize("value", [-0.1, 1.0, float("nan")])
def test_what_is_no_fraction_is_refused(value: float) -> None:
    """0 is one and 1 is none."""
    with pytest.raises(ValueError, match=rf"^dropout must be at least 0 and below 1 \(got {value}\)$"):
        fraction(rate=0.5, dropout=value)


def test_both_optimizers_are_set_alike() -> None:
    """Each path once for each network, in the order given."""
    assert both_optimizers(kind="adam", eps=1e-8) == (
        ("generator_optimizer.kind", "adam"),
        ("generator_optimizer.eps", 1e-8),
        ("discriminator_optimizer.kind", "adam"),
        ("discriminator_optimizer.eps", 1e-8),
    )
