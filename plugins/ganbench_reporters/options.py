"""What the user may say to each reporter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench import Settings, setting


@dataclass(frozen=True, kw_only=True, slots=True)
class JsonLinesOptions:
    """Options of ``jsonl``."""

    file: str = "results/events.jsonl"
    """File that lines are appended to, or a named pipe."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TensorBoardOptions:
    """Options of ``tensorboard``."""

    dir: str = "results/tensorboard"
    """Folder for --logdir; each run has a folder of its own below it."""
    samples: bool = True
    """Whether pictures, sounds and texts of samples go there too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MLflowOptions:
    """Options of ``mlflow``."""

    uri: str = ""
    """Folder, database or server that keeps runs; empty for MLFLOW_TRACKING_URI, or else the folder results/mlflow."""
    experiment: str = "ganbench"
    """Name of the experiment; made when missing."""
    samples: bool = True
    """Whether files of samples and the record are kept as artifacts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WandbOptions:
    """Options of ``wandb``."""

    project: str = "ganbench"
    """Name of the project."""
    mode: Literal["offline", "online"] = "offline"
    """Offline writes below dir, from where `wandb sync` sends it; online needs an account and the network."""
    dir: str = "results"
    """Folder that gets the folder wandb."""
    samples: bool = True
    """Whether pictures of samples go there too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchOptions(Settings):
    """Options of ``watch``."""

    port: int = setting(0, least=0, most=65535)
    """Port of the page; 0 for the one that this run has each time."""
    open: bool = False
    """Whether a browser is opened."""
