"""The loops that whole steps are measured with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ganbench.errors import RunFailed
from ganbench_bench.step import bench, check
from ganbench_bench.step.bench import StepSettings, measure_steps
from ganbench_bench.step.by_hand import ByHand
from ganbench_bench.step.check import check_arithmetic, compare_losses
from ganbench_bench.step.entries import PUBLISHED, choose_entries, obstacle
from ganbench_bench.step.feeds import from_tensor
from ganbench_bench.step.harness import Harness
from ganbench_bench.step.plain_networks import plain
from ganbench_bench.step.published import Published
from ganbench_bench.step.row import Entry
from ganbench_bench.step.settings import settings_of
from ganbench_kernels import BiasAct, ConvBiasAct, NormAct

CPU = torch.device("cpu")
SMALL = ("generator_width=4", "discriminator_width=4", "latent_dim=6", "dataset.resolution=8")


def settings(**changes: object) -> dict[str, object]:
    arguments: dict = {"dataset": "digits", "batch_size": "16", "precision": "fp32", "options": SMALL, **changes}
    return settings_of("dcgan", CPU, **arguments)


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    """A tiny one."""
    with closing(Harness("dcgan", settings(), tmp_path / "run", threads=1)) as made:
        yield made


def test_plain_networks_compute_the_same_with_torch_s_own_layers() -> None:
    """Same parameters, same buffers, no layer of ours; what has no counterpart takes its reference."""
    network = nn.Sequential(
        ConvBiasAct(3, 4, 3, stride=2, padding=1), nn.Sequential(nn.Conv2d(4, 4, 1), NormAct(4, negative_slope=0.0)), NormAct(4), BiasAct(4)
    )
    images = torch.randn(5, 3, 8, 8)
    parameters = list(network.parameters())
    expected = network(images)
    made = plain(network)
    torch.testing.assert_close(made(images), expected)
    assert {p.data_ptr() for p in made.parameters()} == {p.data_ptr() for p in parameters}
    assert not any(isinstance(m, (NormAct, ConvBiasAct)) for m in made.modules())
    assert [m.impl for m in made.modules() if hasattr(m, "impl")] == ["ref"]
    assert sum(int(b) for name, b in made.named_buffers() if name.endswith("num_batches_tracked")) == 4


@pytest.mark.slow
def test_the_published_loop_has_no_layer_of_ours(harness: Harness) -> None:
    """Nor has the loop by hand: they are what ours is measured against."""
    for network in harness.networks():
        assert not any(hasattr(m, "impl") for m in network.modules())
        assert all(p.is_contiguous() for p in network.parameters())


@pytest.mark.slow
def test_all_loops_train_alike(harness: Harness) -> None:
    """In float64 to nine digits, the harness in float32 to rounding."""
    check_arithmetic(harness)
    published = Published(harness, from_tensor(harness)).losses(3)
    torch.testing.assert_close(ByHand(harness, average=False).losses(3), published, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(harness.losses(3), published, rtol=1e-3, atol=1e-4)


def test_another_training_is_refused(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """A published loop that sees other batches stands for an architecture that it cannot train."""

    def shifted(*arguments: object) -> Iterator[Tensor]:
        batches = from_tensor(*arguments)  # type: ignore[arg-type]
        next(batches)
        return batches

    monkeypatch.setattr(check, "from_tensor", shifted)
    with pytest.raises(RunFailed, match=r"the published loop and ganbench train differently: losses differ by .* in float64"):
        check_arithmetic(harness)


def test_a_step_that_is_issued_is_a_step(harness: Harness) -> None:
    """The same as one of the trainer's."""
    harness.run(1)
    harness.issue()
    harness.run(1)
    assert len(harness.losses(1)) == 1
    assert len(harness.materials.algorithm.trajectory()) == 4


@pytest.mark.parametrize(
    ("change", "precision", "expected"),
    [
        (lambda losses: losses * 1.02, "fp32", ""),
        (lambda losses: losses * 1.2, "fp32", "the discriminator's loss of step 1 is 1.2, the published loop's 1"),
        (lambda losses: losses * 1.1, "bf16", ""),
        (
            lambda losses: losses + torch.tensor([[0.0, 0.0], [0.0, 2.0]]),
            "bf16",
            "the generator's loss of step 2 is 6, the published loop's 4",
        ),
        (lambda losses: losses * float("nan"), "fp32", "a loss of the first steps is not finite"),
    ],
)
def test_first_losses_are_compared(change, precision: str, expected: str) -> None:
    """With room for what Adam's first steps make of rounding, and not for another training."""
    losses = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert compare_losses(change(losses), losses, precision) == expected


def test_what_cannot_run_on_a_cpu_has_a_reason() -> None:
    """Graphs, Triton, and compiling where it is off."""
    entries = choose_entries(CPU, ("eager", "cuda_graph", "compile"), ("ref", "triton"))
    reasons = {str(entry): obstacle(entry, CPU, compiles="off") for entry in entries}
    assert reasons == {
        "pytorch/examples": "",
        "  + torch.compile default": "off",
        "  + all a user can do default": "off",
        "ganbench eager ref": "",
        "ganbench eager triton": "Triton needs a GPU",
        "ganbench cuda_graph ref": "a CUDA graph needs a GPU",
        "ganbench cuda_graph triton": "a CUDA graph needs a GPU",
        "ganbench compile ref": "off",
        "ganbench compile triton": "Triton needs a GPU",
    }


def test_a_gpu_tries_both_modes_of_torch_compile() -> None:
    """The faster one counts."""
    entries = choose_entries(torch.device("cuda"), ("eager",), ("ref",))
    assert [str(e) for e in entries] == [
        "pytorch/examples",
        "  + torch.compile default",
        "  + torch.compile reduce-overhead",
        "  + all a user can do reduce-overhead",
        "ganbench eager ref",
    ]
    default, reduced, tuned = entries[1:4]
    assert bench._best_compiled({PUBLISHED: [1.0], default: [3.0, 3.0], reduced: [2.0, 2.0]}) == [2.0, 2.0]
    assert bench._best_compiled({default: [3.0, 3.0], reduced: [2.0, 2.0], tuned: [1.5, 1.5]}) == [1.5, 1.5]
    assert bench._best_compiled({PUBLISHED: [1.0]}) is None


def measure(*, keep: bench.Keep = lambda report: None, **changes: object):
    fields = {
        "plugin": "dcgan",
        "settings": settings(),
        "precision": "fp32",
        "device": CPU,
        "entries": tuple(choose_entries(CPU, ("eager", "cuda_graph"), ("ref",))),
        "compiles": "off",
        "blocks": 2,
        "seconds": 0.5,
    }
    return measure_steps(StepSettings(**{**fields, **changes}), keep=keep)  # type: ignore[arg-type]


@pytest.mark.slow
def test_every_loop_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """With figures or with a reason; the published loop's speed-up over itself is 1. The clock of the limit stands still."""
    monkeypatch.setattr(bench, "_too_late", lambda began, seconds: "")
    report = measure()
    assert [row.status for row in report.rows] == ["ok", "not run", "not run", "ok", "not run"]
    published, compiled, _, eager, _ = report.rows
    assert compiled.reason == "off"
    assert published.measured is not None
    assert published.measured.speedup_over_published is not None
    assert published.measured.speedup_over_published.median == 1.0
    assert eager.measured is not None
    assert eager.measured.samples_per_second.median == pytest.approx(16e3 / eager.measured.milliseconds.median, rel=0.5)
    assert eager.measured.speedup_over_compile is None
    assert len(eager.first_losses) == check.CHECKED_STEPS
    assert 0 < eager.measured.error < 1e-3
    assert eager.measured.ready_seconds > 0
    assert report.flops > 0
    assert eager.measured.percent_of_matrix_rate == pytest.approx(
        1e-7 * report.flops / report.matrix_tflops.median / eager.measured.milliseconds.median
    )
    assert report.trained == {"plugin": "dcgan", "dataset": "digits", "batch_size": 16}


@pytest.mark.slow
def test_what_is_known_is_kept_and_an_interrupt_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """After each loop that is ready and after each block; here Ctrl-C comes at the end of the first block."""
    monkeypatch.setattr(bench, "_too_late", lambda began, seconds: "")
    kept: list[bench.StepReport] = []

    def keep(report: bench.StepReport) -> None:
        kept.append(report)
        if report.blocks:
            raise KeyboardInterrupt

    report = measure(keep=keep)
    assert [one.rows[0].reason for one in kept] == [bench.NOT_TIMED, bench.NOT_TIMED, ""]
    assert kept[0].rows[3].reason == bench.NOT_REACHED
    assert (report.is_interrupted, report.blocks, report.rows[3].status) == (True, 1, "ok")


@pytest.mark.slow
def test_the_best_that_a_user_can_make_of_the_published_loop_trains_alike(harness: Harness) -> None:
    """In channels_last and with fused Adam."""
    expected = Published(harness, from_tensor(harness)).losses(3)
    tuned = Published(harness, from_tensor(harness), tuned=True)
    torch.testing.assert_close(tuned.losses(3), expected, rtol=1e-3, atol=1e-4)
    assert all(adam.defaults["fused"] for adam in (tuned._adam_d, tuned._adam_g))
    weights = [p for p in tuned._discriminator.parameters() if p.ndim == 4]
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in weights)


@pytest.mark.slow
def test_a_loop_with_other_losses_is_wrong_and_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here a harness whose losses are twice what they should be."""
    monkeypatch.setattr(bench, "_too_late", lambda began, seconds: "")
    honest = Harness.losses
    monkeypatch.setattr(Harness, "losses", lambda self, steps: 2 * honest(self, steps))
    report = measure()
    assert [row.status for row in report.rows] == ["ok", "not run", "not run", "wrong", "not run"]
    assert report.rows[3].measured is None
    assert "the published loop's" in report.rows[3].reason


def test_a_loop_that_comes_too_late_says_so() -> None:
    """All of them, where there was no time at all."""
    report = measure(seconds=1e-9, entries=(PUBLISHED,))
    assert report.rows[0].reason == "no time was left to make it ready (--seconds 1e-09)"


@pytest.mark.slow
def test_a_runner_that_fails_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does not exist stands for one that cannot start."""
    monkeypatch.setattr(bench, "_too_late", lambda began, seconds: "")
    report = measure(entries=(PUBLISHED, Entry(loop="ganbench", how="steam", kernels="ref")))
    assert report.rows[1].status == "not run"
    assert "training.runner must be" in report.rows[1].reason


@pytest.mark.parametrize(("precision", "expected"), [("fp32", ("fp32", False)), ("tf32", ("fp32", True)), ("bf16", ("bf16", False))])
def test_tf32_is_fp32_with_torch_s_default_for_convolutions(precision: str, expected: tuple[str, bool]) -> None:
    """As the published loop has it on any GPU; fp32 is without."""
    made = settings(precision=precision)
    assert (made["training.precision"], made["training.tf32"]) == expected


def test_settings_follow_the_published_loop() -> None:
    """Whatever the recipe says: loss, optimizers, no average, no labels; synthetic images where no dataset is named."""
    made = settings_of("dcgan-32", CPU, dataset=None, batch_size=None, precision="bf16")
    assert made["loss.name"] == "logistic"
    assert made["training.shared_fakes"] is True
    assert made["generator_optimizer.beta2"] == 0.999
    assert made["architecture.options.conditional"] is False
    assert made["dataset.name"] == "synthetic"
    assert made["training.precision"] == "bf16"
    assert "training.batch_size" not in made
    assert settings_of("dcgan", CPU, dataset=None, batch_size=None, precision="fp32", quick=True)["dataset.options.num_images"] == 128
