"""The datasets that come through torchvision, read by the real code from small files in the published formats."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import pickle
import struct
import tarfile
import urllib.error
import zipfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import CIFAR10, CIFAR100, MNIST, STL10, CelebA, FashionMNIST

from ganbench.data.source import ArraySource, DataContext, Source
from ganbench.errors import DataError
from ganbench_datasets import celeba, cifar, location, medmnist, mnist, stl10
from ganbench_datasets.options import MEDMNIST, CelebaOptions, CifarOptions, MedMnistOptions, MnistOptions, Stl10Options

RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def nothing_but_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the machine's own data nor the network."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(location, "SYSTEM_FOLDER", tmp_path / "system")

    def no_network(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", no_network)


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _images(source: Source | None) -> torch.Tensor:
    assert isinstance(source, ArraySource)
    return source.stored


class TestMnist:
    """idx files, compressed or not."""

    PIXELS: ClassVar = {split: RANDOM.integers(0, 256, (n, 28, 28), dtype=np.uint8) for split, n in (("train", 6), ("t10k", 3))}
    LABELS: ClassVar = {"train": np.array([9, 8, 7, 1, 0, 5], dtype=np.uint8), "t10k": np.array([1, 2, 3], dtype=np.uint8)}

    def _write(self, folder: Path, kind: type[MNIST], monkeypatch: pytest.MonkeyPatch, *, packed: bool = True) -> None:
        folder.mkdir(parents=True)
        resources = []
        for split, pixels in self.PIXELS.items():
            labels = self.LABELS[split]
            for what, data in (
                ("images-idx3", struct.pack(">iiii", 2051, len(pixels), 28, 28) + pixels.tobytes()),
                ("labels-idx1", struct.pack(">ii", 2049, len(labels)) + labels.tobytes()),
            ):
                zipped = gzip.compress(data)
                name = f"{split}-{what}-ubyte"
                (folder / (f"{name}.gz" if packed else name)).write_bytes(zipped if packed else data)
                resources.append((f"{name}.gz", _md5(zipped)))
        monkeypatch.setattr(kind, "resources", resources)

    @pytest.mark.parametrize("where", ["", "mnist", "MNIST/raw"])
    @pytest.mark.parametrize("packed", [True, False])
    def test_files_below_the_data_root_are_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, packed: bool) -> None:
        """Wherever they lie below the root, packed or not: pixels in a black frame, labels, both splits."""
        root = tmp_path / "root"
        self._write(root / where, MNIST, monkeypatch, packed=packed)
        data = mnist.build_mnist(MnistOptions(), DataContext(data_root=root))
        framed = np.pad(self.PIXELS["train"], ((0, 0), (2, 2), (2, 2)))[:, None]
        assert np.array_equal(_images(data.train).numpy(), framed)
        assert data.train.labels is not None
        assert data.train.labels.tolist() == self.LABELS["train"].tolist()
        assert data.test is not None
        assert data.test.num_samples == 3
        assert data.class_names == tuple("0123456789")
        assert data.notes == (f"found in {root / where}",)

    def test_the_system_folder_is_found_without_a_data_root(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where Debian's package puts Fashion-MNIST."""
        self._write(tmp_path / "system" / "fashion-mnist", FashionMNIST, monkeypatch)
        data = mnist.build_fashion_mnist(MnistOptions(resolution=28), DataContext())
        assert np.array_equal(_images(data.train)[:, 0].numpy(), self.PIXELS["train"])
        assert data.class_names[0] == "T-shirt/top"

    def test_images_can_be_resized(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """fit=resize filters: half the size is about the mean of each 2x2 block."""
        monkeypatch.setitem(self.PIXELS, "train", np.full((6, 28, 28), 90, dtype=np.uint8))
        self._write(tmp_path / "root", MNIST, monkeypatch)
        data = mnist.build_mnist(MnistOptions(resolution=14, fit="resize"), DataContext(data_root=tmp_path / "root"))
        assert _images(data.train).unique().tolist() == [90]
        assert _images(data.train).shape == (6, 1, 14, 14)

    @pytest.mark.parametrize("damage", ["truncated", "changed"])
    def test_a_damaged_file_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
        """A cut or changed gzip file is one line that says what to do."""
        root = tmp_path / "root"
        self._write(root, MNIST, monkeypatch)
        file = root / "t10k-images-idx3-ubyte.gz"
        file.write_bytes(file.read_bytes()[:-100] if damage == "truncated" else gzip.compress(b"other"))
        message = "cannot be unpacked" if damage == "truncated" else "is damaged: its MD5 is"
        with pytest.raises(DataError, match=rf"t10k-images-idx3-ubyte\.gz {message}.*; delete it, then get it again"):
            mnist.build_mnist(MnistOptions(), DataContext(data_root=root))

    def test_a_truncated_unpacked_file_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """torchvision's own complaint becomes one line with the folder."""
        root = tmp_path / "root"
        self._write(root, MNIST, monkeypatch, packed=False)
        file = root / "train-images-idx3-ubyte"
        file.write_bytes(file.read_bytes()[:-100])
        with pytest.raises(DataError, match=r"root/train-\* is not a set of idx files") as caught:
            mnist.build_mnist(MnistOptions(), DataContext(data_root=root))
        assert "\n" not in str(caught.value)


class TestCifar:
    """python batches."""

    def _write(self, root: Path, kind: type[CIFAR10], monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
        """Write every batch with four images; return the train pixels."""
        folder = root / kind.base_folder
        folder.mkdir(parents=True)
        label_key = "labels" if kind is CIFAR10 else "fine_labels"
        lists: dict[str, list[list[str]]] = {"train_list": [], "test_list": []}
        pixels = []
        for which, made in lists.items():
            for name, _ in getattr(kind, which):
                batch = RANDOM.integers(0, 256, (4, 3072), dtype=np.uint8)
                data = pickle.dumps({"data": batch, label_key: [3, 1, 0, 2]})
                (folder / name).write_bytes(data)
                made.append([name, _md5(data)])
                pixels += [batch] if which == "train_list" else []
            monkeypatch.setattr(kind, which, made)
        meta = pickle.dumps({kind.meta["key"]: ["ant", "bee", "cat", "dog"]})
        (folder / kind.meta["filename"]).write_bytes(meta)
        monkeypatch.setattr(kind, "meta", kind.meta | {"md5": _md5(meta)})
        return np.concatenate(pixels).reshape(-1, 3, 32, 32)

    @pytest.mark.parametrize(("kind", "build"), [(CIFAR10, cifar.build_cifar10), (CIFAR100, cifar.build_cifar100)])
    def test_batches_are_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[CIFAR10], build: Any) -> None:
        """All train batches in order, with labels and class names."""
        pixels = self._write(tmp_path, kind, monkeypatch)
        data = build(CifarOptions(), DataContext(data_root=tmp_path))
        assert np.array_equal(_images(data.train).numpy(), pixels)
        assert data.train.labels is not None
        assert data.train.labels[:4].tolist() == [3, 1, 0, 2]
        assert _images(data.test).shape == (4, 3, 32, 32)
        assert data.class_names == ("ant", "bee", "cat", "dog")

    def test_another_resolution_is_resized(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Height and width follow the option."""
        self._write(tmp_path, CIFAR10, monkeypatch)
        data = cifar.build_cifar10(CifarOptions(resolution=16), DataContext(data_root=tmp_path))
        assert _images(data.train).shape == (20, 3, 16, 16)
        assert data.space.resolution == 16

    def test_an_archive_put_there_by_hand_is_unpacked(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The published archive is enough; it is checked and unpacked into the cache."""
        pixels = self._write(tmp_path / "made", CIFAR10, monkeypatch)
        root = tmp_path / "root"
        root.mkdir()
        with tarfile.open(root / CIFAR10.filename, "w:gz") as tar:
            tar.add(tmp_path / "made" / CIFAR10.base_folder, CIFAR10.base_folder)
        monkeypatch.setattr(CIFAR10, "tgz_md5", _md5((root / CIFAR10.filename).read_bytes()))
        data = cifar.build_cifar10(CifarOptions(), DataContext(data_root=root))
        assert np.array_equal(_images(data.train).numpy(), pixels)
        assert (tmp_path / "cache/datasets/cifar10" / CIFAR10.base_folder).is_dir()

    def test_a_changed_batch_is_never_unpickled(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file of another checksum is named before anything reads it."""
        self._write(tmp_path, CIFAR10, monkeypatch)
        (tmp_path / CIFAR10.base_folder / "data_batch_3").write_bytes(b"cos\nabort\n(tR.")
        with pytest.raises(DataError, match="data_batch_3 is damaged: its MD5 is"):
            cifar.build_cifar10(CifarOptions(), DataContext(data_root=tmp_path))

    def test_a_missing_batch_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """One file out of seven is missing."""
        self._write(tmp_path, CIFAR10, monkeypatch)
        (tmp_path / CIFAR10.base_folder / "test_batch").unlink()
        with pytest.raises(DataError, match=r"test_batch cannot be read \(No such file or directory\)"):
            cifar.build_cifar10(CifarOptions(), DataContext(data_root=tmp_path))


class TestStl10:
    """Binary files, columns first."""

    def _write(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
        folder = root / STL10.base_folder
        folder.mkdir(parents=True)
        made = {name: RANDOM.integers(0, 256, (n, 3, 96, 96), dtype=np.uint8) for name, n in (("train", 3), ("unlabeled", 5), ("test", 2))}
        sums = {}
        for name, images in made.items():
            files = {f"{name}_X.bin": images.transpose(0, 1, 3, 2).tobytes(), f"{name}_y.bin": bytes(range(1, len(images) + 1))}
            for file, data in files.items():
                (folder / file).write_bytes(data)
                sums[file] = _md5(data)
        for which in ("train_list", "test_list"):
            monkeypatch.setattr(STL10, which, [[name, sums[name]] for name, _ in getattr(STL10, which)])
        (folder / "class_names.txt").write_text("\n".join(f"class{i}" for i in range(10)))
        return made

    def test_the_unlabelled_images_are_the_default(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without labels, at 48x48."""
        self._write(tmp_path, monkeypatch)
        data = stl10.build(Stl10Options(), DataContext(data_root=tmp_path))
        assert _images(data.train).shape == (5, 3, 48, 48)
        assert data.train.labels is None
        assert data.num_classes == 0

    def test_the_labelled_images_keep_their_pixels(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """At 96x96 nothing is filtered, and classes count from 0."""
        made = self._write(tmp_path, monkeypatch)
        data = stl10.build(Stl10Options(resolution=96, split="train"), DataContext(data_root=tmp_path))
        assert np.array_equal(_images(data.train).numpy(), made["train"])
        assert data.train.labels is not None
        assert data.train.labels.tolist() == [0, 1, 2]
        assert data.class_names[9] == "class9"


class TestCeleba:
    """JPEG files and text tables."""

    def _write(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = root / CelebA.base_folder / "img_align_celeba"
        folder.mkdir(parents=True)
        names = [f"{number:06d}.jpg" for number in range(1, 7)]
        for number, name in enumerate(names):
            pixels = np.zeros((218, 178, 3), dtype=np.uint8)
            pixels[20:198] = 40 * number  # what the centre crop keeps
            Image.fromarray(pixels).save(folder / name)
        tables = {
            "list_eval_partition.txt": "".join(f"{name} {part}\n" for name, part in zip(names, (0, 0, 1, 2, 0, 2), strict=True)),
            "identity_CelebA.txt": "".join(f"{name} 1\n" for name in names),
            "list_attr_celeba.txt": "6\nSmiling Young\n" + "".join(f"{name} 1 -1\n" for name in names),
            "list_bbox_celeba.txt": "6\nimage_id x_1 y_1 width height\n" + "".join(f"{name} 1 1 1 1\n" for name in names),
            "list_landmarks_align_celeba.txt": "6\nlefteye_x lefteye_y\n" + "".join(f"{name} 1 1\n" for name in names),
        }
        for name, text in tables.items():
            (folder.parent / name).write_text(text)
        listed = [(i, _md5(tables[name].encode()) if name in tables else m, name) for i, m, name in CelebA.file_list]
        monkeypatch.setattr(CelebA, "file_list", listed)

    @pytest.mark.parametrize("limit", [2048.0, 0.0], ids=["resident", "streamed"])
    def test_the_published_partition_is_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: float) -> None:
        """Train and test images by the table, cut to the centre, valid ones in neither."""
        self._write(tmp_path, monkeypatch)
        data = celeba.build(CelebaOptions(), DataContext(data_root=tmp_path, resident_limit_mib=limit))
        assert data.train.is_resident == (limit > 0)
        assert data.test is not None
        levels = [s.read(torch.arange(s.num_samples)).float().mean(dim=(1, 2, 3)).div(40).round().tolist() for s in (data.train, data.test)]
        assert levels == [[0, 1, 4], [3, 5]]
        assert data.train.read(torch.arange(3)).shape == (3, 3, 64, 64)

    def _pack(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Put the images into the archive, and return their folder, which is gone."""
        folder = root / CelebA.base_folder / "img_align_celeba"
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as packed:
            for image in sorted(folder.iterdir()):
                packed.write(image, f"{folder.name}/{image.name}")
                image.unlink()
        folder.rmdir()
        folder.with_suffix(".zip").write_bytes(buffer.getvalue())
        listed = [(i, _md5(buffer.getvalue()) if name.endswith(".zip") else m, name) for i, m, name in CelebA.file_list]
        monkeypatch.setattr(CelebA, "file_list", listed)
        return folder

    def test_the_archive_of_images_is_unpacked(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """With only the zip beside the tables, it is checked and unpacked."""
        self._write(tmp_path, monkeypatch)
        folder = self._pack(tmp_path, monkeypatch)
        assert celeba.build(CelebaOptions(), DataContext(data_root=tmp_path)).train.num_samples == 3
        assert len(list(folder.iterdir())) == 6
        assert not list(folder.parent.glob(".unpacking-*"))

    def test_what_was_half_unpacked_is_unpacked_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """By a process that was killed, ours or another's: an image of the table is missing, and the one before it is cut off."""
        self._write(tmp_path, monkeypatch)
        whole = celeba.build(CelebaOptions(), DataContext(data_root=tmp_path)).train.content_hash
        folder = self._pack(tmp_path, monkeypatch)
        folder.mkdir()
        (folder / "000001.jpg").write_bytes(b"half")
        data = celeba.build(CelebaOptions(), DataContext(data_root=tmp_path))
        assert (data.train.num_samples, data.train.content_hash) == (3, whole)
        assert "000002.jpg is missing, which was half unpacked: unpacking" in caplog.text

    def test_a_damaged_archive_beside_half_of_the_images_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is not unpacked, and the images that are there stay."""
        self._write(tmp_path, monkeypatch)
        folder = self._pack(tmp_path, monkeypatch)
        folder.mkdir()
        (folder / "000001.jpg").write_bytes(b"half")
        folder.with_suffix(".zip").write_bytes(b"PK")
        with pytest.raises(DataError, match=r"img_align_celeba\.zip is damaged: its MD5 is"):
            celeba.build(CelebaOptions(), DataContext(data_root=tmp_path))
        assert (folder / "000001.jpg").read_bytes() == b"half"

    def test_a_pipe_in_the_place_of_an_image_or_a_table_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nobody waits for a writer."""
        self._write(tmp_path, monkeypatch)
        folder = tmp_path / CelebA.base_folder
        for place, message in (
            ("img_align_celeba/000005.jpg", r"000005\.jpg cannot be decoded \(a pipe or a device\)"),
            ("list_attr_celeba.txt", r"list_attr_celeba\.txt cannot be read \(it is a folder, a pipe or a device, and a file is wanted\)"),
        ):
            (folder / place).unlink()
            os.mkfifo(folder / place)
            with pytest.raises(DataError, match=message):
                celeba.build(CelebaOptions(), DataContext(data_root=tmp_path))

    def test_a_missing_image_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The table names a file that is not there."""
        self._write(tmp_path, monkeypatch)
        (tmp_path / CelebA.base_folder / "img_align_celeba/000005.jpg").unlink()
        with pytest.raises(DataError, match=r"000005\.jpg is missing; unpack img_align_celeba\.zip again"):
            celeba.build(CelebaOptions(), DataContext(data_root=tmp_path))

    def test_a_damaged_image_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A published dataset has no images to leave out."""
        self._write(tmp_path, monkeypatch)
        (tmp_path / CelebA.base_folder / "img_align_celeba/000005.jpg").write_bytes(b"")
        with pytest.raises(DataError, match=r"000005\.jpg cannot be decoded \(empty file\); unpack img_align_celeba\.zip again"):
            celeba.build(CelebaOptions(), DataContext(data_root=tmp_path))


NOWHERE = [
    (mnist.build_mnist, MnistOptions(), "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images"),
    (mnist.build_fashion_mnist, MnistOptions(), "train-images-idx3-ubyte.gz"),
    (cifar.build_cifar10, CifarOptions(), "cifar-10-python.tar.gz"),
    (cifar.build_cifar100, CifarOptions(), "cifar-100-python.tar.gz"),
    (stl10.build, Stl10Options(), "stl10_binary.tar.gz"),
    (celeba.build, CelebaOptions(), "celeba/img_align_celeba.zip"),
]


@pytest.mark.parametrize(("build", "options", "files"), NOWHERE)
@pytest.mark.parametrize("may_download", [True, False])
def test_without_network_the_error_says_where_to_put_which_file(
    tmp_path: Path, build: Any, options: object, files: str, may_download: bool
) -> None:
    """One line with the files, the folder and the ways to name another."""
    reason = "could not be downloaded" if may_download else "downloading is switched off"
    with pytest.raises(
        DataError, match=rf"is not on this machine and {reason}.*; put {files}.* into {tmp_path} \(or name .*GANBENCH_DATA"
    ) as caught:
        build(options, DataContext(data_root=tmp_path, download=may_download))
    assert "\n" not in str(caught.value)


def test_padding_cannot_make_images_smaller() -> None:
    """The message says which option can."""
    with pytest.raises(ValueError, match=r"resolution must be 28 or more with fit=pad \(got 16\); fit=resize"):
        MnistOptions(resolution=16)


class TestMedMnist:
    """One .npz file a set, as published."""

    PIXELS: ClassVar = {
        n: RANDOM.integers(0, 256, (count, 28, 28, 3), dtype=np.uint8) for n, count in (("train", 12), ("val", 2), ("test", 9))
    }
    ARRAYS: ClassVar = {
        **{f"{split}_images": pixels for split, pixels in PIXELS.items()},
        **{f"{split}_labels": (np.arange(len(pixels), dtype=np.uint8) % 9)[:, None] for split, pixels in PIXELS.items()},
    }

    def _build(self, folder: Path, options: MedMnistOptions | None = None, of: str = "pathmnist", **changed: Any) -> Any:
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / f"{of}.npz", **{key: array for key, array in {**self.ARRAYS, **changed}.items() if array is not None})
        return medmnist.build(options or MedMnistOptions(of=of, resolution=28), DataContext(data_root=folder))

    def test_a_set_is_read_by_its_name(self, tmp_path: Path) -> None:
        """Pixels as published, labels of a column, train and test; the validation split is in neither."""
        data = self._build(tmp_path)
        assert np.array_equal(_images(data.train).numpy(), self.PIXELS["train"].transpose(0, 3, 1, 2))
        assert np.array_equal(_images(data.test).numpy(), self.PIXELS["test"].transpose(0, 3, 1, 2))
        assert data.train.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2]
        assert (data.name, data.num_classes, data.class_names[0]) == ("pathmnist", 9, "adipose")
        assert data.notes[-1] == "12 train and 9 test images, where 89,996 and 7,180 are published"

    def test_grey_images_have_one_channel_and_a_frame_where_it_is_asked_for(self, tmp_path: Path) -> None:
        """The file has no axis for it."""
        grey = {f"{split}_images": pixels[..., 0] for split, pixels in self.PIXELS.items()}
        labels = {f"{split}_labels": self.ARRAYS[f"{split}_labels"] % 2 for split in self.PIXELS}
        data = self._build(tmp_path, MedMnistOptions(of="breastmnist", fit="pad"), "breastmnist", **grey, **labels)
        assert np.array_equal(_images(data.train).numpy(), np.pad(grey["train_images"], ((0, 0), (2, 2), (2, 2)))[:, None])
        assert data.space.size == (1, 32, 32)

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"train_labels": np.full((12, 1), 9)}, r"train_labels must be classes from 0 to 8 \(got 9\)"),
            ({"test_labels": np.full((9, 1), -1)}, r"test_labels must be classes from 0 to 8 \(got -1\)"),
            ({"train_labels": np.zeros((12, 14), dtype=np.uint8)}, "train_labels has 14 labels for each image, and one class is wanted"),
            ({"train_labels": np.zeros((11, 1), dtype=np.uint8)}, r"must be 12 integers, one for each image \(got uint8 \[11, 1\]\)"),
            ({"train_labels": np.zeros((12, 1))}, r"must be 12 integers, one for each image \(got float64"),
            ({"train_images": np.zeros((12, 28, 28, 28), dtype=np.uint8)}, r"must be uint8 \[N, 28, 28, 3\].*got uint8 \[12, 28, 28, 28\]"),
            ({"train_images": np.zeros((12, 28, 28, 3))}, "must be uint8 .*got float64"),
            ({"test_images": None}, "has no array 'test_images' and is no set of MedMNIST; get it from https://"),
        ],
    )
    def test_what_is_not_as_published_is_one_line(self, tmp_path: Path, changed: dict[str, Any], message: str) -> None:
        """With the array and what it should be."""
        with pytest.raises(DataError, match=message) as caught:
            self._build(tmp_path, **changed)
        assert "\n" not in str(caught.value)

    def test_a_damaged_file_and_one_of_objects_are_named(self, tmp_path: Path) -> None:
        """Nothing of them is executed."""
        with pytest.raises(DataError, match="train_labels' is damaged or holds Python objects"):
            self._build(tmp_path, train_labels=np.array([{}] * 12, dtype=object))
        (tmp_path / "pathmnist.npz").write_bytes(b"PK")
        with pytest.raises(DataError, match=r"pathmnist\.npz is not an \.npz file or is truncated"):
            medmnist.build(MedMnistOptions(), DataContext(data_root=tmp_path))

    @pytest.mark.parametrize("may_download", [True, False])
    def test_a_file_that_is_nowhere_is_said_with_where_it_is_published(self, tmp_path: Path, may_download: bool) -> None:
        """It is never downloaded."""
        with pytest.raises(
            DataError, match=rf"^bloodmnist\.npz is not .* and is not downloaded; get it from https://\S+ and put it into {tmp_path} \(or"
        ):
            medmnist.build(MedMnistOptions(of="bloodmnist"), DataContext(data_root=tmp_path, download=may_download))

    @pytest.mark.parametrize(
        ("of", "why"), [("chestmnist", "one class an image"), ("organmnist3d", "holds volumes"), ("mnist", "must be one of pathmnist")]
    )
    def test_sets_of_another_kind_are_refused_by_name(self, of: str, why: str) -> None:
        """Before any file is looked for."""
        with pytest.raises(ValueError, match=why):
            MedMnistOptions(of=of)

    def test_the_published_facts_add_up(self) -> None:
        """Each set that can be named has them, with the article's number of classes."""
        assert tuple(medmnist.FACTS) == MEDMNIST
        assert [len(facts.classes) for facts in medmnist.FACTS.values()] == [9, 7, 4, 2, 5, 2, 8, 8, 11, 11, 11]
