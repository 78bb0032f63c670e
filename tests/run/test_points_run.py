"""Runs on points: measured as they are, drawn as a picture, resumed to the same bits, and refused where they make no sense."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from ganbench.config.resolve import Layer
from ganbench.errors import ConfigError, Diverged, Interrupted, UsageError
from ganbench.plugin.manager import PluginManager
from ganbench.record.directory import RunDirectory
from ganbench.run.lifecycle import Run
from ganbench.run.plan import plan_run
from ganbench.training.inputs import Latents, SampleStream
from ganbench_spaces.grid import read_grid
from ganbench_spaces.points import PointSpace

MANAGER = PluginManager()
TINY: dict[str, Any] = {
    "dataset.name": "ring8",
    "dataset.options.num_samples": 3000,
    "architecture.options.latent_dim": 2,
    "architecture.options.generator_widths": (8,),
    "architecture.options.discriminator_widths": (8,),
    "training.total_kimg": 0.4,
    "training.batch_size": 20,
    "training.device": "cpu",
    "training.threads": 1,
    "evaluation.metrics": ("modes500", "fd500"),
    "evaluation.every_kimg": 0.2,
}
SGD = {"kind": "sgd", "momentum": 0.5, "final_momentum": 0.7, "momentum_ramp_kimg": 0.3, "schedule": "exponential", "halflife_kimg": 0.1}


def new_run(name: str = "mlp", *, should_stop: Any = lambda: False, **settings: Any) -> Run:
    plan = plan_run(MANAGER, name, [Layer(origin="test", settings={**TINY, **settings})])
    return Run(plan, MANAGER, should_stop=should_stop)


def run(path: Path, one: Run) -> Any:
    return one.start(lambda dataset: RunDirectory.create(path, name="run", dataset=dataset, seed=0))


def weights(one: Run) -> dict[str, torch.Tensor]:
    modules = one.materials.algorithm.modules()
    return {f"{n}.{k}": v.clone() for n, m in modules.items() for k, v in m.state_dict().items()}


@pytest.mark.slow
def test_a_run_on_points_is_measured_and_drawn(tmp_path: Path) -> None:
    """Four quantities with floors, one picture for each evaluation, the strip, and the ceiling in the notes."""
    one = new_run()
    record = run(tmp_path, one)
    assert record.status == "complete"
    names = ["modes500_points", "high_quality500_points", "reverse_kl500_points", "fd500_points"]
    final = {value.name: value for value in record.evaluations[-1].values}
    assert list(final) == names
    assert final["modes500_points"].floor == 8
    assert final["high_quality500_points"].floor == pytest.approx(0.989, abs=0.02)
    assert any("98.89 %" in note for note in record.notes)
    pictures = sorted(RunDirectory(tmp_path / record.run_id).samples_path.glob("*.png"))
    assert [picture.name for picture in pictures] == ["000000000.png", "000000200.png", "000000400.png"]
    assert read_grid(pictures[0]).shape == (1, 3, 300, 300)
    assert RunDirectory(tmp_path / record.run_id).progress_path.exists()


@pytest.mark.slow(keep=1)
@pytest.mark.parametrize("packing", [1, 2])
def test_a_resumed_run_on_points_has_the_same_bits(tmp_path: Path, packing: int) -> None:
    """With momentum, a falling rate and packs; interrupted in the middle of both ramps."""
    optimizers = {f"{network}_optimizer.{k}": v for network in ("generator", "discriminator") for k, v in SGD.items()}
    settings = {**optimizers, "training.packing": packing, "architecture.options.discriminator_dropout": 0.25}
    whole = new_run(**settings)
    run(tmp_path / "whole", whole)
    asked = iter(range(100))
    stopped = new_run(should_stop=lambda: next(asked) == 7, **settings)
    with pytest.raises(Interrupted):
        run(tmp_path / "stopped", stopped)
    resumed = new_run(**settings)
    resumed.resume(RunDirectory.resume(next((tmp_path / "stopped").iterdir())))
    ours, theirs = weights(whole), weights(resumed)
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


def test_images_cannot_be_measured_by_the_points_extractor(tmp_path: Path) -> None:
    """Nor points by an image classifier; both end before anything is trained."""
    with pytest.raises(ConfigError, match="the extractor 'digits' takes images, and ring8 holds points"):
        run(tmp_path, new_run(**{"evaluation.metrics": ("fd500_digits",)}))
    with pytest.raises(ConfigError, match=r"training\.horizontal_flip is on, and the data are points"):
        run(tmp_path, new_run(**{"training.horizontal_flip": True}))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("mlp", {"training.dequantise": True}, "training.dequantise is for grey levels, and ring8 holds points"),
        ("mlp", {"augmentation.name": "diffaugment"}, "diffaugment needs images (got points in the plane)"),
        ("mlp", {"augmentation.name": "ada"}, "augmentation 'ada': this needs images (got points)"),
    ],
)
def test_what_needs_images_is_refused_for_points(tmp_path: Path, name: str, settings: dict[str, Any], message: str) -> None:
    """One line, and nothing is left behind."""
    own = dict(settings)
    if name == "dcgan":
        own |= {"dataset.name": "ring8", "training.device": "cpu", "evaluation.metrics": ()}
        plan = plan_run(MANAGER, name, [Layer(origin="test", settings=own)])
    else:
        plan = plan_run(MANAGER, name, [Layer(origin="test", settings={**TINY, **own})])
    with pytest.raises(UsageError) as caught:
        run(tmp_path, Run(plan, MANAGER))
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_samples_of_points_are_not_quantised() -> None:
    """What the generator returns, unless it is not finite."""

    class Far(torch.nn.Module):
        def forward(self, latents: torch.Tensor, labels: None) -> torch.Tensor:
            return latents * 1e6

    stream = SampleStream(Far(), Latents(2), count=9, seed=0, purpose="grid", space=PointSpace(), device=torch.device("cpu"))
    assert stream(0, 9).dtype == torch.float32
    assert stream(0, 9).abs().max() > 1e5
    stream.inputs[3] = torch.inf
    with pytest.raises(Diverged, match="the generated points hold NaN or Inf"):
        stream(0, 9)


def test_networks_of_images_are_refused_for_points_before_anything_is_imported() -> None:
    """Both specs say what they are for; so does that of a metric."""
    code = """if True:
        import sys
        from ganbench.config.resolve import Layer
        from ganbench.errors import ConfigError
        from ganbench.plugin.manager import PluginManager
        from ganbench.run.plan import plan_run
        manager = PluginManager()
        for name, more in (("dcgan", {}), ("mlp", {"evaluation.metrics": ("msssim100",)})):
            try:
                plan_run(manager, name, [Layer(origin="test", settings={"dataset.name": "ring8", **more})])
            except ConfigError as error:
                print(error.what)
        sys.exit("torch" in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "dcgan makes images, and ring8 holds points",
        "metric 'msssim100' looks at images, and ring8 holds points",
    ]
    assert done.returncode == 0, done.stderr
