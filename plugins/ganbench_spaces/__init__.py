"""The kinds of samples that come with ganbench: images in :mod:`ganbench_spaces.images`, points in :mod:`ganbench_spaces.points`."""
