"""A variational autoencoder (Kingma and Welling 2014): a model without a discriminator."""

from collections.abc import Iterator

from ganbench import ArchitectureSpec, hookimpl


@hookimpl
def ganbench_register() -> Iterator[ArchitectureSpec]:
    """Register it."""
    own_loss = {"losses": ("none",), "defaults": (("loss.name", "none"),)}
    yield ArchitectureSpec(name="small-vae", summary="a VAE", factory="proof_vae.model:build", algorithm="proof_vae.model:VAE", **own_loss)
