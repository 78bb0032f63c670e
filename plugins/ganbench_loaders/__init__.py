"""Loaders: layouts in which others publish the weights of their generators, for ``ganbench evaluate`` and ``sample``."""

from __future__ import annotations

from ganbench import hookimpl
from ganbench_loaders.options import InstalledOptions, StyleGAN2ADAOptions
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
        LoaderSpec(
            name="stylegan2-ada",
            summary="StyleGAN2 generators of NVlabs/stylegan2-ada-pytorch: its pickles, of which nothing is run, or state dicts",
            factory="ganbench_loaders.stylegan2_ada:build",
            options=StyleGAN2ADAOptions,
            example="ganbench_loaders.stylegan2_ada:example",
            paper="Karras et al. 2020, https://arxiv.org/abs/2006.06676; NVlabs/stylegan2-ada-pytorch training/networks.py",
        ),
        LoaderSpec(
            name="r3gan",
            summary="R3GAN generators of brownvc/R3GAN: its pickles, of which nothing is run, or state dicts",
            factory="ganbench_loaders.r3gan:build",
            example="ganbench_loaders.r3gan:example",
            paper="Huang et al. 2024, https://arxiv.org/abs/2501.05441; brownvc/R3GAN R3GAN/Networks.py",
        ),
        LoaderSpec(
            name="studiogan",
            summary="SAGAN and BigGAN generators of POSTECH-CVLab/PyTorch-StudioGAN; --weights-key state_dict",
            factory="ganbench_loaders.studiogan:build",
            example="ganbench_loaders.studiogan:example",
            paper="Kang et al. 2023, https://arxiv.org/abs/2206.09479; PyTorch-StudioGAN src/models/resnet.py and big_resnet.py",
        ),
    ]
