"""What one sample is, the protocol of a dataset, and the samplers that feed a training step."""
