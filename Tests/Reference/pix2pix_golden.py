"""Writes Tests/NetworksTests/Fixtures: a small pix2pix training in PyTorch, and the names of the full networks.

Run once with any PyTorch 2 on a CPU: `python3 Tests/Reference/pix2pix_golden.py`. A generator of 6 levels
and a PatchGAN, both of base width 2, on two pairs of 64 x 64 pixels: the generated pictures and every
gradient of the first step, the losses of 10 steps, and the smaller
parameters and running statistics after them. Weights, pictures
and dropout factors come from the same counter-based random numbers as in Swift (Philox4x32-10).
"""
import json
import math
import pathlib
import struct

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

BASE, DEPTH, SIZE, BATCH, STEPS, TOTAL = 2, 6, 64, 2, 10, 10
SEED_G, SEED_D, SEED_TRAINING, SEED_PICTURES = 11, 12, 13, 14


def philox(seed, stream, blocks):
    """Blocks 0..<blocks of Philox4x32-10, four 32-bit numbers each."""
    mask = np.uint64(0xFFFFFFFF)
    index = np.arange(blocks, dtype=np.uint64)
    c = [index & mask, index >> np.uint64(32), np.full(blocks, stream & 0xFFFFFFFF, np.uint64),
         np.full(blocks, stream >> 32, np.uint64)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        a, b = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(b >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), b & mask,
             (a >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), a & mask]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack(c, 1)


def normals(seed, stream, count):
    bits = philox(seed, stream, (count + 1) // 2).reshape(-1, 2).astype(np.float64)
    radius = np.sqrt(-2 * np.log((bits[:, 0] + 0.5) / 2 ** 32))
    return (radius * np.cos(2 * math.pi * bits[:, 1] / 2 ** 32)).astype(np.float32)[:count]


def uniforms(seed, stream, count):
    bits = philox(seed, stream, (count + 3) // 4).reshape(-1)[:count]
    return (bits >> np.uint64(8)).astype(np.float32) * np.float32(2 ** -24)


class Dropout(nn.Module):
    """Dropout 0.5 whose factors are those of the Swift code: sequences by sample, elements in H, W, C."""

    def __init__(self, level):
        super().__init__()
        self.level, self.step = level, 0

    def forward(self, x):
        n, c, h, w = x.shape
        factors = []
        for sample in range(n):
            bits = philox(SEED_TRAINING, self.step << 20 | sample << 4 | self.level, (c * h * w + 3) // 4)
            keep = (bits.reshape(-1)[:c * h * w] >> np.uint64(31)) == 0
            factors.append(torch.from_numpy(keep.reshape(h, w, c).astype(np.float32) * 2).permute(2, 0, 1))
        return x * torch.stack(factors)


class Level(nn.Module):
    """One level of the U-Net; attribute names give the reference's state keys."""

    def __init__(self, level):
        super().__init__()
        width = lambda i: 3 if i == 0 else BASE * min(2 ** (i - 1), 8)
        outer, inner = width(level - 1), width(level)
        down = nn.Conv2d(outer, inner, 4, 2, 1, bias=False)
        up = nn.ConvTranspose2d(inner if level == DEPTH else 2 * inner, 3 if level == 1 else outer, 4, 2, 1,
                                bias=level == 1)
        self.outermost = level == 1
        if level == 1:
            modules = [down, Level(2), nn.ReLU(), up, nn.Tanh()]
        elif level == DEPTH:
            modules = [nn.LeakyReLU(0.2), down, nn.ReLU(), up, nn.BatchNorm2d(outer)]
        else:
            modules = [nn.LeakyReLU(0.2), down, nn.BatchNorm2d(inner), Level(level + 1), nn.ReLU(), up,
                       nn.BatchNorm2d(outer)] + ([Dropout(level)] if level >= 5 else [])
        self.model = nn.Sequential(*modules)

    def forward(self, x):
        return self.model(x) if self.outermost else torch.cat([x, self.model(x)], 1)


class Named(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x)


def discriminator():
    modules, width = [nn.Conv2d(6, BASE, 4, 2, 1), nn.LeakyReLU(0.2)], BASE
    for stride, factor in ((2, 2), (2, 4), (1, 8)):
        modules += [nn.Conv2d(width, BASE * factor, 4, stride, 1, bias=False), nn.BatchNorm2d(BASE * factor),
                    nn.LeakyReLU(0.2)]
        width = BASE * factor
    return Named(nn.Sequential(*modules, nn.Conv2d(width, 1, 4, 1, 1)))


def initialise(network, seed):
    """The Swift draws: one stream a convolution or normalisation in stored order, taps first."""
    parts = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d))]
    for stream, part in enumerate(parts):
        shape = part.weight.shape
        draws = torch.from_numpy(normals(seed, stream, part.weight.numel()) * np.float32(0.02))
        with torch.no_grad():
            if isinstance(part, nn.BatchNorm2d):
                part.weight.copy_(1 + draws)
            else:
                part.weight.copy_(draws.reshape(shape[2], shape[3], shape[1], shape[0]).permute(3, 2, 0, 1))
            if part.bias is not None:
                part.bias.zero_()


def rate_factor(step):
    constant, decaying = TOTAL - TOTAL // 2, TOTAL // 2
    return max(0.0, 1 - max(0, step - constant + 1) / (decaying + 1))


def picture(stream):
    values = uniforms(SEED_PICTURES, stream, BATCH * SIZE * SIZE * 3).reshape(BATCH, SIZE, SIZE, 3)
    return torch.from_numpy(values * 2 - 1).permute(0, 3, 1, 2).contiguous()


def write(path, tensors, metadata):
    header, body = {"__metadata__": metadata}, b""
    for name, tensor in tensors.items():
        kind = "I64" if tensor.dtype == torch.int64 else "F32"
        data = tensor.detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def full_size_keys():
    """Names and shapes of the states of unet_256 and the basic discriminator at width 64, in stored order."""
    global BASE, DEPTH
    small = BASE, DEPTH
    BASE, DEPTH = 64, 8
    networks = (("generator", Named(Level(1))), ("discriminator", discriminator()))
    BASE, DEPTH = small
    return "".join(f"{name} {key} {'x'.join(map(str, value.shape))}\n"
                   for name, network in networks for key, value in network.state_dict().items())


def main():
    torch.set_num_threads(1)
    g, d = Named(Level(1)), discriminator()
    initialise(g, SEED_G)
    initialise(d, SEED_D)
    optimiser_g = torch.optim.Adam(g.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimiser_d = torch.optim.Adam(d.parameters(), lr=2e-4, betas=(0.5, 0.999))
    a, b = picture(0), picture(1)
    tensors, losses = {}, []
    for step in range(STEPS):
        for part in g.modules():
            if isinstance(part, Dropout):
                part.step = step
        for optimiser in (optimiser_g, optimiser_d):
            optimiser.param_groups[0]["lr"] = 2e-4 * rate_factor(step)
        fake = g(a)
        d.requires_grad_(True)
        optimiser_d.zero_grad()
        prediction = d(torch.cat([a, fake.detach()], 1))
        loss_fake = F.binary_cross_entropy_with_logits(prediction, torch.zeros_like(prediction))
        prediction = d(torch.cat([a, b], 1))
        loss_real = F.binary_cross_entropy_with_logits(prediction, torch.ones_like(prediction))
        ((loss_fake + loss_real) * 0.5).backward()
        if step == 0:
            tensors["output"] = fake.permute(0, 2, 3, 1)[:, ::2, ::2]
            tensors.update({"gradient.discriminator." + k: p.grad.clone() for k, p in d.named_parameters()})
        optimiser_d.step()
        d.requires_grad_(False)
        optimiser_g.zero_grad()
        prediction = d(torch.cat([a, fake], 1))
        loss_gan = F.binary_cross_entropy_with_logits(prediction, torch.ones_like(prediction))
        loss_l1 = F.l1_loss(fake, b)
        (loss_gan + 100 * loss_l1).backward()
        if step == 0:
            tensors.update({"gradient.generator." + k: p.grad.clone() for k, p in g.named_parameters()})
        optimiser_g.step()
        losses.append([loss_gan.item(), loss_l1.item(), loss_real.item(), loss_fake.item()])
    tensors["losses"] = torch.tensor(losses)
    for name, network in (("generator", g), ("discriminator", d)):
        tensors.update({f"after.{name}." + k: v for k, v in network.state_dict().items()
                        if v.numel() <= 2048})
    folder = pathlib.Path(__file__).parent.parent / "NetworksTests" / "Fixtures"
    path = folder / "pix2pix.safetensors"
    write(path, tensors, {"torch": torch.__version__, "script": "Tests/Reference/pix2pix_golden.py"})
    keys = folder / "pix2pix-keys.txt"
    keys.write_text(full_size_keys())
    print(path, path.stat().st_size, "bytes; losses", losses[0], "to", losses[-1])


if __name__ == "__main__":
    main()
