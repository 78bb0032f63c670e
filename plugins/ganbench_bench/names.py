"""The names that the command line takes. Imports no torch."""

from __future__ import annotations

OPS = {
    "bias_act": "bias_act",
    "norm_act": "norm_act",
    "gan_loss": "gan_loss",
    "sum_of_squares_per_sample": "sum_of_squares",
    "gather_normalize": "gather_normalize",
    "to_uint8": "to_uint8",
    "upfirdn2d": "upfirdn2d",
    "filtered_lrelu": "filtered_lrelu",
    "scaled_bias_act": "scaled_bias_act",
    "minibatch_stddev": "minibatch_stddev",
    "fused_adam_ema": "fused_adam_ema",
}
"""Name of each op and of the file with its cases, in the order of the table."""
DTYPES = ("fp32", "bf16")
LAYOUTS = ("nchw", "channels_last")
