"""The plugin machinery: the marker for authors, the hook specifications, and the manager that loads plugins in isolation."""

from ganbench.plugin.hookspecs import hookimpl, hookspec

__all__ = ["hookimpl", "hookspec"]
