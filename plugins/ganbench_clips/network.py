"""The network that reads a clip: which digit, how fast, in which direction; frame by frame, then over time.

Convolutions of each frame, then a recurrent network that reads the frames and how their places change, from the last to the first, and one
hidden layer over its last state and its mean. GELU and overlapping strides make the features smooth in the pixels. Batch norm is for
training only, and is folded into the convolutions afterwards.

Shapes: N clips, T frames, F = 32 features of a frame, D = 64 of a clip.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

RESOLUTION = 32
"""Height and width that the network sees."""
FRAME_DIMS, CLIP_DIMS = 32, 64
_WIDTHS = (8, 12, 32)
_PLACE_DIMS = 12
"""How many of a frame's features say where things are; the others say what they are, wherever they are."""


class ClipReader(nn.Module):
    """Reads grey clips ``[N, T, 32, 32]`` in [0, 1].

    Args:
        normalised: whether a batch norm follows each convolution.
    """

    def __init__(self, *, normalised: bool = False) -> None:
        super().__init__()
        pairs = zip((1, *_WIDTHS[:-1]), _WIDTHS, strict=True)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in _WIDTHS if normalised)
        self.convolutions = nn.ModuleList(nn.Conv2d(before, after, 4, stride=2, padding=1) for before, after in pairs)
        self.place = nn.Linear(_WIDTHS[-1] * (RESOLUTION // 2 ** len(_WIDTHS)) ** 2, _PLACE_DIMS)
        self.thing = nn.Linear(_WIDTHS[-1], FRAME_DIMS - _PLACE_DIMS)
        self.frame_digit = nn.Linear(FRAME_DIMS, 10)
        self.time = nn.GRU(FRAME_DIMS + _PLACE_DIMS, FRAME_DIMS, batch_first=True)
        self.hidden = nn.Linear(2 * FRAME_DIMS, CLIP_DIMS)
        self.digit = nn.Linear(CLIP_DIMS, 10)
        self.motion = nn.Linear(CLIP_DIMS, 3)

    def frame_features(self, frames: Tensor) -> Tensor:
        """Return ``[M, F]`` of frames ``[M, 32, 32]``."""
        x = frames[:, None]
        for place, layer in enumerate(self.convolutions):
            x = layer(x)
            x = F.gelu(self.norms[place](x) if self.norms else x)
        return torch.cat([self.place(x.flatten(1)), F.gelu(self.thing(x.amax((2, 3))))], dim=1)

    def clip_features(self, frames: Tensor) -> Tensor:
        """Return ``[N, D]`` of the frames' features ``[N, T, F]``."""
        moves = F.pad(frames[:, 1:, :_PLACE_DIMS] - frames[:, :-1, :_PLACE_DIMS], (0, 0, 0, 1))
        states, last = self.time(torch.cat([frames, moves], dim=2).flip(1))
        return F.gelu(self.hidden(torch.cat([last[0], states.mean(1)], dim=1)))

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what a clip shows.

        Returns:
            logits of the digit ``[N, 10]``; speed in pixels a frame of 32 pixels, sine and cosine of the direction at the first frame,
            ``[N, 3]``; logits of the digit in each frame ``[N, T, 10]``.
        """
        frames = self.frame_features(clips.flatten(0, 1)).view(*clips.shape[:2], -1)
        features = self.clip_features(frames)
        return self.digit(features), self.motion(features), self.frame_digit(frames)

    def folded(self) -> ClipReader:
        """Return the same function in evaluation mode without batch norm."""
        twin = ClipReader().eval()
        state = {name: value for name, value in self.state_dict().items() if not name.startswith("norms.")}
        twin.load_state_dict(state)
        for place, (layer, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            assert isinstance(layer, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            twin.convolutions[place].load_state_dict(fuse_conv_bn_eval(layer.eval(), norm.eval()).state_dict())
        return twin


def to_input(clips: Tensor) -> Tensor:
    """Return stored clips as the network sees them.

    Args:
        clips: ``[N, C, T, H, W]`` uint8, C of 1 or 3, T of 2 or more.

    Returns:
        ``[N, T, 32, 32]`` float32 in [0, 1]: the mean of the channels; of other sizes bilinearly, averaged where that reduces.

    Raises:
        ValueError: another type or shape, or a single frame.
    """
    if clips.dtype != torch.uint8 or clips.ndim != 5 or clips.shape[1] not in (1, 3) or clips.shape[2] < 2:
        got = f"{clips.dtype} {list(clips.shape)}"
        raise ValueError(f"the moving-digits extractors take clips of 2 frames or more, uint8 [N, 1 or 3, T, H, W] (got {got})")
    grey = clips.float().mean(1) / 255
    if grey.shape[2:] != (RESOLUTION, RESOLUTION):
        grey = F.interpolate(grey, size=(RESOLUTION, RESOLUTION), mode="bilinear", antialias=True)
    return grey
