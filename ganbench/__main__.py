"""The console script ``ganbench``, and ``python -m ganbench``."""

import gc
import sys


def entry() -> None:
    """Run the command line; nothing that its imports make is garbage, so the collector waits until a command begins."""
    gc.disable()
    from ganbench.cli.main import main

    sys.exit(main())


if __name__ == "__main__":
    entry()
