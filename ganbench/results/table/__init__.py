"""Tables of runs: one model, built from records, and one small renderer for each format."""
