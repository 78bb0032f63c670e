"""The arithmetic of the metrics, their names, and the evaluator that applies them to a generator."""
