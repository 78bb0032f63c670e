"""The ``dinov2`` extractor: DINOv2's ViT-L/14, whose features suit the Fréchet distance better than Inception's (Stein et al. 2023).

Oquab et al. (2023), https://arxiv.org/abs/2304.07193; Stein et al. (2023), https://arxiv.org/abs/2306.04675, whose layer6ai-labs/dgm-eval
@d57a6d2 (dgm_eval/models/dinov2.py, without ``clean_resize``) is followed: images are pressed into 224x224 by Pillow's antialiased bicubic
filter, to whole grey levels, and standardised by ImageNet's mean and deviation; the feature is the normalised class token. ``fd10k_dinov2``
is then its FD. The weights must be given: 304,368,640 numbers with a mask token that features do not look at. torch-fidelity's
``dinov2-vit-l-14`` resizes in another way, so that its values are others. No published value has been compared.

Shapes: D = 1024 features.
"""

from __future__ import annotations

from ganbench import ExtractorContext
from ganbench_extractors.dinov2_weights import FILE, find_weights
from ganbench_extractors.state_dict import read_state_dict
from ganbench_extractors.transformer_features import Protocol, TransformerFeatures, load
from ganbench_extractors.vision_transformer import TransformerForm

PROTOCOL = Protocol(
    extractor_id="dinov2-vitl14-1",
    preprocessing_id="pillow-bicubic-224-imagenet",
    form=TransformerForm(width=1024, depth=24, heads=16, patch=14, stored_grid=37),
    resolution=224,
    mean=(0.485, 0.456, 0.406),
    deviation=(0.229, 0.224, 0.225),
    crops=False,
)
_HINT = f"use facebookresearch/dinov2's {FILE}"


def build(options: object, context: ExtractorContext) -> TransformerFeatures:
    """Build the extractor.

    Raises:
        WeightsError: the weights are missing, damaged or of another network.
    """
    path = find_weights(context)
    state = {name: tensor for name, tensor in read_state_dict(path, _HINT).items() if name != "mask_token"}
    return load(PROTOCOL, path, state, "DINOv2's ViT-L/14", _HINT, context.device)
