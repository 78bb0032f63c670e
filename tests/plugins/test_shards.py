"""Images in shards: the same samples as from a folder, whatever holds them, from any place, and one line for what is wrong."""

from __future__ import annotations

import hashlib
import importlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganbench import DataContext, DataError, Dataset, make_sampler, read_ahead
from ganbench.cli.main import main
from ganbench_datasets.folder import build as build_folder
from ganbench_datasets.options import FolderOptions
from ganbench_shards import ShardsOptions
from ganbench_shards import index as indexing
from ganbench_shards.dataset import ShardSource, build

COUNT, PER_SHARD = 25, 10
STREAMED = DataContext(resident_limit_mib=0.0)


def png(number: int) -> bytes:
    """Return an image file."""
    pixels = np.random.RandomState(number).randint(0, 256, (12, 16 + number % 3, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the same images as files, in tar files, in Parquet and in Arrow files; three classes."""
    pa: Any = pytest.importorskip("pyarrow", reason="pyarrow is not installed here")
    importlib.import_module("pyarrow.ipc")
    importlib.import_module("pyarrow.parquet")
    root = tmp_path_factory.mktemp("data")
    for name in ("files", "tar", "parquet", "arrow"):
        (root / name).mkdir()
    for number in range(COUNT):
        (root / "files" / f"{number:04}.png").write_bytes(png(number))
    for start in range(0, COUNT, PER_SHARD):
        numbers = range(start, min(start + PER_SHARD, COUNT))
        name = f"train-{start // PER_SHARD:03}"
        with tarfile.open(root / "tar" / f"{name}.tar", "w") as archive:
            for number in numbers:
                for ending, content in (("json", b"{}"), ("png", png(number)), ("cls", b"%d\n" % (number % 3))):
                    member = tarfile.TarInfo(f"{number:04}.{ending}")
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
        images = [{"bytes": png(number), "path": None} for number in numbers]
        table = pa.table({"id": list(numbers), "image": images, "label": [number % 3 for number in numbers]})
        pa.parquet.write_table(table, root / "parquet" / f"{name}.parquet", row_group_size=4)
        plain = table.set_column(1, "image", pa.array([image["bytes"] for image in images], pa.binary()))
        with pa.ipc.new_file(root / "arrow" / f"{name}.arrow", plain.schema) as file:
            file.write_table(plain, max_chunksize=3)
    return root


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep scans out of the user's cache."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))


def shards(path: str | Path, context: DataContext | None = None, **options: Any) -> Dataset:
    """Build the dataset at 8x8."""
    named = {"address" if "://" in str(path) else "path": str(path)}
    return build(ShardsOptions(**{**named, "resolution": 8, **options}), context or DataContext())


@pytest.mark.parametrize(("kind", "label"), [("tar", "cls"), ("parquet", "label"), ("arrow", "label")])
def test_the_samples_are_those_of_a_folder(data: Path, kind: str, label: str) -> None:
    """By the same hash, in memory and streamed, without labels and with them."""
    expected = build_folder(FolderOptions(path=str(data / "files"), resolution=8), DataContext())
    for context in (None, STREAMED):
        found = shards(data / kind, context)
        assert found.train.content_hash == expected.train.content_hash
        assert found.train.is_resident == (context is None)
        assert (found.name, found.num_classes) == ("shards:train", 0)
    labelled = [shards(data / kind, context, label=label) for context in (None, STREAMED)]
    assert labelled[0].train.content_hash == labelled[1].train.content_hash
    assert labelled[0].train.labels is not None
    assert labelled[0].train.labels.tolist() == [number % 3 for number in range(COUNT)]
    assert labelled[0].num_classes == 3


@pytest.mark.parametrize("kind", ["tar", "parquet", "arrow"])
def test_any_sample_is_read_in_any_order_and_by_workers(data: Path, kind: str) -> None:
    """A descriptor or a group of rows that two processes shared would give another's bytes."""
    resident, streamed = shards(data / kind).train, shards(data / kind, STREAMED).train
    order = torch.randperm(4 * COUNT, generator=torch.Generator().manual_seed(0)) % COUNT
    assert torch.equal(streamed.read(order), resident.read(order))
    pieces = list(read_ahead(streamed.read, list(order.numpy().reshape(-1, 5)), workers=2))
    assert torch.equal(torch.cat(pieces), resident.read(order))


@pytest.mark.parametrize("kind", ["tar", "parquet"])
def test_a_run_goes_on_at_the_same_bits(data: Path, kind: str) -> None:
    """Which sample comes when is a function of seed and position alone."""
    source = shards(data / kind, STREAMED).train
    whole = make_sampler(source, batch_size=4, seed=1, workers=0)
    batches = [whole.next(4).samples.clone() for _ in range(9)]
    again = make_sampler(source, batch_size=4, seed=1, workers=0, position=20)
    assert torch.equal(again.next(4).samples, batches[5])


@pytest.mark.parametrize("kind", ["tar", "parquet", "arrow"])
def test_an_address_of_fsspec_is_as_good_as_a_path(data: Path, kind: str) -> None:
    """A file system in memory, where every read is a request for a range."""
    import fsspec

    memory = fsspec.filesystem("memory")
    for path in (data / kind).iterdir():
        memory.pipe(f"/bucket-{kind}/{path.name}", path.read_bytes())
    expected = shards(data / kind, STREAMED).train.content_hash
    for address, only in ((f"memory://bucket-{kind}", ""), (f"memory://bucket-{kind}/", "train-*"), (f"file://{data / kind}", "")):
        assert shards(address, STREAMED, only=only).train.content_hash == expected
    with pytest.raises(DataError, match="shards: memory://nowhere is not there"):
        shards("memory://nowhere")
    with pytest.raises(DataError, match=r"shards: nothing:// cannot be read: .*; see fsspec's list"):
        shards("nothing://a")


def test_a_range_and_a_pattern_name_shards(data: Path) -> None:
    """In the order of their names; a missing one of a range is an error, and of a pattern nobody can know."""
    assert shards(data / "tar", only="train-{000..002}.tar").train.num_samples == COUNT
    assert shards(data / "tar", only="train-{001..002}.tar").train.num_samples == COUNT - PER_SHARD
    assert shards(data / "tar", only="*1.tar").train.num_samples == PER_SHARD
    assert shards(data / "tar" / "train-001.tar").train.num_samples == PER_SHARD
    with pytest.raises(DataError, match=r"shards: .*train-003\.tar is not there"):
        shards(data / "tar", only="train-{000..003}.tar")


def test_a_part_is_held_out(data: Path) -> None:
    """The same images each time, and none of them twice."""
    found = shards(data / "tar", STREAMED, test_fraction=0.2, label="cls")
    assert found.test is not None
    assert (found.train.num_samples, found.test.num_samples) == (20, 5)
    assert isinstance(found.train, ShardSource)
    assert isinstance(found.test, ShardSource)
    assert sorted([*found.train.ids, *found.test.ids]) == list(range(COUNT))


def test_a_scan_is_kept_and_another_content_is_scanned_again(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoding everything once is enough."""
    path = tmp_path / "one.tar"
    path.write_bytes((data / "tar" / "train-000.tar").read_bytes())
    first = shards(path, STREAMED).train.content_hash
    read, numbers = indexing.Index.read, []
    monkeypatch.setattr(indexing.Index, "read", lambda self, number: numbers.append(number) or read(self, number))
    assert shards(path, STREAMED).train.content_hash == first
    assert len(numbers) == PER_SHARD  # the few that are looked at before it is believed
    path.write_bytes((data / "tar" / "train-001.tar").read_bytes())
    assert shards(path, STREAMED).train.content_hash != first


def test_hashes_are_checked_where_it_is_asked_for(data: Path, tmp_path: Path) -> None:
    """By what sha256sum writes; a changed byte is found before anything is decoded."""
    for path in (data / "tar").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(DataError, match=r"verify needs .*SHA256SUMS; make it with sha256sum"):
        shards(tmp_path, verify=True)
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(tmp_path.glob("*.tar"))]
    (tmp_path / "SHA256SUMS").write_text("".join(sums))
    assert shards(tmp_path, verify=True).train.num_samples == COUNT
    (tmp_path / "SHA256SUMS").write_text("".join(sums[:2]))
    with pytest.raises(DataError, match=r"SHA256SUMS beside .*train-002\.tar does not name it"):
        shards(tmp_path, verify=True)
    (tmp_path / "SHA256SUMS").write_text("".join(sums))
    damaged = bytearray((tmp_path / "train-001.tar").read_bytes())
    damaged[-1] ^= 1
    (tmp_path / "train-001.tar").write_bytes(damaged)
    with pytest.raises(DataError, match=r"train-001\.tar is not what SHA256SUMS says; fetch it again"):
        shards(tmp_path, verify=True)


def _others(path: Path) -> None:
    path.mkdir()
    (path / "README.md").touch()


def _cut(path: Path) -> None:
    path.mkdir()
    with tarfile.open(path / "a.tar", "w") as archive:
        member = tarfile.TarInfo("0.png")
        member.size = len(png(0))
        archive.addfile(member, io.BytesIO(png(0)))
    whole = (path / "a.tar").read_bytes()
    (path / "a.tar").write_bytes(whole[:700])


def _garbage(path: Path) -> None:
    path.mkdir()
    (path / "a.parquet").write_bytes(b"no table")


def _both(path: Path) -> None:
    path.mkdir()
    (path / "a.parquet").touch()
    (path / "a.tar").touch()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "is not there"),
        (_others, r"no shard at .*; shards end in \.tar \.parquet \.arrow \.feather"),
        (_both, "tar files and tables lie side by side"),
        (_cut, r"a\.tar(, byte 512: it ends \d+ bytes too early| cannot be read: unexpected end of data)"),
        (_garbage, r"a\.parquet cannot be read: "),
    ],
    ids=["gone", "others", "both", "cut", "garbage"],
)
def test_shards_that_cannot_be_read_are_one_error(tmp_path: Path, make: Callable[[Path], None], message: str) -> None:
    """With the file."""
    make(tmp_path / "data")
    with pytest.raises(DataError, match=message):
        shards(tmp_path / "data")


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("tar", {"image": "jpg"}, r"0000 has no jpg \(it has json, png, cls\); see -o image"),
        ("tar", {"label": "json"}, r"0000 has no whole number as json \(got b'{}'\)"),
        ("tar", {"label": "txt"}, r"0000 has no whole number as txt \(got b''\)"),
        ("parquet", {"image": "picture"}, r"has no column 'picture' \(it has id, image, label\)"),
        ("parquet", {"label": "image"}, "the column image must hold whole numbers from 0"),
        ("parquet", {"image": "id"}, r"parquet, row 0: its id holds no bytes"),
    ],
)
def test_what_a_shard_lacks_is_named(data: Path, kind: str, options: dict[str, Any], message: str) -> None:
    """And what it has."""
    with pytest.raises(DataError, match=message):
        shards(data / kind, **options)


def test_a_command_trains_on_shards(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Streamed, with what a run costs at least; a path that names nothing is exit code 2."""
    monkeypatch.chdir(tmp_path)
    few = ("--kimg", "0.05", "--batch-size", "10", "--metric", "none", "--threads", "1", "--set", "data.resident_limit_mib=0", "--quiet")
    options = ("-o", "dataset.resolution=16", "-o", "dataset.label=cls")
    assert main(["run", "--plugin", "mlp", "--dataset", "shards", "-o", f"path={data / 'tar'}", *options, *few, "--out", "run"]) == 0
    for path, message in ((f"path={tmp_path}/gone", "there is no file or folder"), ("path=", "shards: neither path nor address names any")):
        capfd.readouterr()
        assert main(["run", "--plugin", "mlp", "--dataset", "shards", "-o", path, *options, *few]) == 2
        said = capfd.readouterr().err
        assert message in said
        assert said.count("\n") == 1
