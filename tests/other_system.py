"""Pretend to be macOS or Windows, as far as Python's own library differs: a ``sitecustomize`` for the interpreters that a test starts."""

import importlib.machinery
import os
import sys

WINDOWS = os.environ["GANBENCH_TEST_SYSTEM"] == "windows"
if WINDOWS:  # from Python 3.12 on it wants sysconf wherever sockets have sendmsg, which cannot be taken from them as Windows does
    import asyncio.selector_events  # noqa: F401
ABSENT = {"triton"} | ({"fcntl", "resource", "termios", "grp", "pwd"} if WINDOWS else set())
_OF_POSIX = ("killpg", "setpgid", "waitid", "sysconf", "pread", "pwrite", "getloadavg")
for name in ("sched_getaffinity", "O_NOFOLLOW", *(_OF_POSIX if WINDOWS else ())):
    if hasattr(os, name):
        delattr(os, name)


class OtherPathFinder(importlib.machinery.PathFinder):
    """Finds modules, but for those that the system has not."""

    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        """Find a module."""
        return None if fullname.partition(".")[0] in ABSENT else super().find_spec(fullname, path, target)


for module in ABSENT & set(sys.modules):
    del sys.modules[module]
sys.meta_path[:] = [OtherPathFinder if finder is importlib.machinery.PathFinder else finder for finder in sys.meta_path]
