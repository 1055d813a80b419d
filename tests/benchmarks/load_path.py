"""The load path beside k6's constant-arrival-rate, judged by what a server saw, in alternating passes.

Run with `python -m tests.benchmarks.load_path`. Both generators get one core and the same priority, the server gets the
other core. Ends with 1 when a bound does not hold, with 4 when the machine was too busy to say.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.calm import settled, worst
from tests.certificates import make_certificate

PASSES = 5
SECONDS = 10
CUT_S = 1.0
LAG_BOUNDS_MS = {1000: 1.0, 4000: 2.0}
FASTEST, BESIDE = 10_000, 4000
"""So many a second, beside so many of k6's: the arrivals have to be closer to their grid all the same."""
TLS_RATE, TLS_LAG_BOUND_MS = 1000, 1.0
RATE_BOUND = 0.001
WINS = 4
STALL_RATE, STALL_S, STALL_BOUND = 1000, 1.0, 0.10
K6_SCRIPT = """
import http from 'k6/http';
export const options = { discardResponseBodies: true, scenarios: { load: {
  executor: 'constant-arrival-rate', rate: RATE, timeUnit: '1s', duration: 'SECONDSs',
  preAllocatedVUs: 200, maxVUs: 2000, gracefulStop: '5s' } } };
export default function () { http.get('http://127.0.0.1:PORT/'); }
"""


class Witness:
    """The stamping server on its own core; `stamps` after it is closed."""

    def __init__(self, stall_at: int = 0, stall_s: float = 0.0, certificate: Sequence[Path] = ()) -> None:
        command = [sys.executable, "-m", "tests.benchmarks.witness", str(stall_at), str(stall_s)]
        command += map(str, certificate)
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=lambda: placed(1)
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def close(self) -> np.ndarray:
        out, _ = self.process.communicate(b"")
        return np.frombuffer(out, dtype=np.float64)


def placed(core: int) -> None:
    """This core, and real-time priority where permitted: the same for both generators."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        print("note: real-time priority is refused; both generators run at normal priority")


def frostline(port: int, rate: int, seconds: int, ca_file: Path | None = None) -> dict[str, Any]:
    scheme, trust = ("https", ["--ca-file", str(ca_file)]) if ca_file else ("http", [])
    command = [sys.executable, "-c", "from harness.cli import main; main()", "load", f"{scheme}://127.0.0.1:{port}/"]
    command += ["--rate", str(rate), "--seconds", str(seconds), "--format", "json", *trust]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=lambda: placed(0))
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def k6_binary() -> str:
    binary = shutil.which("k6", path=str(Path(sys.executable).parent)) or shutil.which("k6")
    return binary or sys.exit("k6 is not installed: make install-dev")


def k6(port: int, rate: int, seconds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        script, summary = Path(folder, "load.js"), Path(folder, "summary.json")
        text = K6_SCRIPT.replace("RATE", str(rate)).replace("SECONDS", str(seconds)).replace("PORT", str(port))
        script.write_text(text)
        command = [k6_binary(), "run", "--quiet", "--no-usage-report", "--summary-export", str(summary), str(script)]
        subprocess.run(command, capture_output=True, preexec_fn=lambda: placed(0), check=True)
        metrics = json.loads(summary.read_text())["metrics"]
    return {"dropped": int(metrics.get("dropped_iterations", {}).get("count", 0))}


def grid_lag_ms(stamps: np.ndarray, rate: int) -> np.ndarray:
    """Arrival minus ideal grid, ms. The grid is anchored anew each second, at its earliest arrival, so that an arrival
    that a tool dropped does not make all later ones look late."""
    stamps = np.sort(stamps)
    late = stamps - np.arange(len(stamps)) / rate
    late = late[stamps > stamps[0] + CUT_S]
    blocks = [late[at : at + rate] for at in range(0, len(late), rate)]
    return np.concatenate([block - block.min() for block in blocks]) * 1e3


def compare(rate: int, beside: int, lag_bound_ms: float | None) -> list[str]:
    """Ours at `rate` and k6 at `beside`, in turn; each is held against its own grid."""
    rows, wins = [], 0
    print(f"\n{rate}/s, k6 at {beside}/s: arrivals at the server, ms after the ideal grid")
    print(f"{'pass':>4} {'frostline p50':>14} {'p99':>8} {'lag p99':>8} {'rate %':>8}", end="")
    print(f" {'k6 p50':>10} {'p99':>8} {'dropped':>8}")
    for number in range(1, PASSES + 1):
        witness = Witness()
        ours = frostline(witness.port, rate, SECONDS)
        seen = grid_lag_ms(witness.close(), rate)
        other = Witness()
        theirs = k6(other.port, beside, SECONDS)
        k6_seen = grid_lag_ms(other.close(), beside)
        off = 100 * (ours["achieved_rate"] / rate - 1)
        p99, k6_p99 = np.percentile(seen, 99), np.percentile(k6_seen, 99)
        wins += p99 < k6_p99
        rows.append((ours["lag_ms"]["p99"], abs(off), ours["good"] == rate * SECONDS))
        print(
            f"{number:>4} {np.median(seen):>14.3f} {p99:>8.3f} {ours['lag_ms']['p99']:>8.3f} {off:>8.4f} "
            f"{np.median(k6_seen):>10.3f} {k6_p99:>8.3f} {theirs['dropped']:>8}"
        )
    lag = statistics.median(row[0] for row in rows)
    rate_off = statistics.median(row[1] for row in rows)
    print(
        f"median lag p99 {lag:.3f} ms, rate off by {rate_off:.4f} %, closer to the grid than k6 in {wins} of {PASSES}"
    )
    problems = []
    if lag_bound_ms is not None and lag > lag_bound_ms:
        problems.append(f"{rate}/s: lag p99 {lag:.3f} ms, bound {lag_bound_ms} ms")
    if rate_off > 100 * RATE_BOUND:
        problems.append(f"{rate}/s: achieved rate off by {rate_off:.4f} %")
    if wins < WINS:
        problems.append(f"{rate}/s: closer than k6 in {wins} of {PASSES} passes only")
    if not all(row[2] for row in rows):
        problems.append(f"{rate}/s: not every arrival was answered")
    return problems


def over_tls() -> list[str]:
    """Ours over TLS with a verified certificate."""
    lags, answered = [], True
    print(f"\n{TLS_RATE}/s over TLS: arrivals at the server, ms after the ideal grid")
    print(f"{'pass':>4} {'p50':>8} {'p99':>8} {'lag p99':>8} {'first handshake ms':>20}")
    with tempfile.TemporaryDirectory() as folder:
        certificate = make_certificate(Path(folder))
        for number in range(1, PASSES + 1):
            witness = Witness(certificate=certificate)
            ours = frostline(witness.port, TLS_RATE, SECONDS, certificate[0])
            seen = grid_lag_ms(witness.close(), TLS_RATE)
            lags.append(ours["lag_ms"]["p99"])
            answered &= ours["good"] == TLS_RATE * SECONDS
            print(
                f"{number:>4} {np.median(seen):>8.3f} {np.percentile(seen, 99):>8.3f} {lags[-1]:>8.3f} "
                f"{ours['first_tls_ms']:>20.3f}"
            )
    lag = statistics.median(lags)
    print(f"median lag p99 {lag:.3f} ms")
    problems = [f"TLS: lag p99 {lag:.3f} ms, bound {TLS_LAG_BOUND_MS} ms"] if lag > TLS_LAG_BOUND_MS else []
    return problems + ([] if answered else ["TLS: not every arrival was answered"])


def stall() -> list[str]:
    """The server stops for 1 s once: a tenth of the arrivals wait between 1 s and nothing, so p99 is 0.9 s."""
    witness = Witness(stall_at=STALL_RATE * SECONDS // 2, stall_s=STALL_S)
    ours = frostline(witness.port, STALL_RATE, SECONDS)
    seen = len(witness.close())
    truth_ms = 1e3 * STALL_S * (1 - 0.01 * SECONDS / STALL_S)
    p99 = ours["latency_ms"]["p99"]
    print(f"\nserver stalls {STALL_S:.0f} s once at {STALL_RATE}/s: p99 {p99:.0f} ms, arithmetic {truth_ms:.0f} ms, "
          f"{ours['good']} of {STALL_RATE * SECONDS} answered, {seen} seen by the server")  # fmt: skip
    problems = (
        [] if abs(p99 / truth_ms - 1) <= STALL_BOUND else [f"stall: p99 {p99:.0f} ms, arithmetic {truth_ms:.0f} ms"]
    )
    return problems + ([] if ours["good"] == seen == STALL_RATE * SECONDS else ["stall: arrivals were lost"])


if __name__ == "__main__":
    codes = [settled(partial(compare, rate, rate, bound_ms)) for rate, bound_ms in LAG_BOUNDS_MS.items()]
    codes += [settled(partial(compare, FASTEST, BESIDE, None)), settled(over_tls), settled(stall)]
    sys.exit(worst(codes))
