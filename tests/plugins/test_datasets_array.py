"""The array dataset: .npy and .npz files, held in memory or read slice by slice."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from ganbench.data.choose import make_sampler
from ganbench.data.source import DataContext, Dataset
from ganbench.errors import DataError
from ganbench_datasets.array import build
from ganbench_datasets.options import ArrayOptions
from ganbench_spaces.images import ImageSpace

STREAMED = DataContext(resident_limit_mib=0.0)

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)  # [N, H, W, C]
LABELS = np.arange(12) % 4


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that no other test sees."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))


def _build(path: Path, context: DataContext | None = None, **options: object) -> Dataset:
    return build(ArrayOptions(path=str(path), **options), context or DataContext())  # type: ignore[arg-type]


def _save(path: Path, array: np.ndarray, **kwargs: bool) -> Path:
    np.save(path, array, **kwargs)
    return path


@pytest.mark.parametrize("channels_first", [False, True])
@pytest.mark.parametrize("test_fraction", [0.0, 0.25])
def test_streaming_reads_what_is_resident(tmp_path: Path, channels_first: bool, test_fraction: float) -> None:
    """Either layout, either way: the same images, labels, splits and hashes, and the right pixels."""
    path = _save(tmp_path / "a.npy", np.ascontiguousarray(IMAGES.transpose(0, 3, 1, 2)) if channels_first else IMAGES)
    np.save(tmp_path / "l.npy", LABELS)
    options = {"labels": str(tmp_path / "l.npy"), "test_fraction": test_fraction}
    resident, streamed = _build(path, **options), _build(path, STREAMED, **options)
    assert (resident.train.is_resident, streamed.train.is_resident) == (True, False)
    pairs = [(resident.train, streamed.train)]
    if test_fraction:
        assert resident.test is not None
        assert streamed.test is not None
        pairs.append((resident.test, streamed.test))
    for left, right in pairs:
        everything = torch.arange(left.num_samples)
        assert torch.equal(left.read(everything), right.read(everything))
        assert left.content_hash == right.content_hash
    assert [left.num_samples for left, _ in pairs] == ([9, 3] if test_fraction else [12])
    assert _build(path, STREAMED, **options).train.content_hash == resident.train.content_hash  # now from the cache
    if not test_fraction:
        assert np.array_equal(resident.train.read(torch.arange(12)).numpy(), IMAGES.transpose(0, 3, 1, 2))
    assert resident.num_classes == 4
    assert resident.space.size[0] == 3


@pytest.mark.slow
def test_workers_read_the_same_slices(tmp_path: Path) -> None:
    """Batches do not depend on the number of processes that read the file."""
    data = _build(_save(tmp_path / "a.npy", IMAGES), STREAMED)
    batches = []
    for workers in (0, 2):
        sampler = make_sampler(data.train, batch_size=5, seed=0, workers=workers)
        batches.append(torch.cat([sampler.next(5).samples for _ in range(6)]))
        sampler.close()
    assert torch.equal(*batches)


def test_an_archive_has_images_and_labels(tmp_path: Path) -> None:
    """The one array of four dimensions is found, and labels under their usual name, unless they are not wanted."""
    np.savez(tmp_path / "a.npz", x=IMAGES, y=LABELS)
    data = _build(tmp_path / "a.npz")
    assert data.train.labels is not None
    assert data.train.labels.tolist() == LABELS.tolist()
    assert _build(tmp_path / "a.npz", labels="none").train.labels is None
    np.savez_compressed(tmp_path / "b.npz", x=IMAGES, z=IMAGES[:5], kinds=LABELS)
    assert _build(tmp_path / "b.npz", key="x", labels="kinds").num_classes == 4


BAD = {
    "floats": (IMAGES / 255, {}, r"images must be uint8 .* \(got float64\); scale to 0..255"),
    "rank": (IMAGES[0], {}, r"none of them 0 \(got shape \[8, 8, 3\]\)"),
    "nothing": (IMAGES[:0], {}, r"none of them 0 \(got shape \[0, 8, 8, 3\]\)"),
    "not square": (IMAGES[:, :6], {}, r"square with 1 or 3 channels, .* \(got shape \[12, 6, 8, 3\]\)"),
    "channels": (IMAGES[..., :2], {}, r"square with 1 or 3 channels"),
    "ambiguous": (IMAGES[:, :3, :3], {}, r"can be \[N, H, W, C\] or \[N, C, H, W\]; say which with -o layout"),
    "wrong layout": (IMAGES, {"layout": "nchw"}, r"\[N, C, H, W\] \(got shape \[12, 8, 8, 3\]\)"),
    "objects": (np.array([None, 1], dtype=object), {}, r"holds Python objects"),
    "no labels file": (IMAGES, {"labels": "nowhere.npy"}, r"labels is not a file \(got 'nowhere.npy'\)"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("context", [DataContext(), STREAMED], ids=["resident", "streamed"])
def test_a_wrong_array_is_one_clear_line(tmp_path: Path, case: str, context: DataContext) -> None:
    """Each message shows what was found and what to do."""
    array, options, message = BAD[case]
    path = _save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(DataError, match=message) as caught:
        _build(path, context, **options)
    assert "\n" not in str(caught.value)


def test_an_ambiguous_shape_is_read_as_it_is_told(tmp_path: Path) -> None:
    """With layout, 3x3 colour images are read either way."""
    path = _save(tmp_path / "a.npy", np.ascontiguousarray(IMAGES[:, :3, :3]))
    last, first = (_build(path, layout=layout).train.read(torch.arange(12)) for layout in ("nhwc", "nchw"))
    assert torch.equal(last, first.permute(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS[:11], r"must be 12 integers, one for each image \(got int64 \[11\]\)"),
        (LABELS / 2, r"must be 12 integers, one for each image \(got float64 \[12\]\)"),
        (LABELS - 1, r"must be class numbers from 0 \(got -1\)"),
        (np.array([None] * 12, dtype=object), r"cannot be read as labels"),
    ],
)
def test_wrong_labels_are_one_clear_line(tmp_path: Path, labels: np.ndarray, message: str) -> None:
    """The labels' file is named."""
    path = _save(tmp_path / "a.npy", IMAGES)
    np.save(tmp_path / "l.npy", labels, allow_pickle=True)
    with pytest.raises(DataError, match=rf"l\.npy.*{message}"):
        _build(path, labels=str(tmp_path / "l.npy"))


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
@pytest.mark.parametrize("keep", [0, 10, 300])
def test_a_truncated_file_is_named(tmp_path: Path, name: str, keep: int) -> None:
    """Cut anywhere, the file is named in one line."""
    path = tmp_path / name
    np.save(path, IMAGES) if name.endswith("npy") else np.savez(path, x=IMAGES)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=rf"{name} is .*; write it"):
        _build(path)


def test_a_file_that_shrinks_while_streaming_is_named(tmp_path: Path) -> None:
    """Missing bytes are an error, never old pixels."""
    path = _save(tmp_path / "a.npy", IMAGES)
    data = _build(path, STREAMED)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match="has become shorter"):
        data.train.read(torch.arange(12))


def test_an_array_that_was_written_again_is_hashed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a size and a time that a program has set, nor facts of the file system alone, stand for the content."""
    path = tmp_path / "a.npy"

    def saved(images: np.ndarray) -> str:
        np.save(path, images)
        os.utime(path, (1_000_000_000, 1_000_000_000))
        return _build(path, STREAMED).train.content_hash

    first, other = saved(IMAGES), saved(IMAGES[::-1])
    assert other == _build(path).train.content_hash != first
    monkeypatch.setattr("ganbench_datasets.npy_stream.scan_key", lambda *_: "always the same")
    assert [saved(IMAGES), saved(IMAGES[::-1])] == [first, other]


def test_a_header_that_claims_more_than_there_is_takes_no_memory(tmp_path: Path) -> None:
    """An archive of a few bytes that says eight gigabytes, and one of which a bomb would come, are refused by what they say."""
    import io
    import zipfile

    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (8192, 1024, 1024, 1)})
    for name in ("images", "labels"):
        with zipfile.ZipFile(tmp_path / "claims.npz", "w") as archive:
            archive.writestr(f"{name}.npy", header.getvalue())
        with pytest.raises(DataError, match=r"is damaged: \d+ bytes, its header says 8589934720"):
            _build(tmp_path / "claims.npz")
    np.savez_compressed(tmp_path / "large.npz", images=np.zeros((3, 1024, 1024, 1), np.uint8))
    with pytest.raises(DataError, match="cannot be streamed and 'images' has 3 MiB, more than the 2 MiB"):
        _build(tmp_path / "large.npz", DataContext(resident_limit_mib=2.0))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0] * 11 + [2**64 - 1], dtype=np.uint64), r"below the 12 images \(got 18446744073709551615\)"),
        (np.array([0] * 11 + [40_000_000]), r"below the 12 images \(got 40000000\); number the classes anew"),
    ],
)
def test_labels_that_are_no_class_numbers_are_refused(tmp_path: Path, labels: np.ndarray, message: str) -> None:
    """A value that wraps, and numbers of people: more classes than images are none."""
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=labels)
    with pytest.raises(DataError, match=message):
        _build(tmp_path / "a.npz")


def test_archives_say_what_to_do(tmp_path: Path) -> None:
    """Too large, no such key, or more than one candidate: the message names the way out."""
    np.savez(tmp_path / "a.npz", x=IMAGES, z=IMAGES)
    with pytest.raises(DataError, match=r"2 arrays of four dimensions; choose of x, z with -o key=NAME"):
        _build(tmp_path / "a.npz")
    with pytest.raises(DataError, match=r"has no array 'q'; it has x, z"):
        _build(tmp_path / "a.npz", key="q")
    with pytest.raises(DataError, match=r"cannot be streamed .*; save the images as .npy"):
        _build(tmp_path / "a.npz", STREAMED, key="x")
    with pytest.raises(DataError, match=r"path must be a .npy or .npz file \(got '.*b.npz'\)"):
        _build(tmp_path / "b.npz")


def test_images_that_are_not_square_are_taken_in_the_layout_that_is_stated(tmp_path: Path) -> None:
    """Their shape alone would say it too, but is more often a mistake."""
    path = _save(tmp_path / "a.npy", IMAGES[:, :6])
    resident, streamed = (_build(path, context, layout="nhwc") for context in (DataContext(), STREAMED))
    assert resident.space == streamed.space == ImageSpace(3, 6, 8)
    assert resident.train.content_hash == streamed.train.content_hash


@pytest.mark.parametrize("place", ["pipe.npy", "pipe.npz", "/dev/zero"])
def test_a_pipe_or_a_device_is_no_array(tmp_path: Path, place: str) -> None:
    """Neither of images nor of labels; nobody waits for its end."""
    path = tmp_path / place
    if not path.exists():
        os.mkfifo(path)
    with pytest.raises(DataError, match=r"path must be a .npy or .npz file"):
        _build(path)
    with pytest.raises(DataError, match=r"labels is not a file"):
        _build(_save(tmp_path / "a.npy", IMAGES), labels=str(path))


def test_gaps_between_labels_are_classes_without_images(tmp_path: Path) -> None:
    """The run says so: see the test of the classes' notes."""
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=np.array([0, 5] * 6))
    assert _build(tmp_path / "a.npz").num_classes == 6


@pytest.mark.parametrize("told", [True, False], ids=["by the file system", "by the pixels alone"])
def test_a_file_that_is_written_again_is_not_taken_for_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: bool) -> None:
    """Of the same size and the same time; and even where the file system says of both the same."""
    if not told:
        monkeypatch.setattr("ganbench_datasets.npy_stream.scan_key", lambda *_: "always-the-same")
    hashes = []
    for content in (IMAGES, 255 - IMAGES):
        path = _save(tmp_path / "a.npy", content)
        os.utime(path, (1_000_000_000, 1_000_000_000))
        hashes.append(_build(path, STREAMED).train.content_hash)
        assert hashes[-1] == _build(path).train.content_hash
    assert hashes[0] != hashes[1]
