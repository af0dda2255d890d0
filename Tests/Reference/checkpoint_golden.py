#!/usr/bin/env python3
"""Makes Tests/NetworksTests/Fixtures/checkpoint-*: files of torch.save and what PyTorch reads from them.

Needs PyTorch and NumPy on a CPU; not run by the build:

    python3 Tests/Reference/checkpoint_golden.py

A U-Net of the public pix2pix layout with all eight levels and one base channel, random weights and running
statistics, is written as archive, in the legacy form and as safetensors, together with its outputs for one
tile; and a training checkpoint with everything that a dictionary may hold, in both forms of PyTorch.
"""
import collections
import pathlib
import struct

import numpy as np
import torch

import pix2pix_golden as golden

FOLDER = pathlib.Path(__file__).parent.parent / "NetworksTests" / "Fixtures"
SEED_NETWORK, SEED_PICTURE = 21, 22


def generator(base, depth):
    golden.BASE, golden.DEPTH = base, depth
    network = golden.Named(golden.Level(1))
    generator = torch.Generator().manual_seed(SEED_NETWORK)
    for name, value in network.state_dict().items():
        if name.endswith("running_var"):
            value.copy_(0.5 + torch.rand(value.shape, generator=generator))
        elif name.endswith("num_batches_tracked"):
            value.fill_(1000)
        elif value.dim() == 1:
            value.copy_(0.2 * torch.randn(value.shape, generator=generator) + ("weight" in name))
        else:
            # Wide enough that the output is not all grey.
            value.copy_(torch.randn(value.shape, generator=generator) * (1.4 / (value[0].numel() ** 0.5)))
    for part in network.modules():
        if isinstance(part, golden.Dropout):
            part.forward = lambda x: x
    return network


def picture():
    values = golden.uniforms(SEED_PICTURE, 0, 256 * 256 * 3).reshape(1, 256, 256, 3)
    return torch.from_numpy(values * 2 - 1).permute(0, 3, 1, 2).contiguous()


def slide():
    """Two tiles of 8-bit pixels side by side, the second with half of the contrast."""
    values = golden.uniforms(SEED_PICTURE, 1, 256 * 512 * 3).reshape(256, 512, 3)
    values[:, 256:] = values[:, 256:] / 2 + 0.25
    return np.floor(values * 256)


def save(value, stem):
    torch.save(value, FOLDER / f"{stem}.pth")
    torch.save(value, FOLDER / f"{stem}-legacy.pth", _use_new_zipfile_serialization=False)


def training_checkpoint():
    """The shape of a bridge's `latest.pt`, and every kind of tensor that PyTorch stores."""
    shared = torch.arange(24, dtype=torch.float32)
    grid = shared.reshape(4, 6)
    weight = torch.nn.Parameter(torch.tensor([[1.5, -2], [3, 4]]))
    network = torch.nn.Linear(2, 2)
    with torch.no_grad():
        network.weight.copy_(weight)
        network.bias.copy_(torch.tensor([0.25, -0.5]))
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-5, weight_decay=0.1)
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return {
        "net": network.state_dict(),
        "ema": {"decay": 0.99, "num_updates": 7, "shadow_params": [grid[1:3, 2:5], grid.t(), shared[5:5]],
                "collected_params": None},
        "optimizer": optimizer.state_dict(),
        "sched": None,
        "kinds": {
            "half": torch.tensor([0.0, -0.0, 1.0, -2.5, 65504, 6e-8, 6.1e-5, float("inf")], dtype=torch.float16),
            "bfloat": torch.tensor([1.0, -3.140625, 1e30], dtype=torch.bfloat16),
            "double": torch.tensor([0.1, -1e300 * 1e-290, 1 + 2.0 ** -24], dtype=torch.float64),
            "long": torch.tensor([2 ** 62, -5]), "int": torch.tensor([-7], dtype=torch.int32),
            "short": torch.tensor([[-300, 300]], dtype=torch.int16), "char": torch.tensor(-1, dtype=torch.int8),
            "byte": torch.tensor([0, 255], dtype=torch.uint8), "bool": torch.tensor([True, False]),
            "empty": torch.zeros(0, 3), "expanded": torch.tensor([2.0]).expand(3), "parameter": weight,
        },
        "step": 12, "big": 2 ** 40, "negative": -3, "flag": True, "name": "bridge é", "tuple": (1, "two", 3.5),
        "size": torch.Size([3, 4]), "device": torch.device("cuda:1"),
        3: collections.OrderedDict(a=[1, 2]),
    }


def main():
    torch.set_num_threads(1)
    network, tile = generator(1, 8), picture()
    state = network.state_dict()
    save(state, "checkpoint-unet")
    golden.write(FOLDER / "checkpoint-unet.safetensors", state, {"format": "pt"})
    outputs, tiles = {}, {}
    pixels = torch.from_numpy(slide()).float() / 127.5 - 1
    with torch.no_grad():
        # The other order would change the running statistics between them.
        for mode in ("running", "reference"):
            network.train(mode == "reference")
            outputs[mode] = network(tile).permute(0, 2, 3, 1)[0, ::4, ::4]
        # The running statistics of the file, not those that the pass before has moved.
        network.load_state_dict(torch.load(FOLDER / "checkpoint-unet.pth"))
        for mode in ("running", "reference"):
            network.train(mode == "reference")
            for index in range(2):
                part = pixels[:, index * 256:(index + 1) * 256].permute(2, 0, 1)[None].contiguous()
                tiles[f"{mode}.{index}"] = network(part).permute(0, 2, 3, 1)[0, 3::8, 5::8]
    golden.write(FOLDER / "checkpoint-output.safetensors", outputs, {
        "torch": torch.__version__, "script": "Tests/Reference/checkpoint_golden.py"})
    golden.write(FOLDER / "checkpoint-slide.safetensors", tiles, {
        "torch": torch.__version__, "script": "Tests/Reference/checkpoint_golden.py"})
    save(training_checkpoint(), "checkpoint-training")
    for name, output in outputs.items():
        print(name, "output spreads by", output.std().item(), "around", output.mean().item())
    for path in sorted(FOLDER.glob("checkpoint-*")):
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
