"""The Triton kernels and how each is launched. Imported at the first call of an op, because importing it imports triton."""

from ganbench_kernels.jit.cache_folder import provide_cache_folder

provide_cache_folder()
