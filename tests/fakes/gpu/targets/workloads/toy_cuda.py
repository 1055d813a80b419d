"""A workload that runs where it is told to, by a torch that is not one: what a real one with a GPU does, in small."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from targets.serving.accelerator import open_device
from targets.workloads.contract import Infer, Measured, Payload, Phase, Wheel

COUNTS = (1, 7, 1000)


class ToyCuda:
    """Doubles numbers."""

    name = "toy-cuda"
    summary = "A toy: doubles numbers on a GPU where it is given one, by a fake torch"
    requirements: tuple[str, ...] = ()
    models: tuple[Wheel, ...] = ()
    model_files: tuple[str, ...] = ()

    def load(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """The phases of a start with a GPU."""
        with phase("imports"):
            import torch
        device = open_device(torch, phase)
        with phase("weights"):
            model = torch.Doubling([2.0])
        model = device.place(model)

        def infer(request: dict[str, Any]) -> Measured:
            watch = device.stopwatch()
            with watch:
                doubled = model(torch.Tensor([1.0] * request["count"]).to(device.name))
            return Measured(sum(doubled.tolist()), gpu_ns=watch.gpu_ns)

        return infer

    def payloads(self) -> Sequence[Payload]:
        """Few numbers and many."""
        return [Payload(f"x{count}", json.dumps({"count": count}).encode()) for count in COUNTS]

    def check(self, payload: Payload, answer: Any, own_model: bool) -> str | None:
        """None when every number was doubled."""
        asked = json.loads(payload.body)["count"]
        return None if type(answer) is float and answer == 2 * asked else f"asked for {asked}, answer is {type(answer)}"


WORKLOAD = ToyCuda()
