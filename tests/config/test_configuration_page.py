"""docs/configuration.md says of every setting what the code does."""

from __future__ import annotations

import dataclasses

from configuration_page import PAGE, page

from ganbench.config.model import SETTINGS
from ganbench.plugin.manager import HOME, PluginManager


def test_the_page_is_what_the_code_says() -> None:
    """To the letter; after a change: python tests/config/configuration_page.py."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_setting_and_every_option_has_a_line() -> None:
    """With its path, and an option in the table of its plugin."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    for path in SETTINGS:
        assert any(line.startswith(f"| `{path.replace('discriminator_optimizer', 'generator_optimizer')}` |") for line in lines), path
    for one in PluginManager().registered:
        if one.distribution == HOME and one.spec.kind in ("architecture", "loss", "dataset", "augmentation", "metric"):
            options = [field.name for field in dataclasses.fields(one.spec.options)]
            assert not options or any(line.startswith(f"### {one.spec.kind} ") and f"`{one.spec.name}`" in line for line in lines), one.spec.name
            assert all(any(line.startswith(f"| `{name}` |") for line in lines) for name in options)
