"""The cells of a matrix: which there are, which are left, in which order they run."""
