"""Our own tree beside those of plug-ins: an installation that is edited in place is found after everything else."""

import os
import sys
from pathlib import Path

ROOT = str(Path(__file__).parents[2])


def stand_beside_plug_ins() -> None:
    """Have our packages on the path, for this process and those that it starts.

    pip's hook for an editable installation comes after the path, on which a plug-in's `targets`, which is no whole
    package, would be found before it; on the path ours is found, and takes the plug-in's in.
    """
    if not os.environ.get("PYTHONPATH") or ROOT in sys.path:
        return
    sys.path.append(ROOT)
    os.environ["PYTHONPATH"] += os.pathsep + ROOT
