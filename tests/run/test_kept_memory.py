"""Freed memory is kept between steps and given back in an evaluation, whose blocks differ."""

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import torch
from ganbench.run.machine import keep_freed_memory, memory_given_back

def resident():
    return next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmRSS:"))

def left_of_a_block():
    before = resident()
    torch.ones(2**22).sum()
    return resident() - before

assert keep_freed_memory()
left_of_a_block()  # whatever is loaded at the first call
with memory_given_back(True):
    print(left_of_a_block(), left_of_a_block())
print(left_of_a_block())
"""


@pytest.mark.slow
def test_an_evaluation_gives_back_what_training_keeps():
    """A block of 16 MiB is gone after an evaluation; after a step it stays."""
    if platform.libc_ver()[0] != "glibc":
        return
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second, kept = map(int, done.stdout.split())
    assert max(first, second) < 4
    assert kept >= 12
