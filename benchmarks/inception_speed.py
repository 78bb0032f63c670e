"""How fast the Inception features are beside torch-fidelity's: ``python benchmarks/inception_speed.py [--images 50] [--out FILE]``.

Both read the same file of untrained weights in the published format, and the same smooth random images of 32x32 and of 256x256 pixels, in
turns; every second round goes backwards. Milliseconds of the CPU for an image, resize included, and the largest deviation of a feature,
relative to the largest feature. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch_fidelity import feature_extractor_inceptionv3 as fidelity

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "plugins"))

from untrained_inception import write_untrained

from ganbench import ExtractorContext, NoOptions, current_commit
from ganbench.record.machine import hardware_key
from ganbench_extractors.inception import build

SIZES = (32, 256)


def main() -> None:
    """Measure, and say it."""
    given = parse()
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as folder:
        weights = write_untrained(Path(folder, "untrained.pth"))
        ours = build(NoOptions(), ExtractorContext(weights=weights))
        theirs = fidelity.FeatureExtractorInceptionV3("theirs", ["2048"], feature_extractor_weights_path=str(weights))
        rows = {str(size): measure(given, size, ours, theirs) for size in SIZES}
    for size, row in rows.items():
        ours_ms, theirs_ms = row["ours_ms"], row["torch_fidelity_ms"]
        print(f"{size}x{size}: {ours_ms:.1f} ms an image, torch-fidelity {theirs_ms:.1f} ms, {row['theirs_over_ours']:.2f} times that")
    if given.out:
        what = {name: getattr(given, name) for name in ("images", "threads", "rounds")}
        machine = {"commit": current_commit(), "machine": dict(hardware_key("cpu").fields), "torch": torch.__version__}
        given.out.write_text(json.dumps({**what, **machine, "sizes": rows}, indent=1) + "\n", encoding="utf-8")


def measure(given: argparse.Namespace, size: int, ours: Any, theirs: Any) -> dict[str, Any]:
    """Return the milliseconds of both, and how far their features are apart."""
    random = torch.Generator().manual_seed(size)
    coarse = 128 + 60 * torch.randn(given.images, 3, 5, 5, generator=random)
    images = nn.functional.interpolate(coarse, size=(size, size), mode="bicubic").clamp(0, 255).to(torch.uint8)
    ways: dict[str, Callable[[], Tensor]] = {
        "ours": lambda: ours.extract(images)[0].features,
        "torch_fidelity": torch.inference_mode()(lambda: theirs(images)[0]),
    }
    found, expected = (way() for way in ways.values())
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(given.rounds):
        for name in reversed(ways) if number % 2 else ways:
            began = time.process_time()
            ways[name]()
            seconds[name].append(time.process_time() - began)
    ratios = [slow / fast for fast, slow in zip(seconds["ours"], seconds["torch_fidelity"], strict=True)]
    return {
        **{f"{name}_ms": 1000 * statistics.median(one) / given.images for name, one in seconds.items()},
        "theirs_over_ours": statistics.median(ratios),
        "least_theirs_over_ours": min(ratios),
        "largest_deviation": float((found - expected).abs().max() / expected.abs().max()),
    }


def parse() -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
