"""The repository as a site: pages keep their places, so that their links hold, and the gallery gets the pictures of the boards.

MkDocs reads one folder. Here every page has the path that it has in the repository (``docs/zoo.md``, ``results/cpu/README.md``), and
what a page links to is taken in: a picture, a definition, a record. What is not there, or would be fetched from elsewhere, is a
warning, and ``mkdocs build --strict`` makes it an error.
"""

from __future__ import annotations

import html
import json
import logging
import os
import re
import struct
from collections import Counter
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"(?<=\]\()([^()\s#]+)(?=[)#])")
NAMED_AS_FILE = re.compile(r"\[[\w/-]+\.md\]\(([^()\s#]+)(?=[)#])")
FENCE = re.compile(r"^```.*?^```$", flags=re.DOTALL | re.MULTILINE)
PICTURES = re.compile(r"^<!-- pictures of (\S+) -->$", flags=re.MULTILINE)
FOREIGN = re.compile(r"""<(?:script|link(?![^>]*canonical)|img|iframe|source)\b[^>]*?\b(?:src|href)=["']?(?:https?:)?//[^>]*>""")
CHOSEN = re.compile(r"architecture\.options\.|(?:loss|augmentation)\.name$")
WIDE = 1.5
"""From this ratio of width to height on, pictures stand in fewer columns."""

log = logging.getLogger("mkdocs.hooks.ganbench")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Return the pages of the repository with all that they link to, and name in the navigation those that it lacks.

    Parameters
    ----------
    files
        What MkDocs found in ``docs/``, and what the theme brought.
    config
        The configuration; its navigation gets the pages that it does not name.
    """
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "results").rglob("*.md"))]
    wanted = dict.fromkeys([*pages, *(path for path in (ROOT / "docs" / "site").iterdir() if path.suffix in (".css", ".js", ".svg"))])
    for page in pages:
        text = page.read_text(encoding="utf-8")
        wanted |= dict.fromkeys(target for link in LINK.findall(text) if (target := linked(page, link)) is not None)
        wanted |= dict.fromkeys(path for folder in PICTURES.findall(text) for _, path in samples(ROOT / folder))
    kept = [file for file in files if file.abs_src_path is None or not Path(file.abs_src_path).is_relative_to(ROOT / "docs")]
    taken = [File(path.relative_to(ROOT).as_posix(), str(ROOT), config.site_dir, config.use_directory_urls) for path in wanted]
    named = set(re.findall(r"'([\w/.-]+\.md)'", str(config.nav)))
    sections = {section: entries for entry in config.nav or [] for section, entries in entry.items()}
    for path in (page.relative_to(ROOT).as_posix() for page in pages):
        if path not in named:
            sections["Boards" if path.startswith("results/") else "Reference"].append(path)
    return Files([*kept, *taken])


def linked(page: Path, link: str) -> Path | None:
    """Return the file of the repository that a page's link leads to, of a folder its README; None if it is none."""
    target = Path(os.path.normpath(page.parent / link))
    if "://" in link or not target.is_relative_to(ROOT):
        return None
    target = target / "README.md" if target.is_dir() else target
    return target if target.is_file() else None


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: object) -> str:
    """Return a page's text as MkDocs wants it: links to folders lead to their READMEs, and pictures stand where the page asks for them."""
    place = ROOT / page.file.src_uri
    titles = {path: title for title, path in re.findall(r"'([^']+)': '([\w/.-]+\.md)'", str(config.nav))}

    def named(match: re.Match[str]) -> str:
        """Return a link that is called as its file is with the name that the navigation has for the page."""
        target = linked(place, match[1])
        title = titles.get(target.relative_to(ROOT).as_posix()) if target is not None else None
        return match[0] if title is None else f"[{title}]({match[1]}"

    def link(match: re.Match[str]) -> str:
        target = linked(place, match[1])
        return match[1] if target is None else Path(os.path.relpath(target, place.parent)).as_posix()

    def prose(text: str) -> str:
        text = LINK.sub(link, NAMED_AS_FILE.sub(named, text)).replace("<details>", "<details markdown>")
        text = re.sub(r"^\|.*\|$", lambda row: bare(row[0]), text, flags=re.MULTILINE)
        return PICTURES.sub(lambda match: gallery(ROOT / match[1], place), text)

    parts = re.split(rf"({FENCE.pattern})", markdown, flags=FENCE.flags)
    return "".join(part if part.startswith("```") else prose(part) for part in parts)


def bare(row: str) -> str:
    """Return a row of a table without the escapes of strokes inside code."""
    return re.sub(r"`[^`]*`", lambda code: code[0].replace("\\|", "|"), row)


def samples(folder: Path) -> list[tuple[dict[str, Any], Path]]:
    """Return the records of a board that have a picture of samples, the best first, each with the last of its pictures."""
    found = []
    for record in folder.rglob("record.json"):
        pictures = sorted([*record.parent.glob("samples/*.png"), *record.parent.glob("samples.png")])
        found += [(json.loads(record.read_text(encoding="utf-8")), pictures[-1])] if pictures else []

    def place(one: tuple[dict[str, Any], Path]) -> tuple[float, str]:
        value = first_value(one[0])
        return (-value["value"] if value["higher_is_better"] else value["value"], str(one[1])) if value else (0.0, str(one[1]))

    return sorted(found, key=place)


def first_value(record: dict[str, Any]) -> dict[str, Any] | None:
    """Return the first metric of a record's last evaluation."""
    return record["evaluations"][-1]["values"][0] if record["evaluations"] else None


def settings(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record's settings by path."""

    def flat(node: Any, path: str) -> dict[str, Any]:
        if not isinstance(node, dict):
            return {path: node}
        return {key: value for name, child in node.items() for key, value in flat(child, f"{path}.{name}" if path else name).items()}

    return flat(record["config"], "")


def gallery(folder: Path, place: Path) -> str:
    """Return the pictures of a board's runs, each with its name, what tells it from others of the name, and its first metric."""
    shown = samples(folder)
    if not shown:
        log.warning("%s asks for pictures of %s, where no record has any", place.relative_to(ROOT), folder.relative_to(ROOT))
    figures = []
    for record, picture in shown:
        own, alike = settings(record), [settings(other) for other, _ in shown if other["name"] == record["name"]]
        usual = {path: Counter(str(other.get(path)) for other in alike).most_common(1)[0][0] for path in own if CHOSEN.match(path)}
        said = " ".join([record["name"], *(words(path, own[path]) for path, value in usual.items() if str(own[path]) != value)])
        value = first_value(record)
        measured = f"<br>{html.escape(value['label'])} {value['value']:.4g}" if value else ""
        source = html.escape(Path(os.path.relpath(picture, place.parent)).as_posix())
        width, height = size(picture)
        image = f'<img src="{source}" alt="samples of {html.escape(said)}" width="{width}" height="{height}" loading="lazy">'
        figures.append(f'<figure><a href="{source}">{image}</a><figcaption>{html.escape(said)}{measured}</figcaption></figure>')
    wide = any(width >= WIDE * height for width, height in (size(picture) for _, picture in shown))
    return f'<div class="pictures{" wide" if wide else ""}">\n{"".join(figures)}\n</div>'


def words(path: str, value: Any) -> str:
    """Return a setting as a name: a plugin by its own, an option with its value."""
    text = {True: "on", False: "off", None: "unset"}.get(value, value) if value is None or isinstance(value, bool) else value
    return str(text) if path.endswith(".name") else f"{path.rpartition('.')[2]}={text}"


def size(picture: Path) -> tuple[int, int]:
    """Return width and height of a PNG in pixels."""
    width, height = struct.unpack(">II", picture.read_bytes()[16:24])
    return width, height


def on_post_page(output: str, page: Page, **_: object) -> str:
    """Return the page with a name for the theme's search, which has none; one that would load something from elsewhere is told."""
    output = with_name_of_search(output)
    for tag in FOREIGN.findall(output):
        log.warning("%s would load from another machine: %s", page.file.src_uri, tag)
    return output


def on_post_template(output: str, template_name: str, **_: object) -> str:
    """Return the page of a server that has no such page with a name for the search too."""
    return with_name_of_search(output) if template_name == "404.html" else output


def with_name_of_search(output: str) -> str:
    """Return a page whose search has a name."""
    return output.replace('data-md-component="search" role="dialog"', 'data-md-component="search" role="dialog" aria-label="Search"')
