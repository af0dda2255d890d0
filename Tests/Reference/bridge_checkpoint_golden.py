#!/usr/bin/env python3
"""Makes Tests/NetworksTests/Fixtures/bridge-*: checkpoints of small diffusion U-Nets and what PyTorch predicts.

Needs PyTorch and NumPy on a CPU; not run by the build:

    python3 Tests/Reference/bridge_checkpoint_golden.py

`bridge-latest.pt` is laid out like the public I2SB code's latest.pt: the network under a prefix, its running
average as a list, the optimiser after a step. `bridge-adm.pt` is a bare state dictionary whose network also
predicts a variance, like the public ADM files. `bridge-output.safetensors` holds the predictions.
"""
import pathlib

import torch

import diffusion_golden
import pix2pix_golden as golden

FOLDER = pathlib.Path(__file__).parent.parent / "NetworksTests" / "Fixtures"
FORM = dict(base=2, mult=(1, 2), blocks=1, attention=(2,), head=2, groups=1, scale_shift=True, updown=True,
            conditional=True)


def predict(network, inputs):
    with torch.no_grad():
        output = network(inputs, torch.tensor(diffusion_golden.LEVELS))
    return output.permute(0, 2, 3, 1).contiguous()


def main():
    torch.set_num_threads(1)
    x, condition = diffusion_golden.picture(0), diffusion_golden.picture(1)
    joined = torch.cat([x, condition], 1)
    outputs = {}

    network = diffusion_golden.Diffusion(FORM)
    diffusion_golden.initialise(network, 41)
    # Over two parameters only: what the optimiser keeps is not read, and would double the file.
    optimizer = torch.optim.AdamW(list(network.parameters())[4:6], lr=0.5)
    shadow = [value.detach().clone() for value in network.parameters()]
    network(joined, torch.tensor(diffusion_golden.LEVELS)).square().mean().backward()
    optimizer.step()
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1000, 0.99)
    torch.save({
        "net": {f"diffusion_model.{key}": value for key, value in network.state_dict().items()},
        "ema": {"decay": 0.99, "num_updates": 1, "shadow_params": shadow, "collected_params": None},
        "optimizer": optimizer.state_dict(),
        "sched": scheduler.state_dict(),
    }, FOLDER / "bridge-latest.pt")
    outputs["latest.network"] = predict(network, joined)
    for value, average in zip(network.parameters(), shadow):
        value.data.copy_(average)
    outputs["latest.average"] = predict(network, joined)

    network = diffusion_golden.Diffusion({**FORM, "conditional": False})
    diffusion_golden.initialise(network, 42)
    outputs["adm"] = predict(network, x)
    state = network.state_dict()
    for key in ("out.2.weight", "out.2.bias"):
        state[key] = torch.cat([state[key], torch.full_like(state[key], 7)])
    torch.save(state, FOLDER / "bridge-adm.pt")
    golden.write(FOLDER / "bridge-output.safetensors", outputs, {
        "torch": torch.__version__, "script": "Tests/Reference/bridge_checkpoint_golden.py"})
    for path in sorted(FOLDER.glob("bridge-*")):
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
