"""Files that are replaced as a whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ganbench.errors import StorageError
from ganbench.record.files import _open_atomic, remove_leftovers, storage_errors, write_bytes, write_text


def test_a_file_is_replaced(tmp_path):
    """The new content is there, and nothing else."""
    path = tmp_path / "a.txt"
    write_text(path, "old")
    write_text(path, "new ä")
    assert path.read_text(encoding="utf-8") == "new ä"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_follow_the_umask(tmp_path):
    """Others may read a record as far as the umask lets them."""
    before = os.umask(0o022)
    try:
        write_bytes(tmp_path / "a", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_an_error_in_the_block_keeps_the_old_file(tmp_path):
    """A writer that fails half-way leaves the old content and no temporary file; its own error is not changed."""
    path = tmp_path / "a"
    write_bytes(path, b"old")

    def fail_half_way():
        with _open_atomic(path) as file:
            file.write(b"half")
            raise KeyError("mine")

    with pytest.raises(KeyError):
        fail_half_way()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "free space, then"),
        (errno.EDQUOT, "free space, then"),
        (errno.EFBIG, "free space, then"),
        (errno.EROFS, "make it writable, then"),
        (errno.EACCES, "make it writable, then"),
        (errno.EIO, "mend that, then"),
    ],
)
def test_each_refusal_says_what_to_do(tmp_path, monkeypatch, number, words):
    """Whatever the disk refuses is one storage error with the file, the reason and the way on."""
    path = tmp_path / "record.json"
    write_bytes(path, b"old")
    (tmp_path / "config.toml").touch()

    def refuse(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageError) as caught:
        write_bytes(path, b"new")
    assert str(caught.value).startswith(f"cannot write {path}: {os.strerror(number)}; {words}")
    assert f"`ganbench run --resume {tmp_path}`" in str(caught.value)
    assert path.read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.toml", "record.json"]


def test_a_full_device_is_a_storage_error(tmp_path):
    """/dev/full refuses the real way: when the buffer is flushed."""
    with pytest.raises(StorageError, match="No space left on device; free space, then try again"), storage_errors(tmp_path / "x"):
        Path("/dev/full").write_bytes(b"x" * 100_000)


def test_a_librarys_error_about_a_full_disk_is_recognised(tmp_path):
    """A RuntimeError raised while an OSError is handled is the disk's refusal; another one is passed on."""

    def fail_like_torch_save():
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            raise RuntimeError("unexpected pos 64 vs 0")

    with pytest.raises(StorageError, match="No space"), storage_errors(tmp_path):
        fail_like_torch_save()
    with pytest.raises(RuntimeError, match="mine"), storage_errors(tmp_path):
        raise RuntimeError("mine")


def test_a_missing_folder_is_a_storage_error(tmp_path):
    """The folder was deleted while the run went on."""
    with pytest.raises(StorageError, match="No such file or directory"):
        write_bytes(tmp_path / "gone" / "a", b"x")


def test_leftovers_of_killed_writers_are_removed(tmp_path):
    """Only our temporary files go."""
    (tmp_path / "checkpoints").mkdir()
    leftover = tmp_path / "checkpoints" / ".a.pt.123-abcd.ganbench-tmp"
    kept = tmp_path / "checkpoints" / "a.pt"
    leftover.touch()
    kept.touch()
    remove_leftovers(tmp_path)
    assert not leftover.exists()
    assert kept.exists()
