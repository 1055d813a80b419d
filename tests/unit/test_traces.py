"""Files of recorded traffic: which formats are known, what is kept of each, what is left out and told."""

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loadprofiles.traces import Choice, TraceError, read_trace
from loadprofiles.traces import reading as reading_module
from loadprofiles.traces.ticks import spread, tick_of

RAGPULSE = Path(__file__).parents[3] / "shared" / "traces" / "ragpulse.jsonl"


@pytest.fixture
def read(tmp_path):
    """Reads a text or bytes as a trace; the name says nothing of what is in it."""

    def read_it(content, **choice):
        path = tmp_path / "recorded"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_trace(path, Choice(**choice))

    return read_it


def csv_of(header, *rows):
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n"


def jsonl_of(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


LLM = "TIMESTAMP,ContextTokens,GeneratedTokens"
BURST = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type"
TOKENS = {"ContextTokens": [1, 2], "GeneratedTokens": [1, 2]}
NAMES = {"app": ["a", "a"], "func": ["f", "f"]}
AZURE_2021 = "app,func,end_timestamp,duration"


def minutes(*counts, length=1440):
    return [*counts, *([0] * (length - len(counts)))]


def azure_2019(*functions):
    header = ",".join(["HashOwner", "HashApp", "HashFunction", "Trigger", *map(str, range(1, 1441))])
    return csv_of(header, *(["o", app, name, "http", *minutes(*counts)] for app, name, counts in functions))


def test_azure_llm_of_2023_has_seven_digits_and_no_zone(read):
    trace = read(csv_of(LLM, ("2023-11-16 18:17:03.9799600", 4808, 10), ("2023-11-16 18:17:04.0319600", 110, 27)))
    assert trace.format == "azure-llm-2023"
    assert trace.offsets_s.tolist() == pytest.approx([0, 0.052], abs=1e-9)
    assert {name: sizes.tolist() for name, sizes in trace.sizes.items()} == {
        "tokens_in": [4808, 110],
        "tokens_out": [10, 27],
    }
    assert trace.dropped == {}


def test_azure_llm_of_2024_has_a_zone_and_no_fraction_where_it_is_zero(read):
    moments = ("2024-05-12 00:00:10+00:00", "2024-05-12 00:00:10.5+00:00", "2024-05-12 00:00:11.123456+00:00")
    trace = read(csv_of(LLM, *((moment, 1, 1) for moment in moments)))
    assert trace.format == "azure-llm-2024"
    assert trace.offsets_s.tolist() == pytest.approx([0, 0.5, 1.123456], abs=1e-9)
    assert trace.dropped == {}


@pytest.mark.parametrize("digits", range(10))
def test_a_fraction_has_no_to_nine_digits(read, digits):
    fraction = "." + "123456789"[:digits] if digits else ""
    trace = read(csv_of(LLM, ("2024-05-12T00:00:00", 1, 1), (f"2024-05-12T00:00:01{fraction}", 1, 1)))
    assert trace.offsets_s[1] == pytest.approx(float(f"1{fraction}"), abs=2e-9)


@pytest.mark.parametrize(
    ("zone", "later_s"),
    [("+02:00", -7200), ("-0530", 19_800), ("Z", 0), ("", 0), (" UTC", 0), ("+09", -32_400)],
    ids=["plus-two", "half-past", "z", "none", "utc", "hours"],
)
def test_another_zone_among_the_rows_is_told_apart_and_no_row_is_lost(read, zone, later_s):
    day, rest = "2024-05-12 12:00:00", ("2024-05-13 00:00:00.25+00:00", "2024-05-11 00:00:00Z")
    trace = read(csv_of(LLM, *((moment, 1, 1) for moment in (day + zone, *rest))))
    assert trace.dropped == {}
    assert sorted([0, 86_400 + 43_200 + later_s, 2 * 86_400 + 0.25]) == pytest.approx(trace.offsets_s.tolist())


def test_what_is_no_moment_is_left_out_and_counted(read):
    moments = (
        "2024-05-12 00:00:10",
        "soon",
        "",
        "2024-06-31 00:00:00",
        "2024-05-12 00:00:12 CEST",
        "NaN",
        "2024-05-12 00:00:20",
    )
    trace = read(csv_of(LLM, *((moment, 1, 1) for moment in moments)))
    assert trace.offsets_s.tolist() == [0, 10]
    assert trace.dropped == {"no date and time in TIMESTAMP": 5}
    assert trace.notes == ["left out: 5 with no date and time in TIMESTAMP"]


def test_azure_functions_of_2021_start_a_duration_before_their_end_and_are_ordered_by_end(read):
    rows = [("a", "f", 0.5, 2.0), ("a", "g", 3.0, 0.25), ("b", "h", 4.0, 3.5)]
    trace = read(csv_of(AZURE_2021, *rows))
    assert trace.format == "azure-functions-2021"
    assert trace.offsets_s.tolist() == [0, 2.0, 4.25]  # the first began 1.5 s before the recording
    assert trace.notes == ["1 of its arrivals stood before an earlier one: sorted by start"]
    assert read(csv_of(AZURE_2021, *rows), app="a").offsets_s.tolist() == [0, 4.25]


def test_a_negative_duration_or_none_at_all_is_left_out(read):
    trace = read(
        csv_of(
            AZURE_2021, ("a", "f", 1, -1), ("a", "f", 2, ""), ("a", "f", "nan", 1), ("a", "f", 3, 0), ("a", "f", 5, 0)
        )
    )
    assert trace.dropped == {
        "negative duration": 1,
        "no finite number in duration": 1,
        "no finite number in end_timestamp": 1,
    }
    assert len(trace.offsets_s) == 2


def test_an_app_or_function_that_is_not_there_is_refused_with_some_that_are(read):
    content = csv_of(AZURE_2021, ("a", "f", 1, 0), ("b", "g", 2, 0))
    with pytest.raises(TraceError, match="no arrival of app 'c': there are, among others, 'a', 'b'"):
        read(content, app="c")
    with pytest.raises(TraceError, match="of app 'a' and function 'g'"):
        read(content, app="a", function="g")


@pytest.mark.parametrize("choice", [{"app": "a"}, {"function": "f"}], ids=["app", "function"])
def test_an_app_cannot_be_chosen_where_a_format_names_none(read, choice):
    with pytest.raises(TraceError, match=f"which names no {next(iter(choice))}: leave {next(iter(choice))} out"):
        read("1\n2\n", **choice)


def test_counts_per_minute_are_added_up_and_lie_at_their_minutes_begin(read):
    content = azure_2019(("a", "f", (2, 0, 1)), ("a", "g", (1,)), ("b", "h", (0, 0, 0, 5)))
    trace = read(content)
    assert trace.format == "azure-functions-2019"
    assert trace.offsets_s.tolist() == [0, 0, 0, 120, 180, 180, 180, 180, 180]
    assert (trace.tick_s, trace.period_s) == (60, 86_400)
    assert "spread evenly by chance over its 60 s" in trace.notes[0]
    assert trace.notes[0].endswith(", of which a call is one when it ends: it began earlier, by as long as it took")
    assert read(content, app="a").offsets_s.tolist() == [0, 0, 0, 120]
    assert read(content, function="h").offsets_s.tolist() == [180] * 5


def test_fewer_minutes_are_invitro(read):
    content = csv_of("HashOwner,HashApp,HashFunction,1,2,3", ("o", "a", "f", 0, 4, 1))
    trace = read(content)
    assert trace.format == "invitro"
    assert trace.offsets_s.tolist() == [60, 60, 60, 60, 120]
    assert trace.period_s == 180


def test_what_is_no_count_is_left_out_and_told(read):
    content = csv_of("HashOwner,HashApp,HashFunction,1,2,3,4,5,6", ("o", "a", "f", 2, -1, "nan", "x", 1.5, 1))
    trace = read(content)
    assert trace.offsets_s.tolist() == [0, 0, 300]
    assert trace.dropped == {"no whole number of 0 or more in a minute": 4}


def test_burstgpt_begins_anywhere_and_its_failed_requests_are_left_out_or_kept(read):
    rows = [(19_440_110.0, "GPT-4", 10, 5, 15, "API"), (19_440_113.5, "GPT-4", 7, 0, 7, "API")]
    rows.append((19_440_120.0, "ChatGPT", 3, 4, 7, "Conversation log"))
    trace = read(csv_of(BURST, *rows))
    assert trace.format == "burstgpt"
    assert trace.offsets_s.tolist() == [0, 10]
    assert trace.dropped == {"failed (Response tokens is 0)": 1}
    kept = read(csv_of(BURST, *rows), failed="keep")
    assert kept.offsets_s.tolist() == [0, 3.5, 10]
    assert kept.sizes["tokens_out"].tolist() == [5, 0, 4]
    assert "failed when they were recorded are kept" in " ".join(kept.notes)


def test_the_second_version_of_burstgpt_has_columns_more(read):
    header = "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type"
    trace = read(csv_of(header, (5, "", 1.5, "GPT-4", 1, 2, 3, "API"), (9, "s", 0.5, "GPT-4", 1, 2, 3, "API")))
    assert trace.offsets_s.tolist() == [0, 4]


def test_mooncake_counts_ms_in_ticks_of_three_seconds(read):
    rows = [
        {"timestamp": 3000 * at, "input_length": 5, "output_length": 6, "hash_ids": [1, 2]} for at in (0, 0, 1, 1, 1, 4)
    ]
    trace = read(jsonl_of(*rows))
    assert (trace.format, trace.tick_s) == ("mooncake", 3)
    assert trace.offsets_s.tolist() == [0, 0, 3, 3, 3, 12]
    assert trace.period_s == 15
    assert trace.sizes["tokens_in"].tolist() == [5] * 6
    assert "its timestamp is taken as ms, as that of mooncake is" in trace.notes


def test_ragpulse_has_text_of_seconds(read):
    rows = [{"timestamp": str(at), "input_length": 5, "output_length": 6} for at in (82, 93, 125, 124)]
    trace = read(jsonl_of(*rows) + "\n")
    assert trace.format == "ragpulse"
    assert trace.offsets_s.tolist() == [0, 11, 42, 43]
    assert trace.notes == ["1 of its arrivals stood before an earlier one: sorted by start"]


def test_qwen_bailian_counts_seconds(read):
    rows = [{"chat_id": 1, "timestamp": at, "input_length": 5, "output_length": 6, "hash_ids": [1]} for at in (0.5, 3)]
    trace = read(jsonl_of(*rows))
    assert (trace.format, trace.offsets_s.tolist()) == ("qwen-bailian", [0, 2.5])


def test_a_plain_list_may_hold_moments(read):
    for header in ("", "at\n"):
        trace = read(header + "2026-01-31 23:59:59.5Z\n2026-02-01T00:00:01\n")
        assert (trace.format, trace.offsets_s.tolist()) == ("moments", [0, 1.5])


def test_without_types_the_two_of_the_same_columns_are_not_guessed_apart(read):
    header = "timestamp,input_length,output_length"
    with pytest.raises(TraceError, match=r"whether its timestamp is in seconds \(ragpulse\) or ms \(mooncake\)"):
        read(csv_of(header, (1, 2, 3), (4, 5, 6)))
    with pytest.raises(TraceError, match="whether its timestamp is in seconds"):
        read(jsonl_of(*({"timestamp": at, "input_length": 1, "output_length": 1} for at in (0.5, 1.75))))
    assert read(csv_of(header + ",session_id", (1, 2, 3, "s"), (4, 5, 6, "s"))).format == "ragpulse"
    assert read(csv_of(header + ",hash_ids", (1000, 2, 3, "[]"), (4000, 5, 6, "[]"))).offsets_s.tolist() == [0, 3]


@pytest.mark.parametrize(
    "content",
    ["10.5\n11\n13.25\n", "\n\n10.5\r\n11\r\n\r\n13.25", "seconds\n10.5\n11\n13.25\n", "\ufeff10.5\n11\n13.25\n",
     "1.05e1\n 11\n13.25 \n", '{"t": 10.5}\n{"t": 11}\n{"t": 13.25}\n', '"t"\n"10.5"\n"11"\n"13.25"\n'],
    ids=["lines", "blank-lines", "header", "bom", "blanks-around", "json", "quoted"],
)  # fmt: skip
def test_a_plain_list_of_seconds(read, content):
    trace = read(content)
    assert trace.format == "seconds"
    assert trace.offsets_s.tolist() == [0, 0.5, 2.75]
    assert trace.dropped == {}


def test_negative_and_infinite_and_missing_numbers_are_counted_by_reason(read):
    trace = read(
        "t,\n".replace(",", "") + "\n".join(["1", "-2", "nan", "inf", "-inf", "x", "1e999", "1e15", "3"]) + "\n"
    )
    assert trace.offsets_s.tolist() == [0, 2]
    assert trace.dropped == {"negative t": 1, "no finite number in t": 5, "t beyond 1e+11 s (is it in ms?)": 1}


def test_rows_of_too_many_or_too_few_fields_are_counted(read):
    content = csv_of(
        LLM,
        ("2024-05-12 00:00:10", 1, 2),
        ("2024-05-12 00:00:10", 1),
        ("2024-05-12 00:00:10", 1, 2, 3),
        ("2024-05-12 00:00:11", 1, 2),
    )
    trace = read(content)
    assert trace.dropped == {"another number of fields": 2}
    assert len(trace.offsets_s) == 2


def test_a_quote_without_end_costs_no_row_but_its_own(read):
    rows = [('"a', "f", 1, 0), ("b", "g", 2, 0), ('"b, c"', "g", 5, 0), ("b", "g", 6, 0), ("b", "g")]
    trace = read(csv_of(AZURE_2021, *rows))
    assert trace.offsets_s.tolist() == [0, 3, 4]
    assert trace.dropped == {"another number of fields": 2}


def test_lines_that_are_no_json_are_counted_and_the_others_read(read):
    good = [{"timestamp": at, "input_length": 1, "output_length": 1} for at in (0, 500, 1250)]
    lines = jsonl_of(*good).splitlines()
    trace = read(
        "\n".join([lines[0], "{", "[1]", "null", lines[1], '{"timestamp": NaN}', '{"input_length": 3}', lines[2]])
    )
    assert trace.offsets_s.tolist() == [0, 0.5, 1.25]
    assert trace.dropped == {"no JSON object": 3, "no finite number in timestamp": 2}
    assert trace.sizes["tokens_in"].tolist() == [1, 1, 1]


def test_a_size_that_is_none_is_unknown_and_costs_no_arrival(read):
    trace = read(csv_of(LLM, ("2024-05-12 00:00:10", "", -3), ("2024-05-12 00:00:11", "many", 1e12)))
    assert trace.sizes["tokens_in"].tolist() == [-1, -1]
    assert trace.sizes["tokens_out"].tolist() == [-1, -1]


@pytest.mark.parametrize("delimiter", [";", "\t"], ids=["semicolon", "tab"])
def test_other_delimiters(read, delimiter):
    content = csv_of(AZURE_2021, ("a", "f", 1, 0), ("a", "f", 3.5, 0.5)).replace(",", delimiter)
    assert read(content).offsets_s.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("columns", "format", "expected"),
    [
        ({"TIMESTAMP": pa.array([10**9, 3 * 10**9], pa.timestamp("ns")), **TOKENS}, "azure-llm-2023", [0, 2]),
        ({"TIMESTAMP": pa.array([1, 3], pa.timestamp("s", "Europe/Berlin")), **TOKENS}, "azure-llm-2024", [0, 2]),
        ({"TIMESTAMP": ["2024-05-12 00:00:10.5Z", "2024-05-12 00:00:12.5Z"], **TOKENS}, "azure-llm-2024", [0, 2]),
        ({"end_timestamp": [1.0, 3.0], "duration": [0, 0], **NAMES}, "azure-functions-2021", [0, 2]),
        ({"timestamp": ["1", "3"], "input_length": [1, 2], "output_length": [3, 4]}, "ragpulse", [0, 2]),
        ({"timestamp": [None, "1", "3"], "input_length": [1] * 3, "output_length": [1] * 3}, "ragpulse", [0, 2]),
        ({"timestamp": [1000, 3000], "input_length": [1, 2], "output_length": [3, 4]}, "mooncake", [0, 2]),
        ({"HashApp": pa.array(["a", "b"]).dictionary_encode(), "1": [1, 0], "2": [0, 1]}, "invitro", [0, 60]),
        ({"start": pa.array([1, None, 3], pa.float32())}, "seconds", [0, 2]),
    ],
    ids=["llm", "llm-zone", "llm-text", "azure-2021", "ragpulse", "null-first", "mooncake", "counts", "seconds"],
)  # fmt: skip
def test_parquet(tmp_path, columns, format, expected):
    path = tmp_path / "recorded.csv"  # what it is called is nobody's business
    pq.write_table(pa.table(columns), path)
    trace = read_trace(path)
    assert (trace.format, trace.offsets_s.tolist()) == (format, expected)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty: it holds no arrivals"),
        (b"\n \n", "is empty: it holds no arrivals"),
        (b"TIMESTAMP,ContextTokens,GeneratedTokens\n", "holds no arrival that can be used"),
        (b"seconds\n", "holds no arrival that can be used"),
        (b"seconds\nx\nnan\n", "left out are 2 with no finite number in seconds"),
        (b"\x1f\x8b\x08\x00", r"is packed \(gzip\): unpack it first"),
        (b"PK\x03\x04\x00", r"is packed \(zip\)"),
        (b"Rar!\x1a\x07\x01", r"is packed \(rar\)"),
        (b"\xff\xfe1\x00\n\x00", "neither text nor Parquet"),
        (b"timestamp\r1\r2\r", "has no line that ends in a newline, but carriage returns alone"),
        (b"[1, 2, 3]", r"is one JSON array: write one object per line \(JSONL\)"),
        (b'{"a":\n 1}\n', "no whole object on a line"),
        (b"PAR1 and no more", "cannot be read as Parquet"),
        (b"when,what\n1,2\n", r"columns of no known format \(when, what\): known are .*azure-llm-2023.*seconds"),
        (b"app,func,end_timestamp,duration,app\na,b,1,1,c\n", "has column 'app' twice: rename one"),
        (b"1\n", "has a single arrival: a trace has at least two moments$"),
        (b"timestamp\n0\n1e12\n", "has a single arrival: .* moments: left out are 1 with "),
        (b"timestamp\n0\nx\n", "has a single arrival: .* moments: left out are 1 with "),
        (b"5\n5\n5.0\n", None),
    ],
    ids=["empty", "blank", "header-only", "one-column-only", "no-number", "gzip", "zip", "rar", "utf-16", "old-mac",
         "array", "folded-json", "short-parquet", "unknown", "twice", "one", "one-far",
         "one-no-number", "one-tick"],
)  # fmt: skip
def test_what_is_no_trace_has_one_clear_error(read, content, said):
    if said is None:  # three of one second: a tick long
        assert read(content).period_s == 1
        return
    with pytest.raises(TraceError, match=said) as refused:
        read(content)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_written_while_it_is_read_is_refused(read, monkeypatch):
    def grow(path):
        path.write_text("1\n2\n3\n")
        return "0" * 64

    monkeypatch.setattr(reading_module, "file_sha256", grow)
    with pytest.raises(TraceError, match="changed while it was read"):
        read("1\n2\n")


def test_a_folder_and_a_missing_file_are_no_trace(tmp_path):
    for path in (tmp_path, tmp_path / "absent.csv"):
        with pytest.raises(TraceError, match="is not a file: name a trace"):
            read_trace(path)


def test_more_arrivals_than_memory_is_meant_for_are_refused_before_they_are_held(read, monkeypatch):
    monkeypatch.setattr(reading_module, "MOST_ARRIVALS", 100)
    with pytest.raises(TraceError, match="holds more than 100 arrivals: cut it into shorter files"):
        read("\n".join(map(str, range(101))))
    with pytest.raises(TraceError, match="holds more than 100 arrivals: name an app or a function"):
        read(azure_2019(("a", "f", (1e15, 1))))


def test_a_file_of_many_blocks_is_read_whole(read):
    count = 900_000
    text = "\n".join(f"{at / 8}" for at in range(count))
    trace = read(text)
    assert len(text) > 4 * 2**20
    assert len(trace.offsets_s) == count
    assert np.array_equal(trace.offsets_s, np.arange(count) / 8)


def test_json_of_many_blocks_with_one_odd_line_is_read_whole(read):
    rows = [{"timestamp": 7 * at, "input_length": at, "output_length": 1} for at in range(100_000)]
    text = jsonl_of(*rows) + '{"timestamp": "8.5", "input_length": 1, "output_length": 1}\nodd\n'
    trace = read(text)
    assert len(trace.offsets_s) == 100_001
    assert trace.dropped == {"no JSON object": 1}


def test_a_deeply_nested_line_ends_nothing(read):
    deep = '{"timestamp": 1, "input_length": ' + "[" * 200_000 + "]" * 200_000 + ', "output_length": 1}'
    good = jsonl_of(*({"timestamp": at, "input_length": 1, "output_length": 1} for at in (0, 2)))
    assert len(read(good + deep + "\n").offsets_s) in (2, 3)


def ascending(*moments):
    return np.asarray(sorted(moments), np.float64)


@pytest.mark.parametrize(
    ("moments", "written_s", "tick_s"),
    [
        (ascending(*range(50), *range(50)), None, 1),
        (ascending(*range(50)), None, 0),
        (ascending(*range(0, 150, 3), *range(0, 150, 3)), None, 3),
        (ascending(*range(0, 6000, 60), 60, 120, 180), None, 60),
        (ascending(0, 0, 3, 6), 1e-3, 3),
        (ascending(10, 10, 70), None, 1),
        (ascending(0.25, 0.25, 1.5, 2.0, 7.125), None, 0),
        (ascending(*(at / 3 for at in range(100)), 1 / 3), None, 0),
        (ascending(*([at / 10 for at in range(300)] * 5)), None, 0.1),
        (ascending(*([at / 1000 for at in range(300)] * 5)), None, 0),
        (ascending(*([at * 1.0 for at in range(5000)] * 2), 17.3), None, 1),
        (ascending(5), None, 0),
    ],
    ids=["seconds", "one-each", "threes", "minutes", "ms-of-threes", "too-few-to-tell", "quarters", "any", "tenths",
         "ms", "one-odd", "single"],
)  # fmt: skip
def test_the_tick_is_found_in_the_moments(moments, written_s, tick_s):
    assert tick_of(moments, written_s) == tick_s


def test_within_a_coarse_tick_arrivals_are_spread_by_the_seed_and_elsewhere_they_stay_simultaneous(read):
    coarse = read("\n".join(f"{at}\n{at}\n{at}" for at in range(100)))
    assert coarse.tick_s == 1
    assert any("ticks every 1 s" in note for note in coarse.notes)
    once, again, other = (spread(coarse.offsets_s, 1.0, coarse.period_s, seed) for seed in (1, 1, 2))
    assert once.tobytes() == again.tobytes() != other.tobytes()
    assert np.array_equal(np.bincount(np.floor(once).astype(int)), [3] * 100)
    assert np.mean(once % 1) == pytest.approx(0.5, abs=4 / math.sqrt(12 * 300))
    fine = read("0.1234567\n0.1234567\n0.7654321\n")
    assert fine.tick_s == 0
    assert fine.offsets_s.tolist()[:2] == [0, 0]


def test_the_real_trace_beside_the_checkout():
    if not RAGPULSE.is_file():
        pytest.skip("the trace does not lie beside the checkout")
    trace = read_trace(RAGPULSE)
    assert (trace.format, len(trace.offsets_s), trace.dropped) == ("ragpulse", 7106, {})
    assert trace.rate == pytest.approx(0.01175, rel=1e-3)
    assert "1 of its arrivals stood before an earlier one: sorted by start" in trace.notes
