"""The channels of SAGAN's feature maps, in units of the width, as POSTECH-CVLab/PyTorch-StudioGAN models/resnet.py has them.

They are BigGAN's but for the generator at 64x64 and the discriminator at 32x32. 128x128 is that of the authors
(brain-research/self-attention-gan). 16x16 is ours: 32x32 with one generator block less; its discriminator ends at 4x4.
"""

from __future__ import annotations

from ganbench_biggan.channels import DISCRIMINATOR as OF_BIGGAN_DISCRIMINATOR
from ganbench_biggan.channels import GENERATOR as OF_BIGGAN_GENERATOR

GENERATOR = {**OF_BIGGAN_GENERATOR, 64: (16, 8, 4, 2, 1)}
DISCRIMINATOR = {**OF_BIGGAN_DISCRIMINATOR, 16: (2, 2, 2, 2), 32: (2, 2, 2, 2)}
