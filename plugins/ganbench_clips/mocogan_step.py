"""One iteration of MoCoGAN as sergeytulyakov/mocogan's trainers.py orders it: image discriminator, video discriminator, generator.

Each of them, and both halves of the generator's loss, has fakes of its own. Of every clip of a batch the image discriminator sees one frame
(or more), drawn anew each time; the video discriminator sees the first clips of the batch whole. The two discriminators have one Adam here
and one each in the source, which is the same arithmetic.

Shapes: N clips of a batch, C channels, T frames, H, W height and width, k frames of each clip.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ganbench import Algorithm, AlgorithmContext, ConfigError, Phase, Statistics
from ganbench_clips.mocogan import Generator, ImageDiscriminator, VideoDiscriminator, take_frames
from ganbench_clips.options import MoCoGANOptions


class MoCoGAN(Algorithm):
    """Three updates in one phase.

    Raises:
        ConfigError: a setting that such an iteration cannot heed.
    """

    runners = ("eager", "cuda_graph", "compile")
    functions = ("fakes", "discriminators_loss", "generator_loss")

    def __init__(self, context: AlgorithmContext) -> None:
        check_settings(context)
        options, training = context.config.architecture.options, context.config.training
        assert isinstance(options, MoCoGANOptions)
        if options.clip_batch > training.batch_size:
            raise ConfigError(f"clip_batch must be at most training.batch_size, which is {training.batch_size} (got {options.clip_batch})")
        groups = (("discriminator_loss", "real_logits", "fake_logits", "real_frame_logits", "fake_frame_logits"), ("generator_loss",))
        super().__init__(context, Statistics(context.device, *groups, losses=("discriminator_loss", "generator_loss")))
        networks = self.networks
        generator, video, images = networks["generator"], networks["discriminator"], networks["image_discriminator"]
        assert isinstance(generator, Generator)
        assert isinstance(video, VideoDiscriminator)
        assert isinstance(images, ImageDiscriminator)
        self.generator, self.video, self.images, self.options = generator, video, images, options
        self.optimise("generator", generator)
        self.optimise("discriminator", video, images)

    def phases(self) -> Sequence[Phase]:
        """Return the one phase."""
        return (Phase("joint", self.joint_update, self.stage_real),)

    def joint_update(self) -> None:
        """Descend both discriminators, then the generator."""
        batch = self.draw_real()
        with torch.no_grad():
            fake_frames, fake_clips, _ = self.draw_fakes()
        real = take_frames(batch.samples, self.draw_places()), batch.samples[: self.options.clip_batch]
        labels = None if batch.labels is None else batch.labels[: self.options.clip_batch]
        loss, statistics = self.discriminators_loss(*real, fake_frames, fake_clips, labels)
        self.step("discriminator", loss)
        self.statistics.tell("discriminator_loss", loss, statistics)
        with self.frozen("discriminator"):
            loss = self.generator_loss(*self.draw_fakes())
            self.step("generator", loss)
        self.update_averages()
        self.statistics.tell("generator_loss", loss)

    def draw_places(self) -> Tensor:
        """Return which frames of each clip the image discriminator sees, ``[N, k]`` int64: each time others, of all frames alike."""
        count, frames = self.training.batch_size, self.generator.frames
        places = self.uniform(count * self.options.frames_per_clip) * frames
        return places.long().clamp_max(frames - 1).view(count, -1)

    def draw_fakes(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return frames ``[N * k, C, H, W]``, clips ``[clip_batch, C, T, H, W]`` of other latents, and what the clips were asked to be."""
        count, whole = self.training.batch_size, self.options.clip_batch
        labels = self.draw_labels(count + whole)
        of_frames, of_clips = (None, None) if labels is None else (labels[:count], labels[count:])
        frames, clips = self.fakes(self.draw_inputs(count), of_frames, self.draw_places(), self.draw_inputs(whole), of_clips)
        return frames, clips, of_clips

    def fakes(
        self, of_frames: Tensor, frame_labels: Tensor | None, places: Tensor, of_clips: Tensor, clip_labels: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return generated frames, and generated clips, in float32."""
        with self.autocast():
            frames = self.generator.some_frames(of_frames, frame_labels, places)
            clips = self.generator(of_clips, clip_labels)
        return frames.float(), clips.float()

    def discriminators_loss(
        self, real_frames: Tensor, real_clips: Tensor, fake_frames: Tensor, fake_clips: Tensor, labels: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the sum of both discriminators' losses, with the category of real clips, and the mean logits ``[4]``."""
        with self.autocast():
            (real, category), (fake, _) = self.video(real_clips), self.video(fake_clips)
            of_real, of_fake = self.images(real_frames), self.images(fake_frames)
        clips, frames = (real.float(), fake.float()), (of_real.float(), of_fake.float())
        loss = self.judged(*clips) + self.judged(*frames)
        if category is not None and labels is not None:
            loss = loss + F.cross_entropy(category.float(), labels)
        return loss, torch.stack([logits.detach().mean() for logits in (*clips, *frames)])

    def generator_loss(self, frames: Tensor, clips: Tensor, labels: Tensor | None) -> Tensor:
        """Return the sum of what both discriminators say of fakes, with the category that the clips were asked to be."""
        with self.autocast():
            (logits, category), of_frames = self.video(clips), self.images(frames)
        loss = self.objective.generator_loss(logits.float()) + self.objective.generator_loss(of_frames.float())
        if category is not None and labels is not None:
            loss = loss + F.cross_entropy(category.float(), labels)
        return loss

    def judged(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the objective's loss of one discriminator."""
        loss = self.objective.discriminator_loss(real, fake)
        return loss[0] if isinstance(loss, tuple) else loss


def check_settings(context: AlgorithmContext) -> None:
    """Refuse what an iteration with one update of each network cannot heed.

    Raises:
        ConfigError: the setting, its value and the one that is allowed.
    """
    objective, name = context.objective, context.config.architecture.name
    context.require(d_steps=1, d_steps_boost=0, generator_batch_factor=1, packing=1, as_they_are="shows its discriminators clips")
    assert objective is not None
    extra = (objective.penalties, objective.terms, objective.weight_terms, objective.weight_clip, objective.paired_generator_loss)
    if any(extra):
        raise ConfigError(f"{name} takes a loss without penalties, terms and clipping", hint="leave the loss's options at their defaults")
