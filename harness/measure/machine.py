"""What machine a run was made on: hardware and kernel."""

import hashlib
import os
import platform

from harness.record.facts import MachineFacts
from targets.clock import clock_id
from targets.local.allowance import PROC, available_cpus, available_memory_bytes


def machine_facts() -> MachineFacts:
    """Hardware as far as this process may use it, and kernel.

    The host's name is hashed: it tells machines apart without naming them.
    """
    return {
        "cpu": _cpu_model(),
        "cpus": usable_cpus(),
        "memory_mb": available_memory_bytes() // 2**20,
        "architecture": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "host": hashlib.sha256(platform.node().encode()).hexdigest()[:12],
        "clock": clock_id(),
        "page_size": os.sysconf("SC_PAGE_SIZE"),
        "load_average": os.getloadavg()[0],
    }


def usable_cpus() -> float:
    """CPUs' worth of time that this process can have; an int where it is whole."""
    cpus = available_cpus()
    return int(cpus) if cpus.is_integer() else cpus


def _cpu_model() -> str:
    named = platform.processor() or platform.machine()
    try:
        lines = (PROC / "cpuinfo").read_text().splitlines()
    except OSError:
        return named
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), named)
