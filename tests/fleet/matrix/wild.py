"""A tiny GAN that does what its option says, when it is built or in its second training step."""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from ganbench import BuildContext, Latents, Networks


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What it does, and the file for its process ids."""

    act: str = ""
    note: str = ""


class Generator(nn.Module):
    """One layer and a surprise."""

    def __init__(self, context: BuildContext, options: Options) -> None:
        super().__init__()
        self.space, self.options, self.steps = context.space, options, 0
        self.layer = nn.Linear(4, math.prod(self.space.size))

    def forward(self, latents: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
        """Return images, unless it is time."""
        self.steps += self.training
        if self.training and self.steps == 2:
            act(self.options.act)
        images = torch.tanh(self.layer(latents))
        return images.view(-1, *self.space.size)


class Discriminator(nn.Module):
    """One layer."""

    def __init__(self, context: BuildContext) -> None:
        super().__init__()
        self.layer = nn.Linear(math.prod(context.space.size), 1)

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
        """Return one logit for each image."""
        return self.layer(images.flatten(1)).squeeze(1)


def act(what: str) -> None:
    """Do it."""
    if what == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif what == "exit":
        print("about to leave", flush=True)
        os._exit(7)
    elif what == "leave":
        sys.exit("enough")
    elif what == "raise":
        raise RuntimeError("the layer is tired")
    elif what == "hang":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(60)
    elif what == "wait":
        while True:
            time.sleep(60)
    elif what == "print":
        for _ in range(1600):
            sys.stdout.write("x" * 65535 + "\n")
        raise RuntimeError("hoarse")
    elif what == "eat":
        kept = []
        while True:
            kept.append(bytearray(os.urandom(1 << 20) * 16))


def build(options: Options, context: BuildContext) -> Networks:
    """Return the networks; ``build-...`` acts here already."""
    if options.note:
        Path(options.note).write_text(f"{os.getpid()} {os.getppid()}")
    if options.act.startswith("build-"):
        act(options.act.removeprefix("build-"))
    if options.act == "refuse":
        raise ValueError("act must not be refuse")
    return Networks(modules={"generator": Generator(context, options), "discriminator": Discriminator(context)}, inputs=Latents(4))


build.Options = Options  # type: ignore[attr-defined]
