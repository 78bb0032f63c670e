"""What runs show of their samples, as browsers take it: whatever files a space has written, by the kind that their names say."""

from __future__ import annotations

import base64
import mimetypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench import RunDirectory, read_file

_KINDS = ("image", "audio", "video", "text")
"""What a browser shows: pictures and clips, sounds, films, texts."""
_STRANGE_TYPES = {".webp": "image/webp", ".flac": "audio/flac", ".opus": "audio/ogg", ".wav": "audio/wav"}
"""What ``mimetypes`` does not know everywhere, or calls otherwise."""
_LOOSE = (("samples.png", "samples"), ("progress.png", "the same latents over training"), ("progress.webp", "as a film"))
"""Pictures beside the record of a run whose folder of samples was not kept."""
_LONGEST_TEXT = 20_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """One file of samples."""

    path: Path
    type: str
    """``image/png``."""
    label: str
    kimg: float | None
    """When in training; None where the file does not say."""
    size: int


def pictures_of(run: Path) -> tuple[Picture, ...]:
    """Return the pictures of a run in the order of training; the loose ones beside the record where there is no other to look at.

    Args:
        run: its folder.
    """
    folder = RunDirectory(run).samples_path
    moments = sorted(path for path in _files(folder) if path.stem.isdigit() and _type(path))
    found = [_picture(path, f"{int(path.stem) / 1000:.4g} kimg", int(path.stem) / 1000) for path in moments]
    if not any(picture is not None and picture.type.startswith("image/") for picture in found):  # of sounds there is one to look at too
        found += [_picture(run / name, label, None) for name, label in _LOOSE if os.path.isfile(run / name)]
    return tuple(picture for picture in found if picture is not None)


def choose(runs: Sequence[Sequence[Picture]], moments: int, num_bytes: int) -> list[tuple[Picture, ...]]:
    """Return which pictures of each run fit: evenly spread moments, the first and the last among them, as many of each as of others.

    Where not even the last of each fits, the runs that come last have none.

    Args:
        runs: the pictures of each run.
        moments: of each run at most.
        num_bytes: of all files together at most.
    """
    chosen: list[tuple[Picture, ...]] = []
    for count in range(moments, 0, -1):
        chosen = [_evenly(pictures, count) for pictures in runs]
        if sum(picture.size for pictures in chosen for picture in pictures) <= num_bytes:
            return chosen
    left, fitting = num_bytes, []
    for pictures in chosen or [()] * len(runs):
        size = sum(picture.size for picture in pictures)
        fitting.append(pictures if size <= left else ())
        left -= size if size <= left else 0
    return fitting


def embed(picture: Picture) -> dict[str, Any] | None:
    """Return a picture with its content, None where it cannot be read any more."""
    shown: dict[str, Any] = {"type": picture.type, "label": picture.label, "kimg": picture.kimg}
    if picture.type.startswith("text/"):
        text = text_of(picture)
        return None if text is None else {**shown, "text": text}
    try:
        return {**shown, "data": base64.b64encode(read_file(picture.path)).decode()}
    except OSError:
        return None


def text_of(picture: Picture) -> str | None:
    """Return the text of a picture that is one, as much of it as a page shows; None where it cannot be read any more."""
    try:
        return read_file(picture.path).decode(errors="replace")[:_LONGEST_TEXT]
    except OSError:
        return None


def _picture(path: Path, label: str, kimg: float | None) -> Picture | None:
    try:
        return Picture(path=path, type=_type(path), label=label, kimg=kimg, size=path.stat().st_size)
    except OSError:
        return None


def _files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if os.path.isfile(path)]
    except OSError:
        return []


def _type(path: Path) -> str:
    """Return what a browser calls a file's content; empty where it would not show it."""
    suffix = path.suffix.lower()
    found = _STRANGE_TYPES.get(suffix) or mimetypes.guess_type(path.name)[0] or ""
    return found if found.partition("/")[0] in _KINDS and found != "text/html" else ""


def _evenly(pictures: Sequence[Picture], count: int) -> tuple[Picture, ...]:
    if len(pictures) <= count:
        return tuple(pictures)
    if count == 1:
        return (pictures[-1],)
    return tuple(pictures[round(i * (len(pictures) - 1) / (count - 1))] for i in range(count))
