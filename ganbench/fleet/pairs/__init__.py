"""Lock-step comparison of two sides on this machine: process pairs, blocks in turn, a verdict."""
