"""Which sampler suits a source: resident on the device, or streaming."""

from __future__ import annotations

import torch

from ganbench.data.sampler import Sampler
from ganbench.data.source import ArraySource, Source
from ganbench.errors import ConfigError
from ganbench.ranks import Ranks


def make_sampler(
    source: Source,
    *,
    batch_size: int,
    seed: int,
    device: torch.device | str = "cpu",
    channels_last: bool = False,
    horizontal_flip: bool = False,
    workers: int | None = None,
    position: int = 0,
    ranks: Ranks | None = None,
) -> Sampler:
    """Return the sampler that suits a source: resident on the device, or streaming.

    Args:
        source: the train split.
        batch_size: samples that ``next`` will be asked for; another count works too, a streaming sampler then copies once more.
        seed: of the order and of the flips.
        device: where the batches are wanted.
        channels_last: memory format of the batches.
        horizontal_flip: whether each sample drawn is mirrored with probability 1/2.
        workers: decoding processes of a streaming sampler, 0 for none; None for one less than the CPUs, at most 4.
        position: samples drawn before, as after a resume.
        ranks: the processes of the run, each of which gets its share of the batches that are asked for; None for one.

    Raises:
        ValueError: batch_size below 1, or workers or position below 0.
        ConfigError: samples of a space that cannot be mirrored are to be.
    """
    from ganbench.data.index_stream import IndexStream
    from ganbench.data.resident import ResidentSampler
    from ganbench.data.streaming import StreamingSampler, default_workers

    ranks = ranks or Ranks()
    workers = default_workers() // ranks.local_world if workers is None else workers
    for name, value, least in (("batch_size", batch_size, 1), ("workers", workers, 0), ("position", position, 0)):
        if value < least:
            raise ValueError(f"{name} must be {least} or more (got {value})")
    if horizontal_flip and not source.space.can_mirror:
        raise ConfigError(
            f"training.horizontal_flip is on, and the data are {source.space.unit}", hint="leave it off: only images are mirrored"
        )
    stream = IndexStream(source.num_samples, seed=seed, horizontal_flip=horizontal_flip, ranks=ranks, batch_size=batch_size)
    if isinstance(source, ArraySource):
        return ResidentSampler(source, stream, device=device, channels_last=channels_last, position=position)
    return StreamingSampler(
        source, stream, batch_size=ranks.part(batch_size), device=device, channels_last=channels_last, workers=workers, position=position
    )
