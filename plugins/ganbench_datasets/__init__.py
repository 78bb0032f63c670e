"""The datasets that come with ganbench. Registration only: nothing here imports torch or numpy."""

from __future__ import annotations

from ganbench import DatasetSpec, hookimpl
from ganbench_datasets import options


@hookimpl
def ganbench_register() -> list[DatasetSpec]:
    """Return the first-party datasets."""
    return [*_offline(), *_downloaded(), *_own_images()]


def _offline() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            name="digits",
            summary="1,797 handwritten digits from scikit-learn, 16x16 grey, 10 classes; always offline",
            factory="ganbench_datasets.digits:build",
            space="images",
            options=options.DigitsOptions,
            paper="Alpaydin and Kaynak, 1998, https://doi.org/10.24432/C50P49",
            metrics=("fd5k_digits",),
            extractor="digits",
            defaults=(("training.total_kimg", 80.0),),
        ),
        DatasetSpec(
            name="stacked-digits",
            summary="three digits as the channels of 16x16 images, 1,000 modes; always offline",
            factory="ganbench_datasets.stacked:build",
            space="images",
            options=options.StackedDigitsOptions,
            paper="Metz et al., 2017, https://arxiv.org/abs/1611.02163; Lin et al., 2018, https://arxiv.org/abs/1712.04086",
            metrics=("modes26k_stacked-digits",),
            extractor="stacked-digits",
        ),
        DatasetSpec(
            name="photographs",
            summary="squares of 96x96 from eight photographs that scikit-image and scikit-learn ship, or from a folder; always offline",
            factory="ganbench_datasets.photographs:build",
            space="images",
            options=options.PhotographsOptions,
            metrics=("fid10k",),
        ),
        DatasetSpec(
            name="synthetic",
            summary="seeded noise of any shape, for throughput",
            factory="ganbench_datasets.synthetic:build",
            space="images",
            options=options.SyntheticOptions,
        ),
    ]


def _downloaded() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            name="mnist",
            summary="60,000 handwritten digits, 28x28 grey in a 32x32 frame, 10 classes",
            factory="ganbench_datasets.mnist:build_mnist",
            space="images",
            options=options.MnistOptions,
            paper="LeCun et al., 1998, https://doi.org/10.1109/5.726791",
            metrics=("fid10k",),
        ),
        DatasetSpec(
            name="fashion-mnist",
            summary="60,000 articles of clothing, 28x28 grey in a 32x32 frame, 10 classes",
            factory="ganbench_datasets.mnist:build_fashion_mnist",
            space="images",
            options=options.MnistOptions,
            paper="Xiao et al., 2017, https://arxiv.org/abs/1708.07747",
            metrics=("fd10k_fashion",),
            extractor="fashion",
        ),
        DatasetSpec(
            name="medmnist",
            summary="one of eleven sets of medical images, 28x28 resized to 32x32, 2 to 11 classes, from NAME.npz in the data root",
            factory="ganbench_datasets.medmnist:build",
            space="images",
            options=options.MedMnistOptions,
            paper="Yang et al., 2023, https://doi.org/10.1038/s41597-022-01721-8",
            metrics=("fid10k",),
        ),
        DatasetSpec(
            name="cifar10",
            summary="50,000 photographs, 32x32 colour, 10 classes",
            factory="ganbench_datasets.cifar:build_cifar10",
            space="images",
            options=options.CifarOptions,
            paper="Krizhevsky, 2009, https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf",
            metrics=("fid10k",),
        ),
        DatasetSpec(
            name="cifar100",
            summary="50,000 photographs, 32x32 colour, 100 classes",
            factory="ganbench_datasets.cifar:build_cifar100",
            space="images",
            options=options.CifarOptions,
            paper="Krizhevsky, 2009, https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf",
            metrics=("fid10k",),
        ),
        DatasetSpec(
            name="stl10",
            summary="100,000 photographs without labels (or 5,000 with), 48x48 colour",
            factory="ganbench_datasets.stl10:build",
            space="images",
            options=options.Stl10Options,
            paper="Coates et al., 2011, https://proceedings.mlr.press/v15/coates11a.html",
            metrics=("fid10k",),
        ),
        DatasetSpec(
            name="celeba",
            summary="162,770 aligned faces, centre crop of 178, 64x64 colour",
            factory="ganbench_datasets.celeba:build",
            space="images",
            options=options.CelebaOptions,
            paper="Liu et al., 2015, https://arxiv.org/abs/1411.7766",
            metrics=("fid10k",),
        ),
    ]


def _own_images() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            name="folder",
            summary="any directory tree of images (-o path=DIR); streams when it does not fit",
            factory="ganbench_datasets.folder:build",
            space="images",
            options=options.FolderOptions,
            metrics=("fid10k",),
        ),
        DatasetSpec(
            name="pairs",
            summary="two images side by side in each file of a directory (-o path=DIR), for translation; streams when it does not fit",
            factory="ganbench_datasets.pairs:build",
            space="images",
            options=options.PairsOptions,
            paper="Isola et al., 2017, https://arxiv.org/abs/1611.07004",
            metrics=("fid10k",),
        ),
        DatasetSpec(
            name="array",
            summary="uint8 images in a .npy or .npz file (-o path=FILE); streams when it does not fit",
            factory="ganbench_datasets.array:build",
            space="images",
            options=options.ArrayOptions,
            metrics=("fid10k",),
        ),
    ]
