"""A metric's name holds its protocol: ``<family><count>[_<extractor>]``, for instance ``fid10k``, ``fd5k_digits``, ``pr10k``.

Under the plain Inception network a name has no extractor, and only there (and under its variants) a family is called by its Inception
name: ``fid``, ``kid``, ``is``. Any other extractor stands in the name, and the family is called ``fd``, ``kd``, ``cs``. A name that breaks
this is an error that gives the right one; nothing is ever taken for something else in silence. Nothing here imports torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ganbench.errors import ConfigError, did_you_mean
from ganbench.spec import ExtractorSpec, MetricSpec, Quantity


@dataclass(frozen=True, kw_only=True, slots=True)
class _PlannedQuantity:
    """One number of a planned metric, as records and tables call it."""

    name: str
    """``precision5k_digits``."""
    label: str
    """``precision digits``."""
    higher_is_better: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedMetric:
    """One metric of a run, with everything that its name says."""

    name: str
    """Canonical: ``fd5k_digits``; two spellings of one protocol have one canonical name."""
    spec: MetricSpec
    extractor_name: str
    """Empty for a metric that looks at no features."""
    num_generated: int
    """Generated samples that it looks at; 0 for a metric that looks at scores."""
    quantities: tuple[_PlannedQuantity, ...]
    """In the order in which the metric computes them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Parts:
    """A name taken apart."""

    text: str
    spec: MetricSpec
    says_inception: bool
    """Whether the family was called by its Inception name."""
    count: int | None
    """None where the name holds none."""
    extractor: str
    """Empty where the name holds none."""

    @property
    def num_generated(self) -> int:
        if self.spec.looks_at == "scores":
            return 0
        return self.spec.default_count if self.count is None else self.count


_MOST_GENERATED = 10_000_000
"""Generated samples that a metric may look at: two hundred times what papers do, and what memory bears."""
_LOOKS = {
    "samples": "looks at the samples themselves",
    "targets": "compares samples with their targets",
    "scores": "looks at the scores of all held-out samples",
}


def plan_metrics(
    names: Iterable[str], metrics: Mapping[str, MetricSpec], extractors: Mapping[str, ExtractorSpec], default_extractor: str
) -> tuple[PlannedMetric, ...]:
    """Turn the names that a user wrote into metrics; a protocol that is named twice is measured once.

    Args:
        names: what the user wrote.
        metrics: the registered families by name.
        extractors: the registered extractors by name.
        default_extractor: the dataset's, for names that hold none.

    Raises:
        ConfigError: a name that is unknown, malformed or calls a family by the wrong name.
    """
    planned = [_plan_metric(name, metrics, extractors, default_extractor) for name in names]
    return tuple({p.name: p for p in reversed(planned)}[name] for name in dict.fromkeys(p.name for p in planned))


def _plan_metric(
    name: str, metrics: Mapping[str, MetricSpec], extractors: Mapping[str, ExtractorSpec], default_extractor: str
) -> PlannedMetric:
    """Turn one name into a metric; see :func:`plan_metrics`."""
    parts = _take_apart(name, metrics)
    if parts.spec.looks_at not in ("features", "layers"):
        return _plan_without_extractor(parts)
    extractor = _choose_extractor(parts, extractors, default_extractor)
    _check_family_name(parts, extractor, extractors)
    return PlannedMetric(
        name=_full_name(parts.spec.name, parts.spec.inception_name, parts.num_generated, extractor),
        spec=parts.spec,
        extractor_name=extractor.name,
        num_generated=parts.num_generated,
        quantities=tuple(_plan_quantity(quantity, parts.num_generated, extractor) for quantity in parts.spec.quantities),
    )


def _plan_without_extractor(parts: _Parts) -> PlannedMetric:
    """Plan a metric that looks at no features."""
    spec, count = parts.spec, parts.num_generated
    suffix = "" if spec.looks_at == "scores" else _short(count)
    if parts.extractor:
        raise ConfigError(f"metric {parts.text!r} {_LOOKS[spec.looks_at]}, without an extractor", hint=f"write {spec.name}{suffix}")
    if spec.looks_at == "scores" and parts.count is not None:
        raise ConfigError(f"metric {parts.text!r} {_LOOKS[spec.looks_at]}, without a count", hint=f"write {spec.name}")
    quantities = tuple(
        _PlannedQuantity(name=f"{one.name}{suffix}", label=one.label, higher_is_better=one.higher_is_better) for one in spec.quantities
    )
    return PlannedMetric(name=f"{spec.name}{suffix}", spec=spec, extractor_name="", num_generated=count, quantities=quantities)


def _take_apart(name: str, metrics: Mapping[str, MetricSpec]) -> _Parts:
    families = {family: (spec, family == spec.inception_name) for spec in metrics.values() for family in (spec.inception_name, spec.name)}
    families.pop("", None)
    text = name.strip().lower()
    for family in sorted(families, key=len, reverse=True):
        match = re.fullmatch(re.escape(family) + r"(?:(\d+)(k?))?(?:_(.+))?", text)
        if match:
            spec, says_inception = families[family]
            number, thousands, extractor = match.groups()
            if number is not None and len(number) > len(str(_MOST_GENERATED)):
                number = str(_MOST_GENERATED + 1)  # Python refuses to read thousands of digits
            count = None if number is None else int(number) * (1000 if thousands else 1)
            if count is not None and not 1 <= count <= _MOST_GENERATED:
                bound = f"1 or more (got {count})" if count < 1 else f"at most {_MOST_GENERATED:,}"
                raise ConfigError(f"metric {name[:60]!r}: the number of generated samples must be {bound}")
            return _Parts(text=text, spec=spec, says_inception=says_inception, count=count, extractor=extractor or "")
    known = did_you_mean(re.split(r"[\d_]", text)[0], sorted(families))
    raise ConfigError(f"unknown metric {name!r}; a name is FAMILY[COUNT][_EXTRACTOR], as in fid10k or fd5k_digits", hint=known)


def _choose_extractor(parts: _Parts, extractors: Mapping[str, ExtractorSpec], default_extractor: str) -> ExtractorSpec:
    """Return the extractor that the name says, or implies: an Inception name without an extractor means the plain Inception network."""
    if parts.spec.looks_at == "layers":
        return _choose_layers(parts, extractors, default_extractor)
    wanted = parts.extractor or default_extractor
    if not parts.extractor and parts.says_inception:
        default = extractors.get(default_extractor)
        if default is not None and default.inception and not default.variant:
            return default
        plain = sorted(name for name, spec in extractors.items() if spec.inception and not spec.variant)
        if len(plain) != 1:
            found = "none is registered" if not plain else f"there are {', '.join(plain)}"
            raise ConfigError(f"metric {parts.text!r} needs the Inception extractor, and {found}", hint=f"say {parts.text}_EXTRACTOR")
        wanted = plain[0]
    if wanted not in extractors:
        raise ConfigError(f"metric {parts.text!r}: unknown extractor {wanted!r}", hint=did_you_mean(wanted, sorted(extractors)))
    if extractors[wanted].gives == "layers":
        raise ConfigError(f"metric {parts.text!r}: the features of {wanted!r} are layers, for perceptual distances alone")
    return extractors[wanted]


def _choose_layers(parts: _Parts, extractors: Mapping[str, ExtractorSpec], default_extractor: str) -> ExtractorSpec:
    """Return the extractor of layers that the name says, or the layers of the dataset's extractor."""
    wanted = parts.extractor or f"{default_extractor}-layers"
    layered = sorted(name for name, spec in extractors.items() if spec.gives == "layers")
    if wanted not in layered:
        raise ConfigError(
            f"metric {parts.text!r} needs an extractor of layers (got {wanted!r})",
            hint=f"write {parts.spec.name}{_short(parts.num_generated)}_EXTRACTOR with one of {', '.join(layered) or 'none'}",
        )
    return extractors[wanted]


def _check_family_name(parts: _Parts, extractor: ExtractorSpec, extractors: Mapping[str, ExtractorSpec]) -> None:
    """FID, KID and IS are said only of the Inception network, and of it nothing else is said."""
    spec = parts.spec
    if not spec.inception_name or parts.says_inception == extractor.inception:
        return
    right = _full_name(spec.name, spec.inception_name, parts.num_generated, extractor)
    if parts.says_inception:
        raise ConfigError(
            f"metric {parts.text!r}: {spec.inception_name!r} is said only of the Inception network, and {extractor.name!r} is another",
            hint=f"write {right}",
        )
    others = sorted(name for name, other in extractors.items() if not other.inception and other.gives == "features")
    alternative = f", or {spec.name}{_short(parts.num_generated)}_EXTRACTOR with one of {', '.join(others)}" if others else ""
    raise ConfigError(
        f"metric {parts.text!r}: under the extractor {extractor.name!r} the family {spec.name!r} is called {spec.inception_name!r}",
        hint=f"write {right}{alternative}",
    )


def _plan_quantity(quantity: Quantity, count: int, extractor: ExtractorSpec) -> _PlannedQuantity:
    return _PlannedQuantity(
        name=_full_name(quantity.name, quantity.inception_name, count, extractor),
        label=_full_label(quantity, extractor),
        higher_is_better=quantity.higher_is_better,
    )


def _full_name(family: str, inception_family: str, count: int, extractor: ExtractorSpec) -> str:
    if extractor.inception:
        family = inception_family or family
    suffix = "" if extractor.inception and not extractor.variant else f"_{extractor.name}"
    return f"{family}{_short(count)}{suffix}"


def _full_label(quantity: Quantity, extractor: ExtractorSpec) -> str:
    if not extractor.inception:
        return f"{quantity.label} {extractor.name}"
    label = quantity.inception_label or quantity.label
    return f"{label}({extractor.variant})" if extractor.variant else label


def _short(count: int) -> str:
    return f"{count // 1000}k" if count % 1000 == 0 else str(count)
