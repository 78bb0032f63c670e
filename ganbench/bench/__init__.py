"""Speed: each op and the whole step against plain PyTorch and ``torch.compile``, interleaved in one process and proven right first."""
