"""Pretend that only torch and what it comes with are installed: a ``sitecustomize`` for the interpreters that a test starts.

Packages are hidden, not refused with an error of our own, because libraries ask with ``importlib.util.find_spec`` what there is. The
installed ganbench is hidden too, with its version and its entry points.
"""

import importlib.machinery
import re
import sys

ABSENT = {
    "tomli_w",
    "platformdirs",
    "psutil",
    "safetensors",
    "matplotlib",
    "torch_fidelity",
    "hypothesis",
    "pytest_benchmark",
    "importlinter",
}
if sys.version_info >= (3, 11):
    ABSENT.add("tomli")
_WITHOUT_METADATA = ABSENT | {"ganbench", "import_linter"}


class BarePathFinder(importlib.machinery.PathFinder):
    """Finds modules and distributions on ``sys.path``, but for those that a bare machine has not."""

    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        """Find a module."""
        return None if fullname.partition(".")[0] in ABSENT else super().find_spec(fullname, path, target)

    @staticmethod
    def find_distributions(*arguments, **keywords):
        """Find distributions by the names of their folders."""
        for distribution in importlib.machinery.PathFinder.find_distributions(*arguments, **keywords):
            if re.split(r"-\d|\.egg", distribution._path.name)[0].replace("-", "_").lower() not in _WITHOUT_METADATA:
                yield distribution


_finders = [BarePathFinder if finder is importlib.machinery.PathFinder else finder for finder in sys.meta_path]
sys.meta_path[:] = [finder for finder in _finders if "Editable" not in getattr(finder, "__name__", "")]
