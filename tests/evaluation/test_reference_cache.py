"""The reference cache gives back the same bits, and neither damage nor a read-only disk stops a run."""

import logging
import os
import time
from pathlib import Path

import pytest
import torch

from ganbench.cache import _platform_cache_directory, cache_directory, keep_in_cache
from ganbench.errors import UsageError
from ganbench.evaluation.protocol import SampleSet
from ganbench.evaluation.reference_cache import ReferenceCache, sample_set_from_tensors, sample_set_to_tensors
from ganbench.evaluation.statistics import FeatureStatistics
from ganbench.record.record import Key

KEY = Key.of(extractor="linear-1", member=0)
TENSORS = {"values": torch.arange(6.0).view(2, 3)}


@pytest.fixture
def cache(tmp_path):
    """Return a cache in an empty folder."""
    return ReferenceCache(tmp_path)


def only_file(tmp_path):
    (path,) = (tmp_path / "references").iterdir()
    return path


def test_an_entry_comes_back_under_its_key_only(cache):
    """Another key has no entry."""
    cache.store(KEY, TENSORS)
    assert torch.equal(cache.load(KEY)["values"], TENSORS["values"])
    assert cache.load(Key.of(extractor="linear-1", member=1)) is None


@pytest.mark.parametrize("count", [3, 8, 700, 1300])
def test_a_feature_set_comes_back_with_the_same_bits(cache, count):
    """Few images and many, features and logits; from the cache or fresh, the covariance is the same."""
    features = torch.randn(count, 8, generator=torch.Generator().manual_seed(count))
    statistics = FeatureStatistics(8)
    statistics.update(features)
    cache.store(KEY, sample_set_to_tensors(SampleSet(statistics=statistics, features=features, logits=features[:, :2])))
    found = sample_set_from_tensors(cache.load(KEY))
    assert found.statistics.count == count
    assert torch.equal(found.statistics.covariance(), statistics.covariance())
    assert torch.equal(found.statistics.mean(), statistics.mean())
    assert torch.equal(found.features, features)
    assert torch.equal(found.logits, features[:, :2])


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_entry_is_none_with_one_log_line(cache, tmp_path, caplog, damage):
    """A flipped bit, a truncated file and an empty one are seen; storing again mends it."""
    cache.store(KEY, TENSORS)
    path = only_file(tmp_path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes({"flip": bytes(data), "cut": path.read_bytes()[:-5], "empty": b""}[damage])
    with caplog.at_level(logging.WARNING):
        assert cache.load(KEY) is None
    assert len(caplog.records) == 1
    assert "damaged" in caplog.text
    cache.store(KEY, TENSORS)
    assert cache.load(KEY) is not None


def test_a_cache_that_cannot_be_written_costs_one_log_line(tmp_path, caplog):
    """A file lies where the folder should be; a second store is silent."""
    (tmp_path / "references").write_text("in the way")
    cache = ReferenceCache(tmp_path)
    with caplog.at_level(logging.WARNING):
        cache.store(KEY, TENSORS)
        cache.store(KEY, TENSORS)
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert "cannot be written" in caplog.text


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    """The rename comes last."""
    path = tmp_path / "entry"
    keep_in_cache(path, b"old")

    def refuse(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(path), "replace", refuse)
    with pytest.raises(OSError, match="No space left"):
        keep_in_cache(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["entry"]


def test_what_killed_writers_left_goes_with_the_next_write(tmp_path):
    """What a day has passed over; a writer that is at work keeps its file, and so does everything that is no temporary file."""
    for age, name in ((0, ".entry.7-now.tmp"), (2, ".entry.7-old.tmp"), (2, "other")):
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (time.time() - age * 86400,) * 2)
    keep_in_cache(tmp_path / "entry", b"new")
    assert {path.name for path in tmp_path.iterdir()} == {"entry", "other", ".entry.7-now.tmp"}


def test_the_cache_directory_follows_the_environment(monkeypatch, tmp_path):
    """GANBENCH_CACHE wins over the platform's folder."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path))
    assert cache_directory() == tmp_path
    monkeypatch.delenv("GANBENCH_CACHE")
    assert cache_directory().name == "ganbench"


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, "/home/me/.cache/ganbench"),
        ("linux", {"XDG_CACHE_HOME": "/scratch/me"}, "/scratch/me/ganbench"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/home/me/.cache/ganbench"),
        ("freebsd14", {}, "/home/me/.cache/ganbench"),
        ("darwin", {}, "/home/me/Library/Caches/ganbench"),
        ("win32", {"LOCALAPPDATA": "/c/AppData"}, "/c/AppData/ganbench/Cache"),
        ("win32", {}, "/home/me/AppData/Local/ganbench/Cache"),
    ],
)
def test_each_platform_has_its_own_cache_folder(monkeypatch, platform, variables, expected):
    """Where its users look for what may be deleted; a relative XDG_CACHE_HOME does not count."""
    monkeypatch.setenv("HOME", "/home/me")
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert _platform_cache_directory(platform).as_posix() == expected


def test_without_a_home_folder_the_cache_is_one_line(monkeypatch):
    """In a container, a user may be a number that nothing knows."""

    def unknown(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", unknown)
    monkeypatch.delenv("GANBENCH_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    with pytest.raises(UsageError, match="no home folder to keep a cache in; set GANBENCH_CACHE"):
        cache_directory()
