"""The table of super-resolution: SRResNet and SRGAN beside bicubic enlargement, on photographs that ship with scikit-image.

The published figures are of Set5, which is a download; they stand in the notes, and no difference is taken from them.
"""

from __future__ import annotations

from ganbench_reproduce.experiment import ExperimentCell, ExperimentColumn, ExperimentRun, ExperimentSetup
from ganbench_reproduce.trained import TrainedRuns
from ganbench_restoration.options import SuperResolutionOptions

_METRICS = ("psnr_crop4_y100", "ssim_crop4_y100")
_CELLS = {"srresnet": "SRResNet", "srgan": "SRGAN", "esrgan": "ESRGAN"}


class SuperResolution:
    """An :class:`~ganbench_reproduce.experiment.Experiment`.

    Args:
        options: which rows, and their budget.
    """

    columns = (
        ExperimentColumn(name="psnr", label="PSNR, Y, border 4 (dB)"),
        ExperimentColumn(name="psnr_bicubic", label="PSNR of bicubic (dB)"),
        ExperimentColumn(name="ssim", label="SSIM, Y, border 4", digits=4),
        ExperimentColumn(name="ssim_bicubic", label="SSIM of bicubic", digits=4),
    )
    interval_name = "kimg"
    num_seeds = 3
    error_name = "nothing: no figure of these photographs is published"
    notes = (
        "published of Set5, Y, border 4: SRResNet 32.05 dB and 0.9019, SRGAN 29.40 dB and 0.8472 (Ledig et al. 2017, not checked here); "
        "RRDB 32.73 dB and 0.9011 (Wang et al. 2018). Set5 is another data set: the figures cannot be subtracted",
        "an adversarial loss lowers PSNR by design: published, SRGAN lies 2.65 dB below SRResNet",
        "4 blocks of 32 channels, crops of 48x48 and 20 kimg, where the source has 16 blocks of 64, crops of 96x96 and ImageNet",
        "scores are of 100 squares of 96x96 from four photographs that are not trained on; the content loss is of the fashion classifiers",
    )

    def __init__(self, options: SuperResolutionOptions) -> None:
        self.intervals = options.kimg
        self.cells = tuple(ExperimentCell(name=name, label=_CELLS[name], published={}) for name in options.methods)

    def start(self, setup: ExperimentSetup) -> ExperimentRun:
        """Return a cell before its first step."""
        settings = {"evaluation.metrics": _METRICS, "training.total_kimg": float(self.intervals)}
        (psnr, ssim) = _METRICS
        columns = {"psnr": psnr, "psnr_bicubic": f"guess_{psnr}", "ssim": ssim, "ssim_bicubic": f"guess_{ssim}"}
        return TrainedRuns(setup, f"{setup.cell}-small", settings, columns, interval_kimg=1.0)


def build(options: SuperResolutionOptions) -> SuperResolution:
    """Build the experiment from its options."""
    return SuperResolution(options)
