"""The metric."""

from ganbench import Needs


class Spread:
    implementation = "spread-1"
    needs = Needs(statistics=False, samples=True)
    least_samples = 2

    def parameters(self):
        return {}

    def compute(self, real, fake):
        real_std, fake_std = (side.samples.double().std().item() for side in (real, fake))
        return (abs(fake_std / real_std - 1),)


def build(options):
    return Spread()
