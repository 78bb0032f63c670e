"""WAV files: whatever is plain PCM or floating point is read, 16-bit PCM is written.

Microsoft and IBM, Multimedia Programming Interface and Data Specifications 1.0 (1991), chapter 3; WAVE_FORMAT_EXTENSIBLE as Microsoft
documents it. Compressed formats are refused by name.

Shapes: T samples, C channels.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_NAMES = {2: "ADPCM", 6: "A-law", 7: "mu-law", 0x11: "IMA ADPCM", 0x31: "GSM 6.10", 0x50: "MPEG", 0x55: "MP3"}
_UNKNOWN_SIZE = 0xFFFFFFFF
"""What a program writes that did not know how long its output would be."""


class UndecodableError(Exception):
    """Why a file is no sound that can be read, in a few words."""


def read_wav(content: bytes) -> tuple[NDArray[np.float32], int]:
    """Return the samples of a WAV file.

    Args:
        content: the whole file.

    Returns:
        ``[T, C]`` float32, in [-1, 1] for integers, and the samples a second.

    Raises:
        UndecodableError: it is none, is cut off, or is compressed.
    """
    if content[:4] == b"RIFX" or content[:4] == b"RF64":
        raise UndecodableError(f"{content[:4].decode()} files are not read; save it as plain WAV")
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise UndecodableError("it is no WAV file" if content else "it is empty")
    chunks = _chunks(content)
    if b"fmt " not in chunks or len(chunks[b"fmt "]) < 16:
        raise UndecodableError("it says no format")
    if b"data" not in chunks:
        raise UndecodableError("it has no data")
    kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunks[b"fmt "])
    if kind == _EXTENSIBLE and len(chunks[b"fmt "]) >= 26:
        (kind,) = struct.unpack_from("<H", chunks[b"fmt "], 24)
    if not channels or not rate:
        raise UndecodableError(f"it says {channels} channels at {rate} samples a second")
    samples = _decode(chunks[b"data"], kind, bits, channels)
    return samples.reshape(-1, channels), rate


def _chunks(content: bytes) -> dict[bytes, bytes]:
    """Return the chunks of a file by name, the first of each.

    Raises:
        UndecodableError: the data are shorter than they say.
    """
    found: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= len(content):
        name, size = content[at : at + 4], struct.unpack_from("<I", content, at + 4)[0]
        if name == b"data" and size == _UNKNOWN_SIZE:
            size = len(content) - at - 8
        if name == b"data" and at + 8 + size > len(content):
            raise UndecodableError(f"it is cut off: {len(content) - at - 8} of {size} bytes of sound are there")
        found.setdefault(name, content[at + 8 : at + 8 + size])
        at += 8 + size + size % 2
    return found


def _decode(data: bytes, kind: int, bits: int, channels: int) -> NDArray[np.float32]:
    """Return all samples, channel by channel of each moment, float32."""
    if kind == _FLOAT and bits in (32, 64):
        values: NDArray[np.float32] = np.frombuffer(_whole(data, bits // 8 * channels), f"<f{bits // 8}").astype(np.float32)
        if not np.isfinite(values).all():
            raise UndecodableError("it holds NaN or Inf")
        return values
    if kind != _PCM or bits not in (8, 16, 24, 32):
        name = _NAMES.get(kind, f"format {kind}") if kind not in (_PCM, _FLOAT) else f"{bits}-bit"
        raise UndecodableError(f"{name} is not read; save it as 16-bit PCM")
    data = _whole(data, bits // 8 * channels)
    if bits == 8:
        return ((np.frombuffer(data, np.uint8).astype(np.float64) - 128) / 128).astype(np.float32)
    if bits == 24:
        octets = np.frombuffer(data, np.uint8).reshape(-1, 3)
        wide = np.zeros((len(octets), 4), np.uint8)
        wide[:, 1:] = octets  # the three bytes on top: the sign stands where it belongs
        return (wide.view("<i4")[:, 0].astype(np.float64) / 2**31).astype(np.float32)
    levels = np.frombuffer(data, f"<i{bits // 8}").astype(np.float64)
    return (levels / 2.0 ** (bits - 1)).astype(np.float32)


def _whole(data: bytes, frame: int) -> bytes:
    """Return the whole moments of some data."""
    return data[: len(data) // frame * frame]


def write_wav(samples: NDArray[np.int16], rate: int, comment: Any = None) -> bytes:
    """Return a WAV file of one channel.

    Args:
        samples: ``[T]``.
        rate: samples a second.
        comment: kept as JSON in the file's ICMT field; None for none.
    """
    body = b"WAVE" + _chunk(b"fmt ", struct.pack("<HHIIHH", _PCM, 1, rate, 2 * rate, 2, 16))
    if comment is not None:
        body += _chunk(b"LIST", b"INFO" + _chunk(b"ICMT", json.dumps(comment).encode() + b"\0"))
    body += _chunk(b"data", samples.astype("<i2").tobytes())
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def read_comment(content: bytes) -> Any:
    """Return the comment that :func:`write_wav` put into a file.

    Raises:
        UndecodableError: there is none.
    """
    listed = _chunks(content).get(b"LIST", b"")
    try:
        (size,) = struct.unpack_from("<I", listed, 8)
        return json.loads(listed[12 : 12 + size].rstrip(b"\0"))
    except (struct.error, ValueError):
        raise UndecodableError("it has no comment of ganbench's") from None
