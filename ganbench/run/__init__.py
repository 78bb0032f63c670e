"""One run from its plan to its record.

The package can be called: ``ganbench.run("dcgan")`` trains a run; see :func:`ganbench.run.call.run`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganbench.run.call import run as run
else:

    class _CallablePackage(ModuleType):
        def __call__(self, *arguments: Any, **keywords: Any) -> Any:
            from ganbench.run.call import run as function

            return function(*arguments, **keywords)

    run = sys.modules[__name__]
    run.__class__ = _CallablePackage
