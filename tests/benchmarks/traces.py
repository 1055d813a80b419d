"""How long 10,000,000 rows of recorded traffic take to be read, and how much memory: as CSV, JSONL and Parquet.

Run with `python -m tests.benchmarks.traces`; each file is read by a process of its own, whose peak is the kernel's.
Ends with 1 when a bound does not hold, with 4 when the machine was too busy to say.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from harness.clock import now_ns
from loadprofiles.traces import read_trace
from tests.benchmarks.calm import settled
from tests.benchmarks.memory import peak_mb

ROWS, BLOCK = 10_000_000, 250_000
MOST_S, MOST_MB = 30.0, 1024.0
MODULE = "tests.benchmarks.traces"


def moments() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of arrivals at 50/s, in ns since 2024, and of sizes; a few of them out of order."""
    stream, now = np.random.default_rng(1), 1_704_067_200 * 10**9
    for _ in range(ROWS // BLOCK):
        gaps = stream.exponential(2e7, BLOCK).astype(np.int64)
        yield now + np.cumsum(gaps) - stream.integers(0, 10**7, BLOCK), stream.integers(1, 4000, BLOCK)
        now += int(gaps.sum())


def texts(ns: np.ndarray) -> list[str]:
    """As the Azure LLM trace of 2023 writes them, seven digits of a fraction."""
    return [text[:-2].replace("T", " ") for text in ns.astype("datetime64[ns]").astype(str).tolist()]


def write_llm(path: Path) -> None:
    """Dates as text: the slowest that there is."""
    with path.open("w") as file:
        file.write("TIMESTAMP,ContextTokens,GeneratedTokens\n")
        for ns, sizes in moments():
            rows = zip(texts(ns), sizes.tolist(), strict=True)
            file.writelines(f"{text},{size},{size // 9}\n" for text, size in rows)


def write_zoned(path: Path) -> None:
    """As that of 2024: a zone, and no fraction where it is zero."""
    with path.open("w") as file:
        file.write("TIMESTAMP,ContextTokens,GeneratedTokens\n")
        for ns, sizes in moments():
            rows = zip(texts(ns), sizes.tolist(), strict=True)
            file.writelines(f"{text[:19] if size == 1 else text}+00:00,{size},{size // 9}\n" for text, size in rows)


def write_mooncake(path: Path) -> None:
    """JSONL with a list in each row that nobody asks for."""
    with path.open("w") as file:
        for ns, sizes in moments():
            for ms, size in zip((ns // 10**6 - 1_704_067_200_000).tolist(), sizes.tolist(), strict=True):
                row = {"timestamp": max(ms, 0), "input_length": size, "output_length": 9, "hash_ids": [size, 1, 2]}
                file.write(json.dumps(row) + "\n")


def write_azure_2021(path: Path) -> None:
    """Parquet with names as text."""
    form = pa.schema(
        [("app", pa.string()), ("func", pa.string()), ("end_timestamp", pa.float64()), ("duration", pa.float64())]
    )
    with pq.ParquetWriter(path, form) as file:
        for ns, sizes in moments():
            names = pa.array([f"app{size % 119}" for size in sizes.tolist()])
            columns = [names, names, (ns - 1_704_067_200 * 10**9) / 1e9, sizes / 1000]
            file.write_table(pa.table([pa.array(column) for column in columns], schema=form))


KINDS: dict[str, Callable[[Path], None]] = {
    "azure-llm-2023": write_llm,
    "azure-llm-2024": write_zoned,
    "mooncake": write_mooncake,
    "azure-functions-2021": write_azure_2021,
}


def read(path: Path) -> None:
    """Read the file and tell seconds and the process's peak."""
    began = now_ns()
    trace = read_trace(path)
    took_s, used = (now_ns() - began) / 1e9, psutil.Process().cpu_times()
    told = {"format": trace.format, "arrivals": len(trace.offsets_s), "dropped": sum(trace.dropped.values())}
    print(json.dumps({**told, "took_s": took_s, "cpu_s": used.user + used.system, "peak_mb": peak_mb()}))


def measure(folder: Path) -> list[str]:
    """The bounds that do not hold."""
    problems = []
    for kind in KINDS:
        done = subprocess.run(
            [sys.executable, "-m", MODULE, str(folder / kind)], capture_output=True, text=True, check=True
        )
        found = json.loads(done.stdout)
        told = f"{found['took_s']:.1f} s, {found['cpu_s']:.1f} of a CPU's, {found['peak_mb']:.0f} MB"
        print(f"{kind}: {found['arrivals']:,} arrivals in {told}")
        if found["format"] != kind or found["arrivals"] + found["dropped"] != ROWS:
            problems.append(f"{kind}: read as {found}")
        if found["took_s"] > MOST_S or found["peak_mb"] > MOST_MB:
            problems.append(f"{kind}: more than {MOST_S:g} s or {MOST_MB:g} MB")
    return problems


def main() -> int:
    """Write the files, then read them."""
    if len(sys.argv) > 1:
        read(Path(sys.argv[1]))
        return 0
    with tempfile.TemporaryDirectory(prefix="frostline-traces-") as folder:
        for kind, write in KINDS.items():
            write(Path(folder, kind))
        return settled(lambda: measure(Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
