"""YAML as everybody reads it: what two versions of it take for two things is refused with both."""

import itertools
import os
from datetime import date

import pytest

from harness.cost.book import read_book
from harness.errors import UsageError
from harness.experiment.question import read_experiment
from harness.files.strict_yaml import Loader, read_mapping, write_mapping
from harness.review.file import read_front_matter
from harness.schedule.plan import read_plan

TWO = {
    "010": ("10", "8"),
    "0777": ("777", "511"),
    "-010": ("-10", "-8"),
    "+010": ("10", "8"),
    "08": ("8", "the text '08'"),
    "0o17": ("15", "the text '0o17'"),
    "1:30": ("the text '1:30'", "90"),
    "1:00:00": ("the text '1:00:00'", "3600"),
    "1:30.5": ("the text '1:30.5'", "90.5"),
    "1_000": ("the text '1_000'", "1000"),
    "1_000.5": ("the text '1_000.5'", "1000.5"),
    "0b11": ("the text '0b11'", "3"),
    "-0x1F": ("the text '-0x1F'", "-31"),
    "yes": ("the text 'yes'", "true"),
    "No": ("the text 'No'", "false"),
    "on": ("the text 'on'", "true"),
    "OFF": ("the text 'OFF'", "false"),
}
ONE = {
    "10": 10, "0": 0, "00": 0, "-5": -5, "+5": 5, "0x1F": 31, ".5": 0.5, "1.": 1.0, "1e3": 1000.0, "1E-3": 0.001,
    "1.5e+3": 1500.0, "010.5": 10.5, "true": True, "FALSE": False, "~": None, "": None, "null": None, "y": "y",
    "N": "N", "0:30": "0:30", "1:99": "1:99", "2026-11-03": "2026-11-03", "=": "=", "_1": "_1", "'010'": "010",
    '"yes"': "yes", "!!str 010": "010", "0xg": "0xg", "1.2.3": "1.2.3", "e5": "e5", "-": [None],
    "2001-12-14t21:59:43.10-05:00": "2001-12-14t21:59:43.10-05:00", "3.11": 3.11, ".inf": float("inf"),
}  # fmt: skip


@pytest.mark.parametrize("written", TWO)
@pytest.mark.parametrize(
    ("form", "place"), [("a: {{b: [1, {}]}}", "a.b.1"), ("a:\n  b:\n  - 1\n  - {} # x\n", "a.b.1"), ("a: {}", "a")]
)
def test_what_two_versions_read_differently_is_refused_with_both_readings(tmp_path, written, form, place):
    file = tmp_path / "f.yaml"
    file.write_text(form.format(written))
    with pytest.raises(UsageError) as refused:
        read_mapping(file)
    new, old = TWO[written]
    [problem] = refused.value.problems
    assert problem == (
        f"{file}: {place}: {written} is not accepted: in YAML 1.2 it is {new}, in YAML 1.1 {old}: "
        "write the one that is meant"
    )


@pytest.mark.parametrize("written", ONE)
def test_what_both_mean_alike_is_taken(written):
    value = Loader(f"a: {written}\n" if written != "-" else "a:\n-\n").get_single_data()["a"]
    assert value == ONE[written]
    assert type(value) is type(ONE[written])


@pytest.mark.parametrize("tagged", ["!!int 1:30", "!!int '0b1'", "!!float 1_0", "!!bool 'yes'", "!!int '1e3'"])
def test_a_tag_makes_no_older_number_of_it(tmp_path, tagged):
    (tmp_path / "f.yaml").write_text(f"a: {tagged}\n")
    with pytest.raises(UsageError):
        read_mapping(tmp_path / "f.yaml")


def test_a_number_beyond_all_bounds_is_refused_by_its_place(tmp_path):
    (tmp_path / "f.yaml").write_text("a: {b: 1e999}\n")
    with pytest.raises(UsageError, match=r"a\.b: 1e999 is not accepted: it is too large for a number"):
        read_mapping(tmp_path / "f.yaml")


@pytest.mark.parametrize(
    "written",
    ["9" * 4301, "9" * 5000, "9" * 10_000, "-" + "9" * 4300, "0x" + "f" * 4000, "0" * 9000],
    ids=["one-more", "more", "many", "negative", "to-the-base-of-16", "zeros"],
)
def test_a_whole_number_that_python_does_not_write_is_refused_by_its_place(tmp_path, written):
    (tmp_path / "f.yaml").write_text(f"a: {written}\n")
    with pytest.raises(UsageError, match=r"f.yaml: a: .* digits, and a whole number at most 4300") as refused:
        read_mapping(tmp_path / "f.yaml")
    assert "set_int_max_str_digits" not in str(refused.value)
    assert len(str(refused.value)) < 500


def test_the_largest_whole_number_is_taken(tmp_path):
    (tmp_path / "f.yaml").write_text("a: " + "9" * 4300)
    assert read_mapping(tmp_path / "f.yaml") == {"a": 10**4300 - 1}


def test_all_are_told_at_once_in_their_order_and_a_thousand_briefly(tmp_path):
    file = tmp_path / "f.yaml"
    file.write_text("a: 010\nb: {on: yes, 0777: x}\nc: 1:30\n")
    with pytest.raises(UsageError) as refused:
        read_mapping(file)
    assert [line.split(": ")[1] for line in refused.value.problems] == ["a", "b.on", "b", "c"]
    file.write_text("a: [" + "010," * 1000 + "]")
    with pytest.raises(UsageError) as refused:
        read_mapping(file)
    assert len(refused.value.problems) == 21 and refused.value.problems[-1].endswith("and 980 more")


def test_aliases_and_long_numbers_to_the_base_of_60_take_no_ages(tmp_path):
    laughs = "a: &a [010]\n" + "".join(
        f"{y}: &{y} [{','.join([f'*{x}'] * 9)}]\n" for x, y in itertools.pairwise("abcdefghij")
    )
    for text in (laughs, "a: 1" + ":10" * 100_000):
        (tmp_path / "f.yaml").write_text(text)
        with pytest.raises(UsageError) as refused:
            read_mapping(tmp_path / "f.yaml")
        assert len(refused.value.problems) == 1 and len(str(refused.value)) < 500


def test_every_reader_of_yaml_refuses_it(tmp_path):
    file = tmp_path / "f.yaml"
    file.write_text("like: quickstart\nname: f\nrounds: 010\nload: {prewarm: 1:30}\nseed: 0777\n")
    with pytest.raises(UsageError) as refused:
        read_experiment(str(file))
    assert [line.split(": ")[1] for line in refused.value.problems] == ["rounds", "load.prewarm", "seed"]
    for read in (read_book, read_plan):
        with pytest.raises(UsageError, match="rounds: 010 is not accepted"):
            read(file)
    with pytest.raises(ValueError, match="rounds: 010 is not accepted"):
        read_front_matter("---\nrounds: 010\n---\n")


def test_what_is_written_is_read_as_it_was():
    fields = {
        "texts": [*TWO, *ONE, "x", "2026-11-03"],
        "numbers": [1, 0.5, 1e-05, 1e22, -3, True, None], "day": date(2026, 11, 3)
    }  # fmt: skip
    read = Loader(write_mapping(fields)).get_single_data()
    assert read == {**fields, "day": "2026-11-03"}
    assert [type(value) for value in read["numbers"]] == [type(value) for value in fields["numbers"]]


def test_marks_of_other_systems_are_no_matter(tmp_path):
    (tmp_path / "f.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\nb: x\r\n")
    assert read_mapping(tmp_path / "f.yaml") == {"a": 1, "b": "x"}


@pytest.mark.parametrize("kind", ["fifo", "folder", "loop", "device"])
def test_what_is_no_file_is_neither_waited_for_nor_read(tmp_path, kind):
    place = tmp_path / "f.yaml"
    {
        "fifo": os.mkfifo,
        "folder": os.mkdir,
        "loop": lambda path: path.symlink_to(path),
        "device": lambda path: path.symlink_to("/dev/zero"),
    }[kind](place)
    with pytest.raises(UsageError, match="cannot be read"):
        read_mapping(place)
