"""What a run adds up on the device."""

from __future__ import annotations

import torch

from ganbench.training.ledger import TRAJECTORY_LENGTH, Ledger, logit_statistics

CPU = torch.device("cpu")


def test_the_means_are_over_the_updates_since_the_last_report() -> None:
    """Two discriminator updates, one of them penalised, for one of the generator."""
    ledger = Ledger(CPU)
    ledger.add_discriminator(torch.tensor(1.0), torch.tensor([2.0, -2.0, 1.0, 4.0, 3.0]), None)
    ledger.add_discriminator(torch.tensor(3.0), torch.tensor([4.0, -6.0, 1.0, 6.0, 9.0]), torch.tensor(5.0))
    ledger.add_generator(torch.tensor(7.0))
    assert ledger.read() == {
        "discriminator_loss": 2.0,
        "penalty": 5.0,
        "real_logits": 3.0,
        "fake_logits": -4.0,
        "abs_logits": 6.0,
        "generator_loss": 7.0,
    }
    assert set(ledger.read().values()) == {0.0}


def test_the_trajectory_holds_the_first_iterations_only() -> None:
    """Each with the discriminator's last loss and the generator's; later ones change nothing."""
    ledger = Ledger(CPU)
    for i in range(TRAJECTORY_LENGTH + 5):
        ledger.add_discriminator(torch.tensor(float(i)), torch.zeros(5), None)
        ledger.add_generator(torch.tensor(-float(i)))
        if i == 1:
            assert ledger.trajectory().tolist() == [[0.0, 0.0], [1.0, -1.0]]
    whole = ledger.trajectory()
    assert whole.shape == (TRAJECTORY_LENGTH, 2)
    assert whole[-1].tolist() == [TRAJECTORY_LENGTH - 1, 1 - TRAJECTORY_LENGTH]


def test_what_was_handed_out_does_not_change_any_more() -> None:
    """The trajectory is a copy, also on a CPU."""
    ledger = Ledger(CPU)
    ledger.add_generator(torch.tensor(1.0))
    seen = ledger.trajectory()
    ledger.load_state_dict(Ledger(CPU).state_dict())
    assert seen.tolist() == [[0.0, 1.0]]
    assert len(ledger.trajectory()) == 0


def test_statistics_of_logits() -> None:
    """Patch logits count each, and half precision is widened first."""
    real = torch.tensor([[1.0, -3.0], [2.0, 4.0]], dtype=torch.bfloat16)
    fake = torch.tensor([[-1.0, 0.0], [0.0, -1.0]], dtype=torch.bfloat16)
    assert logit_statistics(real, fake).tolist() == [1.0, -0.5, 0.5, 2.5, 0.5]
