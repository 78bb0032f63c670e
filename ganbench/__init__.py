"""ganbench: benchmark GANs with plugins, and compare what comes out.

The names of ``__init__.pyi`` are the public interface. They are imported on first use, so that ``import ganbench`` costs nothing and needs
no torch.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any


@functools.cache
def _homes() -> dict[str, str]:
    """Return the module of each public name: what the lines ``from MODULE import NAME as NAME`` beside this file say."""
    text: str = __loader__.get_data(f"{__path__[0]}/__init__.pyi").decode()  # type: ignore[name-defined]  # also from an archive
    return {words[3]: words[1] for line in text.splitlines() if (words := line.split())[:1] == ["from"]}


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name == "__version__":
        from ganbench.distribution import own_distribution

        return own_distribution().version
    if name == "__all__":
        return sorted(_homes())
    if name in _homes():
        return getattr(importlib.import_module(_homes()[name]), name)
    raise AttributeError(f"module 'ganbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names."""
    return [*sorted(_homes()), "__version__"]
