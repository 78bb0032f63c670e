"""What makes a run the same run: facts that each checkpoint holds, and that are compared before anything is continued."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ganbench.config.resolve import flatten
from ganbench.errors import UsageError
from ganbench.results.fingerprint import hardware_key
from ganbench.training.recording import config_values

if TYPE_CHECKING:
    from ganbench.training.session import Session

_MAY_CHANGE = ("data.", "checkpoint.", "training.workers", "training.threads", "training.max_abs_logit", "evaluation.extractor_weights")
"""Settings that change no bit of a run: where files lie, how they are read, how often the state is saved."""


def run_facts(session: Session) -> dict[str, Any]:
    """Return what a checkpoint holds to recognise its run by, as plain values."""
    made = session.materials
    evaluation_keys = made.evaluator.keys() if made.evaluator else ()
    return {
        "device": made.device.type,
        "hardware": hardware_key(str(made.device)).digest,
        "data_hash": made.dataset.train.content_hash,
        "config": json.dumps(config_values(flatten(session.resolved.config))),
        "plugins": [f"{i.kind} {i.name} {i.source_hash}" for i in session.identities],
        "evaluation_keys": [key.digest for key in evaluation_keys],
    }


def check_same_run(session: Session, state: dict[str, Any], *, force: bool) -> None:
    """Refuse to mix two different things into one run.

    Args:
        session: built, not yet running.
        state: a checkpoint.
        force: go on although a plugin's source has changed.

    Raises:
        UsageError: the kind of device, the data, the configuration, the metrics or the plugins are not those of the checkpoint.
    """
    now = run_facts(session)
    if state["device"] != now["device"]:
        hint = f"resume it where there is {'a GPU' if state['device'] == 'cuda' else 'a ' + state['device']}, or start a new run"
        raise UsageError(f"the run began on {state['device']}, this is {now['device']}", hint=hint)
    if state["data_hash"] != now["data_hash"]:
        hashes = f"hash {state['data_hash'][:12]}, now {now['data_hash'][:12]}"
        raise UsageError(f"the data have changed since the run began ({hashes})", hint="restore them, or start a new run")
    _check_config(json.loads(state["config"]), json.loads(now["config"]))
    if state["evaluation_keys"] != now["evaluation_keys"]:
        raise UsageError("a metric or its extractor's weights have changed since the run began", hint="restore them, or start a new run")
    changed = [before.rsplit(" ", 1)[0] for before in state["plugins"] if before not in now["plugins"]]
    if changed and not force:
        raise UsageError(f"the source of {', '.join(changed)} has changed since the run began", hint="--force goes on all the same")


def _check_config(before: dict[str, Any], now: dict[str, Any]) -> None:
    for path in sorted(before.keys() | now.keys()):
        if before.get(path) != now.get(path) and not path.startswith(_MAY_CHANGE):
            raise UsageError(
                f"{path} has changed since the run began (it was {before.get(path)!r}, now {now.get(path)!r})",
                hint="restore it in config.toml, or start a new run",
            )
