"""MoCoGAN and VGAN: sizes as published, what is the same in all frames, which frames are judged, and what their steps refuse."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import ganbench
from ganbench import BuildContext, Networks
from ganbench_clips import mocogan, vgan
from ganbench_clips.mocogan_step import MoCoGAN
from ganbench_clips.options import MoCoGANOptions, VGANOptions
from ganbench_clips.space import ClipSpace

SMALL: dict[str, Any] = {"generator_width": 2, "discriminator_width": 2}


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def networks(frames: int = 10, side: int = 16, num_classes: int = 0, **options: Any) -> Networks:
    """Build a narrow MoCoGAN."""
    torch.manual_seed(0)
    context = BuildContext(space=ClipSpace(1, frames, side, side), num_classes=num_classes)
    return mocogan.build(MoCoGANOptions(**{**SMALL, "content_dim": 4, "motion_dim": 3, **options}), context)


def test_the_networks_have_the_published_numbers_of_parameters() -> None:
    """sergeytulyakov/mocogan models.py at its defaults (50 + 6 + 10 numbers, 16 x 64 x 64) and cvondrick/videogan main.lua (32 x 64 x 64).

    By their layers: convolutions without biases and a recurrent cell in the one, with biases in the other.
    """
    with torch.device("meta"):
        made = mocogan.build(MoCoGANOptions(), BuildContext(space=ClipSpace(3, 16, 64, 64), num_classes=6))
        other = vgan.build(VGANOptions(), BuildContext(space=ClipSpace(3, 32, 64, 64)))
    sizes = [count(made[name]) for name in ("generator", "image_discriminator", "discriminator")]
    assert sizes == [3_298_836, 663_296, 11_253_504]
    assert [count(other[name]) for name in ("generator", "discriminator")] == [16_245_383, 11_057_858]
    frame_layers = 16 * (66 * 512 + 512 * 256 + 256 * 128 + 128 * 64 + 64 * 3) + 2 * (512 + 256 + 128 + 64)
    assert sizes[0] == frame_layers + 2 * 30 * 10 + 2 * 30
    still = 16 * (100 * 512 + 512 * 256 + 256 * 128 + 128 * 64 + 64 * 3) + 3 * (512 + 256 + 128 + 64) + 3
    moving = 32 * 100 * 512 + 64 * (512 * 256 + 256 * 128 + 128 * 64 + 64 * 4) + 3 * (512 + 256 + 128 + 64) + 4
    assert count(other["generator"]) == still + moving


def test_content_is_the_same_in_all_frames_of_a_clip_and_without_motion_they_are_equal() -> None:
    """Trap: a content that is drawn for each frame makes clips of many things."""
    generator = networks(num_classes=10)["generator"].eval()
    assert isinstance(generator, mocogan.Generator)
    latents, labels = torch.randn(3, generator.num_latents), torch.tensor([1, 1, 7])
    codes = generator.codes(latents, labels)
    assert codes.shape == (3, 10, 4 + 10 + 3)
    whole, motion = codes[:, :, :14], codes[:, :, 14:]
    assert torch.equal(whole, whole[:, :1].expand_as(whole))
    assert torch.equal(whole[:, 0, :4], latents[:, :4])
    assert whole[:, 0, 4:].argmax(1).tolist() == labels.tolist()
    assert not torch.equal(motion[:, 0], motion[:, 1])
    clips = generator(latents, labels)
    assert clips.shape == (3, 1, 10, 16, 16)
    assert not torch.equal(clips[:, :, 0], clips[:, :, 1])
    codes[:, :, 14:] = codes[:, :1, 14:]
    frames = generator.draw(codes.flatten(0, 1)).unflatten(0, (3, 10))
    torch.testing.assert_close(frames, frames[:, :1].expand_as(frames), rtol=0, atol=1e-6)
    chosen = torch.tensor([[9, 0], [4, 4], [2, 7]])
    some = generator.some_frames(latents, labels, chosen)
    torch.testing.assert_close(some, mocogan.take_frames(clips, chosen))
    torch.testing.assert_close(some[0], clips[0, :, 9])


@pytest.fixture(scope="module")
def algorithm() -> MoCoGAN:
    """MoCoGAN on moving digits, as a run has it."""
    settings: dict[str, Any] = {
        "dataset.options.resolution": 16,
        "dataset.options.frames": 10,
        "dataset.options.clips": 40,
        "training.batch_size": 8,
        "training.device": "cpu",
        **{f"architecture.options.{name}": value for name, value in SMALL.items()},
    }
    manager = ganbench.PluginManager()
    made = ganbench.build(ganbench.plan("mocogan", dataset="moving-digits", metrics=(), settings=settings, manager=manager), manager)
    assert isinstance(made.algorithm, MoCoGAN)
    return made.algorithm


def test_the_image_discriminator_sees_any_frame_of_each_clip(algorithm: MoCoGAN, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap: one frame at random of each clip, drawn anew, and not always the first; the video discriminator sees whole clips."""
    places = torch.cat([algorithm.draw_places() for _ in range(100)])
    assert places.shape == (800, 1)
    counts = torch.bincount(places.flatten(), minlength=10)
    assert len(counts) == 10
    assert counts.min() > 40  # 80 are expected
    seen: dict[str, list[torch.Tensor]] = {"frames": [], "clips": []}
    real = algorithm.discriminators_loss

    def listen(frames: torch.Tensor, clips: torch.Tensor, *rest: Any) -> Any:
        seen["frames"].append(frames)
        seen["clips"].append(clips)
        return real(frames, clips, *rest)

    monkeypatch.setattr(algorithm, "discriminators_loss", listen)
    for _ in range(2):
        algorithm.stage_real()
        algorithm.joint_update()
    assert seen["frames"][0].shape == (8, 1, 16, 16)
    assert seen["clips"][0].shape == (3, 1, 10, 16, 16)
    frames, clips = seen["frames"][0][:3], seen["clips"][0]
    places_of = [[t for t in range(10) if torch.equal(frame, clip[:, t])] for frame, clip in zip(frames, clips, strict=True)]
    assert all(places_of)
    assert algorithm.trajectory().isfinite().all()


@pytest.mark.parametrize("half", [False, True])
def test_a_longer_clip_has_a_logit_for_each_stretch(half: bool) -> None:
    """And at half their size, DVD-GAN's idea, clips have a layer less; the category is one for the whole clip."""
    side = 32 if half else 16
    made = networks(12, side, num_classes=5, half_size_clips=half, frames_per_clip=2)
    logits, category = made["discriminator"](torch.zeros(2, 1, 12, side, side))
    assert logits.shape == (2, 3)
    assert category.shape == (2, 5)


def test_a_clip_of_vgan_is_background_where_the_mask_is_empty() -> None:
    """And foreground where it is full; the background does not move; the two logits are the cross-entropy's."""
    torch.manual_seed(0)
    made = vgan.build(VGANOptions(latent_dim=8, **SMALL), BuildContext(space=ClipSpace(3, 8, 16, 16)))
    generator, judge = made["generator"].eval(), made["discriminator"].eval()
    assert isinstance(generator, vgan.Generator)
    latents = torch.randn(2, 8)
    assert generator.mask.bias is not None
    for bias, moves in ((-50.0, False), (50.0, True)):
        nn.init.constant_(generator.mask.bias, bias)
        clips, mask = generator.parts(latents)
        assert (clips.shape, mask.shape) == ((2, 3, 8, 16, 16), (2, 1, 8, 16, 16))
        assert torch.equal(mask > 0.5, torch.full_like(mask, moves, dtype=torch.bool))
        assert bool((clips - clips[:, :, :1]).abs().amax() > 1e-6) is moves
    answers = judge.layers(clips).flatten(1)  # type: ignore[operator]
    two = nn.functional.cross_entropy(answers, torch.zeros(2, dtype=torch.int64))
    torch.testing.assert_close(two, nn.functional.softplus(-judge(clips)).mean())


@pytest.mark.parametrize(
    ("build", "space", "message"),
    [
        (mocogan.build, ClipSpace(1, 16, 33, 33), r"mocogan needs square frames of 16, 32, 64 and so on pixels \(got 33x33\)"),
        (mocogan.build, ClipSpace(1, 16, 32, 64), r"square frames .* \(got 32x64\)"),
        (mocogan.build, ClipSpace(1, 8, 32, 32), r"mocogan needs clips of 13 frames or more at 32x32 pixels \(got 8\)"),
        (vgan.build, ClipSpace(1, 16, 24, 24), r"vgan needs square frames of 16, 32, 64 and so on pixels \(got 24x24\)"),
        (vgan.build, ClipSpace(1, 12, 32, 32), r"vgan needs clips of a multiple of 8 frames at 32x32 pixels \(got 12\)"),
    ],
)
def test_sizes_that_the_layers_have_not_are_refused_in_a_line(build: Any, space: ClipSpace, message: str) -> None:
    """Odd sizes, oblong frames and clips too short, before anything is trained."""
    options = MoCoGANOptions(**SMALL) if build is mocogan.build else VGANOptions(**SMALL)
    with torch.device("meta"), pytest.raises(ValueError, match=message):
        build(options, BuildContext(space=space))


@pytest.mark.parametrize(
    ("plugin", "settings", "message"),
    [
        ("mocogan", {"training.batch_size": 2}, r"clip_batch must be at most training.batch_size, which is 2 \(got 3\)"),
        ("mocogan", {"loss.options.historical_averaging": 0.1}, "takes a loss without penalties"),
        ("mocogan", {"training.d_steps": 2}, r"training.d_steps must be 1 for mocogan \(got 2\)"),
        ("vgan", {"training.shared_fakes": True}, r"training.shared_fakes must be false for vgan \(got true\)"),
    ],
)
def test_settings_that_an_iteration_cannot_heed_are_refused(plugin: str, settings: dict[str, Any], message: str) -> None:
    """In a line, before anything is trained."""
    small = {
        "dataset.options.clips": 16,
        "training.batch_size": 8,
        "training.device": "cpu",
        **{f"architecture.options.{k}": v for k, v in SMALL.items()},
    }
    manager = ganbench.PluginManager()
    with pytest.raises(ganbench.ConfigError, match=message):
        ganbench.build(ganbench.plan(plugin, dataset="moving-digits", metrics=(), settings={**small, **settings}, manager=manager), manager)
