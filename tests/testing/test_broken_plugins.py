"""Plugins that are broken on purpose, each in its own way: each gets its own sentence, and a remedy. They stand in broken_plugins.txt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ganbench.testing.check import find_subjects, try_promises

pytestmark = pytest.mark.slow

PARTS, *BROKEN = re.split(r"^==== ", Path(__file__).with_name("broken_plugins.txt").read_text(), flags=re.MULTILINE)[1:]
CASES = [re.fullmatch(r"(\w+): (.*?)\nsays: (.*?)\n\n(.*)", one.strip(), flags=re.DOTALL).groups() for one in BROKEN]  # type: ignore[union-attr]


def sentences(kind: str, source: str, folder: Path) -> Iterator[str]:
    """Yield what is said of a plugin's broken promises."""
    path = folder / "broken.py"
    path.write_text(f"{PARTS.removeprefix('parts')}\n\n{source.replace('FILE', 'broken')}\n")
    for subject in find_subjects(f"{path}:build", kind=kind):
        yield from (f"{one.what}; {one.remedy}" for one in try_promises(subject) if one.state == "broken")


@pytest.mark.parametrize(("kind", "name", "words", "source"), CASES, ids=[f"{kind}: {name}" for kind, name, _, _ in CASES])
def test_it_is_said_what_is_broken_and_how_to_mend_it(kind: str, name: str, words: str, source: str, tmp_path: Path) -> None:
    """The sentence names what the plugin does, not what the harness felt."""
    found = []
    for one in sentences(kind, source, tmp_path):
        found.append(one)
        if words in one:
            break  # what comes after it costs time and says nothing of this
    assert found, words
    assert words in found[-1], found
    assert all(one.partition("; ")[2] for one in found), found
    assert not any("a report is welcome" in one for one in found)


def test_the_sentences_are_all_different() -> None:
    """Thirty ways of being broken have thirty sentences."""
    words = [words for _, _, words, _ in CASES]
    assert len(set(words)) == len(words) >= 30


def test_a_sound_plugin_keeps_all(tmp_path: Path) -> None:
    """Or nothing of this would mean anything."""
    sound = "def build(options, context):\n    return networks(context)\n\n\nbuild.Options = Options"
    assert list(sentences("architecture", sound, tmp_path)) == []
    assert list(sentences("reproduction", "build = ReproductionSpec(name='r', summary='s', factory='FILE:Coins')", tmp_path)) == []
