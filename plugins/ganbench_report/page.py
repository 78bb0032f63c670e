"""From content to one HTML file: styles, scripts and data inside, and a policy under which nothing else is loaded or run."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from importlib.resources import files
from typing import Any

from ganbench_report.pictures import embed

_STYLES = ("uplot/uPlot.min.css", "page.css")
_SCRIPTS = ("uplot/uPlot.iife.min.js", "report.js", "tables.js", "charts.js", "samples.js", "one_run.js", "side_by_side.js", "main.js")
_LIVE_SCRIPTS = (*_SCRIPTS[:-1], "live/plane.js", "live/steer.js", "live/draw.js", "live/view.js", "main.js", "live/stream.js")
"""In the order in which they are run."""
_MEDIA = ("img-src data:", "media-src data:")
_LIVE_MEDIA = ("img-src 'self' data:", "media-src 'self' data:", "connect-src 'self'")
_POLICY = (
    "default-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
)


def render_page(content: dict[str, Any]) -> str:
    """Return the page.

    Args:
        content: what :func:`ganbench_report.content.make_content` returned; of a page that lives what
            :meth:`ganbench_report.watching.Follower.content` did.
    """
    is_live = "live" in content
    style, script = "\n".join(map(_asset, _STYLES)), "\n".join(map(_asset, _LIVE_SCRIPTS if is_live else _SCRIPTS))
    policy = "; ".join((*_POLICY, *(_LIVE_MEDIA if is_live else _MEDIA), f"script-src {_hash(script)}", f"style-src {_hash(style)}"))
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n',
        f"<title>{html.escape(content['title'])}</title>\n<style>{style}</style>\n</head>\n<body>\n",
        '<noscript><p>This page needs JavaScript; that of "ganbench table --format html" needs none.</p></noscript>\n',
        _data("content", {name: value for name, value in content.items() if name != "pictures"}),
    ]
    for number, pictures in enumerate(content.get("pictures", ())):
        if shown := [one for picture in pictures if (one := embed(picture)) is not None]:
            parts.append(_data(f"pictures-{number}", shown))
    parts.append(f"<script>{script}</script>\n</body>\n</html>\n")
    return "".join(parts)


def _data(name: str, value: object) -> str:
    """Return plain values as a block that a browser does not run. No text in it can end the block, or be no text."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>\n'


def _asset(name: str) -> str:
    """Return a file of the package; one that could end its own block would be a fault of ours."""
    text = files("ganbench_report").joinpath("assets", *name.split("/")).read_text(encoding="utf-8")
    assert "</script" not in text.lower(), name
    assert "</style" not in text.lower(), name
    return text


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
