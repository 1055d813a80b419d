"""Whatever lies in an experiment file: an Experiment or one UsageError comes of it, and nothing is carried out."""

import copy
import os

import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.experiment.question import SHIPPED, Experiment, parse_experiment, read_experiment
from tests.property.hostile import Tally, alike, as_json, examples, mostly, mutated, outcome, spoiled, texts, values

VALID = {
    "name": "trial-run",
    "question": "Which one?",
    "workloads": [
        "echo",
        {"name": "filetype"},
        {"name": "known-truth", "label": "slow", "settings": {"weights_ms": 5}},
    ],
    "targets": ["process-service", "process-lambda"],
    "without_engine": ["process-service"],
    "profiles": [
        {"steady": {"rate": 3, "seconds": 9}},
        {"bursty": {"rate": 3, "seconds": 9, "on_cv": 1}},
        {"diurnal": {"rate": 3, "seconds": 9}},
        {"sparse": {"rate": 3, "seconds": 9}},
    ],
    "cold_starts": 2,
    "page_cache": ["kept", "dropped"],
    "rounds": 3,
    "attempts": 2,
    "seed": 1,
    "compression": 20,
    "sizing": {"function_memory_mb": 1769, "service_cpus": 1},
    "function": {"keep_alive_s": 300, "timeout_s": 60},
    "load": {"workers": 1, "cap": 100},
    "objective": {"percentile": 95, "latency_ms": 200},
    "margin": 0.1,
}
FEW = {name: VALID[name] for name in ("name", "question", "workloads", "targets", "profiles", "function", "rounds")}
SHIPPED_TEXTS = [path.read_bytes() for path in sorted(SHIPPED.glob("*.yaml"))]
SIGN = "frostline-was-here"
TAGGED = [
    "!!bool foo",
    "!!int ''",
    "!!float ''",
    "!!timestamp x",
    "!!binary '%'",
    "!!omap [x]",
    "!!set {a, b}",
    "!!null x",
    "!nothing x",
    f"!!python/object/apply:os.system [touch {SIGN}]",
    f"!!python/object/new:subprocess.Popen [[touch, {SIGN}]]",
    "!!python/name:os.system",
    "!!python/tuple [1, 2]",
    "2001-99-99",
    "0001-01-01 00:00:00+23:59",
    "1" + ":1" * 400 + ".5",
    "1" + ":1" * 2000,
    "0x" + "f" * 9000,
    "9" * 5000,
    ".nan",
    "-.inf",
    "1e999",
    "yes",
    "~",
    "[" * 300 + "]" * 300,
    "{b: " * 300,
    "*nothing",
    "&a [*a]",
    "{<<: {a: 1}, <<: 3}",
    "? [a]\n: b",
    "|\n  block\n  text",
    '"\\uD800 \\x1b[31m \\u202e"',
    "'\u202e'",
]


def used(experiment):
    """What a run would ask of an experiment that was accepted."""
    assert isinstance(experiment, Experiment)
    experiment.load_profiles()
    for choice in experiment.workloads:
        choice.resolve()
    return experiment.sha256()


def test_fields():
    tally = Tally("experiment fields")

    @examples(tally.name)
    @given(mutated(VALID) | alike(VALID))
    def check(fields):
        experiment, message = outcome(parse_experiment, fields, "here")
        tally.count(parsed=True)
        if message is None:
            used(experiment)
        else:
            assert all(line.isprintable() and len(line) < 1200 for line in message.split("\n"))

    check()
    tally.check()


@st.composite
def lines_of_yaml(draw):
    """A valid file with values of all kinds in the place of one, lines doubled, removed or moved in."""
    lines = draw(st.sampled_from([yaml.safe_dump(FEW), *(text.decode() for text in SHIPPED_TEXTS)])).splitlines()
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(lines) - 1))
        deed = draw(st.sampled_from(["value", "value", "value", "text", "double", "remove", "indent"]))
        key, colon, _ = lines[at].partition(":")
        if deed == "value":
            lines[at] = f"{key}{colon} {draw(st.sampled_from(TAGGED))}"
        elif deed == "text":
            lines[at] = f"{key}{colon} {draw(texts)}"
        elif deed == "double":
            lines.insert(at, lines[at])
        elif deed == "remove" and len(lines) > 1:
            del lines[at]
        else:
            lines[at] = f" {lines[at]}"
    return "\n".join(lines).encode(errors="surrogatepass")


as_yaml = mutated(FEW).map(as_json)
"""JSON is YAML, but for its half surrogate pairs and its largest numbers."""


def test_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.yaml"
    tally = Tally("experiment text")

    @examples(tally.name)
    @given(mostly(as_yaml, lines_of_yaml(), spoiled(st.sampled_from(SHIPPED_TEXTS)), share=2))
    def check(data):
        path.write_bytes(data)
        experiment, message = outcome(read_experiment, str(path))
        tally.count(parsed=message is None or "is not readable YAML" not in message)
        if message is None:
            used(experiment)
        assert len(message or "") < 60_000

    check()
    tally.check()
    assert [entry.name for entry in os.scandir(tmp_path)] == ["mine.yaml"]


@examples("names")
@given(mutated({"workloads": copy.deepcopy(VALID["workloads"])}, values))
def test_a_workload_alone(fields):
    _, message = outcome(parse_experiment, {**copy.deepcopy(VALID), **fields}, "here")
    assert message is None or message.startswith("here: ")
