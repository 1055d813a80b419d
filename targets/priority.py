"""Real-time priority for what must be punctual while models use every core: the load generator and the Lambda front."""

import os

REAL_TIME = "real-time"
NORMAL = "normal"


def be_punctual() -> str:
    """Ask for SCHED_FIFO for the calling thread, not its children; "real-time", or "normal" where refused."""
    if not hasattr(os, "sched_setscheduler"):
        return NORMAL
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except OSError:
        return NORMAL
    return REAL_TIME
