"""The squared distance between two images' layers is the perceptual distance, layer by layer and position by position."""

from __future__ import annotations

import pytest
import torch
from torchvision.models import vgg16

from ganbench.errors import WeightsError
from ganbench.registration import NoOptions
from ganbench.spec import ExtractorContext
from ganbench_extractors import vgg, vgg_weights
from ganbench_extractors.classifiers import build_digits as build_classes
from ganbench_extractors.layers import build_digits, build_fashion, join_layers
from ganbench_extractors.preprocess import to_grey_input


def by_hand(first: list[torch.Tensor], second: list[torch.Tensor]) -> float:
    """Return the distance of equation 1 between two images, in float64."""
    total = 0.0
    for a, b in zip(first, second, strict=True):
        a, b = a.double(), b.double()
        for row in range(a.shape[2]):
            for column in range(a.shape[3]):
                u, v = a[0, :, row, column], b[0, :, row, column]
                total += float((u / u.norm() - v / v.norm()).square().sum()) / (a.shape[2] * a.shape[3])
    return total


def images(count: int, size: int = 16, channels: int = 1) -> torch.Tensor:
    return torch.randint(0, 256, (count, channels, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(count))


def test_joined_layers_have_the_perceptual_distance() -> None:
    """Layers of any shape; the scale of a position does not matter, and one without activation is at the origin."""
    torch.manual_seed(0)
    first = [torch.randn(1, 3, 4, 4), torch.randn(1, 7, 2, 5)]
    second = [torch.randn(1, 3, 4, 4), torch.randn(1, 7, 2, 5)]
    distance = (join_layers(first) - join_layers(second)).square().sum().item()
    assert distance == pytest.approx(by_hand(first, second), rel=1e-5)
    assert torch.allclose(join_layers([5 * layer for layer in first]), join_layers(first))
    assert join_layers([torch.zeros(2, 3, 1, 1)]).tolist() == [[0, 0, 0]] * 2
    orthogonal = torch.eye(2).view(2, 2, 1, 1).expand(-1, -1, 3, 3)
    assert join_layers([orthogonal]).diff(dim=0).square().sum().item() == pytest.approx(2)


@pytest.mark.parametrize(("build", "resolution", "dims"), [(build_digits, 16, 2560), (build_fashion, 32, 9984)])
def test_the_classifiers_layers_have_their_distance(build, resolution: int, dims: int) -> None:  # type: ignore[no-untyped-def]
    """All convolutions of each of five networks, the weights those of the classifier."""
    extractor = build(NoOptions(), ExtractorContext())
    assert (extractor.num_members, extractor.dims) == (5, dims)
    pair = images(2, resolution)
    for network, found in zip(extractor._networks, extractor.extract(pair), strict=True):
        first, second = (network.activations(to_grey_input(one[None], resolution)) for one in pair)
        assert list(found.features.shape) == [2, dims]
        assert found.features.diff(dim=0).square().sum().item() == pytest.approx(by_hand(first, second), rel=1e-4)


@pytest.mark.slow
def test_the_digits_layers_are_another_extractor_of_the_same_weights() -> None:
    """Their id differs from the classifier's, the weights hash does not; images of any form are taken."""
    layers, classes = build_digits(NoOptions(), ExtractorContext()), build_classes(NoOptions(), ExtractorContext())
    assert layers.extractor_id == "digits-layers-1" != classes.extractor_id
    assert (layers.weights_hash, layers.preprocessing_id) == (classes.weights_hash, classes.preprocessing_id)
    grey = images(3)
    for found, same in zip(layers.extract(grey), layers.extract(grey.expand(-1, 3, -1, -1)), strict=True):
        assert torch.allclose(found.features, same.features, atol=1e-5)
    assert layers.extract(images(2, 40, 3))[0].features.shape == (2, 2560)


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):  # type: ignore[no-untyped-def]
    """Save an untrained VGG16 in torchvision's format and return its convolutions and the file."""
    with torch.device("meta"):
        convolutions = vgg16(weights=None).features
    convolutions = convolutions.to_empty(device="cpu").eval()
    generator = torch.Generator().manual_seed(0)
    for parameter in convolutions.parameters():
        fan_in = parameter[0].numel() if parameter.ndim == 4 else 100
        parameter.data.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
    path = tmp_path_factory.mktemp("weights") / vgg.FILE
    state = {f"features.{name}": tensor for name, tensor in convolutions.state_dict().items()}
    torch.save({**state, "classifier.6.bias": torch.zeros(1000)}, path)
    return convolutions, path


@pytest.mark.slow
def test_vgg_has_the_distance_of_the_authors_five_layers(untrained) -> None:  # type: ignore[no-untyped-def]
    """The activations are read off torchvision's network with hooks; a file or its folder may be named."""
    convolutions, path = untrained
    extractor = vgg.build(NoOptions(), ExtractorContext(weights=path))
    pair = images(2, 64, 3)
    (found,) = extractor.extract(pair)
    assert list(found.features.shape) == [2, vgg.VggLayers.dims]
    seen: list[torch.Tensor] = []
    hooks = [convolutions[index].register_forward_hook(lambda _m, _i, out: seen.append(out.clone())) for index in (3, 8, 15, 22, 29)]
    mean, deviation = (torch.tensor(x).view(1, 3, 1, 1) for x in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        convolutions((pair.float() / 255 - mean) / deviation)
    for hook in hooks:
        hook.remove()
    assert [layer.shape[1] for layer in seen] == [64, 128, 256, 512, 512]
    expected = sum((layer / layer.norm(dim=1, keepdim=True).clamp(min=1e-10)).diff(dim=0).square().sum(dim=1).mean() for layer in seen)
    assert found.features.diff(dim=0).square().sum().item() == pytest.approx(float(expected), rel=1e-4)
    assert vgg.find_weights(ExtractorContext(weights=path.parent)) == path
    assert vgg.build(NoOptions(), ExtractorContext(weights=path.parent)).weights_hash == extractor.weights_hash


@pytest.mark.slow
def test_vgg_takes_grey_images_of_any_size_and_more_than_a_batch(untrained) -> None:  # type: ignore[no-untyped-def]
    """Grey is repeated; what an image gives does not depend on its neighbours."""
    extractor = vgg.build(NoOptions(), ExtractorContext(weights=untrained[1]))
    grey = images(2, 16)
    (found,) = extractor.extract(grey.expand(-1, 3, -1, -1))
    (one,) = extractor.extract(grey[1:])
    assert torch.allclose(found.features[1:], one.features, atol=1e-5)


def test_missing_and_wrong_vgg_weights_are_one_line(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """That says what to get and where to put it; nothing is downloaded."""
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(
        WeightsError, match=r"the VGG16 weights are not there; get https://download\.pytorch\.org/models/vgg16-397923af\.pth and put"
    ):
        vgg.build(NoOptions(), ExtractorContext())
    cached = tmp_path / "weights" / vgg.FILE
    cached.parent.mkdir()
    cached.write_bytes(b"others")
    with pytest.raises(WeightsError, match=f"sha256 must be {vgg_weights.SHA256} \\(got [0-9a-f]{{64}}\\)"):
        vgg.build(NoOptions(), ExtractorContext())
    cached.unlink()
    with pytest.raises(WeightsError, match="no such weights file"):
        vgg.build(NoOptions(), ExtractorContext(weights=tmp_path / "none.pth"))
    wrong = tmp_path / "wrong.pth"
    wrong.write_bytes(b"not a file")
    with pytest.raises(WeightsError, match="cannot be read as a PyTorch state dict"):
        vgg.build(NoOptions(), ExtractorContext(weights=wrong))
    for content, message in (([1], "holds no state dict"), ({"features.0.weight": torch.zeros(2)}, "does not fit torchvision's VGG16")):
        torch.save(content, wrong)
        with pytest.raises(WeightsError, match=message) as error:
            vgg.build(NoOptions(), ExtractorContext(weights=wrong))
        assert "\n" not in str(error.value)
