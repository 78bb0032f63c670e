"""A run whose plugin is made of several packages: --resume looks at all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ganbench.errors import Interrupted, UsageError
from ganbench.record.directory import RunDirectory
from ganbench.run.lifecycle import Run

PLUGIN = """
from ganbench import ArchitectureSpec
from ganbench_dcgan import DCGANOptions

gan = ArchitectureSpec(
    name="sharing-gan", summary="", factory="ganbench_dcgan.networks:build", options=DCGANOptions, conditional=True,
    sources=("shared_layers_of_a_test",),
)
"""


@pytest.mark.slow
def test_a_run_is_not_resumed_with_changed_shared_code(
    new_run: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless it is forced; code that has been restored goes on."""
    package = tmp_path / "site" / "shared_layers_of_a_test"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("slope = 0.1")
    monkeypatch.syspath_prepend(package.parent)
    (tmp_path / "gan.py").write_text(PLUGIN)
    name, settings = f"{tmp_path / 'gan.py'}:gan", {"evaluation.metrics": (), "training.total_kimg": 0.05}
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 1

    directory = RunDirectory.create(tmp_path, name="run", dataset="digits", seed=0)
    with pytest.raises(Interrupted):
        new_run(settings, should_stop=stop, name=name).start(lambda _: directory)
    (package / "__init__.py").write_text("slope = 0.2")
    with pytest.raises(UsageError, match=r"the source of architecture sharing-gan has changed since the run began; --force goes on"):
        new_run(settings, name=name).resume(RunDirectory.resume(directory.path))
    (package / "__init__.py").write_text("slope = 0.1")
    record = new_run(settings, name=name).resume(RunDirectory.resume(directory.path))
    assert (record.status, record.num_resumes) == ("complete", 1)
