"""Whatever lies in a file of recorded traffic: arrivals in order, or one clear error, and nothing that is made up."""

import io
import json
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.experiment.profiles import draw
from harness.experiment.question import parse_experiment
from loadprofiles.traces import TraceError, read_trace
from tests.property.hostile import Tally, examples, mutated, outcome, spoiled

LENGTHS = [{"timestamp": 3000 * (at // 3), "input_length": at, "output_length": 7, "hash_ids": [1]} for at in range(12)]
RAG = [{"timestamp": str(at), "input_length": 1, "output_length": 7} for at in range(9)]
TABLE = {
    "app": ["a", "b", "a"],
    "func": ["f", "g", "f"],
    "end_timestamp": [1.5, 2.25, 9.0],
    "duration": [2.0, 0.1, 0.2],
}


def parquet():
    file = io.BytesIO()
    pq.write_table(pa.table(TABLE), file)
    return file.getvalue()


FILES = {
    "llm": b"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n"
    b"2024-05-12 00:00:10+00:00,1,2\n2024-05-12 00:00:10.5,1,2\n",
    "burst": b"Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,GPT-4,1,2,3,API\n"
    b'45,"GPT, 4",1,0,3,API\n46,GPT-4,1,2,3,"Conversation log"\n',
    "azure-2021": b"app,func,end_timestamp,duration\na,f,1.5,2\nb,g,2.25,0.1\na,f,9,0.2\n",
    "counts": b"HashOwner,HashApp,HashFunction,Trigger,1,2,3\no,a,f,http,3,0,2\no,a,g,http,1,0,0\n",
    "seconds": b"0.5\n1.25\n1.25\n7\n",
    "mooncake": "".join(json.dumps(row) + "\n" for row in LENGTHS).encode(),
    "ragpulse": "".join(json.dumps(row) + "\n" for row in RAG).encode(),
    "parquet": parquet(),
}


def read(path, content, rows):
    """What comes of it, held against what every trace is; None where it is refused."""
    path.write_bytes(content)
    try:
        trace = read_trace(path)
    except TraceError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)
        return None
    offsets = trace.offsets_s
    assert np.all(np.isfinite(offsets))
    assert np.all(offsets[1:] >= offsets[:-1])
    assert offsets[0] >= 0
    assert offsets[-1] <= trace.period_s
    assert 0 < trace.period_s < np.inf
    assert all(len(sizes) == len(offsets) for sizes in trace.sizes.values())
    assert all(count > 0 for count in trace.dropped.values())
    assert len(trace.notes) >= len(trace.dropped)
    if rows is not None:
        assert len(offsets) + sum(trace.dropped.values()) <= rows
    return trace


def replayed(path):
    """The same as an experiment has it."""
    profile = {"replay": {"file": str(path), "seconds": 1.5, "rate": 3}}
    fields = {"name": "x", "question": "?", "workloads": ["echo"], "targets": ["process-lambda"], "profiles": [profile]}
    experiment, _ = outcome(parse_experiment, fields, "here")
    for _, load in experiment.load_profiles() if experiment else ():
        with suppress(UsageError):
            assert all(0 <= moment < 1.5 for moment in draw(load, 1))


def test_bytes(tmp_path):
    tally = Tally("trace bytes")

    @examples(tally.name)
    @given(st.sampled_from(sorted(FILES)).flatmap(lambda name: spoiled(FILES[name])))
    def check(content):
        path = tmp_path / "recorded"
        trace = read(path, content, None)
        replayed(path)
        tally.count(trace)

    check()
    tally.check()


def test_rows(tmp_path):
    """Lines of JSON, some of them odd: the others are read, and every odd one is counted."""
    tally = Tally("trace rows")

    @examples(tally.name)
    @given(st.sampled_from([LENGTHS, RAG]).flatmap(mutated))
    def check(rows):
        lines = [json.dumps(row) for row in rows]
        tally.count(read(tmp_path / "recorded", "\n".join(lines).encode(), len(lines)))

    check()
    tally.check()
