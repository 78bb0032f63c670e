"""The training step: the harness's runners, the loop of pytorch/examples, and a loop by hand."""
