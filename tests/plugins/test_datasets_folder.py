"""The folder dataset: every kind of file is used or accounted for."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganbench.data.choose import make_sampler
from ganbench.data.source import DataContext, Dataset
from ganbench.errors import DataError
from ganbench_datasets.folder import build
from ganbench_datasets.options import FolderOptions
from ganbench_spaces.images import ImageSpace

RESIDENT = DataContext()
STREAMED = DataContext(resident_limit_mib=0.0)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that no other test sees."""
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("GANBENCH_CACHE", str(cache))
    return cache


def _save(path: Path, seed: int = 0, size: tuple[int, int] = (16, 16), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], *channels), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def _build(path: Path, context: DataContext = RESIDENT, **options: object) -> Dataset:
    return build(FolderOptions(path=str(path), **({"resolution": 16} | options)), context)  # type: ignore[arg-type]


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A tree with good images and one of everything else."""
    root = tmp_path / "mixed"
    for number, name in enumerate(("b/1.png", "b/2.PNG", "a/3.jpeg", "c.BMP", "b/deep/er/4.webp")):
        _save(root / name, number)
    (root / "notes.txt").write_text("no image")
    (root / "a/data.csv").write_text("1,2")
    (root / "a/empty.png").touch()
    (root / "a/text.png").write_text("this is not an image")
    whole = (root / "b/1.png").read_bytes()
    (root / "a/cut.png").write_bytes(whole[: len(whole) // 2])
    _save(root / ".hidden/5.png")
    _save(root / ".6.png")
    (root / "b/loop").symlink_to(root)
    (root / "gone.png").symlink_to(root / "nowhere.png")
    os.mkfifo(root / "pipe.png")
    return root


def test_every_file_is_used_or_named(mixed: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Good images are counted, the others stand in the notes with their reasons, and the notes are warnings in the log."""
    with caplog.at_level(logging.WARNING):
        data = _build(mixed)
    assert data.train.num_samples == 5
    assert data.notes == (
        "2 files left out, not images by their names: a/data.csv, notes.txt",
        "1 file left out, pipes and devices: pipe.png",
        "2 files left out, links that lead nowhere, links back to a folder above, or no permission: b/loop, gone.png",
        "3 files left out, they cannot be decoded: a/cut.png (truncated), a/empty.png (empty file), a/text.png (not an image)",
    )
    for note in data.notes:
        assert note in caplog.text


@pytest.mark.slow
def test_streaming_reads_what_is_resident(mixed: Path) -> None:
    """Both ways have the same images, order, notes and hash; the batches are the same bits at any worker count."""
    resident, streamed = _build(mixed), _build(mixed, STREAMED)
    assert (resident.train.is_resident, streamed.train.is_resident) == (True, False)
    everything = torch.arange(5)
    assert torch.equal(resident.train.read(everything), streamed.train.read(everything))
    assert resident.train.content_hash == streamed.train.content_hash
    assert resident.notes == streamed.notes
    expected = [make_sampler(resident.train, batch_size=3, seed=0).next(3).samples for _ in range(1)]
    for workers in (0, 2):
        sampler = make_sampler(streamed.train, batch_size=3, seed=0, workers=workers)
        assert torch.equal(sampler.next(3).samples, expected[0])
        sampler.close()


def test_the_order_is_that_of_the_sorted_paths(tmp_path: Path) -> None:
    """Folder by folder, byte by byte, however the file system lists them."""
    names = ["b/1.png", "a/9.png", "Z.png", "a/10.png", "b.png"]
    for number, name in enumerate(names):
        _save(tmp_path / name, number)
    images = _build(tmp_path).train.read(torch.arange(5))
    expected = [np.asarray(Image.open(tmp_path / name)) for name in ("Z.png", "a/10.png", "a/9.png", "b/1.png", "b.png")]
    assert np.array_equal(images.permute(0, 2, 3, 1).numpy(), np.stack(expected))


@pytest.mark.parametrize("context", [RESIDENT, STREAMED], ids=["resident", "streamed"])
def test_first_level_folders_are_classes(mixed: Path, context: DataContext) -> None:
    """With labels, the folders' names are the class names and bad files leave the labels in step."""
    (mixed / "c.BMP").unlink()
    data = _build(mixed, context, labels=True)
    assert data.class_names == ("a", "b")
    assert data.num_classes == 2
    assert data.train.labels is not None
    assert data.train.labels.tolist() == [0, 1, 1, 1]


def test_an_image_outside_of_the_classes_is_an_error(mixed: Path) -> None:
    """The message names it."""
    with pytest.raises(DataError, match=r"c\.BMP lies outside of the class folders; move it into one, or use -o labels=false"):
        _build(mixed, labels=True)


@pytest.mark.parametrize("context", [RESIDENT, STREAMED], ids=["resident", "streamed"])
def test_on_error_fail_names_the_first_bad_file(mixed: Path, context: DataContext) -> None:
    """The run does not begin, also when a scan that skipped it lies in the cache."""
    _build(mixed, context)
    with pytest.raises(DataError, match=r"mixed/a/cut\.png cannot be decoded \(truncated\); mend or remove it"):
        _build(mixed, context, on_error="fail")


@pytest.mark.parametrize("context", [RESIDENT, STREAMED], ids=["resident", "streamed"])
def test_a_held_out_split_shares_no_image(tmp_path: Path, context: DataContext) -> None:
    """The two splits are disjoint, complete and the same in every run."""
    for number in range(20):
        _save(tmp_path / f"{number}.png", number)
    data, again = (_build(tmp_path, context, test_fraction=0.25) for _ in range(2))
    assert data.test is not None
    assert (data.train.num_samples, data.test.num_samples) == (15, 5)
    images = torch.cat([split.read(torch.arange(split.num_samples)) for split in (data.train, data.test)])
    assert len({image.numpy().tobytes() for image in images}) == 20
    assert data.train.content_hash == again.train.content_hash


def test_a_scan_is_kept_until_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second start decodes a sample of one image and no more; a touched file or another option makes a new scan."""
    from ganbench_datasets import scan_cache
    from ganbench_datasets.decode import Decoder

    monkeypatch.setattr(scan_cache, "_SAMPLE", 1)
    root = tmp_path / "images"
    for number in range(3):
        _save(root / f"{number}.png", number)
    decoded: list[bytes] = []
    decode = Decoder.decode
    monkeypatch.setattr(Decoder, "decode", lambda self, path: decoded.append(path) or decode(self, path))
    first = _build(root, STREAMED).train.content_hash
    assert len(decoded) == 3 + 1
    assert _build(root, STREAMED).train.content_hash == first
    assert len(decoded) == 3 + 1 + 1
    _save(root / "1.png", 7)
    assert _build(root, STREAMED).train.content_hash != first
    assert len(decoded) == 2 * (3 + 1) + 1


def _save_twin(path: Path, seed: int) -> None:
    """Save an image whose size and time do not depend on its content."""
    _save(path, seed)
    os.utime(path, (1_000_000_000, 1_000_000_000))


def test_equal_names_sizes_and_times_are_no_equal_images(tmp_path: Path) -> None:
    """Archives, image layers and `cp -p` give other images the same times: neither another folder nor a file in place is taken for them."""
    for seed, root in enumerate((tmp_path / "one/train", tmp_path / "other/train")):
        for number in range(3):
            _save_twin(root / f"{number}.bmp", 10 * seed + number)
    hashes = [_build(tmp_path / name / "train", STREAMED).train.content_hash for name in ("one", "other")]
    assert hashes == [_build(tmp_path / name / "train").train.content_hash for name in ("one", "other")]
    _save_twin(tmp_path / "one/train/1.bmp", 99)
    now = _build(tmp_path / "one/train", STREAMED).train.content_hash
    assert now == _build(tmp_path / "one/train").train.content_hash != hashes[0]


def test_a_scan_is_not_believed_where_the_file_system_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even with equal facts of every file a sample of the pixels is compared."""
    from ganbench_datasets.file_list import FileList

    monkeypatch.setattr(FileList, "digest", property(lambda _: "always the same"))
    root = tmp_path / "images"
    for number in range(3):
        _save(root / f"{number}.png", number)
    first = _build(root, STREAMED).train.content_hash
    _save(root / "1.png", 7)
    assert _build(root, STREAMED).train.content_hash == _build(root).train.content_hash != first


def test_a_fault_of_the_moment_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that a disk or a share refuses once is left out once; the next start reads it."""
    from ganbench_datasets import decode

    for number in range(3):
        _save(tmp_path / f"{number}.png", number)
    read = decode._read

    def refuse(path: bytes) -> bytes:
        if path.endswith(b"1.png"):
            raise decode.UndecodableError("input/output error", passing=True)
        return read(path)

    monkeypatch.setattr(decode, "_read", refuse)
    assert _build(tmp_path, STREAMED).notes == ("1 file left out, they cannot be decoded: 1.png (input/output error)",)
    monkeypatch.setattr(decode, "_read", read)
    assert _build(tmp_path, STREAMED).train.num_samples == 3


def test_folders_whose_names_are_no_text_are_classes_of_their_own(tmp_path: Path) -> None:
    """Two names that look alike in a message are two classes."""
    root = os.fsencode(tmp_path)
    for name in (b"\xe8", b"\xe9"):
        _save(Path(os.fsdecode(root + b"/" + name)) / "0.png")
    assert _build(tmp_path, labels=True).class_names == ("\\xe8", "\\xe9")


def test_a_damaged_or_unwritable_cache_costs_only_time(tmp_path: Path, own_cache: Path) -> None:
    """Whatever lies in the cache, the dataset is read."""
    root = tmp_path / "images"
    _save(root / "0.png")
    first = _build(root, STREAMED).train.content_hash
    (kept,) = (own_cache / "scans").iterdir()
    kept.write_text('{"content_hash": ')
    assert _build(root, STREAMED).train.content_hash == first
    kept.unlink()
    kept.parent.rmdir()
    (own_cache / "scans").write_text("a file where a folder should be")
    assert _build(root, STREAMED).train.content_hash == first


def test_a_file_that_vanishes_while_streaming_is_named(tmp_path: Path) -> None:
    """The worker's error names the file."""
    root = tmp_path / "images"
    _save(root / "0.png")
    data = _build(root, STREAMED)
    (root / "0.png").unlink()
    sampler = make_sampler(data.train, batch_size=1, seed=0, workers=1)
    with pytest.raises(DataError, match=r"images/0\.png cannot be read any more \(no such file or directory\)"):
        sampler.next(1)
    sampler.close()


def test_small_images_are_enlarged_and_noted(tmp_path: Path) -> None:
    """The note counts them."""
    _save(tmp_path / "small.png", size=(8, 40))
    _save(tmp_path / "large.png", size=(40, 40))
    assert _build(tmp_path).notes == ("1 images are smaller than 16x16 and were enlarged",)


def test_a_name_that_is_not_text_is_handled(tmp_path: Path) -> None:
    """A file name that is not UTF-8 is read, and a bad one is named by what can be shown."""
    _save(tmp_path / "good.png")
    (tmp_path / "good.png").rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xfe.png")).touch()
    data = _build(tmp_path)
    assert data.train.num_samples == 1
    assert data.notes[0].encode() == "1 file left out, they cannot be decoded: \ufffd.png (empty file)".encode()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], r"no image below .* \(0 other files, 0 that cannot be reached\); images end in .bmp"),
        (["a.txt", "b.csv"], r"no image below .* \(2 other files, 0 that"),
        (["a.png"], r"none of 1 image files can be decoded, first a\.png \(empty file\)"),
    ],
)
def test_no_image_is_an_error(tmp_path: Path, names: list[str], message: str) -> None:
    """An empty tree says what an image's name ends in."""
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=message):
        _build(tmp_path)


def test_a_path_that_is_no_directory_is_an_error(tmp_path: Path) -> None:
    """The message shows what was given."""
    with pytest.raises(DataError, match=r"path must be a directory \(got '.*/nowhere'\); give it with -o path=DIR"):
        _build(tmp_path / "nowhere")


@pytest.mark.parametrize(("option", "value"), [("resolution", 0), ("test_fraction", 1.0), ("test_fraction", -0.1), ("path", "")])
def test_impossible_options_are_refused(option: str, value: object) -> None:
    """The option's name is in the message."""
    with pytest.raises(ValueError, match=option):
        FolderOptions(**({"path": "x"} | {option: value}))  # type: ignore[arg-type]


def test_images_need_not_be_square(tmp_path: Path) -> None:
    """``size`` gives both sides; resident or streamed, the content is one."""
    for number in range(3):
        _save(tmp_path / f"{number}.png", number, size=(30, 20))
    resident, streamed = (_build(tmp_path, context, size="10x15") for context in (RESIDENT, STREAMED))
    assert resident.space == streamed.space == ImageSpace(3, 10, 15)
    assert resident.train.content_hash == streamed.train.content_hash
    assert streamed.train.read(torch.arange(3)).shape == (3, 3, 10, 15)
    assert _build(tmp_path, size="40x15").notes == ("3 images are smaller than 40x15 and were enlarged",)


@pytest.mark.parametrize("size", ["10", "10x", "0x5", "5x5x5", "-1x4"])
def test_a_size_is_height_and_width(size: str) -> None:
    """With an example."""
    with pytest.raises(ValueError, match=r"size must be height x width, such as 48x64 \(got '"):
        FolderOptions(path="a", size=size)
