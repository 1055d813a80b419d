"""A small valid run to harm, and proof that reading it touched nothing else."""

import contextlib
import hashlib
import json
import os
import shutil
import sys

from harness.record.folder import RunFolder
from tests.synthetic import MS, make_run, manifest, requests, samples, trial, unit

DEEDS = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "pickle.find_class", "socket.connect")
WITNESSED = {"expected": 8, "came": 7, "disagree": 1}
MARKER = "OUTSIDE"
"""The name of the experiment that lies beside the folder: nothing that is shown may hold it."""
_watching: list[list[tuple[str, str, str]]] = []


def _hook(event, arguments):
    if not _watching:
        return
    if event in DEEDS:
        _watching[-1].append((event, str(arguments)[:200], ""))
    elif event == "open" and isinstance(arguments[0], str | bytes):
        _watching[-1].append((event, os.fsdecode(arguments[0]), str(arguments[1] or arguments[2])))


sys.addaudithook(_hook)


@contextlib.contextmanager
def watched(folder, allowed):
    """Nothing may be carried out or unpickled, and below `folder` only what lies in `allowed` may be opened."""
    seen = []
    _watching.append(seen)
    try:
        yield
    finally:
        _watching.pop()
    for event, what, mode in seen:
        assert event == "open", (event, what)
        path = os.path.realpath(what)
        if path.startswith(str(folder)):
            assert path.startswith(str(allowed)), (what, mode)
            assert not set(mode) & set("wax+"), (what, mode)


def fingerprint(folder):
    """Every name below `folder` with its kind, its target or its content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path)] = f"-> {path.readlink()}"
        elif path.is_file():
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[str(path)] = "folder"
    return found


def mixed_rows():
    """Seven warm answers and a cold one with a phase of its own, and all that a platform may say of them."""
    told = {"request_id": "r", "generation": "g", "start_type": "on-demand", "part": "main"}
    counted = {"billed_ns": 5 * MS, "init_ns": 3, "memory_used_bytes": 2**20, "chunks": 3, "tokens_out": 3, "gpu_ns": 5}
    stamps = {"first_chunk_ns": 9 * MS, "last_chunk_ns": 9 * MS, "completed_ns": None, "connect_ns": 5, "tls_ns": 0}
    return requests(
        [10.0] * 7 + [900.0],
        start_class=["warm"] * 7 + ["cold"],
        phase_boot_ns=[None] * 7 + [5],
        phase_compile_ns=[None] * 7 + [5],
        phase_unaccounted_ns=[None] * 7 + [900 * MS - 10],
        **{name: [value] * 8 for name, value in (told | counted | stamps).items()},
    )


def small_run(results, name="2026-11-03T10-12-05Z_quickstart_7f3a", **changes):
    """Two trials of traffic and one of forced cold starts, each with a few rows."""
    run = RunFolder.create(results, manifest(run=name, trials=3, rounds=1, notices=["A quick look."], **changes))
    tables = [
        ("docker-service", "steady", requests([10.0] * 8)),
        ("docker-lambda", "steady", mixed_rows()),
        (
            "docker-lambda",
            "cold",
            requests(
                [900.0] * 6, start_class=["cold"] * 6, phase_weights_ns=[5] * 6, phase_unaccounted_ns=[900 * MS - 5] * 6
            ),
        ),
    ]
    case = {"memory_mb": 1769, "cpus": 1.0, "rate": 5, "seconds": 10, "compression": 20, "keep_alive_s": 5}
    for order, (target, profile, table) in enumerate(tables):
        units = [unit("u0"), unit("u1", cpu_ns=None)]
        key = {
            "target": target,
            "profile": profile,
            "order": order,
            "units": units,
            "case": case,
            "starts": 1,
            "witnessed": WITNESSED,
        }
        run.save_trial(trial(table, f"r01.{target}.{profile}", **key), table, samples())
    return run


def beside(tmp):
    """A whole valid run outside, which only a reader that leaves its folder would find."""
    return make_run(
        tmp / "outside", rounds=1, requests_per_trial=8, profiles=("steady",), experiment={"name": MARKER}
    ).path


def lines_of(run):
    """trials.jsonl as mappings."""
    return [json.loads(line) for line in (run.path / "trials.jsonl").read_text().splitlines()]


def put(run, manifest_text=None, lines=None):
    """Replace one or both of the text files."""
    if manifest_text is not None:
        (run.path / "manifest.json").write_bytes(manifest_text)
    if lines is not None:
        (run.path / "trials.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))


def link(run, place, target):
    """Put a symlink in the place of a file or a folder of the run."""
    path = run.path / place
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.symlink_to(target)
