"""Weights of the Inception network in the published format, untrained; for its tests and its benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import nn
from torch_fidelity import feature_extractor_inceptionv3 as fidelity


class _Empty(fidelity.FeatureExtractorInceptionV3):  # type: ignore[misc]
    """The network as torch-fidelity builds it, left as it was initialised."""

    def load_state_dict(self, *_args: Any, **_kwargs: Any) -> None:
        return None


def write_untrained(path: Path) -> Path:
    """Write seeded random weights, scaled so that activations neither die nor explode."""
    with mock.patch.object(fidelity, "load_state_dict_from_url", return_value={}), torch.random.fork_rng():
        torch.manual_seed(0)
        network = _Empty("inception", ["2048"])
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.bias, -0.1, 0.1)
        nn.init.normal_(network.fc.weight, std=0.5)
    torch.save(network.state_dict(), path)
    return path
