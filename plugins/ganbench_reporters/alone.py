"""Which updates of one network a page may ask for alone, as GAN Lab has it (Kahng et al. 2019, https://arxiv.org/abs/1809.01587).

Everything is read off the plan of the coming iteration: its first phase that updates this network and no other.
"""

from __future__ import annotations

from ganbench import AdversarialAlgorithm, Algorithm, ConfigError, Phase


def update_of(algorithm: Algorithm, name: str, iteration: int) -> Phase:
    """Return the phase that updates an optimizer alone.

    A phase that is called as an optimizer is, or by that, an underscore and more, updates that one and no other. The two halves of the
    default iteration's ``joint`` phase are apart when it is told so.

    Args:
        algorithm: whose plan it is.
        name: of the optimizer.
        iteration: that comes next.

    Raises:
        ConfigError: there is none, or something that is no update comes before it.
    """
    found = updates_alone(algorithm, iteration)
    if name not in found:
        plan = ", ".join(dict.fromkeys(algorithm.plan(iteration)))
        raise ConfigError(f"the coming iteration has no update of {name!r} alone: its phases are {plan}")
    return found[name]


def updates_alone(algorithm: Algorithm, iteration: int) -> dict[str, Phase]:
    """Return the phases that update one optimizer alone by its name, the first of each in the plan of an iteration.

    What comes after a phase that is no such update is left out: it may need what that prepares.
    """
    phases = {phase.name: phase for phase in algorithm.phases()}
    found: dict[str, Phase] = {}
    for phase in algorithm.plan(iteration):
        if isinstance(algorithm, AdversarialAlgorithm) and phase in ("joint", "joint_penalty"):
            return _halves(algorithm, penalised=phase == "joint_penalty") | found
        owner = max((name for name in algorithm.schedules if f"{phase}_".startswith(f"{name}_")), key=len, default="")
        if not owner:
            break
        found.setdefault(owner, phases[phase])
    return found


def _halves(algorithm: AdversarialAlgorithm, *, penalised: bool) -> dict[str, Phase]:
    """Return what a joint phase does with one generated batch as two updates, each with its own."""
    stage = algorithm.stage_real
    return {
        "discriminator": Phase("discriminator", lambda: algorithm.discriminator_update(penalised), stage),
        "generator": Phase("generator", algorithm.generator_update, stage if algorithm.generator_needs_real else None),
    }
