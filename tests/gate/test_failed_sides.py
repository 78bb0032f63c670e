"""What it means that a side cannot be run."""

from __future__ import annotations

import pytest

from ganbench import Policy
from ganbench.verdict.decide import exit_code
from ganbench_gate.failed_sides import failed_finding
from ganbench_gate.side import Refusal

HUNG = Refusal(kind="broken", message="it gave no answer for 600 s and was ended")
CRASHED = Refusal(kind="broken", message="it ended with exit code 1 before it had answered")


@pytest.mark.parametrize(
    ("base", "head", "code", "said"),
    [
        (None, HUNG, 1, "head"),
        (HUNG, None, 3, "nothing is known of head"),
        (HUNG, HUNG, 3, "neither side gave an answer in time: the machine is too busy, or both hang; nothing is known of head"),
        (CRASHED, CRASHED, 1, "base cannot be run either"),
    ],
)
def test_a_machine_on_which_neither_side_answers_says_nothing_of_head(
    base: Refusal | None, head: Refusal | None, code: int, said: str
) -> None:
    """A head that hangs alone fails; where base hangs as well, head is not to blame."""
    found = failed_finding({role: one for role, one in (("base", base), ("head", head)) if one}, Policy())
    assert (found.state, exit_code([found], strict=False)) == ("broken", code)
    assert said in found.reason
