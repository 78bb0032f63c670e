"""Loaders: layouts in which others publish the weights of their generators, for ``ganbench evaluate`` and ``sample``."""

from __future__ import annotations

from ganbench import hookimpl
from ganbench_loaders.options import InstalledOptions
from ganbench_use.spec import LoaderSpec


@hookimpl
def ganbench_register() -> list[LoaderSpec]:
    """Return the loaders."""
    return [
        LoaderSpec(
            name="architecture",
            summary="generators of architectures that are installed: of an export, or a state dict",
            factory="ganbench_loaders.installed:build",
            options=InstalledOptions,
        ),
        LoaderSpec(
            name="pytorch-dcgan",
            summary="generators of pytorch/examples' DCGAN and of PyTorch's tutorial, of any size",
            factory="ganbench_loaders.pytorch_dcgan:build",
            example="ganbench_loaders.pytorch_dcgan:example",
            paper="Radford et al. 2016, https://arxiv.org/abs/1511.06434; pytorch/examples dcgan/main.py",
        ),
    ]
