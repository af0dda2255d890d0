"""Writes Tests/NetworksTests/Fixtures/pix2pix-wide.safetensors: one step of pix2pix in PyTorch at the width of the
preset `small`, on a pair of 256 x 256 pixels, where most layers are computed by Winograd's algorithm.

Run once with any PyTorch 2 on a CPU: `python3 Tests/Reference/pix2pix_wide_golden.py`. The picture is taken at every
fourth pixel and every gradient at evenly spaced elements, so that the file stays small; weights, pictures and
dropout factors come from counter-based random numbers as in pix2pix_golden.py.
"""
import pathlib

import pix2pix_golden as golden
import torch
from torch.nn import functional as F

golden.BASE, golden.DEPTH, golden.SIZE, golden.BATCH = 16, 8, 256, 1
SAMPLES = 400


def sampled(tensor):
    flat = tensor.detach().flatten()
    return flat[:: max(1, -(-flat.numel() // SAMPLES))].clone()


def main():
    torch.set_num_threads(1)
    g, d = golden.Named(golden.Level(1)), golden.discriminator()
    golden.initialise(g, golden.SEED_G)
    golden.initialise(d, golden.SEED_D)
    a, b = golden.picture(0), golden.picture(1)
    fake = g(a)
    prediction = d(torch.cat([a, fake], 1))
    loss = F.binary_cross_entropy_with_logits(prediction, torch.ones_like(prediction)) + 100 * F.l1_loss(fake, b)
    loss.backward()
    tensors = {"output": fake.permute(0, 2, 3, 1)[:, ::4, ::4], "logits": prediction.permute(0, 2, 3, 1)}
    for name, network in (("generator", g), ("discriminator", d)):
        tensors.update({f"gradient.{name}.{k}": sampled(p.grad) for k, p in network.named_parameters()})
    # With fixed statistics, those that the pass above left, and without dropout.
    g.eval()
    for part in g.modules():
        if isinstance(part, golden.Dropout):
            part.forward = lambda x: x
    with torch.no_grad():
        tensors["fixed"] = g(a).permute(0, 2, 3, 1)[:, ::4, ::4]
    path = pathlib.Path(__file__).parent.parent / "NetworksTests" / "Fixtures" / "pix2pix-wide.safetensors"
    golden.write(path, tensors, {"torch": torch.__version__, "script": "Tests/Reference/pix2pix_wide_golden.py"})
    print(path, path.stat().st_size, "bytes; loss", loss.item())


if __name__ == "__main__":
    main()
