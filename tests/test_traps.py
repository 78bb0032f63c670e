"""Mistakes that published GAN code makes, and the tests that would notice them here.

| trap | tests |
| --- | --- |
| 1. ``linspace(0, 2 pi, 8)`` with both ends makes 7 modes | tests/plugins/test_toy.py::test_the_ring_has_eight_modes_and_not_seven |
| 2. batch norm in a WGAN-GP critic | tests/plugins/test_resnet.py::test_batch_norm_in_a_wgan_gp_critic_is_refused, \
tests/plugins/test_wgan.py::test_the_critic_has_no_norm |
| 3. ``BatchNorm2d(c, 0.8)`` sets eps | tests/plugins/test_dcgan.py::test_batch_norm_has_torchs_eps_and_momentum, \
tests/plugins/test_mlp.py::test_batch_norm_is_where_and_as_the_sources_have_it |
| 4. in-place ReLU before a skip connection | tests/plugins/test_resnet.py::test_a_discriminator_block_is_its_formula, \
tests/plugins/test_biggan.py::test_no_activation_overwrites_what_a_shortcut_needs, \
tests/plugins/test_dcgan.py::test_activations_in_place_change_no_value_and_no_gradient |
| 5. sum or mean before the head | tests/plugins/test_resnet.py::test_pooling_is_a_sum_or_a_mean, \
tests/plugins/test_biggan.py::test_the_logit_is_a_linear_term_and_a_projection_of_summed_features |
| 6. [0, 1] with sigmoid, [-1, 1] with tanh | tests/plugins/test_mlp.py::test_both_networks_have_the_same_range |
| 7. the reference's split, and flips | tests/test_traps.py::test_the_reference_is_the_whole_train_split_unmirrored |
| 8. uint8 before the feature network | tests/training/test_inputs.py::test_images_are_bytes_of_the_newest_generator, \
tests/spaces/test_quantize.py::test_it_rounds_and_does_not_truncate |
| 9. counts of images that are never compared | tests/test_traps.py::test_another_count_is_another_metric, \
tests/verdict/test_quality.py::test_other_evaluation_keys_are_refused_with_their_fields |
| 10. ``cudnn.benchmark`` on by default | tests/test_traps.py::test_cudnn_benchmark_is_off_unless_it_is_asked_for |
| 11. the average without batch-norm buffers | tests/training/test_ema.py::test_buffers_are_copied_and_not_averaged, \
tests/plugins/test_biggan.py::test_the_average_has_the_running_statistics_of_the_trained_generator |
| 12. R1 without ``create_graph``, or detached | tests/plugins/test_losses.py::test_a_penalty_reaches_every_weight_of_a_real_discriminator |
| 13. a generator's batch of twice the size | tests/training/test_adversarial.py::test_the_generators_batch_may_be_larger, \
tests/plugins/test_resnet.py::test_recipes_train_as_their_sources |
| 14. WGAN's 100 critic steps at first | tests/test_traps.py::test_the_critic_has_a_hundred_steps_at_first_and_in_every_500th, \
tests/plugins/test_wgan.py::test_wgan_trains_as_its_source |
| 15. Adam's eps | tests/training/test_optimizers.py::test_adams_eps_is_1e_8_unless_the_source_says_otherwise |
| 16. one batch of real and generated images | \
tests/training/test_adversarial.py::test_real_and_generated_images_go_through_the_discriminator_apart |
| 17. fp16, and new blocks that add something | \
tests/plugins/test_r3gan.py::test_no_run_is_in_fp16, \
tests/plugins/test_r3gan.py::test_the_coarsest_maps_stay_in_fp32_where_the_run_is_in_bf16, \
tests/plugins/test_r3gan.py::test_a_new_block_is_the_identity_to_the_bit |
| 18. R1 and R2: a mean over pixels, another factor, now and then | \
tests/plugins/test_r3gan_training.py::test_r1_and_r2_of_a_linear_discriminator_are_its_squared_norm, \
tests/plugins/test_r3gan_training.py::test_the_penalties_are_part_of_every_step_and_of_the_logits_of_the_loss |
| 19. schedules by steps, and a beta2 that is copied once | \
tests/plugins/test_r3gan_training.py::test_another_batch_does_not_change_the_schedules, \
tests/plugins/test_r3gan_training.py::test_adam_is_torchs_whose_beta2_is_set_before_each_step, \
tests/plugins/test_r3gan_training.py::test_captured_steps_follow_every_schedule |
| 20. an average whose half-life is 0 | \
tests/plugins/test_r3gan_training.py::test_the_average_begins_as_a_copy |
| 21. relativistic pairs of two classes | \
tests/plugins/test_r3gan_training.py::test_a_pair_shares_its_class_in_both_updates, \
tests/plugins/test_r3gan_training.py::test_pairing_other_images_changes_the_value_and_not_its_expectation |
| 22. attention that is not pooled, or not the identity at first | \
tests/plugins/test_sagan.py::test_attention_begins_as_the_identity_and_attends_to_a_quarter_of_the_places, \
tests/plugins/test_sagan.py::test_the_cifar_networks_have_the_parameter_counts_of_studiogans_log |
| 23. SAGAN's two ways to train taken for one | \
tests/plugins/test_sagan.py::test_two_rates_and_five_steps_are_two_recipes |
| 24. augmented real images and generated ones as they are, or strength by accuracy | \
tests/plugins/test_ada.py::test_it_is_applied_to_real_and_generated_images_in_both_updates_and_hears_of_real_ones, \
tests/plugins/test_ada.py::test_the_strength_follows_the_published_rule |
| 25. lazy regularisation without its factor, or without the correction of rate and betas | \
tests/plugins/test_stylegan2_training.py::test_rate_and_betas_are_corrected_for_the_steps_that_are_more, \
tests/plugins/test_stylegan2_training.py::test_lazy_r1_is_a_step_of_its_own_k_times_as_strong, \
tests/plugins/test_stylegan2.py::test_each_recipe_has_its_parameter_counts |
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_algorithm import make
from torch import Tensor

from ganbench.config.resolve import Layer, resolve
from ganbench.plugin.manager import PluginManager
from ganbench.run.build import Materials, build
from ganbench.run.machine import set_numerics
from ganbench.run.plan import plan_run

ROOT = Path(__file__).parents[1]
MANAGER = PluginManager()


def table() -> dict[int, list[str]]:
    """Return the tests of each trap, from the table above."""
    rows = re.findall(r"^\| (\d+)\. .*? \| (.*) \|$", __doc__ or "", re.MULTILINE)
    return {int(number): re.findall(r"tests/\S+\.py::\w+", cells) for number, cells in rows}


def named_in(path: Path) -> set[str]:
    """Return the names of a file's test functions."""
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_trap_has_a_test() -> None:
    """All of them, in order, and each test that the table names is there."""
    found = table()
    assert list(found) == list(range(1, 26))
    assert [number for number, tests in found.items() if not tests] == []
    named = [test.split("::") for tests in found.values() for test in tests]
    assert [f"{path}::{name}" for path, name in named if name not in named_in(ROOT / path)] == []


@pytest.fixture
def materials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., Materials]]:
    """Return a function that builds what a small run on digits is made of; takes settings."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path))
    threads = torch.get_num_threads()

    def make(**settings: Any) -> Materials:
        small = {"architecture.options.generator_width": 4, "architecture.options.discriminator_width": 4, "training.device": "cpu"}
        layer = Layer(origin="test", settings={**small, **{k.replace("__", "."): v for k, v in settings.items()}})
        return build(plan_run(MANAGER, "dcgan", [layer]), MANAGER)

    yield make
    torch.set_num_threads(threads)


@pytest.mark.slow
def test_the_reference_is_the_whole_train_split_unmirrored(materials: Callable[..., Materials]) -> None:
    """Trap 7: the key names the split and the count; mirrored training images leave reference, floor and value alone."""
    pixels = torch.randint(0, 256, (200, 1, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = []
    for flip in (False, True):
        made = materials(training__horizontal_flip=flip, evaluation__metrics=("fd200_digits",))
        assert made.evaluator is not None
        (key,), (value,) = made.evaluator.keys(), made.evaluator.evaluate(lambda start, count: pixels[start : start + count])
        fields = dict(key.fields)
        assert (fields["reference_split"], fields["num_reference"]) == ("train", made.dataset.train.num_samples)
        assert fields["reference_hash"] == made.dataset.train.content_hash
        found.append((key, value))
    assert found[0] == found[1]


@pytest.mark.slow
def test_another_count_is_another_metric(materials: Callable[..., Materials]) -> None:
    """Trap 9: a Frechet distance falls with the count of images, so that the count is in the name and in the key."""
    made = materials(evaluation__metrics=("fd100_digits", "fd200_digits"))
    assert made.evaluator is not None
    small, large = made.evaluator.keys()
    assert {(name, ours, theirs) for name, ours, theirs in small.differences(large)} == {
        ("metric", "fd100_digits", "fd200_digits"),
        ("num_generated", 100, 200),
    }
    assert small.digest != large.digest


@pytest.mark.slow
def test_the_distance_does_fall_with_the_count(materials: Callable[..., Materials]) -> None:
    """Why trap 9 is one: real digits against real digits, nearer with each doubling."""
    made = materials(evaluation__metrics=("fd100_digits", "fd200_digits", "fd400_digits"))
    assert made.evaluator is not None
    images: Tensor = made.dataset.train.read(torch.randperm(made.dataset.train.num_samples, generator=torch.Generator().manual_seed(0)))
    values = [v.value for v in made.evaluator.evaluate(lambda start, count: images[start : start + count])]
    assert values == sorted(values, reverse=True)
    assert values[0] > 1.5 * values[2]


@pytest.mark.parametrize(("settings", "expected"), [({}, False), ({"training.cudnn_benchmark": True}, True)], ids=["default", "asked"])
def test_cudnn_benchmark_is_off_unless_it_is_asked_for(settings: dict[str, Any], expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap 10: a timed choice of algorithms gives other bits from run to run; whoever had it on before does not decide."""
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", not expected)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)
    config = resolve(MANAGER, "dcgan", [Layer(origin="test", settings=settings)]).config
    set_numerics(config, torch.device("cpu"))
    assert torch.backends.cudnn.benchmark is expected


def test_the_critic_has_a_hundred_steps_at_first_and_in_every_500th() -> None:
    """Trap 14: martinarjovsky/WassersteinGAN main.py; the images that are shown are counted with them."""
    algorithm = make({"training.d_steps": 5, "training.d_steps_boost": 100})
    boosted = {*range(25), 500, 1000}
    for iteration in (*range(30), 499, 500, 501, 999, 1000, 1001):
        steps = 100 if iteration in boosted else 5
        assert algorithm.plan(iteration) == (*["discriminator"] * steps, "generator")
        assert algorithm.samples_shown(iteration) == 8 * steps
    assert len(make({"training.d_steps": 5}).plan(0)) == 6
