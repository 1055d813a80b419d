"""A workload whose answers are measured on a device: a fake one, which lies in a folder that workloads share."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from targets.workloads.contract import Ask, Infer, Measured, Payload, Phase, Wheel
from targets.workloads.toy_parts.device import Device

OPERATIONS = (1, 7, 1000)


class ToyDevice:
    """Has a device do some operations."""

    name = "toy-device"
    summary = "A toy: has a fake device do operations, and tells the device's own time of them"
    requirements: tuple[str, ...] = ()
    models: tuple[Wheel, ...] = ()
    model_files: tuple[str, ...] = ()

    def load(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """Open the device."""
        with phase("device_context"):
            device = Device()

        def infer(request: dict[str, Any]) -> Measured:
            before_ns = device.clock_ns
            done = device.run(request["operations"])
            return Measured(done, gpu_ns=device.clock_ns - before_ns)

        return infer

    def load_edge(self, phase: Phase, model_dir: Path | None, threads: int, core: Ask) -> Infer:
        """Has no device: of nothing it answers itself, and asks nobody."""
        return lambda request: core(request) if request["operations"] else 0

    def load_core(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """The device's part."""
        return self.load(phase, model_dir, threads)

    def payloads(self) -> Sequence[Payload]:
        """Few operations and many."""
        return [Payload(f"x{count}", json.dumps({"operations": count}).encode()) for count in OPERATIONS]

    def check(self, payload: Payload, answer: Any, own_model: bool) -> str | None:
        """None when the device did them all."""
        asked = json.loads(payload.body)["operations"]
        return None if type(answer) is int and answer == asked else f"asked for {asked}, answer is {type(answer)}"


WORKLOAD = ToyDevice()
