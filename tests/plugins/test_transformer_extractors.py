"""The extractors dinov2 and clip on weights in the published layouts, with random numbers, against other computations of the same networks.

CLIP's is compared with torch-fidelity's port of openai/CLIP, DINOv2's with formulas that are written out here.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch_fidelity.feature_extractor_clip import VisionTransformer as Theirs

from ganbench import ExtractorContext, NoOptions, WeightsError, tensors_to_bytes
from ganbench.cli.main import main
from ganbench_extractors import clip, clip_weights, dinov2, dinov2_weights
from ganbench_extractors.resize import centre_square, resize_to_levels
from ganbench_extractors.transformer_features import TransformerFeatures
from ganbench_extractors.vision_transformer import TransformerForm, VisionTransformer

WIDTH, DEPTH = 128, 3


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both networks with three narrow blocks, and images of 28 and 42 pixels."""
    for module, stored, resolution, output in ((dinov2, 5, 42, 0), (clip, 2, 28, 48)):
        form = TransformerForm(width=WIDTH, depth=DEPTH, heads=2, patch=14, stored_grid=stored, output=output)
        monkeypatch.setattr(module, "PROTOCOL", dataclasses.replace(module.PROTOCOL, form=form, resolution=resolution))
    torch.manual_seed(0)


def images(count: int, height: int, width: int, channels: int = 3) -> Tensor:
    coarse = 128 + 60 * torch.randn(count, channels, 5, 5, generator=torch.Generator().manual_seed(height + width))
    return nn.functional.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 255).to(torch.uint8)


def by_pillow(batch: Tensor, size: int) -> Tensor:
    """Return uint8 images as Pillow resizes them, ``[N, 3, size, size]`` float."""
    made = [np.asarray(Image.fromarray(one.permute(1, 2, 0).numpy()).resize((size, size), Image.Resampling.BICUBIC)) for one in batch]
    return torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2).float()


def standardised(levels: Tensor, module: Any) -> Tensor:
    mean, deviation = (torch.tensor(one).view(1, 3, 1, 1) for one in (module.PROTOCOL.mean, module.PROTOCOL.deviation))
    return (levels / 255 - mean) / deviation


def dinov2_state() -> dict[str, Tensor]:
    """Return random weights under facebookresearch/dinov2's names."""
    shapes: dict[str, tuple[int, ...]] = {
        **{"cls_token": (1, 1, WIDTH), "pos_embed": (1, 26, WIDTH), "mask_token": (1, WIDTH)},
        **{"patch_embed.proj.weight": (WIDTH, 3, 14, 14), "patch_embed.proj.bias": (WIDTH,)},
        **{"norm.weight": (WIDTH,), "norm.bias": (WIDTH,)},
    }
    for i in range(DEPTH):
        for name, after, before in (("attn.qkv", 3, 1), ("attn.proj", 1, 1), ("mlp.fc1", 4, 1), ("mlp.fc2", 1, 4)):
            shapes |= {f"blocks.{i}.{name}.weight": (after * WIDTH, before * WIDTH), f"blocks.{i}.{name}.bias": (after * WIDTH,)}
        shapes |= {f"blocks.{i}.{norm}.{of}": (WIDTH,) for norm in ("norm1", "norm2") for of in ("weight", "bias")}
        shapes |= {f"blocks.{i}.{scale}.gamma": (WIDTH,) for scale in ("ls1", "ls2")}
    return {name: torch.randn(shape) * (0.1 if len(shape) > 1 else 0.5) for name, shape in shapes.items()}


def cubic(distance: float) -> float:
    """Keys' kernel with a = -0.75, which PyTorch's bicubic interpolation has."""
    a, x = -0.75, abs(distance)
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0


def interpolation(stored: int, wanted: int) -> Tensor:
    """Return the matrix ``[wanted, stored]`` from stored to wanted positions along one side, at 0.1 patches too many."""
    matrix = torch.zeros(wanted, stored, dtype=torch.float64)
    for i in range(wanted):
        at = (i + 0.5) * stored / (wanted + 0.1) - 0.5
        for j in range(math.floor(at) - 1, math.floor(at) + 3):
            matrix[i, min(max(j, 0), stored - 1)] += cubic(at - j)
    return matrix


def dinov2_by_hand(state: dict[str, Tensor], x: Tensor) -> Tensor:
    """Return the class token of standardised images, in float64 and by formulas."""
    w = {name: tensor.double() for name, tensor in state.items()}

    def norm(y: Tensor, name: str) -> Tensor:
        centred = y - y.mean(-1, keepdim=True)
        return centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt() * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(y: Tensor, name: str) -> Tensor:
        return y @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    grid = x.shape[-1] // 14
    patches = x.double().unfold(2, 14, 14).unfold(3, 14, 14).permute(0, 2, 3, 1, 4, 5).reshape(len(x), grid * grid, -1)
    patches = patches @ w["patch_embed.proj.weight"].flatten(1).T + w["patch_embed.proj.bias"]
    turn = torch.eye(5, dtype=torch.float64) if grid == 5 else interpolation(5, grid)
    plane = w["pos_embed"][0, 1:].view(5, 5, WIDTH)
    places = torch.einsum("ai,bj,ijc->abc", turn, turn, plane).flatten(0, 1)
    first = (w["cls_token"] + w["pos_embed"][:, :1]).expand(len(x), -1, -1)
    y = torch.cat([first, patches + places], 1)
    for i in range(DEPTH):
        at = f"blocks.{i}"
        q, k, v = linear(norm(y, f"{at}.norm1"), f"{at}.attn.qkv").chunk(3, -1)
        heads = []
        for h in range(2):
            part = slice(h * WIDTH // 2, (h + 1) * WIDTH // 2)
            weights = (q[..., part] @ k[..., part].transpose(1, 2) / math.sqrt(WIDTH / 2)).softmax(-1)
            heads.append(weights @ v[..., part])
        y = y + w[f"{at}.ls1.gamma"] * linear(torch.cat(heads, -1), f"{at}.attn.proj")
        hidden = linear(norm(y, f"{at}.norm2"), f"{at}.mlp.fc1")
        hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
        y = y + w[f"{at}.ls2.gamma"] * linear(hidden, f"{at}.mlp.fc2")
    return norm(y, "norm")[:, 0]


def saved(state: dict[str, Tensor], path: Path) -> ExtractorContext:
    torch.save(state, path)
    return ExtractorContext(weights=path)


def features_of(extractor: TransformerFeatures, batch: Tensor) -> Tensor:
    (found,) = extractor.extract(batch)
    assert list(found.features.shape) == [len(batch), extractor.dims]
    assert found.features.dtype == torch.float32
    return found.features


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("size", [42, 70])
def test_dinov2_computes_what_its_formulas_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """With positions between those that are stored, as at 224 pixels, and with those themselves."""
    monkeypatch.setattr(dinov2, "PROTOCOL", dataclasses.replace(dinov2.PROTOCOL, resolution=size))
    state, batch = dinov2_state(), images(3, size, size)
    found = features_of(dinov2.build(NoOptions(), saved(state, tmp_path / "w.pth")), batch)
    expected = dinov2_by_hand(state, standardised(batch.float(), dinov2))
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected.float(), rtol=1e-4, atol=1e-4)


def clip_states() -> tuple[Theirs, dict[str, Tensor], dict[str, Tensor]]:
    """Return torch-fidelity's network, and its weights in openai/CLIP's names and in transformers'."""
    network = Theirs(input_resolution=28, patch_size=14, width=WIDTH, layers=DEPTH, heads=2, output_dim=48).eval()
    for parameter in network.parameters():
        parameter.data.normal_(0, 0.1 if parameter.ndim > 1 else 0.5)
    openai = {f"visual.{name}": tensor for name, tensor in network.state_dict().items()}
    theirs: dict[str, Tensor] = {
        "vision_model.embeddings.position_ids": torch.arange(5)[None],
        "vision_model.embeddings.class_embedding": openai["visual.class_embedding"],
        "vision_model.embeddings.position_embedding.weight": openai["visual.positional_embedding"],
        "vision_model.embeddings.patch_embedding.weight": openai["visual.conv1.weight"],
        "visual_projection.weight": openai["visual.proj"].T.contiguous(),
        "text_model.final_layer_norm.weight": torch.zeros(7),
        "logit_scale": torch.tensor(4.6),
    }
    for of in ("weight", "bias"):
        theirs[f"vision_model.pre_layrnorm.{of}"] = openai[f"visual.ln_pre.{of}"]
        theirs[f"vision_model.post_layernorm.{of}"] = openai[f"visual.ln_post.{of}"]
        for i in range(DEPTH):
            block, at = f"visual.transformer.resblocks.{i}", f"vision_model.encoder.layers.{i}"
            for which, part in zip("qkv", openai[f"{block}.attn.in_proj_{of}"].chunk(3), strict=True):
                theirs[f"{at}.self_attn.{which}_proj.{of}"] = part.clone()
            theirs[f"{at}.self_attn.out_proj.{of}"] = openai[f"{block}.attn.out_proj.{of}"]
            for ours, name in (("layer_norm1", "ln_1"), ("layer_norm2", "ln_2"), ("mlp.fc1", "mlp.c_fc"), ("mlp.fc2", "mlp.c_proj")):
                theirs[f"{at}.{ours}.{of}"] = openai[f"{block}.{name}.{of}"]
    return network, {**openai, "positional_embedding": torch.zeros(3), "text_projection": torch.zeros(2, 2)}, theirs


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("kind", ["openai", "openai in half precision", "transformers", "safetensors"])
def test_clip_equals_torch_fidelitys_network_at_unit_length(tmp_path: Path, kind: str) -> None:
    """From either layout; text towers are not looked at."""
    network, openai, theirs = clip_states()
    batch = images(3, 28, 28)
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.bin")
    if kind == "safetensors":
        path.write_bytes(tensors_to_bytes(theirs))
    elif kind == "openai in half precision":
        torch.save({name: tensor.half() for name, tensor in openai.items()}, path)
    else:
        torch.save(openai if kind == "openai" else theirs, path)
    found = features_of(clip.build(NoOptions(), ExtractorContext(weights=path)), batch)
    with torch.no_grad():
        expected = network(standardised(batch.float(), clip))
    expected = expected / expected.norm(dim=1, keepdim=True)
    assert (expected[0] - expected[1]).abs().max() > 1e-2
    torch.testing.assert_close(found, expected, rtol=0, atol=5e-3 if "half" in kind else 1e-5)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3))


@pytest.mark.parametrize(("module", "expected"), [(dinov2, 304_368_640), (clip, 427_944_193)])
def test_the_networks_have_the_published_numbers_of_parameters(module: Any, expected: int) -> None:
    """Of facebookresearch/dinov2's hub, with the mask token; of openai/CLIP's notebook for the whole ViT-L/14@336px, with its text half."""
    with torch.device("meta"):
        ours = sum(one.numel() for one in VisionTransformer(module.PROTOCOL.form).parameters())
    width = 768
    text = 49_408 * width + 77 * width + 12 * (12 * width**2 + 13 * width) + 2 * width + width * width + 1
    assert ours + (1024 if module is dinov2 else text) == expected


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 100), (256, 256), (56, 56)])
def test_images_are_resized_as_pillow_does(height: int, width: int) -> None:
    """Enlarged, reduced and pressed into a square; of noise one value in a thousand may be a grey level off, and none two."""
    batch = torch.randint(0, 256, (2, 3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(width))
    for size in (56, 224):
        difference = (resize_to_levels(batch, size) - by_pillow(batch, size)).abs()
        assert difference.max() <= 1
        assert difference.mean() < 1e-3


def test_the_square_in_the_middle_is_that_of_the_source() -> None:
    """``(h - l) // 2`` from the top and the left."""
    batch = torch.arange(5 * 8).view(1, 1, 5, 8)
    assert torch.equal(centre_square(batch), batch[..., 1:6])
    assert torch.equal(centre_square(batch.mT), batch.mT[..., 1:6, :])
    assert torch.equal(centre_square(batch[..., :5]), batch[..., :5])


@pytest.mark.usefixtures("small")
def test_clip_cuts_and_dinov2_presses_into_a_square(tmp_path: Path) -> None:
    """Pixels beside the middle are nothing to CLIP and something to DINOv2; grey is repeated; neighbours change nothing."""
    wide = images(2, 60, 90)
    other = wide.clone()
    other[..., :10] = 0
    states = ((clip, clip_states()[2]), (dinov2, dinov2_state()))
    for module, state in states:
        extractor = module.build(NoOptions(), saved(state, tmp_path / "w.bin"))
        same = torch.allclose(features_of(extractor, wide), features_of(extractor, other), atol=1e-5)
        assert same == (module is clip)
        grey = images(30, 40, 40, channels=1)
        together = features_of(extractor, grey)
        torch.testing.assert_close(together[28:], features_of(extractor, grey[28:].expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_a_folder_is_measured_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``fd`` under DINOv2, and CMMD under CLIP, from images to the record; one file of weights at a time."""
    batch = images(12, 32, 32)
    for index, image in enumerate(batch):
        folder = tmp_path / ("real" if index % 2 else "fake")
        folder.mkdir(exist_ok=True)
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / f"{index:02d}.png")
    data = ["--dataset", "folder", "-o", f"path={tmp_path / 'real'}", "-o", "resolution=32", "--no-floor", "--device", "cpu"]
    for name, state in (("fd6_dinov2", dinov2_state()), ("mmd_rbf6_clip", clip_states()[2]), ("sw6_clip", clip_states()[1])):
        weights = tmp_path / "w.bin"
        torch.save(state, weights)
        call = ["evaluate", str(tmp_path / "fake"), *data, "--metric", name, "--extractor-weights", str(weights)]
        assert main([*call, "--out", str(tmp_path / name)]) == 0
        assert name in (tmp_path / name / "record.json").read_text()


@pytest.mark.parametrize(
    ("module", "weights", "words"),
    [(dinov2, dinov2_weights, "the DINOv2 weights are not there"), (clip, clip_weights, "the CLIP weights are")],
)
def test_missing_weights_are_one_line(module: Any, weights: Any, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That says what to get and where to put it; what lies in the cache must be the published file."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(WeightsError, match=words) as caught:
        module.build(NoOptions(), ExtractorContext())
    assert "\n" not in str(caught.value)
    assert f"get {weights.PUBLISHED.url} and put it at {weights.PUBLISHED.cached}" in str(caught.value)
    weights.PUBLISHED.cached.parent.mkdir()
    weights.PUBLISHED.cached.write_bytes(b"others")
    with pytest.raises(WeightsError, match=f"sha256 must be {weights.SHA256} \\(got [0-9a-f]{{64}}\\)"):
        module.build(NoOptions(), ExtractorContext())


def _script(path: Path) -> None:
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)), str(path))


@pytest.mark.filterwarnings("ignore:`torch.jit.*` is deprecated")
@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("module", [dinov2, clip])
@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda path: torch.save([1], path), "holds no state dict"),
        (lambda path: torch.save({}, path), "does not fit"),
        (lambda path: torch.save({"visual.conv1.weight": torch.zeros(2), "visual.proj": torch.zeros(3)}, path), "does not fit"),
        (lambda path: torch.save({**dinov2_state(), "norm.bias": torch.zeros(3)}, path), "does not fit"),
        (
            lambda path: torch.save({"visual.class_embedding": torch.tensor(1.0), "visual.conv1.weight": torch.zeros(2)}, path),
            "does not fit",
        ),
        (lambda path: torch.save(nn.Linear(2, 2), path), "cannot be read as a PyTorch state dict"),
        (lambda path: path.write_bytes(b"half a file"), "cannot be read as a PyTorch state dict"),
        (lambda path: path.write_bytes(b"junk\n"), r"cannot be read as a PyTorch state dict \([A-Za-z]+Error\)"),
        (_script, "cannot be read as a PyTorch state dict"),
    ],
)
def test_weights_of_another_network_are_one_line(module: Any, write: Any, words: str, tmp_path: Path) -> None:
    """Whatever the file holds, nothing in it is run."""
    path = tmp_path / "wrong.pth"
    write(path)
    with pytest.raises(WeightsError, match=words) as caught:
        module.build(NoOptions(), ExtractorContext(weights=path))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
