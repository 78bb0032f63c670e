"""SeqGAN's table on an oracle: maximum likelihood at several temperatures, SeqGAN and a Gumbel-softmax GAN, by both likelihoods.

An oracle is a random network, so another one gives other numbers: the published figures stand in the notes. NLL-oracle alone rewards a
generator that repeats one likely text; NLL-gen stands beside it, and MLE at lower temperatures is the baseline that GANs must beat.
"""

from __future__ import annotations

from ganbench_reproduce.experiment import ExperimentColumn
from ganbench_reproduce.recipe_table import RecipeRow, RecipeTable
from ganbench_text.options import OracleTableOptions

_TEMPERATURE = "architecture.options.temperature"
_COLDER = {"mle-0-9": 0.9, "mle-0-8": 0.8}
_ROWS = (
    RecipeRow(name="mle", label="MLE", plugin="mle-small"),
    *(RecipeRow(name=name, label=f"MLE at temperature {t}", plugin="mle-small", settings={_TEMPERATURE: t}) for name, t in _COLDER.items()),
    RecipeRow(name="seqgan", label="SeqGAN", plugin="seqgan-small"),
    RecipeRow(name="gumbel", label="Gumbel-softmax", plugin="gumbel-small"),
)
_COLUMNS = {
    ExperimentColumn(name="nll_oracle", label="NLL-oracle (nats a token)", digits=3): "nll_oracle2k",
    ExperimentColumn(name="below_entropy", label="below the oracle's entropy", digits=0): "below_entropy2k",
    ExperimentColumn(name="nll_gen", label="NLL-gen (nats a token)", digits=3): "nll_gen",
}
_NOTES = (
    "published of another oracle, 5,000 tokens, length 20, NLL-oracle: MLE 9.038, SeqGAN 8.736 (Yu et al. 2017), RelGAN 6.680 (Nie et al. "
    "2019; users report 7.77 and 8.35), the oracle's own texts 5.750: not checked here, and no difference is taken from them",
    "published values are the best of a run; here they are those at its end",
    "an oracle of 200 tokens; 20 epochs of likelihood for each row, then 150 rounds of SeqGAN with 4 roll-outs, or 600 iterations with "
    "straight-through tokens",
    "a generator that is likelier under the oracle than the oracle's own texts (below its entropy) has collapsed",
)


def build(options: OracleTableOptions) -> RecipeTable:
    """Build the experiment from its options."""
    return RecipeTable([row for row in _ROWS if row.name in options.rows], ("nll_oracle2k", "nll_gen"), _COLUMNS, _NOTES)
