"""``ganbench bench``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from ganbench.cli.main import main
from ganbench_bench.kernels.ops import to_uint8 as to_uint8_cases

QUICK = ("bench", "kernels", "--quick", "--device", "cpu", "--op", "to_uint8")


def test_kernels_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table on stdout, progress on stderr, every number in the file."""
    assert main([*QUICK, "--json", str(tmp_path / "k.json")]) == 0
    out, err = capsys.readouterr()
    assert "to_uint8: (127.5 x + 128).clamp(0, 255)" in out
    assert "Triton needs a GPU" in out
    assert "copy bandwidth" in err
    content = json.loads((tmp_path / "k.json").read_text())
    assert content["settings"] == {
        "ops": ["to_uint8"],
        "dtypes": ["fp32", "bf16"],
        "layouts": ["nchw", "channels_last"],
        "quick": True,
        "seconds": 150.0,
        "compile": False,
    }
    assert [(row["dtype"], row["implementation"], row["status"]) for row in content["rows"]] == [
        (dtype, name, "ok" if name == "eager" else "not run") for dtype in ("fp32", "bf16") for name in ("eager", "compile", "ours")
    ]
    assert all(row["measured"]["microseconds"]["median"] > 0 for row in content["rows"] if row["status"] == "ok")
    assert content["hardware"]["gpu"] is None
    assert content["software"]["device"] == "cpu"


def test_what_is_asked_for_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """Ops, dtypes and layouts; as markdown."""
    assert main([*QUICK[:-2], "--op", "gather_normalize", "--dtype", "bf16", "--layout", "nchw", "--format", "markdown"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| 4x3x16x16")]
    assert len(lines) == 1
    assert lines[0].startswith("| 4x3x16x16 bf16 nchw | forward |")


def test_a_wrong_result_is_a_failed_gate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, ``wrong`` in the table and no speed."""
    original = to_uint8_cases._case

    def broken(*arguments: object) -> object:
        import dataclasses

        return dataclasses.replace(original(*arguments), plain=lambda x: torch.zeros_like(x, dtype=torch.uint8))  # type: ignore[arg-type]

    monkeypatch.setattr(to_uint8_cases, "_case", broken)
    assert main(list(QUICK)) == 1
    out = capsys.readouterr().out
    assert out.count("wrong") >= 2
    assert "±" not in "".join(line for line in out.splitlines() if "forward" in line)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["kernels", "--op", "bias"], "Invalid value for '--op': 'bias' is not one of"),
        (["kernels", "--dtype", "fp8"], "Invalid value for '--dtype': 'fp8' is not one of 'fp32', 'bf16'."),
        (["kernels", "--layout", "nhwc"], "Invalid value for '--layout': 'nhwc' is not one of 'nchw', 'channels_last'."),
        (["kernels", "--device", "tpu"], "--device must be auto, cpu, cuda or cuda:N (got 'tpu')"),
        (["kernels", "--device", "cuda:99"], "training.device is 'cuda:99', and t"),
        (["kernels", "--seconds", "0"], "is not in the range x>0."),
        (["kernels", "--json", "no/such/folder/k.json"], "--json no/such/folder/k.json: there is no folder"),
        (["kernels", "--format", "latex"], "Invalid value for '--format': 'latex' is not one of 'terminal', 'markdown'."),
        (["step", "--runner", "steam"], "Invalid value for '--runner': 'steam' is not one of 'eager', 'cuda_graph', 'compile'."),
        (["step", "--kernels", "cuda"], "Invalid value for '--kernels': 'cuda' is not one of 'ref', 'triton'."),
        (["step", "--plugin", "dcgan-46", "--device", "cpu"], "unknown architecture or recipe 'dcgan-46'; did you mean 'dcgan-64'?"),
        (["step", "--batch-size", "many", "--device", "cpu"], "training.batch_size"),
        (["step", "--dataset", "digitz", "--device", "cpu"], "digitz"),
        (["step", "-o", "width", "--device", "cpu"], "-o wants KEY=VALUE (got 'width')"),
        (["step", "-o", "widht=3", "--device", "cpu"], "widht"),
        (["step", "--blocks", "0"], "Invalid value for '--blocks': 0 is not in the range x>=1."),
        (["step", "--json", "no/such/folder/s.json"], "there is no folder"),
        (["steps"], "No such command 'steps'."),
    ],
)
def test_a_wrong_argument_is_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, before anything is measured."""
    assert main(["bench", *arguments]) == 2
    out, err = capsys.readouterr()
    last = err.strip().splitlines()[-1]
    assert last.startswith("ganbench: ")
    assert message in last
    assert out == ""


@pytest.mark.slow
def test_steps_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The loops that a CPU without compiling can run, and a row for each of the others."""
    small = [word for option in ("generator_width=4", "discriminator_width=4", "dataset.resolution=8") for word in ("-o", option)]
    command = ["bench", "step", "--plugin", "dcgan", "--dataset", "digits", "--batch-size", "16", "--device", "cpu", "--quick"]
    assert main([*command, "--seconds", "60", *small, "--json", str(tmp_path / "s.json")]) == 0
    out = capsys.readouterr().out
    assert "dcgan on digits, batch 16, fp32" in out
    content = json.loads((tmp_path / "s.json").read_text())
    statuses = {f"{row['entry']['loop']} {row['entry']['how']} {row['entry']['kernels']}".strip(): row["status"] for row in content["rows"]}
    assert [name for name, status in statuses.items() if status == "ok"] == ["pytorch/examples", "ganbench eager ref"]
    assert len(statuses) == 9
    assert all(row["reason"] for row in content["rows"] if row["status"] != "ok")
    assert content["trained"]["batch_size"] == 16


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["bench", "--help"], ["bench", "kernels", "--help"], ["bench", "step", "--help"]])
def test_help_needs_no_torch(arguments: list[str]) -> None:
    """Nor rich nor numpy: help is quick."""
    import subprocess
    import sys

    code = f"""
import sys
from ganbench.cli.main import main
assert main({arguments!r}) == 0
assert not {{"torch", "numpy", "rich"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage: ganbench bench" in done.stdout
