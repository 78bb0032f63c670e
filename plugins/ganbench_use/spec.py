"""The kind of plugins that read somebody else's weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ganbench import PluginSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class LoaderSpec(PluginSpec):
    """Weights of somebody else's as a generator.

    ``factory(options, context: ganbench.BuildContext, weights: Mapping[str, torch.Tensor]) -> ganbench.Networks``.
    """

    kind: ClassVar[str] = "loader"
    kit: ClassVar[str] = "ganbench_use.kit"

    example: str = ""
    """``"package.module:attribute"`` of a function that returns a ``ganbench.BuildContext`` and small random weights in the layout, for
    ``ganbench plugins check``; empty for none."""

    def use(self, name: str) -> str:
        """Return the command that measures such weights."""
        return f"ganbench evaluate FILE --loader {name}"
