"""The networks."""

import math

from torch import nn

from ganbench import Latents, Networks


class Generator(nn.Module):
    def __init__(self, width, size):
        super().__init__()
        self.size = size
        self.hidden = nn.Sequential(nn.Linear(16, width), nn.BatchNorm1d(width), nn.ReLU())
        self.last = nn.Linear(width, math.prod(size))
        self.squash = nn.Tanh()

    def forward(self, latents, labels=None):
        return self.squash(self.last(self.hidden(latents))).unflatten(1, self.size)


class Discriminator(nn.Module):
    def __init__(self, width, size):
        super().__init__()
        self.hidden = nn.Linear(math.prod(size), width)
        self.slope = nn.LeakyReLU(0.2)
        self.last = nn.Linear(width, 1)

    def forward(self, samples, labels=None):
        return self.last(self.slope(self.hidden(samples.flatten(1))))[:, 0]


def build(options, context):
    size = context.space.size
    modules = {"generator": Generator(options.width, size), "discriminator": Discriminator(options.width, size)}
    return Networks(modules=modules, inputs=Latents(16))
