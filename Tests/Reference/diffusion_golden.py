#!/usr/bin/env python3
"""Makes Tests/NetworksTests/Fixtures/diffusion.safetensors: outputs and all gradients of small diffusion U-Nets.

Needs PyTorch and NumPy on a CPU; not run by the build:

    python3 Tests/Reference/diffusion_golden.py

Two networks of the ADM family with random parameters (no zeros, so that every layer counts), on two pictures
of 16 x 16 pixels at two noise levels: one with scale and shift, residual resampling, attention at both sizes
and a condition; one without, with plain convolutions that resample. Parameters, pictures and targets come from the
same counter-based random numbers as in Swift.
"""
import math
import pathlib

import torch
from torch import nn
from torch.nn import functional as F

import pix2pix_golden as golden

FOLDER = pathlib.Path(__file__).parent.parent / "NetworksTests" / "Fixtures"
SEED_PICTURES = 31
LEVELS = [0.1, 37.25]
SIZE = 16


class Residual(nn.Module):
    def __init__(self, form, inputs, outputs, resampling=None):
        super().__init__()
        self.form, self.resampling = form, resampling
        groups, embedding = form["groups"], 4 * form["base"]
        self.in_layers = nn.Sequential(
            nn.GroupNorm(groups, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1))
        self.emb_layers = nn.Sequential(
            nn.SiLU(), nn.Linear(embedding, 2 * outputs if form["scale_shift"] else outputs))
        self.out_layers = nn.Sequential(
            nn.GroupNorm(groups, outputs), nn.SiLU(), nn.Identity(), nn.Conv2d(outputs, outputs, 3, padding=1))
        self.skip_connection = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def resample(self, x):
        if self.resampling == "down":
            return F.avg_pool2d(x, 2)
        return F.interpolate(x, scale_factor=2, mode="nearest") if self.resampling == "up" else x

    def forward(self, x, embedding):
        h = self.in_layers[2](self.resample(self.in_layers[1](self.in_layers[0](x))))
        e = self.emb_layers(embedding)[:, :, None, None]
        if self.form["scale_shift"]:
            scale, shift = e.chunk(2, 1)
            h = self.out_layers[0](h) * (1 + scale) + shift
        else:
            h = self.out_layers[0](h + e)
        return self.skip_connection(self.resample(x)) + self.out_layers[3](self.out_layers[1](h))


class Attention(nn.Module):
    def __init__(self, form, channels):
        super().__init__()
        self.heads = channels // form["head"]
        self.norm = nn.GroupNorm(form["groups"], channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)

    def forward(self, x, embedding):
        n, c, h, w = x.shape
        flat = x.reshape(n, c, h * w)
        qkv = self.qkv(self.norm(flat)).reshape(n * self.heads, 3 * c // self.heads, h * w)
        q, k, v = qkv.split(c // self.heads, 1)
        scale = (c // self.heads) ** -0.25
        weights = torch.softmax(torch.einsum("bct,bcs->bts", q * scale, k * scale), -1)
        a = torch.einsum("bts,bcs->bct", weights, v).reshape(n, c, h * w)
        return (flat + self.proj_out(a)).reshape(n, c, h, w)


class Down(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x, embedding):
        return self.op(x)


class Up(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x, embedding):
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))


class First(nn.Conv2d):
    def forward(self, x, embedding):
        return super().forward(x)


class Diffusion(nn.Module):
    def __init__(self, form):
        super().__init__()
        self.form = form
        base, channels = form["base"], form["base"] * form["mult"][0]
        self.time_embed = nn.Sequential(nn.Linear(base, 4 * base), nn.SiLU(), nn.Linear(4 * base, 4 * base))
        blocks = [[First(6 if form["conditional"] else 3, channels, 3, padding=1)]]
        skips = [channels]
        for level, factor in enumerate(form["mult"]):
            for _ in range(form["blocks"]):
                block = [Residual(form, channels, base * factor)]
                channels = base * factor
                if 2 ** level in form["attention"]:
                    block.append(Attention(form, channels))
                blocks.append(block)
                skips.append(channels)
            if level + 1 < len(form["mult"]):
                blocks.append([Residual(form, channels, channels, "down") if form["updown"] else Down(channels)])
                skips.append(channels)
        self.input_blocks = nn.ModuleList(nn.ModuleList(block) for block in blocks)
        self.middle_block = nn.ModuleList(
            [Residual(form, channels, channels), Attention(form, channels), Residual(form, channels, channels)])
        blocks = []
        for level, factor in reversed(list(enumerate(form["mult"]))):
            for index in range(form["blocks"] + 1):
                block = [Residual(form, channels + skips.pop(), base * factor)]
                channels = base * factor
                if 2 ** level in form["attention"]:
                    block.append(Attention(form, channels))
                if level > 0 and index == form["blocks"]:
                    block.append(Residual(form, channels, channels, "up") if form["updown"] else Up(channels))
                blocks.append(block)
        self.output_blocks = nn.ModuleList(nn.ModuleList(block) for block in blocks)
        self.out = nn.Sequential(
            nn.GroupNorm(form["groups"], channels), nn.SiLU(), nn.Conv2d(channels, 3, 3, padding=1))

    def forward(self, x, levels):
        half = self.form["base"] // 2
        frequencies = torch.exp(-math.log(10000) * torch.arange(half, dtype=torch.float32) / half)
        angles = levels[:, None] * frequencies[None]
        embedding = self.time_embed(torch.cat([angles.cos(), angles.sin()], 1))
        stack, h = [], x
        for block in self.input_blocks:
            for module in block:
                h = module(h, embedding)
            stack.append(h)
        for module in self.middle_block:
            h = module(h, embedding)
        for block in self.output_blocks:
            h = torch.cat([h, stack.pop()], 1)
            for module in block:
                h = module(h, embedding)
        return self.out(h)


FORMS = {
    "scaled": dict(base=6, mult=(1, 2), blocks=1, attention=(1, 2), head=6, groups=3, scale_shift=True,
                   updown=True, conditional=True, seed=32),
    "added": dict(base=4, mult=(1, 2), blocks=2, attention=(), head=4, groups=2, scale_shift=False,
                  updown=False, conditional=False, seed=33),
}


def initialise(network, seed):
    """One stream a tensor in stored order, elements in PyTorch's layout; factors of normalisations about 1."""
    for stream, (name, value) in enumerate(network.named_parameters()):
        draws = torch.from_numpy(golden.uniforms(seed, stream, value.numel()) * 2 - 1).reshape(value.shape)
        with torch.no_grad():
            if value.dim() == 1:
                is_factor = name.endswith("weight")
                value.copy_(draws * 0.25 + (1 if is_factor else 0))
            else:
                value.copy_(draws * (3 / value[0].numel()) ** 0.5)


def reference_keys():
    """Names and shapes of the unconditional network of the reference for 256 pixels, in stored order."""
    form = dict(base=256, mult=(1, 1, 2, 2, 4, 4), blocks=2, attention=(8, 16, 32), head=64, groups=32,
                scale_shift=True, updown=True, conditional=False)
    with torch.device("meta"):
        network = Diffusion(form)
    print("reference:", sum(p.numel() for p in network.parameters()), "parameters")
    return "".join(f"{key} {'x'.join(map(str, value.shape))}\n" for key, value in network.state_dict().items())


def picture(stream, channels=3):
    values = golden.uniforms(SEED_PICTURES, stream, 2 * SIZE * SIZE * channels).reshape(2, SIZE, SIZE, channels)
    return torch.from_numpy(values * 2 - 1).permute(0, 3, 1, 2).contiguous()


def main():
    torch.set_num_threads(1)
    tensors = {}
    for name, form in FORMS.items():
        single = Diffusion(form)
        initialise(single, form["seed"])
        network = Diffusion(form).double()
        network.load_state_dict(single.state_dict())
        x, condition, target = picture(0), picture(1), picture(2)
        joined = torch.cat([x, condition], 1) if form["conditional"] else x
        output = network(joined.double(), torch.tensor(LEVELS).double())
        loss = ((output - target.double()) ** 2).mean()
        loss.backward()
        tensors[f"{name}.output"] = output.detach().permute(0, 2, 3, 1).float().contiguous()
        for key, value in network.named_parameters():
            tensors[f"{name}.gradient.{key}"] = value.grad.float()
        print(name, sum(p.numel() for p in network.parameters()), "parameters, loss", loss.item(),
              "output spreads by", output.std().item(), "single precision is off by",
              (single(joined, torch.tensor(LEVELS)).double() - output).abs().max().item())
    golden.write(FOLDER / "diffusion.safetensors", tensors, {
        "torch": torch.__version__, "script": "Tests/Reference/diffusion_golden.py"})
    (FOLDER / "diffusion-keys.txt").write_text(reference_keys())
    print((FOLDER / "diffusion.safetensors").stat().st_size, "bytes")


if __name__ == "__main__":
    main()
