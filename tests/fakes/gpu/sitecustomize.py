"""The bench's processes find the GPUs' device files in the folder FAKE_DEVICES, and not in /dev."""

import os
from pathlib import Path

if "FAKE_DEVICES" in os.environ:
    from targets.local import gpus

    gpus.DEVICES = Path(os.environ["FAKE_DEVICES"])
