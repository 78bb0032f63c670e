"""The Triton kernels and how each is launched. Imported at the first call of an op, because importing it imports triton."""
