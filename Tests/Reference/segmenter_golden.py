"""Writes Tests/NetworksTests/Fixtures/segmenter.safetensors: a small training of a segmentation U-Net in PyTorch.

Run once with any PyTorch 2 on a CPU: `python3 Tests/Reference/segmenter_golden.py`. A network of 2 halvings,
8 base channels and 5 classes on two pictures of 32 x 32 pixels, a sixth of whose pixels have no label: logits,
loss and every gradient of the first step, the loss and the gradient of the logits with class weights, the losses
of 5 steps of Adam, the smaller parameters and the running statistics after them, and the logits that the network
then predicts. Weights, pictures and labels come from the same random numbers as in Swift (Philox4x32-10).
Also segmenter-earlier.pth, a network of 1 halving as the public code saved it before its convolutions lost their
offsets, with the entry `mask_values` that it adds, and segmenter-earlier.safetensors with what it predicts.
"""
import pathlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from pix2pix_golden import normals, uniforms, write

BASE, DEPTH, CLASSES, SIZE, BATCH, STEPS, TOTAL = 8, 2, 5, 32, 2, 5, 8
SEED, SEED_PICTURES = 21, 22
IGNORED = 255


class DoubleConv(nn.Module):
    def __init__(self, inputs, outputs, bias):
        super().__init__()
        parts = []
        for channels in (inputs, outputs):
            parts += [nn.Conv2d(channels, outputs, 3, padding=1, bias=bias), nn.BatchNorm2d(outputs), nn.ReLU()]
        self.double_conv = nn.Sequential(*parts)

    def forward(self, x):
        return self.double_conv(x)


class Down(nn.Module):
    def __init__(self, channels, bias):
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(channels, 2 * channels, bias))

    def forward(self, x):
        return self.maxpool_conv(x)


class Up(nn.Module):
    def __init__(self, channels, bias):
        super().__init__()
        self.up = nn.ConvTranspose2d(2 * channels, channels, 2, stride=2)
        self.conv = DoubleConv(2 * channels, channels, bias)

    def forward(self, inner, skip):
        return self.conv(torch.cat([skip, self.up(inner)], 1))


class OutConv(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.conv = nn.Conv2d(channels, classes, 1)

    def forward(self, x):
        return self.conv(x)


class UNet(nn.Module):
    """Attribute names give the state keys of the public code (milesial/Pytorch-UNet, bilinear=False)."""

    def __init__(self, base, depth, classes, bias=False):
        super().__init__()
        self.depth = depth
        self.inc = DoubleConv(3, base, bias)
        for level in range(1, depth + 1):
            setattr(self, f"down{level}", Down(base << (level - 1), bias))
        for index in range(1, depth + 1):
            setattr(self, f"up{index}", Up(base << (depth - index), bias))
        self.outc = OutConv(base, classes)

    def forward(self, x):
        maps = [self.inc(x)]
        for level in range(1, self.depth + 1):
            maps.append(getattr(self, f"down{level}")(maps[-1]))
        x = maps.pop()
        for index in range(1, self.depth + 1):
            x = getattr(self, f"up{index}")(x, maps.pop())
        return self.outc(x)


def initialise(network, seed):
    """The Swift draws: one stream a convolution or normalisation in stored order, taps first."""
    parts = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d))]
    for stream, part in enumerate(parts):
        if isinstance(part, nn.BatchNorm2d):
            continue
        shape = part.weight.shape
        inputs = shape[0] if isinstance(part, nn.ConvTranspose2d) else shape[1] * shape[2] * shape[3]
        deviation = np.sqrt(np.float32(2) / np.float32(inputs))
        draws = torch.from_numpy(normals(seed, stream, part.weight.numel()) * deviation)
        with torch.no_grad():
            part.weight.copy_(draws.reshape(shape[2], shape[3], shape[1], shape[0]).permute(3, 2, 0, 1))
            if part.bias is not None:
                part.bias.zero_()


def rate_factor(step):
    constant, decaying = TOTAL - TOTAL // 2, TOTAL // 2
    return max(0.0, 1 - max(0, step - constant + 1) / (decaying + 1))


def pictures(stream, size=SIZE):
    values = uniforms(SEED_PICTURES, stream, BATCH * size * size * 3).reshape(BATCH, size, size, 3)
    return torch.from_numpy(values * 2 - 1).permute(0, 3, 1, 2).contiguous()


def labels(stream):
    drawn = (uniforms(SEED_PICTURES, stream, BATCH * SIZE * SIZE) * np.float32(CLASSES + 1)).astype(np.int64)
    drawn[drawn == CLASSES] = IGNORED
    return torch.from_numpy(drawn.reshape(BATCH, SIZE, SIZE))


def last(logits):
    return logits.permute(0, 2, 3, 1)


def training(folder):
    network = UNet(BASE, DEPTH, CLASSES)
    initialise(network, SEED)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    x, y = pictures(0), labels(1)
    weights = torch.tensor([0.5, 1, 2, 0.25, 3])
    tensors, losses = {}, []
    for step in range(STEPS):
        optimiser.param_groups[0]["lr"] = 1e-3 * rate_factor(step)
        optimiser.zero_grad()
        logits = network(x)
        loss = F.cross_entropy(logits, y, ignore_index=IGNORED)
        if step == 0:
            weighted = F.cross_entropy(logits, y, weight=weights, ignore_index=IGNORED)
            slope, = torch.autograd.grad(weighted, logits, retain_graph=True)
            tensors["logits"] = last(logits)[:, ::2, ::2]
            tensors["weighted.loss"] = weighted.reshape(1)
            tensors["weighted.gradient"] = last(slope)[:, ::2, ::2]
        loss.backward()
        if step == 0:
            tensors.update({"gradient." + k: p.grad.clone() for k, p in network.named_parameters()})
        optimiser.step()
        losses.append(loss.item())
    tensors["losses"] = torch.tensor(losses)
    tensors.update({"after." + k: v for k, v in network.state_dict().items() if v.numel() <= 1024})
    network.eval()
    with torch.no_grad():
        tensors["predicted"] = last(network(x))[:, ::2, ::2]
    path = folder / "segmenter.safetensors"
    write(path, tensors, {"torch": torch.__version__, "script": "Tests/Reference/segmenter_golden.py"})
    print(path, path.stat().st_size, "bytes; losses", losses)


def earlier(folder):
    torch.manual_seed(23)
    network = UNet(2, 1, 3, bias=True)
    for _ in range(3):
        network(pictures(2, 16))
    network.eval()
    state = network.state_dict()
    state["mask_values"] = [0, 1, 2]
    torch.save(state, folder / "segmenter-earlier.pth")
    with torch.no_grad():
        predicted = last(network(pictures(3, 16)))
    write(folder / "segmenter-earlier.safetensors", {"predicted": predicted},
          {"torch": torch.__version__, "script": "Tests/Reference/segmenter_golden.py"})


def main():
    torch.set_num_threads(1)
    folder = pathlib.Path(__file__).parent.parent / "NetworksTests" / "Fixtures"
    training(folder)
    earlier(folder)


if __name__ == "__main__":
    main()
