"""Training: one iteration's mathematics, how it is executed, and everything around it that makes a run."""
