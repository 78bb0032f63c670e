"""The ``clip`` extractor: the image half of OpenAI's CLIP ViT-L/14 at 336 pixels, of which CMMD is.

Radford et al. (2021), https://arxiv.org/abs/2103.00020; Jayasumana et al. (2024), https://arxiv.org/abs/2401.09603, whose
google-research/cmmd (io_util.py @1963839, embedding.py @5b09c22) is followed: images are cut to the square in their middle, resized to
336x336 by Pillow's antialiased bicubic filter, to whole grey levels, and standardised by CLIP's mean and deviation; embeddings are divided
by their length. ``mmd_rbf10k_clip`` is then CMMD.

The weights must be given: a state dict with the names of transformers' ``CLIPModel``, as its published file has them, or with those of
openai/CLIP; text towers are not looked at. OpenAI's own file is a TorchScript archive, whose code would run: it is refused. The whole model
has 427,944,193 numbers, the half that is used here 304,293,888. No published value has been compared.

Shapes: D = 768 features.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from ganbench import ExtractorContext
from ganbench_extractors.clip_weights import find_weights
from ganbench_extractors.state_dict import read_state_dict
from ganbench_extractors.transformer_features import Protocol, TransformerFeatures, load
from ganbench_extractors.vision_transformer import TransformerForm

PROTOCOL = Protocol(
    extractor_id="clip-vitl14-336-1",
    preprocessing_id="centre-square-pillow-bicubic-336-clip",
    form=TransformerForm(width=1024, depth=24, heads=16, patch=14, stored_grid=24, output=768),
    resolution=336,
    mean=(0.48145466, 0.4578275, 0.40821073),
    deviation=(0.26862954, 0.26130258, 0.27577711),
    crops=True,
)
_HINT = "use the pytorch_model.bin of openai/clip-vit-large-patch14-336, or a state dict of openai/CLIP's ViT-L/14@336px"
_OPENAI = {
    r"visual\.class_embedding": "cls_token",
    r"visual\.positional_embedding": "pos_embed",
    r"visual\.conv1\.": "patch_embed.proj.",
    r"visual\.ln_pre\.": "norm_pre.",
    r"visual\.ln_post\.": "norm.",
    r"visual\.proj": "head.weight",
    r"visual\.transformer\.resblocks\.(\d+)\.ln_([12])\.": r"blocks.\1.norm\2.",
    r"visual\.transformer\.resblocks\.(\d+)\.attn\.in_proj_": r"blocks.\1.attn.qkv.",
    r"visual\.transformer\.resblocks\.(\d+)\.attn\.out_proj\.": r"blocks.\1.attn.proj.",
    r"visual\.transformer\.resblocks\.(\d+)\.mlp\.c_fc\.": r"blocks.\1.mlp.fc1.",
    r"visual\.transformer\.resblocks\.(\d+)\.mlp\.c_proj\.": r"blocks.\1.mlp.fc2.",
}
_TRANSFORMERS = {
    r"vision_model\.embeddings\.class_embedding": "cls_token",
    r"vision_model\.embeddings\.position_embedding\.weight": "pos_embed",
    r"vision_model\.embeddings\.patch_embedding\.": "patch_embed.proj.",
    r"vision_model\.pre_layrnorm\.": "norm_pre.",
    r"vision_model\.post_layernorm\.": "norm.",
    r"visual_projection\.": "head.",
    r"vision_model\.encoder\.layers\.(\d+)\.layer_norm([12])\.": r"blocks.\1.norm\2.",
    r"vision_model\.encoder\.layers\.(\d+)\.self_attn\.([qkv])_proj\.": r"blocks.\1.attn.\2.",
    r"vision_model\.encoder\.layers\.(\d+)\.self_attn\.out_proj\.": r"blocks.\1.attn.proj.",
    r"vision_model\.encoder\.layers\.(\d+)\.mlp\.": r"blocks.\1.mlp.",
}
"""From what names of a layout begin with to what ours do."""
_IGNORED = "vision_model.embeddings.position_ids"


def build(options: object, context: ExtractorContext) -> TransformerFeatures:
    """Build the extractor.

    Raises:
        WeightsError: the weights are missing, damaged or of another network.
    """
    path = find_weights(context)
    return load(PROTOCOL, path, to_own_names(read_state_dict(path, _HINT)), "CLIP's ViT-L/14@336px", _HINT, context.device)


def to_own_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the image half of a state dict under the names of :mod:`.vision_transformer`; a name that is unknown stays.

    Args:
        state: in openai/CLIP's names or in those of transformers.
    """
    openai = "visual.conv1.weight" in state
    kept = ("visual.",) if openai else ("vision_model.", "visual_projection.")
    found = {
        _renamed(name, _OPENAI if openai else _TRANSFORMERS): tensor
        for name, tensor in state.items()
        if name.startswith(kept) and name != _IGNORED
    }
    if openai and "head.weight" in found and found["head.weight"].ndim == 2:
        found["head.weight"] = found["head.weight"].T
    for name in ("cls_token", "pos_embed"):
        if name in found:
            found[name] = found[name].reshape(1, -1, found[name].shape[-1]) if found[name].ndim else found[name]
    return _joined(found)


def _renamed(name: str, layout: Mapping[str, str]) -> str:
    for pattern, ours in layout.items():
        if match := re.match(pattern, name):
            return match.expand(ours) + name[match.end() :]
    return name


def _joined(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Put query, key and value of each block side by side."""
    for name in [one for one in state if re.fullmatch(r"blocks\.\d+\.attn\.q\.(weight|bias)", one)]:
        head, _, last = name.rpartition(".q.")
        names = [f"{head}.{which}.{last}" for which in "qkv"]
        if all(one in state and state[one].shape == state[name].shape for one in names):
            state[f"{head}.qkv.{last}"] = torch.cat([state.pop(one) for one in names])
    return state
