"""Damages files by a seed: blindly, byte by byte, and with knowledge, in the values of JSON and in the lines of TOML."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

_TOKENS = (
    *(b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\n", b"\r\n", b"\x1b]0;x\x07", b"\x1b[2J", b"{", b"}", b"[", b"]", b'"', b"'''", b",", b"="),
    *(b"NaN", b"-Infinity", b"1e999", b"-1", b"0", b"99999999999999999999", b"null", b"none", b"../../x", b"\xe2\x80\xae", b"\xed\xa0\x80"),
)
_LONG = "x" * 20_000
VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        2**31,
        2**63,
        10**30,
        -(10**30),
        0.0,
        -0.0,
        0.5,
        1e-320,
        1e308,
        float("nan"),
        float("inf"),
        float("-inf"),
    ),
    *(
        "",
        " ",
        "none",
        "nan",
        "1e999",
        "0",
        "-1",
        "true",
        "\x00",
        "\x1b[31mred",
        "\u202egnp",
        "\ud800",
        "a\nb",
        "../../etc",
        "/dev/zero",
        "é" * 300,
    ),
    *([], {}, [[]], [None], {"": None}, {"$float": "nan"}, {"$float": {}}, {"$float": "x"}, [0] * 3000, _LONG),
)
_TOML = (
    *(
        "0",
        "-1",
        "1",
        "2.5",
        "1e308",
        "1e-320",
        "inf",
        "-inf",
        "nan",
        "true",
        "9223372036854775808",
        "0x10",
        "1_000",
        "1979-05-27",
        "07:32:00",
    ),
    *(
        '""',
        '"none"',
        '"auto"',
        '"\\u0000"',
        '"\\u001b[31m"',
        '"../.."',
        "[]",
        "[[]]",
        "{}",
        "[1, 'a']",
        "{a = 1}",
        "['x', 'x']",
        '"é"',
        f'"{_LONG}"',
    ),
)


def mutate_bytes(data: bytes, random: Random) -> bytes:
    """Return data with one to six places damaged."""
    out = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 6))):
        at = random.randrange(len(out) + 1)
        length = min(random.choice((1, 1, 2, 8, 64, 1000)), len(out) - at)
        match random.randrange(7):
            case 0:
                out[at : at + length] = random.randbytes(length)
            case 1:
                del out[at : at + length]
            case 2:
                out[at:at] = random.choice(_TOKENS)
            case 3:
                out[at : at + length] = random.choice(_TOKENS)
            case 4:
                del out[at:]
            case 5:
                out[at:at] = bytes(out[at : at + length]) * random.choice((1, 2, 50))
            case 6:
                if out:
                    out[at % len(out)] ^= 1 << random.randrange(8)
    return bytes(out)


def mutate_json(data: bytes, random: Random) -> bytes:
    """Return a JSON document with one to four values replaced, removed, added or moved; now and then nested deep."""
    tree = json.loads(data)
    for _ in range(random.choice((1, 1, 2, 4))):
        here = list(places(tree))
        if not here:
            break
        parent, key = random.choice(here)
        match random.randrange(6):
            case 0 | 1 | 2:
                parent[key] = copy.deepcopy(random.choice(VALUES))
            case 3:
                del parent[key]
            case 4:
                other, name = random.choice(here)
                parent[key] = copy.deepcopy(other.get(name) if isinstance(other, dict) else other[name % len(other)] if other else None)
            case 5:
                if isinstance(parent, dict):
                    parent[random.choice(("", "$float", "x", "name", "\x1b[1m", _LONG))] = copy.deepcopy(random.choice(VALUES))
                else:
                    parent.append(copy.deepcopy(random.choice(VALUES)))
    text = json.dumps(tree)
    if random.randrange(40) == 0:
        depth = random.choice((100, 1000, 100_000))
        text = text.replace("null", "[" * depth + "]" * depth, 1)
    return text.encode()


def places(tree: Any) -> Any:
    """Yield (container, key) of every value in a document."""
    stack = [tree]
    while stack:
        here = stack.pop()
        pairs = here.items() if isinstance(here, dict) else enumerate(here)
        for key, value in pairs:
            yield here, key
            if isinstance(value, (dict, list)):
                stack.append(value)


def mutate_lines(data: bytes, random: Random) -> bytes:
    """Return JSON lines of which one is changed, torn, repeated, moved or removed."""
    lines = data.splitlines(keepends=True)
    at = random.randrange(len(lines))
    match random.randrange(5):
        case 0 | 1:
            lines[at] = mutate_json(lines[at], random) + b"\n"
        case 2:
            lines[at] = lines[at][: random.randrange(len(lines[at]))]
        case 3:
            lines.insert(random.randrange(len(lines)), lines[at])
        case 4:
            del lines[at]
    return b"".join(lines)


def mutate_toml(data: bytes, random: Random) -> bytes:
    """Return a TOML document with values, keys or lines changed."""
    lines = data.decode().splitlines()
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(len(lines)) if lines else 0
        match random.randrange(8):
            case 0 | 1 | 2 if lines and "=" in lines[at]:
                lines[at] = f"{lines[at].partition('=')[0]}= {random.choice(_TOML)}"
            case 3 if lines and "=" in lines[at]:
                key, _, value = lines[at].partition("=")
                more = random.choice(("x", "name", '""', "a.b.c"))
                lines[at] = f"{key.strip()}.{more} ={value}"
            case 4:
                lines.insert(
                    at,
                    random.choice(
                        ("[training]", "[[include]]", "[axes]", "[x.y]", f"{'a.' * 2000}b = 1", "x = 1", "[", f"x = {'[' * 5000}")
                    ),
                )
            case 5 if lines:
                del lines[at]
            case 6 if lines:
                lines.insert(random.randrange(len(lines)), lines[at])
            case _ if lines:
                lines[at] = re.sub(r"\w+", lambda m: random.choice((m[0], m[0], m[0].upper(), m[0] + "x", "seed")), lines[at])
    return "\n".join(lines).encode()


def blind_or(knowing: Callable[[bytes, Random], bytes]) -> Callable[[bytes, Random], bytes]:
    """Return what damages one file in four blindly, and the others with knowledge; some of these blindly as well."""

    def mutate(data: bytes, random: Random) -> bytes:
        if random.randrange(4) == 0:
            return mutate_bytes(data, random)
        out = knowing(data, random)
        return mutate_bytes(out, random) if random.randrange(8) == 0 else out

    return mutate
