"""The recipes: the published networks and numbers, and small ones for two cores. Nothing here imports torch.

The numbers are those of the public code that each names; what of them could not be verified is said in the docs.
"""

from __future__ import annotations

from ganbench import RecipeSpec, Setting, both_optimizers

SRGAN_PAPER = "Ledig et al. 2017, https://arxiv.org/abs/1609.04802"
ESRGAN_PAPER = "Wang et al. 2018, https://arxiv.org/abs/1809.00219"
_ENLARGEMENT: tuple[Setting, ...] = (
    ("dataset.name", "restore"),
    ("dataset.options.task", "enlarge-x4"),
    ("training.horizontal_flip", True),
)
_DATA = "the photographs that ship with scikit-image and scikit-learn in the place of ImageNet's, DIV2K's or Flickr2K's"
_CONTENT = "the content loss compares features of the fashion classifiers; -o content=vgg19 is the source's, with given weights"
_CONTENT_WEIGHT = "the weight of the content loss is 0.05, since those features differ about fifteen times as much as pixels do"
_SMALL_WEIGHTS = "content weighs 0.01 and the adversarial loss 1e-4: with 0.05 and 1e-3 images had a checkerboard after 5 kimg"
_ALONE = "the generator begins untrained, and not as a network that was trained by pixels first"
_BUDGET = "the budget is the dataset's default, and not the source's"
_TURNS = "images are mirrored at random, and not turned"


def _adam(learning_rate: float) -> tuple[Setting, ...]:
    return both_optimizers(kind="adam", learning_rate=learning_rate, beta1=0.9, beta2=0.999, eps=1e-8)


SRRESNET_X4 = RecipeSpec(
    name="srresnet-x4",
    summary="SRResNet as published: four times as large, 16 blocks of 64 channels, squared errors",
    paper=f"{SRGAN_PAPER}; Lornatang/SRGAN-PyTorch",
    architecture="srresnet",
    resolution=96,
    settings=(*_ENLARGEMENT, ("training.batch_size", 16), *_adam(1e-4)),
    deviations=(_DATA, _TURNS, _BUDGET),
)

SRGAN_X4 = RecipeSpec(
    name="srgan-x4",
    summary="SRGAN at its published size: four times as large; content loss by features of the fashion classifiers",
    paper=f"{SRGAN_PAPER}; Lornatang/SRGAN-PyTorch",
    architecture="srgan",
    resolution=96,
    settings=(
        *_ENLARGEMENT,
        ("loss.name", "logistic"),
        ("architecture.options.pixel_weight", 1.0),
        ("architecture.options.content_weight", 0.05),
        ("architecture.options.adversarial_weight", 1e-3),
        ("training.batch_size", 16),
        *_adam(1e-4),
    ),
    deviations=(_CONTENT, _CONTENT_WEIGHT, _ALONE, _DATA, _TURNS, _BUDGET),
)

RRDB_X4 = RecipeSpec(
    name="rrdb-x4",
    summary="ESRGAN's generator alone, as published: four times as large, 23 blocks of 64 channels, absolute errors",
    paper=f"{ESRGAN_PAPER}; xinntao/ESRGAN",
    architecture="rrdb",
    resolution=128,
    settings=(*_ENLARGEMENT, ("training.batch_size", 16), *_adam(2e-4)),
    deviations=(_DATA, _TURNS, _BUDGET, "the learning rate is constant, and not halved every 200,000 steps"),
)

ESRGAN_X4 = RecipeSpec(
    name="esrgan-x4",
    summary="ESRGAN at its published size: four times as large; content loss by features of the fashion classifiers",
    paper=f"{ESRGAN_PAPER}; xinntao/ESRGAN",
    architecture="esrgan",
    resolution=128,
    settings=(
        *_ENLARGEMENT,
        ("loss.name", "relativistic-average"),
        ("architecture.options.pixel_weight", 1e-2),
        ("architecture.options.content_weight", 1.0),
        ("architecture.options.adversarial_weight", 5e-3),
        ("training.batch_size", 16),
        *_adam(1e-4),
    ),
    deviations=(
        _CONTENT,
        _ALONE,
        "the discriminator is SRGAN's, of 128x128 pixels",
        _DATA,
        _TURNS,
        _BUDGET,
        "the learning rate is constant, and not halved at fixed steps",
    ),
)

_SMALL: tuple[Setting, ...] = (
    *_ENLARGEMENT,
    ("architecture.options.width", 32),
    ("architecture.options.crop", 48),
    ("architecture.options.add_to_given", True),
    ("training.batch_size", 16),
    *_adam(1e-3),
    *both_optimizers(schedule="linear"),
    ("training.total_kimg", 20.0),
    ("evaluation.every_kimg", 5.0),
    ("checkpoint.every_kimg", 5.0),
)
_SMALLER = (
    "4 blocks of 32 channels and crops of 48x48, for two cores and ten minutes",
    "the output is added to the bicubic enlargement, and begins as that",
    "the learning rate is 1e-3 and falls to 0 along a line",
    _DATA,
    _TURNS,
)
_SRRESNET_SMALL: tuple[Setting, ...] = (
    *_SMALL,
    ("architecture.options.num_blocks", 4),
    ("architecture.options.outer_kernel", 3),
)

SRRESNET_SMALL = RecipeSpec(
    name="srresnet-small",
    summary="SRResNet with 4 blocks of 32 channels, four times as large, for two cores",
    paper=f"{SRGAN_PAPER}; Lornatang/SRGAN-PyTorch",
    architecture="srresnet",
    resolution=96,
    settings=_SRRESNET_SMALL,
    deviations=(*_SMALLER, "the first and the last convolution are 3x3"),
)

SRGAN_SMALL = RecipeSpec(
    name="srgan-small",
    summary="SRGAN with 4 blocks of 32 channels and a discriminator of 16, for two cores; content loss by the fashion classifiers",
    paper=f"{SRGAN_PAPER}; Lornatang/SRGAN-PyTorch",
    architecture="srgan",
    resolution=96,
    settings=(
        *_SRRESNET_SMALL,
        ("loss.name", "logistic"),
        ("architecture.options.content_weight", 0.01),
        ("architecture.options.adversarial_weight", 1e-4),
        ("architecture.options.discriminator_width", 16),
        ("architecture.options.discriminator_hidden", 64),
    ),
    deviations=(*_SMALLER, "the first and the last convolution are 3x3", _CONTENT, _SMALL_WEIGHTS, _ALONE),
)

ESRGAN_SMALL = RecipeSpec(
    name="esrgan-small",
    summary="ESRGAN with 2 blocks of 32 channels and a discriminator of 16, for two cores; content loss by the fashion classifiers",
    paper=f"{ESRGAN_PAPER}; xinntao/ESRGAN",
    architecture="esrgan",
    resolution=96,
    settings=(
        *_SMALL,
        ("loss.name", "relativistic-average"),
        ("architecture.options.num_blocks", 2),
        ("architecture.options.growth", 16),
        ("architecture.options.discriminator_width", 16),
        ("architecture.options.discriminator_hidden", 64),
    ),
    deviations=("2 blocks of 32 channels that grow by 16, and crops of 48x48, for two cores", *_SMALLER[1:], _CONTENT, _ALONE),
)

RECIPES = (SRRESNET_X4, SRGAN_X4, RRDB_X4, ESRGAN_X4, SRRESNET_SMALL, SRGAN_SMALL, ESRGAN_SMALL)
