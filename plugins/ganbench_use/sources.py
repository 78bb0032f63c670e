"""Samples that exist, or a generator that makes them: a folder of images, an array, an exported program, a callable of somebody's.

Shapes: N samples; an image is ``[C, H, W]`` uint8.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from ganbench import DataError, Latents, Space, UsageError, stream
from ganbench_use.weights import read_weights

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
_HASHED = 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredSamples:
    """What is measured."""

    name: str
    """What a table calls it."""
    kind: str
    """``folder``, ``array``, ``generator``, ``run``."""
    generate: Callable[[int, int], Tensor]
    """``generate(start, count)`` returns stored samples, a pure function of the index."""
    labels: Tensor | None
    """``[N]`` int64: what each was asked for; None where they are not asked for by label."""
    content_hash: str
    """Of the samples, or of the weights that make them."""
    available: int
    """How many there are; as many as were asked for where they are made."""
    parameters: int = 0
    """Trainable numbers of a generator; 0 for samples."""
    truncation: float = 0.0
    batch_size: int = 0
    """How many are generated at once where that decides the last bits; 0 for any."""


def of_folder(path: Path, space: Space, name: str) -> MeasuredSamples:
    """Return the images below a folder, in the order of their names.

    Raises:
        DataError: there is none, or one that cannot be read or is of another size.
    """
    if space.name != "images":
        raise UsageError(f"{path} is a folder, which holds images, and the data are {space.unit}", hint="give a .npy or .npz file")
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and os.path.isfile(file))
    if not files:
        raise DataError(f"there is no image below {path}", hint=f"images end in {' '.join(SUFFIXES)}")
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())

    def generate(start: int, count: int) -> Tensor:
        return torch.stack([_read_image(file, space) for file in files[start : start + count]])

    generate(0, 1)
    return MeasuredSamples(name=name, kind="folder", generate=generate, labels=None, content_hash=digest.hexdigest(), available=len(files))


def _read_image(file: Path, space: Space) -> Tensor:
    channels, height, width = space.size
    try:
        with Image.open(file) as picture:
            picture.load()
            mode, size = picture.mode, picture.size
            pixels = np.array(picture.convert("RGB" if channels == 3 else "L"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{file} cannot be decoded ({error})", hint="mend or remove it") from None
    if size != (width, height):
        raise DataError(
            f"{file} has {size[1]}x{size[0]} pixels, and the data have {height}x{width}",
            hint="nothing is resized here, because that changes the metric; choose the dataset's resolution with -o resolution=N",
        )
    if mode not in (("L", "1") if channels == 1 else ("RGB", "L", "P", "1")):
        raise DataError(f"{file} is of the mode {mode}, and the data have {channels} channels", hint="save it as the data are")
    return torch.from_numpy(pixels).reshape(height, width, channels).permute(2, 0, 1).contiguous()


def of_array(path: Path, space: Space, name: str, key: str) -> MeasuredSamples:
    """Return the samples of a ``.npy``, ``.npz`` or ``.csv`` file; an array ``labels`` beside them says what each was asked for.

    Raises:
        DataError: it cannot be read, or holds something else.
    """
    if not os.path.isfile(path):
        raise DataError(f"{path} is no file that can be read", hint="a pipe or a device has no end")
    try:
        labels = None
        if path.suffix.lower() == ".csv":
            array = np.loadtxt(path, delimiter=",", dtype=np.float32, ndmin=2, skiprows=_heading_lines(path))
        elif path.suffix.lower() == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                array = arrays[_key(path, list(arrays), key)]
                labels = torch.from_numpy(arrays["labels"].astype(np.int64)) if "labels" in arrays else None
        else:
            array = np.load(path, allow_pickle=False)
    except DataError:
        raise
    except Exception as error:  # zip, header and text readers each have their own
        raise DataError(f"{path} cannot be read: {why_unread(error)}", hint="write it again") from None
    stored = _stored(array, space, str(path))
    if labels is not None and len(labels) != len(stored):
        raise DataError(f"{path} holds {len(stored)} {space.unit} and {len(labels)} labels", hint="one label for each")
    return _in_memory(stored, labels, name)


def of_tensor(samples: Any, space: Space, name: str) -> MeasuredSamples:
    """Return samples in memory, a tensor or what NumPy makes an array of.

    Raises:
        DataError: they are something else.
    """
    array = np.asarray(samples.detach().cpu() if isinstance(samples, Tensor) else samples)
    return _in_memory(_stored(array, space, name), None, name)


def _in_memory(stored: Tensor, labels: Tensor | None, name: str) -> MeasuredSamples:
    return MeasuredSamples(
        name=name,
        kind="array",
        generate=lambda start, count: stored[start : start + count],
        labels=labels,
        content_hash=hashlib.sha256(stored.numpy().tobytes()).hexdigest(),
        available=len(stored),
    )


def why_unread(error: Exception) -> str:
    """Return why a file holds no arrays; NumPy advises to load whatever it does not know as code."""
    text = " ".join(str(error).split())
    return "it holds no numbers that NumPy wrote" if "pickle" in text else text[:120]


def _heading_lines(path: Path) -> int:
    with path.open(encoding="utf-8", errors="replace") as file:
        first = file.readline()
    return int(any(letter.isalpha() and letter not in "eE" for letter in first))


def _key(path: Path, keys: list[str], wanted: str) -> str:
    """Return the array that holds the samples."""
    if wanted:
        if wanted not in keys:
            raise DataError(f"{path} has no array {wanted!r}", hint=f"it has {', '.join(keys) or 'none'}; choose with --key NAME")
        return wanted
    others = [key for key in keys if key not in ("labels", "latents")]
    for usual in ("samples", "arr_0"):
        if usual in others:
            return usual
    if len(others) != 1:
        raise DataError(f"{path} has {len(others)} arrays that could be the samples", hint=f"choose of {', '.join(keys)} with --key NAME")
    return others[0]


def _stored(array: Any, space: Space, whose: str) -> Tensor:
    """Return an array as the space stores samples; images may have their channels last.

    Raises:
        DataError: it holds something else.
    """
    size, shape = space.stored_size, tuple(array.shape)
    wanted = f"{str(space.stored_dtype).removeprefix('torch.')} [N, {', '.join(map(str, size))}]"
    if array.dtype.hasobject:
        raise DataError(f"{whose} holds Python objects, which could run code when they are read", hint=f"save {wanted}")
    if len(size) == 3 and space.name == "images" and shape[1:] != size:
        channels, height, width = size
        if shape[1:] == (height, width, channels):
            array = np.moveaxis(array, -1, 1)
        elif channels == 1 and shape[1:] == (height, width):
            array = array[:, None]
    if array.ndim and len(array) and math.prod(array.shape[1:]) == math.prod(size) and space.name != "images":
        array = array.reshape(len(array), *size)
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if tensor.is_floating_point() and space.stored_dtype.is_floating_point:
        tensor = tensor.to(space.stored_dtype)
    try:
        space.check(tensor)
    except ValueError as error:
        hint = "scale to 0..255 and convert with .round().astype('uint8')" if tensor.is_floating_point() else f"save {wanted}"
        raise DataError(f"{whose}: {error}", hint=hint) from None
    return tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneratorOptions:
    """How somebody's generator is asked."""

    latent_shape: tuple[int, ...] = ()
    """Of one latent vector; empty to take the generator's ``latent_dim``."""
    latents: Literal["normal", "uniform"] = "normal"
    num_classes: int = 0
    """0 for a generator without labels."""
    label_pool: Tensor | None = None
    """What labels are drawn from, ``[N]`` int64; None to draw each class as often."""
    weights: Path | None = None
    """A state dict that is loaded into the module."""
    weights_key: str = ""
    """Where in the file the state dict is: ``g_ema``."""
    output_range: tuple[float, float] = (-1.0, 1.0)
    """What the generator means by black and white."""
    truncation: float = 0.0
    seed: int = 0
    batch_size: int = 250
    device: str = "cpu"


def of_callable(target: str, space: Space, name: str, count: int, options: GeneratorOptions) -> MeasuredSamples:
    """Return what ``module:name`` or ``./file.py:name`` generates: a module, a function, or what makes one of these without arguments.

    Raises:
        UsageError: it cannot be imported or built, or generates something else.
    """
    made = _load(target)
    if not isinstance(made, nn.Module) and callable(made) and (isinstance(made, type) or _takes_nothing(made)):
        made = _asked(target, made)
    if not callable(made):
        raise UsageError(
            f"{target} is a {type(made).__name__}, and no generator", hint="name a torch module, or a function that returns one"
        )
    return of_generator(target, made, space, name, count, options)


def of_generator(
    target: str, generator: Callable[..., Any], space: Space, name: str, count: int, options: GeneratorOptions
) -> MeasuredSamples:
    """Return what a generator makes of latents of a seed; see :func:`of_callable`."""
    digest, parameters = hashlib.sha256(target.encode()), 0
    if isinstance(generator, nn.Module):
        if options.weights is not None:
            _load_weights(generator, options.weights, options.weights_key)
        generator.to(options.device)
        if not isinstance(generator, torch.fx.GraphModule):  # which was exported as it is evaluated, and refuses
            generator.eval()
        parameters = sum(parameter.numel() for parameter in generator.parameters())
        digest = hashlib.sha256()
        for key, tensor in sorted(generator.state_dict().items()):
            digest.update(key.encode() + tensor.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes())
    elif options.weights is not None:
        raise UsageError(f"{target} is no torch module, so --weights cannot be loaded into it", hint="return a module")
    shape = options.latent_shape or _latent_shape(target, generator)
    random = stream(options.seed, "evaluation")
    drawn = Latents(math.prod(shape), options.latents).draw(count, random, truncation=options.truncation)
    pool = torch.arange(options.num_classes) if options.label_pool is None else options.label_pool
    labels = pool[torch.randint(len(pool), (count,), generator=random)] if options.num_classes else None

    @torch.inference_mode()
    def generate(start: int, number: int) -> Tensor:
        inputs = drawn[start : start + number].reshape(-1, *shape).to(options.device)
        asked = () if labels is None else (labels[start : start + number].to(options.device),)
        return _to_stored(_asked(target, generator, inputs, *asked), space, target, options.output_range)

    generate(0, min(count, 2))
    return MeasuredSamples(
        name=name,
        kind="generator",
        generate=generate,
        labels=labels,
        content_hash=digest.hexdigest(),
        available=count,
        parameters=parameters,
        truncation=options.truncation,
    )


def _to_stored(made: Any, space: Space, target: str, output_range: tuple[float, float]) -> Tensor:
    """Return what a generator made as the space stores it."""
    if not isinstance(made, Tensor):
        raise UsageError(f"{target} must return a tensor (got a {type(made).__name__})", hint="wrap it in a function that does")
    if tuple(made.shape[1:]) != space.size:
        wanted = f"[n, {', '.join(map(str, space.size))}]"
        raise UsageError(
            f"{target} returns {list(made.shape)}, and the data are {wanted}", hint="choose the dataset's resolution with -o resolution=N"
        )
    if not made.is_floating_point():
        raise UsageError(f"{target} returns {made.dtype}, and floating point is wanted", hint="say what is black and white with --range")
    low, high = output_range
    scaled = made.float() if (low, high) == (-1.0, 1.0) else (made.float() - low) * (2 / (high - low)) - 1
    return space.to_stored(scaled)


def _load(target: str) -> Any:
    """Import ``module:name`` or run ``./file.py`` and return the attribute."""
    place, _, name = target.rpartition(":")
    if not place or not name:
        raise UsageError(f"a generator is named module:name or ./file.py:name (got {target!r})")
    try:
        module = _run_file(Path(place)) if place.endswith(".py") else _import(place)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        raise UsageError(f"{place} cannot be imported: {type(error).__name__}: {error}", hint="--debug shows where") from error
    if not hasattr(module, name):
        public = sorted(n for n, v in vars(module).items() if callable(v) and not n.startswith("_"))
        raise UsageError(f"{place} has no {name!r}", hint=f"it has {', '.join(public[:8]) or 'nothing that can be called'}")
    return getattr(module, name)


def _import(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    return importlib.import_module(name)


def _run_file(path: Path) -> ModuleType:
    if not os.path.isfile(path):
        raise UsageError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(f"_ganbench_generator_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _takes_nothing(function: Callable[..., Any]) -> bool:
    import inspect

    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    return all(one.default is not one.empty or one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in parameters)


def _asked(target: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what somebody's code returns; what it raises is one line."""
    try:
        return function(*arguments)
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        raise UsageError(f"{target} raised {type(error).__name__}: {text}", hint="--debug shows where") from error


def _latent_shape(target: str, generator: object) -> tuple[int, ...]:
    dim = getattr(generator, "latent_dim", None)
    if not isinstance(dim, int) or dim < 1:
        raise UsageError(f"how long are the latents of {target}? It has no latent_dim", hint="say it with --latent-dim 128 or 100x1x1")
    return (dim,)


def _load_weights(module: nn.Module, path: Path, key: str) -> None:
    """Load a state dict, which runs no code.

    Raises:
        UsageError: it cannot be read, or does not fit the module.
    """
    state = read_weights(path, key, whose="--weights")
    try:
        module.load_state_dict(state)
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        raise UsageError(
            f"--weights {path} does not fit the module: {text}", hint="--weights-key NAME chooses a part of the file"
        ) from None
