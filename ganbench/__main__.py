"""``python -m ganbench`` is the command ``ganbench``."""

from ganbench.cli.main import entry

if __name__ == "__main__":
    entry()
