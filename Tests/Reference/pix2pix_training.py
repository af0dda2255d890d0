"""Trains pix2pix in PyTorch by restain's recipe on restain's tiles, for comparison with `restain train pix2pix`.

`python3 Tests/Reference/pix2pix_training.py DATASET [--steps N] [--seeds 1 2 3 4 5] [--threads T] [--restain BINARY]`
with a data set that `restain tiles` made. The U-Net of 8 levels and the PatchGAN of the public code, base
width 16, batch 1, Adam, dropout, a constant then linearly falling rate; the eight symmetries of the square instead of
resizing and cropping; then the normalisation averaged over training tiles, fixed, and dropout off. One JSON line a
seed and one with mean and spread. With `--restain`, each seed is trained by that program too.
"""
import argparse
import json
import pathlib
import random
import statistics
import subprocess
import tempfile

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F


class Level(nn.Module):
    """One level of the U-Net, the outermost being 1."""

    def __init__(self, base, level, depth=8):
        super().__init__()
        width = lambda i: 3 if i == 0 else base * min(2 ** (i - 1), 8)
        outer, inner = width(level - 1), width(level)
        down = nn.Conv2d(outer, inner, 4, 2, 1, bias=False)
        up = nn.ConvTranspose2d(inner if level == depth else 2 * inner, outer, 4, 2, 1, bias=level == 1)
        self.outermost = level == 1
        if level == 1:
            modules = [down, Level(base, 2), nn.ReLU(), up, nn.Tanh()]
        elif level == depth:
            modules = [nn.LeakyReLU(0.2), down, nn.ReLU(), up, nn.BatchNorm2d(outer)]
        else:
            modules = [nn.LeakyReLU(0.2), down, nn.BatchNorm2d(inner), Level(base, level + 1), nn.ReLU(), up,
                       nn.BatchNorm2d(outer)] + ([nn.Dropout(0.5)] if level >= 5 else [])
        self.model = nn.Sequential(*modules)

    def forward(self, x):
        return self.model(x) if self.outermost else torch.cat([x, self.model(x)], 1)


def discriminator(base):
    modules, width = [nn.Conv2d(6, base, 4, 2, 1), nn.LeakyReLU(0.2)], base
    for stride, factor in ((2, 2), (2, 4), (1, 8)):
        modules += [nn.Conv2d(width, base * factor, 4, stride, 1, bias=False), nn.BatchNorm2d(base * factor),
                    nn.LeakyReLU(0.2)]
        width = base * factor
    return nn.Sequential(*modules, nn.Conv2d(width, 1, 4, 1, 1))


def initialise(part):
    if isinstance(part, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(part.weight, 0, 0.02)
        if part.bias is not None:
            nn.init.zeros_(part.bias)
    elif isinstance(part, nn.BatchNorm2d):
        nn.init.normal_(part.weight, 1, 0.02)


def tiles(folder):
    for path in sorted(pathlib.Path(folder).glob("*.png")):
        pixels = np.asarray(Image.open(path).convert("RGB"))
        yield pixels[:, :pixels.shape[0]], pixels[:, pixels.shape[0]:]


def tensor(pixels):
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].float() / 127.5 - 1


def drawn(limit, items):
    return items if len(items) <= limit else [items[i * len(items) // limit] for i in range(limit)]


def validate(generator, train, validation):
    """PSNR in dB over all pixels of at most 200 validation tiles, as 8-bit pictures, and the L1."""
    norms = [m for m in generator.modules() if isinstance(m, nn.BatchNorm2d)]
    kept = {k: v.clone() for k, v in generator.state_dict().items()}
    generator.train()
    for part in generator.modules():
        if isinstance(part, nn.Dropout):
            part.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    squares, difference, count = 0.0, 0.0, 0
    with torch.no_grad():
        for a, _ in drawn(500, train):
            generator(tensor(a))
        generator.eval()
        for a, b in drawn(200, validation):
            output = generator(tensor(a))
            difference += (output - tensor(b)).abs().double().sum().item()
            levels = ((output[0].permute(1, 2, 0) + 1) * 127.5 + 0.5).clamp(0, 255).floor().numpy()
            squares += ((levels - b) ** 2).sum(dtype=np.float64)
            count += b.size
    for norm in norms:
        norm.momentum = 0.1
    generator.load_state_dict(kept)
    generator.train()
    return 10 * np.log10(255 ** 2 / (squares / count)), difference / count


def train(data, steps, seed, base, interval):
    torch.manual_seed(seed)
    order, turns = random.Random(seed), random.Random(seed + 1000)
    g, d = Level(base, 1), discriminator(base)
    g.apply(initialise)
    d.apply(initialise)
    optimiser_g = torch.optim.Adam(g.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimiser_d = torch.optim.Adam(d.parameters(), lr=2e-4, betas=(0.5, 0.999))
    pairs, queue, best, last = data["train"], [], None, None
    constant, decaying = steps - steps // 2, steps // 2
    for step in range(steps):
        rate = 2e-4 * max(0, 1 - max(0, step - constant + 1) / (decaying + 1))
        for optimiser in (optimiser_g, optimiser_d):
            optimiser.param_groups[0]["lr"] = rate
        if not queue:
            queue = list(range(len(pairs)))
            order.shuffle(queue)
        turn = turns.randrange(8)
        a, b = (tensor(np.rot90(x[:, ::-1] if turn & 4 else x, turn & 3)) for x in pairs[queue.pop()])
        fake = g(a)
        d.requires_grad_(True)
        optimiser_d.zero_grad()
        prediction = d(torch.cat([a, fake.detach()], 1))
        loss = F.binary_cross_entropy_with_logits(prediction, torch.zeros_like(prediction))
        prediction = d(torch.cat([a, b], 1))
        loss = (loss + F.binary_cross_entropy_with_logits(prediction, torch.ones_like(prediction))) * 0.5
        loss.backward()
        optimiser_d.step()
        d.requires_grad_(False)
        optimiser_g.zero_grad()
        prediction = d(torch.cat([a, fake], 1))
        loss = F.binary_cross_entropy_with_logits(prediction, torch.ones_like(prediction))
        (loss + 100 * F.l1_loss(fake, b)).backward()
        optimiser_g.step()
        if (step + 1) % interval == 0 or step + 1 == steps:
            last = validate(g, pairs, data["val"])
            if best is None or last[1] < best[1]:
                best = last
    return best, last


def train_with_restain(binary, dataset, steps, seed, base, interval, threads):
    with tempfile.TemporaryDirectory() as folder:
        output = subprocess.run(
            [binary, "train", "pix2pix", "--data", dataset, "-o", f"{folder}/m", "--base-channels", str(base),
             "--steps", str(steps), "--seed", str(seed), "--validate-every", str(interval), "--threads",
             str(threads), "--quiet"], check=True, capture_output=True, text=True)
        rows = [row.split(",") for row in open(f"{folder}/m.train.csv").read().split("\n")[1:] if row]
    figures = [(float(row[7]), float(row[6])) for row in rows if row[6]]
    return min(figures, key=lambda pair: pair[1]), figures[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--validate-every", type=int, default=500)
    parser.add_argument("--base-channels", type=int, default=16)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--restain")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    data = {split: list(tiles(f"{options.dataset}/{split}")) for split in ("train", "val")}
    figures = {"pytorch": [], "restain": []}
    for seed in options.seeds:
        for program, found in figures.items():
            if program == "restain" and not options.restain:
                continue
            best, last = (
                train(data, options.steps, seed, options.base_channels, options.validate_every)
                if program == "pytorch" else
                train_with_restain(options.restain, options.dataset, options.steps, seed, options.base_channels,
                                   options.validate_every, options.threads))
            found.append(best[0])
            print(json.dumps({"program": program, "seed": seed, "best_psnr": round(best[0], 3),
                              "best_l1": round(best[1], 5), "last_psnr": round(last[0], 3)}), flush=True)
    for program, found in figures.items():
        if found:
            print(json.dumps({"program": program, "steps": options.steps, "mean_psnr": round(statistics.mean(found), 3),
                              "spread": round(statistics.stdev(found), 3) if len(found) > 1 else None}))


if __name__ == "__main__":
    main()
