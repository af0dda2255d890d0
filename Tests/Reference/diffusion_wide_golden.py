#!/usr/bin/env python3
"""Makes Tests/NetworksTests/Fixtures/diffusion-wide.safetensors: output and gradients of a diffusion U-Net whose
convolutions have whole vectors of channels and so are computed by Winograd's algorithm.

Needs PyTorch and NumPy on a CPU; not run by the build:

    python3 Tests/Reference/diffusion_wide_golden.py

Double precision, as in diffusion_golden.py; the gradients are taken at evenly spaced elements.
"""
import torch

import diffusion_golden as diffusion
import pix2pix_golden as golden

FORM = dict(base=32, mult=(1, 2, 4), blocks=1, attention=(), head=64, groups=8, scale_shift=True, updown=True,
            conditional=True, seed=34)
SAMPLES = 150
diffusion.SIZE = 40


def main():
    torch.set_num_threads(1)
    single = diffusion.Diffusion(FORM)
    diffusion.initialise(single, FORM["seed"])
    network = diffusion.Diffusion(FORM).double()
    network.load_state_dict(single.state_dict())
    x, condition, target = (diffusion.picture(i) for i in range(3))
    levels = torch.tensor(diffusion.LEVELS)
    joined = torch.cat([x, condition], 1)
    output = network(joined.double(), levels.double())
    ((output - target.double()) ** 2).mean().backward()
    tensors = {"output": output.detach().permute(0, 2, 3, 1).float().contiguous()}
    for key, value in network.named_parameters():
        flat = value.grad.float().flatten()
        tensors[f"gradient.{key}"] = flat[:: max(1, -(-flat.numel() // SAMPLES))].clone()
    path = diffusion.FOLDER / "diffusion-wide.safetensors"
    golden.write(path, tensors, {"torch": torch.__version__, "script": "Tests/Reference/diffusion_wide_golden.py"})
    print(path.stat().st_size, "bytes; output spreads by", output.std().item(), "single precision is off by",
          (single(joined, levels).double() - output).abs().max().item())


if __name__ == "__main__":
    main()
