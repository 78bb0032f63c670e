"""``./file.py:Name``: a plugin without packaging."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganbench import ArchitectureSpec, LossSpec, ModelSpec
from ganbench.errors import PluginError
from ganbench.plugin.factory import load_attribute
from ganbench.plugin.manager import PluginManager
from ganbench.registration import NoOptions

FILE = '''
from dataclasses import dataclass
from ganbench import ArchitectureSpec, LossSpec, RecipeSpec

print("running the file")

@dataclass(frozen=True, kw_only=True)
class SomeOptions:
    depth: int = 2
    """How deep."""

class MyGAN:
    """A class whose instance is made by calling it.

    More text.
    """
    Options = SomeOptions
    def __init__(self, options, shape):
        self.depth = options.depth

def plain(options):
    return "plain"

def build(options, shape):
    return "built"

SPEC = ArchitectureSpec(name="my-spec", summary="gan: a spec", factory="gan:build", options=SomeOptions, algorithm="gan:MyGAN")
OWN = ArchitectureSpec(name="own", summary="a spec", factory=f"{__name__}:build")
LOSS = LossSpec(name="my-loss", summary="a loss", factory="gan:plain")
RECIPE = RecipeSpec(name="my-recipe", summary="a recipe", architecture="dcgan", settings=(("training.seed", 3),))
NUMBER = 3
'''


@pytest.fixture
def gan(tmp_path: Path) -> Path:
    """A file with a bit of everything."""
    path = tmp_path / "gan.py"
    path.write_text(FILE)
    return path


def test_a_class_is_a_plugin_with_its_own_options(gan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its docstring's first line is the summary, its ``Options`` the options; what the file prints goes to stderr."""
    found = PluginManager().find(ModelSpec, f"{gan}:MyGAN")
    assert (found.spec.kind, found.spec.name, found.distribution) == ("architecture", "mygan", "file:gan.py")
    assert found.spec.summary == "A class whose instance is made by calling it."
    assert found.build(found.spec.options(depth=5), None).depth == 5
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "running the file\n")


def test_a_function_is_a_plugin_without_options(gan: Path) -> None:
    """The kind is what the flag asks for."""
    found = PluginManager().find(LossSpec, f"{gan}:plain")
    assert (found.spec.kind, found.spec.options, found.build(NoOptions())) == ("loss", NoOptions, "plain")


@pytest.mark.parametrize("name", ["SPEC", "OWN"])
def test_a_spec_in_a_file_finds_its_factory_in_the_file(gan: Path, name: str) -> None:
    """Whether it calls the module by the file's name or by ``__name__``."""
    assert PluginManager().find(ModelSpec, f"{gan}:{name}").build(None, None) == "built"


def test_a_spec_in_a_file_finds_its_algorithm_in_the_file(gan: Path) -> None:
    """As its factory; other words are left alone."""
    spec = PluginManager().find(ModelSpec, f"{gan}:SPEC").spec
    assert isinstance(spec, ArchitectureSpec)
    assert load_attribute(spec.algorithm, owner="").__name__ == "MyGAN"
    assert spec.summary == "gan: a spec"


def test_a_recipe_in_a_file_is_a_model(gan: Path) -> None:
    """``--plugin`` takes it like a registered one; as an architecture it is refused."""
    manager = PluginManager()
    assert manager.find(ModelSpec, f"{gan}:RECIPE").spec.kind == "recipe"
    with pytest.raises(PluginError, match="is a recipe, and the kind wanted here is architecture"):
        manager.find(ArchitectureSpec, f"{gan}:RECIPE")


def test_the_same_content_runs_once_and_changed_content_again(gan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Resolving looks a name up more than once; an edited file is not served from a cache."""
    manager = PluginManager()
    assert manager.find(ModelSpec, f"{gan}:MyGAN") == manager.find(ModelSpec, f"{gan}:MyGAN")
    assert capsys.readouterr().err == "running the file\n"
    before = manager.find(ModelSpec, f"{gan}:MyGAN").identity().source_hash
    gan.write_text(FILE + "\n# edited\n")
    assert manager.find(ModelSpec, f"{gan}:MyGAN").identity().source_hash != before
    assert capsys.readouterr().err == "running the file\n"


BAD = {
    "gan.py:Missing": "has no 'Missing'",
    "gan.py:MyGAM": "has no 'MyGAM'; did you mean 'MyGAN'?",
    "gan.py": "a plugin in a file needs a name",
    "gan.py:": "a plugin in a file needs a name",
    "none.py:MyGAN": "no such plugin file",
    "gan.py:NUMBER": "is neither a spec nor callable (got int)",
    "gan.py:LOSS": "is a loss, and the kind wanted here is architecture or recipe",
    "syntax.py:MyGAN": "syntax.py cannot be imported: SyntaxError",
    "raising.py:MyGAN": "raising.py cannot be imported: ZeroDivisionError",
    "exiting.py:MyGAN": "exiting.py cannot be imported: SystemExit",
    "options.py:MyGAN": "options must be a dataclass",
    "folder.py:MyGAN": "no such plugin file",
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_be_used_is_one_line(name: str, gan: Path) -> None:
    """Named file, cause, and what to write instead."""
    (gan.parent / "syntax.py").write_text("def broken(:")
    (gan.parent / "raising.py").write_text("1 / 0")
    (gan.parent / "exiting.py").write_text("raise SystemExit(0)")
    (gan.parent / "options.py").write_text("class MyGAN:\n    class Options: pass")
    (gan.parent / "folder.py").mkdir()
    with pytest.raises(PluginError) as caught:
        PluginManager().find(ModelSpec, f"{gan.parent}/{name}")
    assert BAD[name] in str(caught.value)
    assert caught.value.exit_code == 2
