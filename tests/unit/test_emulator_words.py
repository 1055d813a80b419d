"""The emulator's own words and ids are not the function's; samples are as it has printed them."""

import pytest

from targets.lambda_front.emulator_words import is_whole, own_error, own_print

THEIRS, OURS = "faeebf2e-031c-432a-ba54-05f8fff18903", "dce4a652-f461-41a6-a4a8-bf0d4606b826"
BEFORE = "START RequestId: 5d83c9c3-7569-44c9-b87b-a19e565ac1e1 Version: $LATEST\nhi\nEND RequestId: x\nREPORT x\n"
START = f"START RequestId: {THEIRS} Version: $LATEST\n"
FAILED = (
    f"26 Nov 2026 01:31:39,298 [ERROR] (rapid) Invoke failed error=Runtime exited: exit status 3 InvokeID={THEIRS}\n"
    "26 Nov 2026 01:31:39,299 [ERROR] (rapid) Invoke DONE failed: Runtime.ExitError\n"
)
PANIC = (
    f"26 Nov 2026 01:31:52,319 [PANIC] (rapid) Failed to read response on {THEIRS}: unexpected EOF\n"
    'time=2026-11-26T01:31:52.3197Z level=INFO msg="http: panic serving 127.0.0.1:53054: goroutine 36\\n\\tx.go"\n'
)


@pytest.mark.parametrize(
    ("output", "own"),
    [
        (BEFORE + START + "a\n" + FAILED, "a\n"),
        (BEFORE + START + FAILED, ""),
        (START + "half a line" + FAILED, "half a line"),
        (START + "a\n" + FAILED + PANIC, "a\n"),
        (
            BEFORE + START + f"[WARNING]\t2026Z\t{THEIRS}\tw\nEND RequestId: {THEIRS}\nREPORT",
            f"[WARNING]\t2026Z\t{OURS}\tw\n",
        ),
        (START + "time=1 level=INFO msg=mine\n[ERROR] mine\n", "time=1 level=INFO msg=mine\n[ERROR] mine\n"),
        ("line 801\nline 802\n", "line 801\nline 802\n"),
        ("", ""),
    ],
    ids=["crash", "nothing printed", "half a line", "panic", "id", "like it", "more than is kept", "nothing"],
)
def test_what_a_function_printed_is_its_own(output, own):
    assert own_print(output.encode(), OURS).decode() == own


@pytest.mark.parametrize(
    "error",
    [
        f'{{"errorType":"Runtime.ExitError","errorMessage":"RequestId: {THEIRS} Error: Runtime exited"}}',
        f'{{"errorMessage": "x", "errorType": "ValueError", "requestId": "{THEIRS}", "stackTrace": ["a"]}}',
    ],
    ids=["ended", "raised"],
)
def test_an_error_names_the_request_by_the_callers_id(error):
    assert own_error(error.encode(), OURS).decode() == error.replace(THEIRS, OURS)


@pytest.mark.parametrize(
    "error",
    [
        "Task timed out after 3.00 seconds",
        f'{{"errorMessage": "see RequestId: {THEIRS}", "errorType": "ValueError", "stackTrace": []}}',
        f'{{"errorMessage": "RequestId: {THEIRS} Error: mine", "errorType": "E", "stackTrace": []}}',
    ],
    ids=["timeout", "own words", "own form"],
)
def test_what_the_function_says_itself_stays(error):
    assert own_error(error.encode(), OURS).decode() == error


@pytest.mark.parametrize(
    ("output", "whole"),
    [("", False), ("START", False), ("START words", False), ("START words END", True), ("START END START", False)],
    ids=["nothing", "begun", "underway", "ended", "the next one"],
)
def test_a_log_is_whole_once_the_last_request_has_its_end(output, whole):
    said = output.replace("START", f"START RequestId: {THEIRS} Version: $LATEST\n")
    assert is_whole(said.replace("END", f"END RequestId: {THEIRS}\n").encode()) is whole
