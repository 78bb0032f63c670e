"""Images in shards: tar files as WebDataset writes them, or a column of Parquet and Arrow files; on a disk or wherever fsspec reads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ganbench import DatasetSpec, Settings, hookimpl, setting


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardsOptions(Settings):
    """Options of ``shards``."""

    path: str = setting("", part="place")
    """A folder of shards, or one shard."""
    address: str = ""
    """In the place of a path: where fsspec finds such a folder or shard, as s3://bucket/faces."""
    only: str = ""
    """Which shards of the folder, as train-{000..099}.tar or train-*.parquet; empty for all."""
    image: str = ""
    """Ending of the images in tar files, or the column; empty for the first that is an image."""
    label: str = ""
    """Ending in tar files, or the column, of the class as a whole number, such as cls or label; empty for no labels."""
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
    test_fraction: float = setting(0.0, least=0, below=1)
    """Part of the images that is held out as test split, chosen by a fixed seed; 0 trains on all."""
    verify: bool = False
    """Whether each shard is compared with the file SHA256SUMS beside it, as ``sha256sum`` writes it, before anything is read."""

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if self.path and self.address:
            raise ValueError(f"path must be empty where address is given (got {self.path!r} and {self.address!r})")
        if self.address and "://" not in self.address:
            raise ValueError(f"address must begin like s3:// (got {self.address!r}); a folder here is a path")
        if self.size and not re.fullmatch(r"[1-9]\d*x[1-9]\d*", self.size):
            raise ValueError(f"size must be height x width, such as 48x64 (got {self.size!r})")

    def height_and_width(self) -> tuple[int, int]:
        """Return what every image is brought to."""
        height, _, width = self.size.partition("x")
        return (int(height), int(width)) if self.size else (self.resolution, self.resolution)


@hookimpl
def ganbench_register() -> list[DatasetSpec]:
    """Return the dataset."""
    return [
        DatasetSpec(
            name="shards",
            summary="images in tar, Parquet or Arrow shards, here or by fsspec (-o path=DIR); streams when it does not fit",
            factory="ganbench_shards.dataset:build",
            space="images",
            options=ShardsOptions,
            metrics=("fid10k",),
            sources=("ganbench_datasets",),
        )
    ]
