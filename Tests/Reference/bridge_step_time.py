#!/usr/bin/env python3
"""Seconds of one training step of the bridge that restain-bench measures, in PyTorch.

    python3 Tests/Reference/bridge_step_time.py [--threads 2] [--batch 1] [--steps 3]
    restain-bench training --architecture bridge --channels 64 --batch 1 --threads 2

Base 64, multipliers 1, 2, 4, two residual blocks, attention in the middle, 256 x 256 pixels, AdamW and a running
average of the weights.
"""
import argparse
import json
import resource
import statistics
import time

import torch

import diffusion_golden as diffusion


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--channels-last", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    network = diffusion.Diffusion(dict(
        base=64, mult=(1, 2, 4), blocks=2, attention=(), head=64, groups=32, scale_shift=True, updown=True,
        conditional=False))
    x, target = (torch.rand(options.batch, 3, 256, 256) * 2 - 1 for _ in range(2))
    if options.channels_last:
        network = network.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    average = [p.detach().clone() for p in network.parameters()]
    optimiser = torch.optim.AdamW(network.parameters(), lr=5e-5, weight_decay=0)
    levels = torch.full((options.batch,), 500.0)

    def step():
        optimiser.zero_grad()
        ((network(x, levels) - target) ** 2).mean().backward()
        optimiser.step()
        with torch.no_grad():
            for a, p in zip(average, network.parameters()):
                a.lerp_(p, 0.01)

    step()
    seconds, used = [], time.process_time()
    for _ in range(options.steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    print(json.dumps({
        "seconds_per_step": statistics.median(seconds), "cpu_seconds": (time.process_time() - used) / options.steps,
        "parameters": sum(p.numel() for p in network.parameters()), "torch": torch.__version__,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


if __name__ == "__main__":
    main()
