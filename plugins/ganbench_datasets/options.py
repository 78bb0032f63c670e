"""The options of each dataset; the text under a field is its help. Nothing here imports torch or numpy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ganbench import Settings, setting


@dataclass(frozen=True, kw_only=True, slots=True)
class DigitsOptions(Settings):
    """Options of ``digits``."""

    resolution: int = setting(16, least=8)
    """Height and width in pixels, 8 or more; the 8x8 originals are enlarged bicubically."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StackedDigitsOptions(Settings):
    """Options of ``stacked-digits``."""

    resolution: int = setting(16, least=8)
    """Height and width in pixels, 8 or more; the 8x8 originals are enlarged bicubically."""
    digits: int = setting(3, least=2, most=3)
    """Digits in an image, one in each channel: 3 for 1,000 modes as published, 2 for 100, which take less training."""
    num_images: int = setting(128_000, least=1)
    """Images in the train split, each of so many digits drawn at random."""
    seed: int = setting(0, least=0)
    """Seed of the draws, 0 or more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SyntheticOptions(Settings):
    """Options of ``synthetic``."""

    resolution: int = setting(32, least=1)
    """Height and width in pixels."""
    channels: int = setting(3, least=1)
    """1 for grey, 3 for colour, or any other number."""
    num_images: int = setting(10_000, least=1)
    """Images in the train split."""
    num_classes: int = setting(0, least=0)
    """Classes, evenly many images of each; 0 for no labels."""
    seed: int = setting(0, least=0)
    """Seed of the pixels, 0 or more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MnistOptions(Settings):
    """Options of ``mnist`` and ``fashion-mnist``."""

    resolution: int = setting(32, least=1)
    """Height and width in pixels; 28 is the original."""
    fit: Literal["pad", "resize"] = "pad"
    """How 28 pixels become that many: a black frame around them, or an antialiased bilinear resize."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if self.fit == "pad" and self.resolution < 28:
            raise ValueError(f"resolution must be 28 or more with fit=pad (got {self.resolution}); fit=resize makes images smaller")


MEDMNIST = (
    *("pathmnist", "dermamnist", "octmnist", "pneumoniamnist", "retinamnist", "breastmnist", "bloodmnist", "tissuemnist"),
    *("organamnist", "organcmnist", "organsmnist"),
)
"""The sets of MedMNIST v2 whose images are flat and have one class each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MedMnistOptions(Settings):
    """Options of ``medmnist``."""

    of: str = "pathmnist"
    """Which set, by its published name: pathmnist, dermamnist, octmnist, pneumoniamnist, retinamnist, breastmnist, bloodmnist, tissuemnist,
    organamnist, organcmnist or organsmnist. NAME.npz is read from the data root."""
    resolution: int = setting(32, least=1)
    """Height and width in pixels; 28 is the published one, anything else is made of it as ``fit`` says."""
    fit: Literal["resize", "pad"] = "resize"
    """How 28 pixels become that many: an antialiased bilinear resize, or a black frame around them."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if self.of == "chestmnist":
            raise ValueError(
                "of must be a set with one class an image (got 'chestmnist', whose 14 labels each hold or not); choose another"
            )
        if self.of.endswith("mnist3d"):
            raise ValueError(f"of must be a set of flat images (got {self.of!r}, which holds volumes); choose another")
        if self.of not in MEDMNIST:
            raise ValueError(f"of must be one of {', '.join(MEDMNIST)} (got {self.of!r})")
        if self.fit == "pad" and self.resolution < 28:
            raise ValueError(f"resolution must be 28 or more with fit=pad (got {self.resolution}); fit=resize makes images smaller")


@dataclass(frozen=True, kw_only=True, slots=True)
class CifarOptions(Settings):
    """Options of ``cifar10`` and ``cifar100``."""

    resolution: int = setting(32, least=1)
    """Height and width in pixels; 32 is the original, anything else an antialiased bilinear resize."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stl10Options(Settings):
    """Options of ``stl10``."""

    resolution: int = setting(48, least=1)
    """Height and width in pixels; 96 is the original, 48 what SNGAN (Miyato et al., 2018) and later papers train on."""
    split: Literal["unlabeled", "train"] = "unlabeled"
    """What is trained on: 100,000 images without labels, as in those papers, or 5,000 in 10 classes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CelebaOptions(Settings):
    """Options of ``celeba``."""

    resolution: int = setting(64, least=1)
    """Height and width in pixels, after a centre crop of 178x178 as in pytorch/examples."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderOptions(Settings):
    """Options of ``folder``."""

    path: str = setting(part="place")
    """The directory; every folder below it is searched, hidden ones left out."""
    resolution: int = setting(64, least=1)
    """Height and width in pixels that every image is brought to."""
    size: str = ""
    """Height and width where they differ, such as ``48x64``; empty for ``resolution`` in both."""
    channels: Literal["3", "1"] = "3"
    """3 for colour, 1 for grey; images of the other kind are converted."""
    crop: Literal["center", "none"] = "center"
    """center cuts the largest part of that shape from the middle; none squeezes the whole image into it."""
    background: Literal["white", "black", "grey"] = "white"
    """What stands behind transparent pixels."""
    labels: bool = False
    """Whether the first-level subfolders are classes."""
    test_fraction: float = setting(0.0, least=0, below=1)
    """Part of the images that is held out as test split, chosen by a fixed seed; 0 trains on all."""
    on_error: Literal["skip", "fail"] = "skip"
    """What an image that cannot be decoded does: left out and named in the notes, or the end of the run."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if not self.path:
            raise ValueError("path must name a directory (got ''); give it with -o path=DIR")
        if self.size and not re.fullmatch(r"[1-9]\d*x[1-9]\d*", self.size):
            raise ValueError(f"size must be height x width, such as 48x64 (got {self.size!r})")

    def height_and_width(self) -> tuple[int, int]:
        """Return what every image is brought to."""
        if not self.size:
            return self.resolution, self.resolution
        height, width = map(int, self.size.split("x"))
        return height, width


@dataclass(frozen=True, kw_only=True, slots=True)
class PairsOptions(Settings):
    """Options of ``pairs``."""

    path: str = setting(part="place")
    """The directory; every folder below it is searched, hidden ones left out."""
    test_path: str = setting("", part="place")
    """The directory of the held-out pairs, such as ``facades/test``; none for test_fraction."""
    resolution: int = setting(256, least=1)
    """Height and width in pixels that each half is brought to."""
    channels: Literal["3", "1"] = "3"
    """What each half has: 3 for colour, 1 for grey; images of the other kind are converted."""
    background: Literal["white", "black", "grey"] = "white"
    """What stands behind transparent pixels."""
    test_fraction: float = setting(0.0, least=0, below=1)
    """Part of the pairs that is held out as test split, chosen by a fixed seed; 0 trains on all."""
    on_error: Literal["skip", "fail"] = "skip"
    """What an image that cannot be decoded does: left out and named in the notes, or the end of the run."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if not self.path:
            raise ValueError("path must name a directory (got ''); give it with -o path=DIR")
        if self.test_path and self.test_fraction:
            raise ValueError(f"test_fraction must be 0 with test_path (got {self.test_fraction})")


@dataclass(frozen=True, kw_only=True, slots=True)
class ArrayOptions(Settings):
    """Options of ``array``."""

    path: str = setting(part="place")
    """A .npy or .npz file of uint8 images, [N, H, W, C] or [N, C, H, W], C of 1 or 3; H = W unless ``layout`` says which it is."""
    key: str = ""
    """Which array of an .npz file holds the images; not needed where only one has four dimensions."""
    labels: str = setting("", part="place")
    """A .npy file of integers [N], or a key of the .npz file (labels and y are found without this); none for no labels."""
    layout: Literal["auto", "nhwc", "nchw"] = "auto"
    """Where the channels stand; needed only when the shape allows both, or for images that are not square."""
    test_fraction: float = setting(0.0, least=0, below=1)
    """Part of the images that is held out as test split, chosen by a fixed seed; 0 trains on all."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if not self.path:
            raise ValueError("path must name a .npy or .npz file (got ''); give it with -o path=FILE")


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotographsOptions(Settings):
    """Options of ``photographs``."""

    path: str = setting("", part="place")
    """A directory of photographs; every folder below it is searched. Unset: eight that scikit-image and scikit-learn ship."""
    resolution: int = setting(96, least=1)
    """Height and width of the squares in pixels; they are cut out, and never made smaller or larger."""
    stride: int | None = setting(None, least=1)
    """Pixels from one square of a train photograph to the next; unset: half of a square."""
    channels: Literal["3", "1"] = "3"
    """3 for colour, 1 for grey; photographs of the other kind are converted."""
    test_fraction: float = setting(0.25, least=0, below=1)
    """Part of a folder's photographs that is held out, whole, chosen by a fixed seed; four of the eight are."""
