"""Verdicts: pure functions from records and samples to a :class:`~ganbench.verdict.findings.Comparison`. Nothing here prints."""
