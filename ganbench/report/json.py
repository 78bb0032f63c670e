"""A comparison as JSON for programs: the whole verdict, field by field as :class:`ganbench.verdict.Comparison` has it.

Schema history
    1  (0.1.0) first version
"""

from __future__ import annotations

import json

from ganbench.record.serialise import encode
from ganbench.verdict.findings import Comparison


def render_json(comparison: Comparison) -> str:
    """Return a comparison as JSON that ``schemas/comparison.schema.json`` describes; what is not finite is ``{"$float": "inf"}``."""
    return json.dumps(encode(comparison), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
