"""Image-to-image translation: CycleGAN for two unpaired domains, pix2pix for pairs and for inpainting. Registration only, without torch.

Both agree in their networks and numbers with the authors' own implementation, junyanz/pytorch-CycleGAN-and-pix2pix, models/networks.py.
"""

from __future__ import annotations

from ganbench import ArchitectureSpec, RecipeSpec, hookimpl
from ganbench_translation import cyclegan_options, pix2pix_options


@hookimpl
def ganbench_register() -> list[ArchitectureSpec | RecipeSpec]:
    """Return the architectures and their recipes."""
    return [spec for family in (cyclegan_options, pix2pix_options) for spec in (family.architecture(), family.recipe_256())]
