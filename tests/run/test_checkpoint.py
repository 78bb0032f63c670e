"""Checkpoints: the same bits come back, the last few stay, and a damaged file costs one step back and not the run."""

from __future__ import annotations

import hashlib
import io
import logging
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from ganbench.errors import RunFailed, StorageError
from ganbench.run import checkpoint
from ganbench.run.checkpoint import _list_checkpoints, load_checkpoint, save_checkpoint


def save(folder: Path, samples_seen: int, keep: int = 2, **state: Any) -> Path:
    return save_checkpoint(folder, {"seen": samples_seen, **state}, samples_seen=samples_seen, keep=keep)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty checkpoints folder."""
    path = tmp_path / "checkpoints"
    path.mkdir()
    return path


def loaded(folder: Path) -> dict[str, Any]:
    state = load_checkpoint(folder)
    assert state is not None
    return state


def test_tensors_come_back_bit_for_bit(folder: Path) -> None:
    """Every dtype that a run has, NaN payloads and memory formats included."""
    tensors = {
        "float": torch.tensor([0.1, float("nan"), float("inf"), -0.0]),
        "half": torch.randn(3).bfloat16(),
        "double": torch.randn(3, dtype=torch.float64),
        "long": torch.tensor([2**62, -1]),
        "bytes": torch.arange(256).to(torch.uint8),
        "last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    }
    save(folder, 64, tensors=tensors, text="ä", number=0.1, nothing=None, deep={"a": [1, (2, 3)]})
    state = loaded(folder)
    for name, tensor in tensors.items():
        back = state["tensors"][name]
        assert back.dtype == tensor.dtype
        assert back.stride() == tensor.stride()
        assert torch.equal(back.contiguous().view(torch.uint8), tensor.contiguous().view(torch.uint8))
    assert (state["text"], state["number"], state["nothing"], state["deep"]) == ("ä", 0.1, None, {"a": [1, (2, 3)]})


@pytest.mark.parametrize("keep", [1, 2, 3, 4, 7])
def test_the_newest_few_are_kept(folder: Path, keep: int) -> None:
    """Never more, and never fewer as long as there were that many."""
    for count in range(1, 7):
        save(folder, 1000 * count, keep)
        kept = [int(p.name[:12]) for p in _list_checkpoints(folder)]
        assert kept == [1000 * c for c in range(max(1, count - keep + 1), count + 1)]
    assert loaded(folder)["seen"] == 6000


def test_no_checkpoint_is_none(folder: Path) -> None:
    """A run that was killed before the first one starts from the beginning; other files do not count."""
    (folder / "000000000064-0123456789abcdef.pt.tmp").write_bytes(b"half")
    (folder / "notes.pt").write_bytes(b"mine")
    assert load_checkpoint(folder) is None


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped", "appended"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_taken(folder: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    """Its name holds the hash of its content, so no damage goes unseen."""
    save(folder, 64, weights=torch.zeros(1000))
    newest = save(folder, 128, weights=torch.ones(1000))
    data = newest.read_bytes()
    middle = len(data) // 2
    flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    newest.write_bytes({"truncated": data[:middle], "empty": b"", "flipped": flipped, "appended": data + b"\0"}[damage])
    with caplog.at_level(logging.WARNING):
        assert loaded(folder)["seen"] == 64
    assert newest.name in caplog.text


def test_with_every_checkpoint_damaged_the_run_cannot_go_on(folder: Path) -> None:
    """It says so, instead of starting silently from the beginning."""
    for seen in (64, 128):
        save(folder, seen).write_bytes(b"damaged")
    with pytest.raises(RunFailed, match=r"none of the 2 checkpoints in .* is whole; start the run anew"):
        load_checkpoint(folder)


def named(folder: Path, data: bytes, samples_seen: int) -> None:
    """Put content into the folder under the name that its hash gives it."""
    (folder / f"{samples_seen:012d}-{hashlib.sha256(data).hexdigest()[:16]}.pt").write_bytes(data)


def test_a_checkpoint_of_another_format_is_passed_over(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A later release's file is not read with this release's eyes."""
    save(folder, 64)
    buffer = io.BytesIO()
    torch.save({"format": 99}, buffer)
    named(folder, buffer.getvalue(), 128)
    assert loaded(folder)["seen"] == 64
    assert "its format is 99, this is 2" in caplog.text


def test_a_checkpoint_cannot_run_code(folder: Path, tmp_path: Path) -> None:
    """Loaded with weights_only: a pickle that would write a file is refused."""
    save(folder, 64)
    mark = tmp_path / "mark"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (mark,))

    buffer = io.BytesIO()
    torch.save({"format": 2, "x": Evil()}, buffer, pickle_module=pickle)
    named(folder, buffer.getvalue(), 128)
    assert loaded(folder)["seen"] == 64
    assert not mark.exists()


def test_a_full_disk_leaves_the_older_checkpoints(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is removed before the new one is there."""
    save(folder, 64, keep=1)

    def full(path: Path, data: bytes) -> None:
        raise StorageError(f"cannot write {path}: no space left on device")

    monkeypatch.setattr(checkpoint, "write_bytes", full)
    with pytest.raises(StorageError, match="no space left"):
        save(folder, 128, keep=1)
    assert loaded(folder)["seen"] == 64


def test_saving_the_same_state_twice_is_one_file(folder: Path) -> None:
    """Its name is its content."""
    assert save(folder, 64) == save(folder, 64)
    assert len(_list_checkpoints(folder)) == 1
