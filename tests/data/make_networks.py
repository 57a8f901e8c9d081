"""Makes lpips.pt and features.pt beside this file: networks of a few numbers in closed form.

    python tests/data/make_networks.py

Needs torch. tests/it/image_metrics.rs and tests/python/image_metrics.py work the same functions out
again, without torch.
"""

from pathlib import Path

import torch

CHANNELS, FEATURES = 3, 4


def waves(rows, columns):
    """sin(1 + i + 2 j), [rows, columns]."""
    i, j = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return torch.sin(1.0 + i + 2.0 * j).float()


class Distance(torch.nn.Module):
    """LPIPS of one layer: ReLU of a 1 x 1 convolution, its channels brought to unit length; the
    weighted squared difference, averaged over the image, [N, 1, 1, 1] as the package returns it."""

    def __init__(self):
        super().__init__()
        self.register_buffer("kernel", waves(FEATURES, CHANNELS)[:, :, None, None])
        self.register_buffer("weight", torch.arange(1.0, FEATURES + 1)[None, :, None, None])

    def unit(self, x):
        f = torch.relu(torch.nn.functional.conv2d(x, self.kernel))
        return f / (f.square().sum(1, keepdim=True).sqrt() + 1e-10)

    def forward(self, a, b):
        difference = (self.unit(a) - self.unit(b)).square() * self.weight
        return difference.sum(1, keepdim=True).mean((2, 3), keepdim=True)


class Features(torch.nn.Module):
    """ReLU of a 1 x 1 convolution, averaged over the image, [N, F]."""

    def __init__(self):
        super().__init__()
        self.register_buffer("kernel", waves(FEATURES, CHANNELS)[:, :, None, None])

    def forward(self, x):
        return torch.relu(torch.nn.functional.conv2d(x, self.kernel)).mean((2, 3))


if __name__ == "__main__":
    here = Path(__file__).parent
    torch.jit.script(Distance()).save(str(here / "lpips.pt"))
    torch.jit.script(Features()).save(str(here / "features.pt"))
