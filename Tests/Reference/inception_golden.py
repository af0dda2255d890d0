"""Writes Tests/NetworksTests/Fixtures/inception.safetensors: the network of FID in PyTorch with a sixteenth of its
widths, on two pictures of 256 x 256 pixels brought to 299 in both published ways.

Run once with any PyTorch 2 on a CPU: `python3 Tests/Reference/inception_golden.py`. The map after each stage and the
resized pictures are taken at evenly spaced elements, features and logits whole. Weights and pictures come from
counter-based random numbers as in pix2pix_golden.py. The network is written out here, from the published wiring
(github.com/mseitzer/pytorch-fid, src/pytorch_fid/inception.py), without torchvision.

`--full FILE.pth FOLDER` writes the whole width instead, for a comparison by hand: the state dictionary, and as
FOLDER/features.npy, FOLDER/logits.npy what it makes of the pictures of FOLDER/pictures.npy, uint8 [N, 256, 256, 3].
"""
import pathlib
import sys

import numpy as np
import torch
from torch.nn import functional as F

import pix2pix_golden as golden

SEED, SEED_PICTURES, SAMPLES = 41, 42, 400


class Network:
    """The network; widths are the published ones divided by `divisor`, weights are drawn where they are first used."""

    def __init__(self, divisor):
        self.divisor, self.stream, self.state, self.stages = divisor, 0, {}, []

    def draw(self, numbers, count):
        self.stream += 1
        return numbers(SEED, self.stream - 1, count)

    def conv(self, x, name, width, rows, columns, stride=1, padded=True):
        if name + ".conv.weight" not in self.state:
            outputs, inputs = max(1, width // self.divisor), x.shape[1]
            fan = inputs * rows * columns
            weight = self.draw(golden.normals, outputs * fan) * np.sqrt(np.float32(2) / np.float32(fan))
            numbers = self.draw(golden.uniforms, 4 * outputs).reshape(4, outputs)
            self.state[name + ".conv.weight"] = torch.from_numpy(weight.reshape(outputs, inputs, rows, columns))
            for part, values in zip(("weight", "bias", "running_mean", "running_var"),
                                    (numbers[0] + np.float32(0.5), numbers[1] * np.float32(0.5) - np.float32(0.25),
                                     numbers[2] * np.float32(0.5) - np.float32(0.25), numbers[3] + np.float32(0.5))):
                self.state[f"{name}.bn.{part}"] = torch.from_numpy(values)
        s = {part: self.state[f"{name}.bn.{part}"] for part in ("weight", "bias", "running_mean", "running_var")}
        x = F.conv2d(x, self.state[name + ".conv.weight"], stride=stride,
                     padding=(rows // 2, columns // 2) if padded else 0)
        return F.relu(F.batch_norm(x, s["running_mean"], s["running_var"], s["weight"], s["bias"], eps=0.001))

    def chain(self, x, prefix, *steps):
        for step in steps:
            x = self.conv(x, f"{prefix}.{step[0]}", *step[1:])
        return x

    @staticmethod
    def mean(x):
        return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)

    def a(self, x, n, pooled):
        return torch.cat([
            self.chain(x, n, ("branch1x1", 64, 1, 1)),
            self.chain(x, n, ("branch5x5_1", 48, 1, 1), ("branch5x5_2", 64, 5, 5)),
            self.chain(x, n, ("branch3x3dbl_1", 64, 1, 1), ("branch3x3dbl_2", 96, 3, 3),
                       ("branch3x3dbl_3", 96, 3, 3)),
            self.chain(self.mean(x), n, ("branch_pool", pooled, 1, 1))], 1)

    def b(self, x, n):
        return torch.cat([
            self.chain(x, n, ("branch3x3", 384, 3, 3, 2, False)),
            self.chain(x, n, ("branch3x3dbl_1", 64, 1, 1), ("branch3x3dbl_2", 96, 3, 3),
                       ("branch3x3dbl_3", 96, 3, 3, 2, False)),
            F.max_pool2d(x, 3, stride=2)], 1)

    def c(self, x, n, w):
        return torch.cat([
            self.chain(x, n, ("branch1x1", 192, 1, 1)),
            self.chain(x, n, ("branch7x7_1", w, 1, 1), ("branch7x7_2", w, 1, 7), ("branch7x7_3", 192, 7, 1)),
            self.chain(x, n, ("branch7x7dbl_1", w, 1, 1), ("branch7x7dbl_2", w, 7, 1), ("branch7x7dbl_3", w, 1, 7),
                       ("branch7x7dbl_4", w, 7, 1), ("branch7x7dbl_5", 192, 1, 7)),
            self.chain(self.mean(x), n, ("branch_pool", 192, 1, 1))], 1)

    def d(self, x, n):
        return torch.cat([
            self.chain(x, n, ("branch3x3_1", 192, 1, 1), ("branch3x3_2", 320, 3, 3, 2, False)),
            self.chain(x, n, ("branch7x7x3_1", 192, 1, 1), ("branch7x7x3_2", 192, 1, 7),
                       ("branch7x7x3_3", 192, 7, 1), ("branch7x7x3_4", 192, 3, 3, 2, False)),
            F.max_pool2d(x, 3, stride=2)], 1)

    def e(self, x, n, pool):
        parts = [self.chain(x, n, ("branch1x1", 320, 1, 1))]
        y = self.chain(x, n, ("branch3x3_1", 384, 1, 1))
        parts += [self.chain(y, n, ("branch3x3_2a", 384, 1, 3)), self.chain(y, n, ("branch3x3_2b", 384, 3, 1))]
        y = self.chain(x, n, ("branch3x3dbl_1", 448, 1, 1), ("branch3x3dbl_2", 384, 3, 3))
        parts += [self.chain(y, n, ("branch3x3dbl_3a", 384, 1, 3)), self.chain(y, n, ("branch3x3dbl_3b", 384, 3, 1))]
        return torch.cat(parts + [self.chain(pool(x), n, ("branch_pool", 192, 1, 1))], 1)

    def __call__(self, x):
        self.stages = []

        def stage(name, y):
            self.stages.append((name, y))
            return y

        x = self.conv(x, "Conv2d_1a_3x3", 32, 3, 3, 2, False)
        x = self.conv(x, "Conv2d_2a_3x3", 32, 3, 3, 1, False)
        x = F.max_pool2d(self.conv(x, "Conv2d_2b_3x3", 64, 3, 3), 3, stride=2)
        x = self.conv(x, "Conv2d_3b_1x1", 80, 1, 1)
        x = stage("", F.max_pool2d(self.conv(x, "Conv2d_4a_3x3", 192, 3, 3, 1, False), 3, stride=2))
        for name, pooled in (("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)):
            x = stage(name, self.a(x, name, pooled))
        x = stage("Mixed_6a", self.b(x, "Mixed_6a"))
        for name, width in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
            x = stage(name, self.c(x, name, width))
        x = stage("Mixed_7a", self.d(x, "Mixed_7a"))
        x = stage("Mixed_7b", self.e(x, "Mixed_7b", self.mean))
        x = stage("Mixed_7c", self.e(x, "Mixed_7c", lambda y: F.max_pool2d(y, 3, stride=1, padding=1)))
        features = x.mean((2, 3))
        if "fc.weight" not in self.state:
            classes = max(1, 1008 // self.divisor)
            weight = self.draw(golden.normals, classes * features.shape[1])
            weight = weight * np.sqrt(np.float32(1) / np.float32(features.shape[1]))
            self.state["fc.weight"] = torch.from_numpy(weight.reshape(classes, -1))
            self.state["fc.bias"] = torch.from_numpy(self.draw(golden.uniforms, classes))
        unbiased = F.linear(features, self.state["fc.weight"])
        return features, unbiased, unbiased + self.state["fc.bias"]


def pytorch_fid(pictures):
    """[N, H, W, 3] in uint8 to [N, 3, 299, 299], as pytorch-fid does."""
    x = torch.from_numpy(pictures.transpose(0, 3, 1, 2).astype(np.float32)) / 255
    return 2 * F.interpolate(x, size=(299, 299), mode="bilinear", align_corners=False) - 1


def torch_fidelity(pictures):
    """The same as TensorFlow 1 and torch-fidelity do: the source of a target pixel is d * in / out."""
    def axis(x, dimension):
        length = x.shape[dimension]
        place = np.arange(299, dtype=np.float32) * (np.float32(length) / np.float32(299))
        first = place.astype(np.int64)
        second = np.minimum(first + 1, length - 1)
        share = (place - first.astype(np.float32)).reshape([-1 if i == dimension else 1 for i in range(4)])
        return np.take(x, first, dimension) * (1 - share) + np.take(x, second, dimension) * share

    x = axis(axis(pictures.astype(np.float32), 2), 1)
    return torch.from_numpy(((x - 128) / 128).transpose(0, 3, 1, 2).copy())


def sampled(tensor):
    """[N, C, H, W] at evenly spaced elements of [N, H, W, C]."""
    flat = tensor.permute(0, 2, 3, 1).flatten()
    return flat[:: -(-flat.numel() // SAMPLES)].clone()


def main():
    values = golden.uniforms(SEED_PICTURES, 0, 2 * 256 * 256 * 3).reshape(2, 256, 256, 3)
    pictures = (values * 256).astype(np.uint8)
    network, tensors = Network(16), {}
    with torch.no_grad():
        for name, resize in (("pytorch-fid", pytorch_fid), ("torch-fidelity", torch_fidelity)):
            x = resize(pictures)
            features, unbiased, logits = network(x)
            tensors.update({f"{name}.input": sampled(x), f"{name}.features": features,
                            f"{name}.unbiased": unbiased, f"{name}.logits": logits})
            tensors.update({f"{name}.map.{stage}": sampled(y) for stage, y in network.stages})
    path = pathlib.Path(__file__).parent.parent / "NetworksTests" / "Fixtures" / "inception.safetensors"
    golden.write(path, tensors, {"torch": torch.__version__, "script": "Tests/Reference/inception_golden.py"})
    print(path, path.stat().st_size, "bytes")


def full(path, folder):
    pictures = np.load(f"{folder}/pictures.npy")
    network = Network(1)
    with torch.no_grad():
        made = [network(pytorch_fid(pictures[i:i + 8])) for i in range(0, len(pictures), 8)]
    torch.save(network.state, path)
    np.save(f"{folder}/features.npy", torch.cat([m[0] for m in made]).numpy())
    np.save(f"{folder}/logits.npy", torch.cat([m[1] for m in made]).numpy())


if __name__ == "__main__":
    if "--full" in sys.argv:
        full(*sys.argv[sys.argv.index("--full") + 1:])
    else:
        main()
