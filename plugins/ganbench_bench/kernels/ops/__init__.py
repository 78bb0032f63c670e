"""The cases of each op: one file for each. ``ganbench_kernels`` is imported when a case is built."""
