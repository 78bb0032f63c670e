"""Networks of the kernels' modules as they would be written without them, for the loops that ours are measured against."""

from __future__ import annotations

from torch import nn

from ganbench_kernels import ConvBiasAct, NormAct

_CONVOLUTION = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "padding_mode")


def plain(module: nn.Module) -> nn.Module:
    """Return a network with torch's own layers in the place of fused ones; parameters and buffers are the same tensors.

    Args:
        module: is changed where its children are.
    """
    if isinstance(module, NormAct):
        norm = nn.BatchNorm2d(module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats)
        return nn.Sequential(_with_tensors_of(module, norm), _activation(module.negative_slope))
    if isinstance(module, ConvBiasAct) and module.curve.gain == 1 and module.curve.clamp is None:
        arguments = {name: getattr(module, name) for name in _CONVOLUTION}
        convolution = nn.Conv2d(**arguments, bias=module.bias is not None)
        return nn.Sequential(_with_tensors_of(module, convolution), _activation(module.curve.negative_slope))
    if hasattr(module, "impl"):
        module.impl = "ref"  # type: ignore[assignment]
    for name, child in module.named_children():
        setattr(module, name, plain(child))
    return module


def _activation(negative_slope: float) -> nn.Module:
    return nn.LeakyReLU(negative_slope, inplace=True) if negative_slope else nn.ReLU(inplace=True)


def _with_tensors_of(source: nn.Module, target: nn.Module) -> nn.Module:
    """Give a layer another one's parameters, buffers and mode."""
    for name, parameter in source.named_parameters(recurse=False):
        setattr(target, name, parameter)
    for name, buffer in source.named_buffers(recurse=False):
        target.register_buffer(name, buffer)
    return target.train(source.training)
