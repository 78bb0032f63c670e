"""What a run sets for its whole process, on a GPU that is only pretended."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from ganbench.config.resolve import resolve
from ganbench.plugin.manager import PluginManager
from ganbench.run.machine import set_numerics


@pytest.mark.parametrize(("name", "chosen"), [("cuda:1", [torch.device("cuda:1")]), ("cuda", []), ("cpu", [])])
def test_the_gpu_of_the_run_is_the_one_of_its_streams_and_events(
    name: str, chosen: list[torch.device], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream or an event that names no device is of the process's current GPU, which is the first until another is chosen."""
    found: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "set_device", found.append)
    monkeypatch.setattr(torch, "backends", SimpleNamespace(cudnn=SimpleNamespace(), cuda=SimpleNamespace(matmul=SimpleNamespace())))
    set_numerics(resolve(PluginManager(), "dcgan", []).config, torch.device(name))
    assert found == chosen
