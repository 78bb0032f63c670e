"""Import parts of torch-fidelity without the warnings of what it imports in turn, which say nothing about our use of it."""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType

from ganbench import WeightsError


def import_fidelity(module: str) -> ModuleType:
    """Return ``torch_fidelity.<module>``.

    Raises:
        WeightsError: torch-fidelity is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=DeprecationWarning)
        warnings.simplefilter("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", message=".*pkg_resources.*")
        try:
            return importlib.import_module(f"torch_fidelity.{module}")
        except ModuleNotFoundError as error:
            message = f"the Inception network needs torch-fidelity, which cannot be imported ({error})"
            raise WeightsError(message, hint="pip install torch-fidelity") from error
