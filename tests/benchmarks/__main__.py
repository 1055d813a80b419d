"""Every benchmark, one after the other, whatever came of those before: `python -m tests.benchmarks`.

Ends with the worst code: 1 when a bound does not hold, else 4 when the machine was too busy for one, else 0.
"""

import subprocess
import sys

from tests.benchmarks.calm import worst

BENCHMARKS = (
    "load_path",
    "servers",
    "lambda_front",
    "memory",
    "scale",
    "capacity",
    "forecast",
    "traces",
    "coverage",
    "signer",
)


def main() -> int:
    """Run them all, each in a process of its own."""
    codes = {}
    for name in BENCHMARKS:
        print(f"\n=== {name}", flush=True)
        codes[name] = subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}"]).returncode
    print("\n" + "\n".join(f"{name}: ended with {code}" for name, code in codes.items()))
    return worst(list(codes.values()))


if __name__ == "__main__":
    sys.exit(main())
