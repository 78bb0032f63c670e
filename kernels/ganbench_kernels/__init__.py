"""Fused GAN training ops on Triton, each with a reference in plain PyTorch of the same signature. Needs torch; triton where it runs."""

from __future__ import annotations

from ganbench_kernels.bias_act import bias_act, bias_act_ref, no_param_grads
from ganbench_kernels.dispatch import Impl, has_triton, higher_order, implementation, set_implementation, triton_runs_on, use_implementation
from ganbench_kernels.filtered_lrelu import filtered_lrelu, filtered_lrelu_ref
from ganbench_kernels.fused_adam_ema import FusedAdamEMA, fused_adam_ema, fused_adam_ema_ref
from ganbench_kernels.gan_loss import GanLoss, gan_loss, gan_loss_ref
from ganbench_kernels.gather_normalize import gather_normalize, gather_normalize_ref
from ganbench_kernels.minibatch_stddev import minibatch_stddev, minibatch_stddev_ref
from ganbench_kernels.modulated_conv2d import demodulation, modulated_conv2d, modulated_conv2d_ref
from ganbench_kernels.modules import BiasAct, ConvBiasAct
from ganbench_kernels.norm_act import NormAct, norm_act, norm_act_ref
from ganbench_kernels.resample import Downsample2d, Upsample2d
from ganbench_kernels.scaled_bias_act import scaled_bias_act, scaled_bias_act_ref
from ganbench_kernels.sum_of_squares import sum_of_squares_per_sample, sum_of_squares_per_sample_ref
from ganbench_kernels.to_uint8 import to_uint8, to_uint8_ref
from ganbench_kernels.upfirdn2d import upfirdn2d, upfirdn2d_ref

__all__ = [
    "BiasAct",
    "ConvBiasAct",
    "Downsample2d",
    "FusedAdamEMA",
    "GanLoss",
    "Impl",
    "NormAct",
    "Upsample2d",
    "bias_act",
    "bias_act_ref",
    "demodulation",
    "filtered_lrelu",
    "filtered_lrelu_ref",
    "fused_adam_ema",
    "fused_adam_ema_ref",
    "gan_loss",
    "gan_loss_ref",
    "gather_normalize",
    "gather_normalize_ref",
    "has_triton",
    "higher_order",
    "implementation",
    "minibatch_stddev",
    "minibatch_stddev_ref",
    "modulated_conv2d",
    "modulated_conv2d_ref",
    "no_param_grads",
    "norm_act",
    "norm_act_ref",
    "scaled_bias_act",
    "scaled_bias_act_ref",
    "set_implementation",
    "sum_of_squares_per_sample",
    "sum_of_squares_per_sample_ref",
    "to_uint8",
    "to_uint8_ref",
    "triton_runs_on",
    "upfirdn2d",
    "upfirdn2d_ref",
    "use_implementation",
]
