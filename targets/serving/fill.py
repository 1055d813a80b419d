"""Fills the server that a workload's units look things up in: `python -m targets.serving.fill`, once, before any unit.

The last line that it prints is what the workload tells of the content, as JSON.
"""

import json
import os
from pathlib import Path
from typing import Any

from targets import workload
from targets.serving.core import cpu_limit


def main() -> None:
    """As a unit does, with the workload's settings and model folder."""
    if leash := os.environ.get("FROSTLINE_LEASH_FD"):
        from targets.serving.leash import hold

        hold(int(leash))
    model: Any = workload(os.environ["FROSTLINE_WORKLOAD"], json.loads(os.environ.get("FROSTLINE_SETTINGS", "{}")))
    folder = os.environ.get("FROSTLINE_MODEL_DIR")
    print(json.dumps(model.fill(Path(folder) if folder else None, cpu_limit())), flush=True)


if __name__ == "__main__":
    main()
