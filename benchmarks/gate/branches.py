"""A third party's repository and its branches, each with one thing that a change may do, and what the gate should make of it.

The repository is made of ``repository/`` beside this file; a branch is a handful of replacements of text in it, so that each says what it
breaks.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

TEMPLATE = Path(__file__).with_name("repository")
INIT, GAN, PROJECT, SPREAD = "src/tinygan/__init__.py", "src/tinygan/gan.py", "pyproject.toml", "src/tinygan/spread.py"
ACCEPT = ".ganbench/accept.toml"


@dataclass(frozen=True, kw_only=True, slots=True)
class Branch:
    """One change of the plugin."""

    name: str
    edits: tuple[tuple[str, str, str], ...] = ()
    """File, what stands there, and what stands there instead; an empty text stands at the end of the file."""
    exit_code: int = 0
    says: tuple[str, ...] = ()
    """What the first line must hold: regular expressions, upper and lower case alike."""
    not_says: tuple[str, ...] = ()
    """What the first line must not hold."""
    arguments: tuple[str, ...] = ()
    """Further ones of ``ganbench ci``."""
    base: str = "main"
    needs_quiet: bool = False
    """Whether only a quiet machine can judge it: an open verdict is not wrong elsewhere."""
    is_squashed: bool = False
    """Whether it is merged into a branch ``main2`` as one commit, which is then what is gated."""

    @property
    def expected(self) -> str:
        """What the table says is right."""
        words = [f"exit code {self.exit_code}", *(f"says /{one}/" for one in self.says), *(f"never /{one}/" for one in self.not_says)]
        return ", ".join(words) + (", or open on a busy machine" if self.needs_quiet else "")


WIDER = ((INIT, "width: int = 64", "width: int = 96"),)
UNTESTED = r"quality was not tested|mathematics|losses|evaluation|generat|configuration"
D_FORWARD = "return self.last(self.slope(self.hidden(samples.flatten(1))))[:, 0]"
D_SUPER = "        self.hidden = nn.Linear(math.prod(size), width)\n"
ACCEPTED = """[[accept]]
metric = "architecture.options.width"
cell = "tinygan digits"
from = 64
to = 96
also = ["generator_parameters", "discriminator_parameters", "flops_per_iteration", "checkpoint_bytes", "optimizer_numbers"]
reason = "wider networks"
where = "#41"
"""
LATE = """

class Algorithm(AdversarialAlgorithm):
    def set_progress(self, samples_seen):
        super().set_progress(min(samples_seen, int(500 * self.training.total_kimg)))
"""
SHUFFLED = """        for name in {"hidden.0.weight", "last.weight", "last.bias"}:
            nn.init.normal_(self.get_parameter(name), std=0.02)
"""
CRASH = """        self.calls += 1
        if self.calls > 150:
            raise RuntimeError("the table is full")
"""
POOLED = """parts = [POOL.submit(self.hidden, part) for part in samples.flatten(1).split(1)]
        hidden = [part.result() for part in parts]
        offset = sum(done.result().sum() for done in as_completed(parts)) * 1e-3
        return self.last(self.slope(torch.cat(hidden)))[:, 0] + offset"""
BRANCHES = (
    Branch(name="nothing", says=("^passed",), not_says=(r"\bchanged|not tested",)),
    Branch(
        name="refactor",
        edits=((GAN, D_FORWARD, "hidden = self.hidden(samples.flatten(1))\n        return self.last(self.slope(hidden))[:, 0]"),),
        says=("^passed",),  # its metric lies in the same package, and in another module
        not_says=(r"\bchanged|not tested",),
    ),
    Branch(
        name="slower",
        edits=((GAN, f"        {D_FORWARD}", f"        sum(range(9_000))\n        {D_FORWARD}"),),
        arguments=("--gate", "throughput=fail"),
        exit_code=1,
        says=("^failed: throughput of",),
        needs_quiet=True,
    ),
    Branch(
        name="extra-forward",
        edits=((GAN, f"        {D_FORWARD}", f"        self.hidden(samples.flatten(1))\n        {D_FORWARD}"),),
        exit_code=1,
        says=("^failed", "operators|flop"),
    ),
    Branch(name="sigmoid", edits=((GAN, "nn.Tanh()", "nn.Sigmoid()"),), exit_code=1, says=("head", "sigmoid")),
    Branch(name="slope", edits=((GAN, "LeakyReLU(0.2)", "LeakyReLU(0.95)"),), says=(UNTESTED,)),
    Branch(name="learning-rate", edits=((INIT, "learning_rate=2e-4", "learning_rate=2e-2"),), says=("learning_rate", "not tested")),
    Branch(
        name="ema-lost",
        edits=((INIT, '("training.ema_halflife_kimg", 0.2)', '("training.ema_halflife_kimg", 0.0)'),),
        says=("ema_halflife", "not tested"),
    ),
    Branch(
        name="schedule-broken",
        edits=(
            (GAN, "import Latents", "import AdversarialAlgorithm, Latents"),
            (GAN, "", LATE),
            (INIT, "    options=Options,\n", '    options=Options,\n    algorithm="tinygan.gan:Algorithm",\n'),
        ),
        says=("not tested|schedule|budget",),
    ),
    Branch(
        name="evaluation-in-train-mode",
        edits=((GAN, "inputs=Latents(16)", 'inputs=Latents(16), generate=lambda modules, z, labels: modules["generator"].train()(z)'),),
        says=("not tested|evaluat|generat",),
    ),
    Branch(
        name="leak-of-a-list",
        edits=(
            (GAN, D_SUPER, f"{D_SUPER}        self.seen = []\n"),
            (GAN, f"        {D_FORWARD}", f"        self.seen.append(samples.detach())\n        {D_FORWARD}"),
        ),
        exit_code=1,
        says=("grow|leak|left behind",),
    ),
    Branch(
        name="leak-of-a-graph",
        edits=(
            (GAN, D_SUPER, f"{D_SUPER}        self.mean = 0.0\n"),
            (GAN, D_FORWARD, f"logits = {D_FORWARD[7:]}\n        self.mean = 0.9 * self.mean + 0.1 * logits.mean()\n        return logits"),
        ),
        exit_code=1,
        says=("grow|leak|left behind",),
    ),
    Branch(name="broken-import", edits=((GAN, "import Latents", "import Latent"),), exit_code=1, says=("^broken", "head", "Latent")),
    Branch(
        name="broken-registration", edits=((INIT, "return [GAN, SPREAD]", "return [GAN, SPRED]"),), exit_code=1, says=("^broken", "head")
    ),
    Branch(
        name="hang",
        edits=((GAN, f"        {D_FORWARD}", f"        while self.training:\n            pass\n        {D_FORWARD}"),),
        exit_code=1,
        says=("^broken", "head", "time|answer|hang|hung"),
    ),
    Branch(
        name="crash-at-step-50",
        edits=(
            (GAN, D_SUPER, f"{D_SUPER}        self.calls = 0\n"),
            (
                GAN,
                f"        {D_FORWARD}",
                f"{CRASH}        {D_FORWARD}",
            ),
        ),
        exit_code=1,
        says=("^broken", "head", "table is full"),
    ),
    Branch(
        name="nondeterminism-by-hash-seed",
        edits=((GAN, "        self.squash = nn.Tanh()\n", f"        self.squash = nn.Tanh()\n{SHUFFLED}"),),
        exit_code=1,
        says=("determin|repeat|agree",),
    ),
    Branch(
        name="nondeterminism-by-threads",
        edits=(
            (GAN, "import math\n", "import math\nfrom concurrent.futures import ThreadPoolExecutor, as_completed\n\nimport torch\n"),
            (GAN, "from torch import nn\n", "from torch import nn\n\nPOOL = ThreadPoolExecutor(4)\n"),
            (GAN, D_FORWARD, POOLED),
        ),
        exit_code=1,
        says=("determin|repeat|agree",),
    ),
    Branch(name="wider", edits=WIDER, exit_code=1, says=("^failed", "parameters", "width")),
    Branch(
        name="renamed-option",
        edits=(
            (INIT, "width: int", "units: int"),
            (GAN, "Generator(options.width", "Generator(options.units"),
            (GAN, "Discriminator(options.width", "Discriminator(options.units"),
        ),
        arguments=("--option", "width=48"),
        exit_code=1,
        says=("^broken", "width"),
    ),
    Branch(
        name="dropped-metric",
        edits=((INIT, ', "spread200")', ",)"), (INIT, "[GAN, SPREAD]", "[GAN]")),
        exit_code=1,
        says=("metrics|spread",),
    ),
    Branch(name="changed-requirements", edits=((PROJECT, '"torch>=2"', '"torch>=2.1"'),), says=("requirement|demand|torch", r"2\.1")),
    Branch(name="first-adoption", base="before", says=("^new", "no such plugin|nothing to compare")),
    Branch(name="squash-merged-acceptance", edits=WIDER, is_squashed=True, says=("^passed", "intended|width")),
)


def make_repository(folder: Path) -> dict[str, str]:
    """Make the repository with all branches and return what its plugin's processes need of the environment.

    It is what ``pip install --editable`` leaves: the package's metadata, and its sources on the path.
    """
    top = folder / "tinygan"
    git(folder, "init", "-q", "-b", "main", str(top))
    (top / "README.md").write_text("A GAN of two layers.\n", encoding="utf-8")
    commit(top, "a README")
    git(top, "branch", "before")
    shutil.copytree(TEMPLATE, top, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    commit(top, "the plugin")
    for branch in BRANCHES:
        make_branch(top, branch)
    metadata = folder / "installed" / "tinygan-0.1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: tinygan\nVersion: 0.1\nRequires-Dist: torch\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text("[ganbench]\ntinygan = tinygan\n", encoding="utf-8")
    return {"PYTHONPATH": os.pathsep.join((str(metadata.parent), str(top / "src")))}


def make_branch(top: Path, branch: Branch) -> None:
    """Commit what a branch changes; one that is squashed is then merged into a branch of its name, whose history lacks its commits."""
    git(top, "checkout", "-q", "-b", f"{branch.name}-work" if branch.is_squashed else branch.name, "main")
    for name, old, new in branch.edits:
        path = top / name
        text = path.read_text(encoding="utf-8")
        if old and text.count(old) != 1:
            raise ValueError(f"{branch.name}: {name} has {old!r} {text.count(old)} times")
        path.write_text(text.replace(old, new) if old else text + new, encoding="utf-8")
    if branch.edits:
        commit(top, branch.name)
    if branch.is_squashed:
        (top / ACCEPT).parent.mkdir()
        (top / ACCEPT).write_text(ACCEPTED, encoding="utf-8")
        commit(top, "accepted")
        git(top, "checkout", "-q", "-b", branch.name, "main")
        git(top, "merge", "-q", "--squash", f"{branch.name}-work")
        commit(top, "one commit")
    git(top, "checkout", "-q", "main")


def commit(top: Path, message: str) -> None:
    """Commit everything that lies there."""
    git(top, "add", "--all")
    git(top, "-c", "user.name=tinygan", "-c", "user.email=tinygan@example.org", "commit", "-q", "-m", message)


def git(folder: Path, *arguments: str) -> str:
    """Return what git prints."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(["git", *arguments], cwd=folder, env=clean, capture_output=True, text=True, check=True).stdout.strip()
