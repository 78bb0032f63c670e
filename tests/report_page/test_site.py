"""The documentation as a site, built as readers get it and opened in a real browser from its files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD_SECONDS = 600
PAGE_MILLISECONDS = 120_000
SHORT = ("index.html", "docs/tutorial.html", "docs/zoo.html", "docs/gallery.html", "docs/evaluate.html", "results/leaderboard/digits.html")
"""Pages with all that pages are made of: code, wide tables, pictures, folded tables."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site, built strictly: a broken link is an error."""
    pytest.importorskip("material", reason="mkdocs-material is not installed: pip install 'ganbench[docs]'")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "width", "pages"), [("light", 400, ()), ("dark", 400, SHORT), ("light", 1280, SHORT), ("dark", 1280, SHORT)]
)
def test_axe_finds_no_serious_fault_and_nothing_sticks_out(scheme, width, pages, site, visit):
    """On a phone every page, in both colours and on a wide window those that have everything; and none asks for anything from elsewhere."""
    sync = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    visitor = visit(color_scheme=scheme, viewport={"width": width, "height": 900})
    visitor.page.set_default_timeout(PAGE_MILLISECONDS)
    paths = [site / name for name in pages] or sorted(
        path for path in site.rglob("*.html") if path.name != "404.html"
    )  # which a server alone shows
    assert len(paths) >= len(SHORT)
    for path in paths:
        page = visitor.open(path)
        found = sync.Axe().run(page, options={"preload": False}).response["violations"]  # a file may not fetch the styles beside it
        serious = [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]
        assert serious == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path


@pytest.mark.slow
def test_a_wide_table_is_scrolled_by_the_keyboard_on_a_phone(site, visit):
    """It is called by its headings; where the window is wide enough for it, it is no stop on the way."""
    page = visit(viewport={"width": 400, "height": 900}).open(site / "docs/evaluate.html")
    page.set_default_timeout(PAGE_MILLISECONDS)
    table = page.get_by_role("group", name="Table: loader, the weights of")
    table.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.activeElement.scrollLeft > 0")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.wait_for_function("!document.querySelector('.md-typeset__scrollwrap[tabindex]')")
    page.set_viewport_size({"width": 400, "height": 900})
    page.wait_for_function("document.querySelector('.md-typeset__scrollwrap[tabindex]')")
