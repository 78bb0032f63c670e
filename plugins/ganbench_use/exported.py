"""The forms in which a generator leaves ganbench: weights, a ``torch.export`` program, ONNX; each read again and compared.

Shapes: n samples of a batch, whatever their number.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import io
import json
import logging
import os
import shlex
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganbench import DataError, UsageError, read_file, tensors_from_bytes, tensors_to_bytes
from ganbench_use.generator import LAYOUT_VERSION, EvaluatedGenerator

LAYOUT_FILE = "generator.json"
FILES = {"safetensors": "generator.safetensors", "pt2": "generator.pt2", "onnx": "generator.onnx"}
PROGRAMS = (".pt2", ".onnx")
TOLERANCE = 1e-5
"""How far a sample may lie from the generator's: of images in [-1, 1], and of larger numbers relative to the largest."""
_LAYOUT = "ganbench.json"
_BATCHES = (8, 3, 1)
"""Sizes of the batches that are compared: an exported program takes any."""
_LARGEST_ONNX = 2**31 - 1
_Call = Callable[..., Tensor]
"""(inputs) or (inputs, labels) to samples."""


@dataclass(frozen=True, slots=True)
class Program:
    """A generator that was read from a file."""

    call: _Call
    layout: dict[str, Any] | None
    """What :func:`ganbench_use.generator.layout_of` says of it; None of a program that was made elsewhere."""


def missing_packages(form: str) -> str:
    """Return the packages that a form needs and that are not installed, as one text; empty where nothing is missing."""
    needed = ("onnx", "onnxscript", "onnxruntime") if form == "onnx" else ()
    return ", ".join(name for name in needed if importlib.util.find_spec(name) is None)


def export(generator: EvaluatedGenerator, form: str, layout: dict[str, Any], inputs: Tensor, labels: Tensor | None) -> tuple[bytes, float]:
    """Return a file's content, and how far the samples lie from the generator's once it is read again.

    Args:
        generator: what is exported.
        form: one of :data:`FILES`.
        layout: goes into the file, where the form has a place for it.
        inputs: ``[n, ...]`` to compare on, 8 or more.
        labels: ``[n]`` int64, or None.

    Raises:
        UsageError: the form cannot hold this generator, or makes other samples.
    """
    arguments = (inputs,) if labels is None else (inputs, labels)
    if form == "safetensors":
        data = tensors_to_bytes(generator.parts.state_dict())
        again: _Call = _with_weights(generator, data)
    else:
        with _one_line(form):
            data = _write_program(generator, form, json.dumps(layout), arguments)
            again = _read_program(data, form).call
    difference = _compare(generator, again, arguments, FILES[form], form)
    return data, difference


def _with_weights(generator: EvaluatedGenerator, data: bytes) -> _Call:
    """Return the generator with the weights of a file in the place of its own, which are overwritten first."""
    again = copy.deepcopy(generator)
    for tensor in again.parts.state_dict().values():
        tensor.zero_()
    again.parts.load_state_dict(tensors_from_bytes(data))
    return again


def _write_program(generator: EvaluatedGenerator, form: str, layout: str, arguments: tuple[Tensor, ...]) -> bytes:
    sizes = ({0: torch.export.Dim("n")},) * len(arguments)
    with torch.no_grad():
        program = torch.export.export(generator, arguments, dynamic_shapes=_by_name(sizes), strict=False)
    buffer = io.BytesIO()
    if form == "pt2":
        torch.export.save(program, buffer, extra_files={_LAYOUT: layout})
        return buffer.getvalue()
    names = ["inputs", "labels"][: len(arguments)]
    made = torch.onnx.export(program, input_names=names, output_names=["samples"], dynamo=True, verbose=False)
    assert made is not None
    made.model.metadata_props[_LAYOUT] = layout
    content = made.model_proto
    if content.ByteSize() > _LARGEST_ONNX:
        raise ValueError("its weights are above 2 GiB, which one .onnx file cannot hold")
    return bytes(content.SerializeToString())


def _by_name(sizes: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(("inputs", "labels"), sizes, strict=False))


def _read_program(data: bytes, form: str, device: str = "cpu") -> Program:
    """Return the program of a file's content; ONNX runs on the CPU whatever the device."""
    if form == "pt2":
        extra = {_LAYOUT: ""}
        program = torch.export.load(io.BytesIO(data), extra_files=extra)
        if device != "cpu":
            from torch.export.passes import move_to_device_pass

            program = move_to_device_pass(program, device)
        return Program(program.module(), json.loads(extra[_LAYOUT]) if extra[_LAYOUT] else None)
    runtime = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = torch.get_num_threads(), 3
    session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]

    def call(*arguments: Tensor) -> Tensor:
        fed = {name: tensor.cpu().numpy() for name, tensor in zip(names, arguments, strict=True)}
        return torch.from_numpy(session.run(None, fed)[0])

    layout = session.get_modelmeta().custom_metadata_map.get(_LAYOUT)
    return Program(call, json.loads(layout) if layout else None)


def read_program(path: Path, device: str = "cpu") -> Program:
    """Return the program of a ``.pt2`` or ``.onnx`` file, or of a folder that ``ganbench export`` wrote.

    Args:
        path: where it lies.
        device: where it runs.

    Raises:
        DataError: there is none, or it cannot be read.
        UsageError: a package is missing, or a later ganbench wrote it.
    """
    if os.path.isdir(path):
        found = [path / FILES[form] for form in ("pt2", "onnx") if os.path.isfile(path / FILES[form])]
        if not found and os.path.isfile(path / FILES["safetensors"]):
            raise UsageError(f"{path} holds weights and no program", hint=f"ganbench evaluate {with_loader(path / FILES['safetensors'])}")
        if not found:
            raise DataError(f"{path} holds no program", hint="write one with `ganbench export RUN --write pt2`")
        path = found[0]
    form = path.suffix.lower().removeprefix(".")
    if form == "onnx" and importlib.util.find_spec("onnxruntime") is None:
        raise UsageError(f"{path} needs the package onnxruntime", hint="pip install 'ganbench[onnx]'")
    data = read_file(path)
    try:
        with _quiet():
            program = _read_program(data, form, device)
    except Exception as error:
        text = " ".join(str(error).split())[:120]
        raise DataError(f"{path} cannot be read as a .{form} program: {text}", hint="export it again") from None
    if program.layout is not None:
        _check_layout(program.layout, path)
    return program


def with_loader(weights: Path) -> str:
    """Return what to type behind a command for exported weights: how their network was built stands in the file beside them."""
    layout = shlex.quote(f"loader.config={weights.parent / LAYOUT_FILE}")
    return f"{shlex.quote(str(weights))} --loader architecture -o {layout} --dataset NAME"


def _check_layout(layout: Any, path: Path) -> None:
    """Refuse a layout that says too little, or in another way than ours.

    Raises:
        DataError: it is damaged.
        UsageError: a later ganbench wrote it.
    """
    version = layout.get("version") if isinstance(layout, dict) else None
    if isinstance(version, int) and version > LAYOUT_VERSION:
        raise UsageError(f"{path} has a layout of version {version}", hint="a later ganbench wrote it")
    try:
        inputs, labels, evaluation, run = (layout[name] for name in ("inputs", "labels", "evaluation", "run"))
        numbers = [*inputs["shape"][1:], layout["parameters"], run["samples_seen"], *([labels["num_classes"]] if labels else [])]
        numbers += [evaluation[name] for name in ("seed", "batch_size", "threads")]
        texts = [inputs["source"], inputs.get("distribution", ""), evaluation["dataset"], run["weights_hash"]]
        sound = all(isinstance(one, int) and one >= 0 for one in numbers) and all(isinstance(one, str) for one in texts)
        sound = sound and isinstance(evaluation["truncation"], (int, float)) and evaluation["batch_size"] > 0 and evaluation["threads"] > 0
    except (KeyError, TypeError, AttributeError, IndexError):
        sound = False
    if not sound:
        raise DataError(f"{path} has a damaged layout", hint="export it again")


def _compare(generator: EvaluatedGenerator, again: _Call, arguments: tuple[Tensor, ...], file: str, form: str) -> float:
    """Return the largest difference over batches of several sizes.

    Raises:
        UsageError: it is above :data:`TOLERANCE`.
    """
    largest = 0.0
    for size in _BATCHES:
        batch = [argument[:size] for argument in arguments]
        with torch.no_grad(), _one_line(form):
            torch.manual_seed(0)  # what a generator draws by itself
            expected = generator(*batch)
            torch.manual_seed(0)
            found = again(*batch)
        if found.shape != expected.shape or not bool(torch.isfinite(found).all()):
            raise UsageError(f"{file} makes samples {list(found.shape)}, and the generator {list(expected.shape)}, all of them finite")
        largest = max(largest, float((found - expected).abs().max()) / max(1.0, float(expected.abs().max())))
    if largest > TOLERANCE:
        raise UsageError(
            f"{file} makes other samples than the generator: they differ by {largest:.2g}, and {TOLERANCE:g} is allowed",
            hint="choose other forms with --write; a generator that draws random numbers by itself has none in ONNX",
        )
    return largest


@contextlib.contextmanager
def _one_line(form: str) -> Iterator[None]:
    """Turn whatever an exporter raises into one line, and keep what it says besides to itself."""
    try:
        with _quiet():
            yield
    except UsageError:
        raise
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        others = ",".join(name for name in FILES if name != form)
        raise UsageError(
            f"this generator cannot be exported as {form}: {lines[0][:200]}", hint=f"--debug shows where; --write {others} leaves it out"
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the warnings and the log of exporters from the user, who can do nothing about them."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
