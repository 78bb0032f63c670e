"""Each op against the plain PyTorch that it replaces, and against ``torch.compile`` of that."""
