"""Verdicts: pure functions from records and samples to a :class:`Comparison`. Nothing here reads a file or prints."""

from ganbench.compare.decide import exit_code as exit_code
from ganbench.compare.exact import compare_hashes as compare_hashes
from ganbench.compare.exact import compare_values as compare_values
from ganbench.compare.metric import RULES as RULES
from ganbench.compare.metric import MetricRule as MetricRule
from ganbench.compare.metric import phase_rule as phase_rule
from ganbench.compare.metric import quality_rule as quality_rule
from ganbench.compare.metric import startup_rule as startup_rule
from ganbench.compare.metric import time_rule as time_rule
from ganbench.compare.paired import Pair as Pair
from ganbench.compare.paired import PairedMetric as PairedMetric
from ganbench.compare.paired import compare_in_looks as compare_in_looks
from ganbench.compare.paired import compare_paired as compare_paired
from ganbench.compare.paired import next_look as next_look
from ganbench.compare.policy import Policy as Policy
from ganbench.compare.quality import compare_frozen_score as compare_frozen_score
from ganbench.compare.stored import compare_records as compare_records
from ganbench.compare.verdict import Comparison as Comparison
from ganbench.compare.verdict import Difference as Difference
from ganbench.compare.verdict import Finding as Finding
from ganbench.compare.verdict import NullRatio as NullRatio
