"""Schedules: closed forms, the text of an option, what is refused, and penalties whose weight moves in captured and resumed steps."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from random_images import context_on_random_images
from torch import Tensor

from ganbench import AdversarialAlgorithm, ConfigError
from ganbench.config.resolve import Layer, resolve
from ganbench.plugin.manager import PluginManager
from ganbench.testing.recorded_graph import RecordedGraphs
from ganbench.training.algorithm import execute
from ganbench.training.graph_runner import GraphRunner
from ganbench_losses.penalties import ScheduledPenalty
from ganbench_schedules import Schedule, read_schedule
from ganbench_schedules.number import ScheduledNumber

MANAGER = PluginManager()
CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("text", "half", "quarter"),
    [
        ("linear:10:1:2:6", 5.5, 7.75),
        ("cosine:10:1:2:6", 5.5, 5.5 + 4.5 * math.sqrt(0.5)),
        ("exponential:10:1:2:6", math.sqrt(10), 10**0.75),
        ("exponential:1:10:2:6", math.sqrt(10), 10**0.25),
        ("linear:0:-4:2:6", -2.0, -1.0),
    ],
)
def test_a_schedule_has_its_closed_form(text: str, half: float, quarter: float) -> None:
    """Halfway, a quarter of the way, and both ends to the bit, however far beyond."""
    schedule = read_schedule("gamma", text)
    assert [schedule.value(seen) for seen in (4000, 3000)] == pytest.approx([half, quarter], rel=1e-12)
    _, first, last, *_ = text.split(":")
    assert [schedule.value(seen) for seen in (0, 2000, 6000, 10**9)] == [float(first)] * 2 + [float(last)] * 2


@pytest.mark.parametrize("value", [0.1, "0.1", 3, "3"])
def test_a_number_is_a_constant_to_the_bit(value: float | str) -> None:
    """Whatever was written before there were schedules."""
    schedule = read_schedule("gamma", value)
    assert schedule.kind == "constant"
    assert [schedule.value(seen) for seen in (0, 10**7)] == [float(value)] * 2


FORM = r"gamma must be a number or KIND:FIRST:LAST:FROM_KIMG:TO_KIMG: "
REFUSED = {
    "fast": FORM + "'fast' is no number",
    "nan": FORM + r"first must be finite \(got nan\)",
    "1e999": FORM + r"first must be finite \(got inf\)",
    "": FORM + "'' is no number",
    "step:1:2:0:9": FORM + r"KIND is linear, cosine or exponential, and four numbers follow \(got 'step:1:2:0:9'\)",
    "constant:1:2:0:9": FORM + "KIND is",
    "cosine:1:2:9": FORM + "KIND is",
    "cosine:1:2:0:9:9": FORM + "KIND is",
    "cosine:1:b:0:9": FORM + "'b' is no number",
    "cosine:1:2:0:inf": FORM + r"end_kimg must be finite \(got inf\)",
    "cosine:1:2:9:9": FORM + r"end_kimg must be above start_kimg, 9 \(got 9\)",
    "cosine:1:2:-1:9": FORM + r"start_kimg must be 0 or more \(got -1\)",
    "exponential:1:0:0:9": FORM + r"first and last of an exponential must be above 0 \(got 1 and 0\)",
    "linear:1:-2:0:9": r"gamma must be 0 or more \(got linear:1:-2:0:9\)",
    "-1": r"gamma must be 0 or more \(got -1\)",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_schedule_is_refused_in_one_line(text: str) -> None:
    """With the option's name, what is wrong and the form."""
    with pytest.raises(ValueError, match=REFUSED[text]) as refusal:
        read_schedule("gamma", text, least=0)
    assert "\n" not in str(refusal.value)


def test_both_bounds_hold_at_both_ends() -> None:
    """A probability, for instance."""
    assert read_schedule("p", "linear:0:1:0:9", least=0, most=1).last == 1
    for text in ("linear:0:1.5:0:9", "linear:1.5:0:0:9"):
        with pytest.raises(ValueError, match=rf"p must be between 0 and 1 \(got {text}\)"):
            read_schedule("p", text, least=0, most=1)


def test_a_number_is_written_in_place_and_saved() -> None:
    """A captured step keeps the tensor."""
    number = ScheduledNumber(Schedule(kind="linear", first=1.0, last=0.0, end_kimg=0.1))
    tensor = number()
    number.set_progress(25)
    assert number() is tensor
    assert float(tensor) == 0.75
    assert number.state_dict() == {"value": tensor}
    assert number.to(torch.float64).value.dtype == torch.float64  # a buffer, so that it goes where its module goes


def make(**options: Any) -> AdversarialAlgorithm:
    """Build the default iteration of a narrow network with a loss of these options on random images."""
    settings = {"training.batch_size": 8, "training.total_kimg": 0.08, "loss.name": "logistic"}
    layer = Layer(origin="test", settings={**settings, **{f"loss.options.{name}": value for name, value in options.items()}})
    config = resolve(MANAGER, "resnet", [layer], {"generator_width": "8", "discriminator_width": "8", "latent_dim": "4"}).config
    return AdversarialAlgorithm(context_on_random_images(MANAGER, config, resolution=16))


def train(algorithm: AdversarialAlgorithm, iterations: range) -> None:
    for i in iterations:
        algorithm.set_progress(8 * i)
        execute(algorithm, i)


def weights(algorithm: AdversarialAlgorithm) -> dict[str, Tensor]:
    return {f"{n}.{k}": v.clone() for n, m in algorithm.modules().items() for k, v in m.state_dict().items()}


def differing(a: dict[str, Tensor], b: dict[str, Tensor]) -> list[str]:
    return [name for name in a if not torch.equal(a[name], b[name])]


MOVING = {"r1_gamma": "cosine:10:1:0:0.04", "drift": "exponential:1:0.01:0.01:0.05"}


def test_a_penaltys_weight_follows_its_schedule() -> None:
    """Told as the penalty, it is its constant times where the schedule stands."""
    moving, constant = make(r1_gamma="linear:2:4:0:0.016"), make(r1_gamma=3.0)
    penalty = moving.objective.penalties[0]
    assert isinstance(penalty, ScheduledPenalty)
    assert (penalty.name, penalty.needs_independent_samples) == ("r1", True)
    for algorithm in (moving, constant):
        algorithm.set_progress(8)
    random = torch.Generator().manual_seed(0)
    real = torch.randn(8, 1, 16, 16, generator=random)

    def discriminate(images: Tensor) -> Tensor:
        return images.square().sum((1, 2, 3))

    values = [float(a.objective.penalties[0](discriminate, real, real, lambda n: torch.zeros(n)).detach()) for a in (moving, constant)]
    assert values[0] == pytest.approx(values[1], rel=1e-6)
    assert float(penalty.weight()) == 3.0


def test_all_five_weights_may_move() -> None:
    """And one that is 0 at both ends is off."""
    names = ("r1_gamma", "r2_gamma", "gp_weight", "dragan_weight", "drift")
    assert [p.name for p in make(**dict.fromkeys(names, "linear:0:1:0:1")).objective.penalties] == [
        "r1",
        "r2",
        "gradient-penalty",
        "dragan",
        "drift",
    ]
    assert make(r1_gamma="linear:0:0:0:1").objective.penalties == ()


def test_captured_and_resumed_steps_have_the_same_bits() -> None:
    """The step is captured once, and the weight moves in it."""
    eager, captured, first, resumed = make(**MOVING), make(**MOVING), make(**MOVING), make(**MOVING)
    graphs = RecordedGraphs()
    runner = GraphRunner(captured, CPU, graphs)
    runner.start()
    captures = graphs.captures
    for i in range(6):
        captured.set_progress(8 * i)
        runner.run(i)
    train(eager, range(6))
    assert differing(weights(eager), weights(captured)) == []
    assert graphs.captures == captures
    train(first, range(3))
    resumed.load_state_dict(copy.deepcopy(first.state_dict()))
    train(resumed, range(3, 6))
    assert differing(weights(eager), weights(resumed)) == []
    still = make(r1_gamma=10.0, drift=1.0)
    train(still, range(6))
    assert differing(weights(still), weights(eager)) != []


def test_an_option_that_is_no_schedule_is_refused_before_the_run() -> None:
    """By its name in the configuration."""
    with pytest.raises(ConfigError, match=r"loss\.r1_gamma must be a number or KIND:FIRST:LAST:FROM_KIMG:TO_KIMG: 'cosin' is no number"):
        make(r1_gamma="cosin")
