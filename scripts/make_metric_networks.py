"""Makes the two networks that `selfsi evaluate --lpips` and `--fid` take, as TorchScript files.

    pip install torch torchvision lpips
    python scripts/make_metric_networks.py --out networks

Run once, on a machine that has a network: the weights are downloaded by the public packages lpips
(Zhang et al. 2018, with the trunk of torchvision) and torchvision (Inception v3 trained on
ImageNet). Nothing of selfsi runs it.

lpips.pt     two batches [N, C, H, W] in -1..1 -> distances [N]; C = 1 or 3
features.pt  one batch [N, C, H, W] in 0..1 -> features [N, 2048]; C = 1 or 3

The FID of torchvision's Inception has another scale than the FID of the weights that most papers use (a
port of the original TensorFlow graph): compare it within a table, not with published values.
"""

import argparse
from pathlib import Path

import torch

# ImageNet's, which torchvision's networks expect.
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


class Distance(torch.nn.Module):
    """The package's network; images smaller than `size` are enlarged to it (0: never)."""

    def __init__(self, network, size):
        super().__init__()
        self.network, self.size = network, size

    def prepare(self, x):
        x = x.expand(-1, 3, -1, -1)
        if self.size > 0:
            x = torch.nn.functional.interpolate(x, (self.size, self.size), mode="bilinear")
        return x

    def forward(self, a, b):
        return self.network(self.prepare(a), self.prepare(b)).flatten()


class Features(torch.nn.Module):
    """The last pooling layer of Inception v3, images brought to its 299 pixels."""

    def __init__(self, network):
        super().__init__()
        network.fc = torch.nn.Identity()
        self.network = network
        self.register_buffer("mean", torch.tensor(MEAN)[None, :, None, None])
        self.register_buffer("std", torch.tensor(STD)[None, :, None, None])

    def forward(self, x):
        x = x.expand(-1, 3, -1, -1)
        x = torch.nn.functional.interpolate(x, (299, 299), mode="bilinear", antialias=True)
        return self.network((x - self.mean) / self.std)


def save(module, examples, path):
    """Traced with the examples; checked at another batch size and image size."""
    module.eval().requires_grad_(False)
    traced = torch.jit.trace(module, examples)
    others = [torch.cat([x, x.flip(0)])[:, :, :48] for x in examples]
    torch.testing.assert_close(traced(*others), module(*others), rtol=1e-4, atol=1e-5)
    path.parent.mkdir(parents=True, exist_ok=True)
    traced.save(str(path))
    print(f"{path}: {path.stat().st_size / 1e6:.0f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("networks"))
    parser.add_argument("--trunk", default="alex", choices=["alex", "vgg", "squeeze"])
    parser.add_argument("--size", type=int, default=64, help="LPIPS on images enlarged to this; 0: as they are")
    parser.add_argument("--random", action="store_true", help="random trunks, to try the script without a network")
    choice = parser.parse_args()

    import lpips
    import torchvision

    network = lpips.LPIPS(net=choice.trunk, pnet_rand=choice.random, verbose=False)
    images = torch.rand(2, 3, 64, 64)
    save(Distance(network, choice.size), (2 * images - 1, 1 - 2 * images), choice.out / "lpips.pt")

    weights = None if choice.random else torchvision.models.Inception_V3_Weights.IMAGENET1K_V1
    inception = torchvision.models.inception_v3(weights=weights, init_weights=False)
    # The weights' own input transform is for the TensorFlow normalisation; ours is ImageNet's.
    inception.transform_input = False
    save(Features(inception), (images,), choice.out / "features.pt")


if __name__ == "__main__":
    main()
