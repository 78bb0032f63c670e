"""Verdicts: pure functions from records and samples to a :class:`Comparison`. Nothing here reads a file or prints."""

from ganbench.record.record import Difference as Difference
from ganbench.verdict.decide import compare_hashes as compare_hashes
from ganbench.verdict.decide import compare_values as compare_values
from ganbench.verdict.decide import exit_code as exit_code
from ganbench.verdict.findings import Comparison as Comparison
from ganbench.verdict.findings import Finding as Finding
from ganbench.verdict.findings import NullRatio as NullRatio
from ganbench.verdict.paired import Pair as Pair
from ganbench.verdict.paired import PairedMetric as PairedMetric
from ganbench.verdict.paired import compare_in_looks as compare_in_looks
from ganbench.verdict.paired import compare_paired as compare_paired
from ganbench.verdict.paired import next_look as next_look
from ganbench.verdict.policy import RULES as RULES
from ganbench.verdict.policy import MetricRule as MetricRule
from ganbench.verdict.policy import Policy as Policy
from ganbench.verdict.policy import counted_in as counted_in
from ganbench.verdict.policy import parameter_rule as parameter_rule
from ganbench.verdict.policy import phase_rule as phase_rule
from ganbench.verdict.policy import quality_rule as quality_rule
from ganbench.verdict.policy import startup_rule as startup_rule
from ganbench.verdict.policy import time_rule as time_rule
from ganbench.verdict.quality import compare_frozen_score as compare_frozen_score
from ganbench.verdict.stored import compare_records as compare_records
