"""The example plugin: found through its own distribution, cheap to write, and a GAN that trains."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from proof import lines_for_ganbench
from torch import Tensor, nn

from ganbench import BuildContext, LossSpec, ModelSpec
from ganbench.config.resolve import Resolved, resolve
from ganbench.config.values import build_options
from ganbench.errors import PluginError
from ganbench.plugin.manager import PluginManager
from ganbench_spaces.images import ImageSpace

EXAMPLE = Path(__file__).parents[2] / "plugins" / "ganbench-example"


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PluginManager]:
    """The plugins with the example installed beside ganbench, from its own files and with its own entry point."""
    shutil.copytree(EXAMPLE / "ganbench_example", tmp_path / "ganbench_example", ignore=shutil.ignore_patterns("__pycache__"))
    info = tmp_path / "ganbench_example-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ganbench-example\nVersion: 0.1.0\n")
    table = (EXAMPLE / "pyproject.toml").read_text().partition("[project.entry-points.ganbench]\n")[2].partition("\n\n")[0]
    (info / "entry_points.txt").write_text(f"[ganbench]\n{table.replace(chr(34), '')}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("GANBENCH_PLUGINS", raising=False)
    yield PluginManager()
    for name in [n for n in sys.modules if n.partition(".")[0] == "ganbench_example"]:
        del sys.modules[name]


def objective(manager: PluginManager, **options: Any) -> Any:
    registered = manager.find(LossSpec, "dragan")
    return registered.build(build_options(registered.spec.options, options, "loss"))


def test_it_is_found_through_its_own_distribution(manager: PluginManager) -> None:
    """Name, version, and nothing that it did wrong."""
    (status,) = [s for s in manager.statuses if s.distribution == "ganbench-example"]
    assert (status.version, status.status, status.cause) == ("0.1.0", "ok", "")
    resolved: Resolved = resolve(manager, "resize-gan", [], {"width": "4"})
    assert resolved.architecture.distribution == "ganbench-example"
    assert resolved.config.architecture.options.width == 4  # type: ignore[attr-defined]


def test_its_fixed_cost_is_at_most_15_lines() -> None:
    """Two lines of pyproject.toml, and every line of Python that is there only because of ganbench."""
    table = (EXAMPLE / "pyproject.toml").read_text().partition("[project.entry-points.ganbench]")[2].partition("\n[")[0]
    in_toml = 1 + len([line for line in table.splitlines() if line.strip()])
    sources = sorted((EXAMPLE / "ganbench_example").glob("*.py"))
    in_python = {path.name: len(lines_for_ganbench(path.read_text())) for path in sources}
    assert in_python == {"__init__.py": 7, "dragan.py": 3, "resize.py": 3}
    assert in_toml + sum(in_python.values()) <= 15


@pytest.mark.parametrize("resolution", [8, 16, 28, 32, 48, 64])
@pytest.mark.parametrize("image_channels", [1, 3])
def test_its_networks_fit_the_dataset(manager: PluginManager, resolution: int, image_channels: int) -> None:
    """Also resolutions that are no power of two."""
    registered = manager.find(ModelSpec, "resize-gan")
    made = registered.build(registered.spec.options(width=2), BuildContext(space=ImageSpace.square(image_channels, resolution)))
    images = made["generator"](torch.randn(3, made.inputs.dim), None)
    assert images.shape == (3, image_channels, resolution, resolution)
    assert images.abs().max() <= 1
    assert made["discriminator"](images, None).shape == (3,)
    assert not [m for m in made["discriminator"].modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]


def test_a_resolution_that_cannot_be_halved_is_refused(manager: PluginManager) -> None:
    """One line, with resolutions that work."""
    registered = manager.find(ModelSpec, "resize-gan")
    with pytest.raises(PluginError, match=r"resolution must be 2 to 7 times a power of two \(got 27\); try 16, 28, 32, 48 or 64"):
        registered.build(registered.spec.options(), BuildContext(space=ImageSpace.square(1, 27)))


def test_dragans_penalty_of_a_linear_discriminator_is_known(manager: PluginManager) -> None:
    """The gradient is w everywhere, so the penalty is lambda (|w| - 1)^2; it reaches the weights."""
    weight = torch.full((1, 1, 3, 3), 0.5, dtype=torch.float64, requires_grad=True)  # norm 1.5
    real = torch.randn(4, 1, 3, 3, dtype=torch.float64)
    (penalty,) = objective(manager).penalties
    value = penalty(lambda x: (x * weight).sum(dim=(1, 2, 3)), real, real, lambda n: torch.rand(n, dtype=torch.float64))
    torch.testing.assert_close(value, torch.tensor(10 * 0.5**2, dtype=torch.float64), rtol=1e-9, atol=0)
    value.backward()
    torch.testing.assert_close(weight.grad, 10 * 2 * 0.5 * weight.detach() / 1.5, rtol=1e-9, atol=0)


def test_dragan_looks_near_real_images_only(manager: PluginManager) -> None:
    """At most half a standard deviation away, on the positive side, and never at the generated ones."""
    real, asked = torch.randn(64, 1, 3, 3), []

    def discriminate(x: Tensor) -> Tensor:
        asked.append(x.detach())
        return x.square().sum(dim=(1, 2, 3))

    (penalty,) = objective(manager).penalties
    penalty(discriminate, real, real + 1000, torch.rand)
    offset = (asked[0] - real) / real.std()
    assert len(asked) == 1
    assert -1e-5 < offset.min() < 0.05
    assert 0.3 < offset.max() < 0.5


def test_its_options_are_checked(manager: PluginManager) -> None:
    """Like anyone's."""
    from ganbench.errors import ConfigError

    with pytest.raises(ConfigError, match=r"loss.gp_weight must be above 0 \(got -1.0\)"):
        objective(manager, gp_weight=-1)
