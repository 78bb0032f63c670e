"""The configuration of a run: frozen dataclasses, where each value came from, and TOML."""
