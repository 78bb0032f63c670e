"""Samples are a pure function of their index, whatever the batch size and the moment."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ganbench.training.inputs import Latents, SampleStream, grid_labels
from ganbench_spaces.images import ImageSpace


class Echo(nn.Module):
    """Returns its latents as an image of one column, with the label in the last row."""

    def forward(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        column = labels.float() / 10 if labels is not None else torch.zeros(len(latents))
        return torch.cat([latents.clamp(-1, 1), column[:, None]], dim=1)[:, None, :, None]


def samples(conditional: bool = False, generator: nn.Module | None = None, **arguments: object) -> SampleStream:
    generator = generator or Echo()
    given = {"count": 40, "seed": 0, "purpose": "evaluation", "space": ImageSpace(1, 6, 1), "device": torch.device("cpu"), **arguments}
    return SampleStream(generator, Latents(5, labels=conditional), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("batch", [1, 7, 40])
def test_the_batch_size_does_not_matter(batch: int) -> None:
    """Latents and labels of a sample belong to its index."""
    pool = torch.arange(10)
    stream = samples(conditional=True, label_pool=pool)
    pieces = [stream(start, min(batch, 40 - start)) for start in range(0, 40, batch)]
    assert torch.equal(torch.cat(pieces), samples(conditional=True, label_pool=pool)(0, 40))


def test_a_real_generator_agrees_up_to_rounding() -> None:
    """Another batch size may sum in another order: at most one grey level."""
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(5, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8)))
    forward = generator.forward
    generator.forward = lambda latents, labels: forward(latents)  # type: ignore[method-assign]
    stream = samples(generator=generator)
    single = torch.cat([stream(i, 1) for i in range(40)])
    assert (single.int() - stream(0, 40).int()).abs().max() <= 1


def test_images_are_bytes_of_the_newest_generator() -> None:
    """The latents stay, the network is read at each call."""
    generator = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Unflatten(1, (1, 2, 2)))
    forward = generator.forward
    generator.forward = lambda latents, labels: forward(latents)  # type: ignore[method-assign]
    stream = samples(generator=generator)
    before = stream(0, 4)
    assert before.dtype == torch.uint8
    assert before.shape == (4, 1, 2, 2)
    assert torch.equal(stream(0, 4), before)
    with torch.no_grad():
        generator[0].weight.neg_()
    assert not torch.equal(stream(0, 4), before)


def test_each_purpose_and_seed_has_its_own_latents() -> None:
    """The grid shows other samples than the metrics see."""
    first = samples()(0, 40)
    assert not torch.equal(first, samples(purpose="grid")(0, 40))
    assert not torch.equal(first, samples(seed=1)(0, 40))
    assert torch.equal(first, samples()(0, 40))


def test_the_global_random_stream_is_not_touched() -> None:
    """Making samples changes nothing for the training."""
    before = torch.get_rng_state()
    samples(conditional=True, label_pool=torch.arange(3))(0, 40)
    assert torch.equal(torch.get_rng_state(), before)


def test_labels_follow_the_train_split() -> None:
    """Drawn from its labels, so a class that is not there is never generated, and a frequent one is frequent."""
    drawn = samples(conditional=True, label_pool=torch.tensor([3, 3, 3, 8]), count=400).labels
    assert drawn is not None
    assert set(drawn.tolist()) == {3, 8}
    assert 0.65 < (drawn == 3).float().mean() < 0.85


def test_samples_that_are_not_asked_for_by_label_have_none() -> None:
    """Metrics that need labels are told so."""
    assert samples(label_pool=torch.tensor([3, 8])).labels is None


def test_a_grid_has_one_class_for_each_column() -> None:
    """Columns beyond the classes begin anew; without classes there are no labels."""
    labels = grid_labels(3, 4, 16)
    assert labels is not None
    assert labels.view(4, 4).tolist() == [[0, 1, 2, 0]] * 4
    assert grid_labels(0, 4, 16) is None


def test_a_stream_can_be_asked_further_inputs_with_gradients() -> None:
    """As networks see them; a generator without labels is given none."""
    asked = torch.full((2, 5), 0.5, requires_grad=True)
    labels = torch.tensor([3, 4])
    made = samples(conditional=True, label_pool=torch.arange(10)).ask(asked, labels)
    assert made[:, 0, 5, 0].tolist() == pytest.approx([0.3, 0.4])
    (gradient,) = torch.autograd.grad(made.sum(), [asked])
    assert torch.equal(gradient, torch.ones(2, 5))
    assert samples().ask(asked, labels)[:, 0, 5, 0].tolist() == [0, 0]
