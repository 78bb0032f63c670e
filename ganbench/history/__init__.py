"""Records over time: a directory of immutable records, the steps in their series, named baselines. Nothing here prints."""
