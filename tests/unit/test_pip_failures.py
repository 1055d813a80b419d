"""What pip says when it fails, and the advice that fits: the first line says what, and where it stands."""

import sys

import pytest

from targets.packaging.pip_failures import LAST_LINES, download_failure

NO_VERSION = """\
WARNING: Location 'file:///opt/pypi/simple/onnxruntime/' is ignored: it is neither a file nor a directory.
ERROR: Could not find a version that satisfies the requirement onnxruntime==99 (from versions: 1.15.0, 1.30.0, 1.31.0, \
1.31.1, 1.32.0, 1.32.1)
ERROR: No matching distribution found for onnxruntime==99
"""
NO_WHEEL = """\
ERROR: Could not find a version that satisfies the requirement docopt==0.6.2 (from versions: none)
ERROR: No matching distribution found for docopt==0.6.2
"""
UNREACHABLE = """\
WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('<x>: Failed to establish a new \
connection: [Errno -2] Name or service not known')': /simple/six/
ERROR: Could not find a version that satisfies the requirement six==1.17.0 (from versions: none)
ERROR: No matching distribution found for six==1.17.0
"""
OF_A_DEPENDENCY = """\
ERROR: Could not find a version that satisfies the requirement numpy<1 (from onnxruntime) (from versions: 1.26.0, 2.0.0)
ERROR: No matching distribution found for numpy<1
"""
HASHES = """\
ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.
    probe==1.0 from file:///x/probe-1.0-py3-none-any.whl:
        Expected sha256 00
"""
FAILURES = {
    "no such version": (NO_VERSION, "onnxruntime==99", ["no such version", "1.32.1", "`requirements` of ocr"]),
    "no wheel": (NO_WHEEL, "docopt==0.6.2", ["no such package, or no wheel", "`requirements` of ocr"]),
    "of a dependency": (OF_A_DEPENDENCY, "onnxruntime==1.0", ["numpy<1", "depend on", "2.0.0"]),
    "unreachable": (UNREACHABLE, "six==1.17.0", ["check the network", "six==1.17.0"]),
    "another wheel": (HASHES, "probe==1.0", ["sha256", "check the mirror"]),
    "full disk": ("ERROR: [Errno 28] No space left on device\n", "six==1.17.0", ["disk is full"]),
    "not ours": ("ERROR: [Errno 13] Permission denied: '/x'\n", "six==1.17.0", ["may not be written"]),
    "no requirement": ("ERROR: Invalid requirement: 'six=1'\n", "six=1", ["'six=1' is not accepted", "name==version"]),
    "contradiction": ("ERROR: ResolutionImpossible: for help visit x\n", "six==1.17.0", ["contradict each other"]),
    "refused": ("WARNING: 401 Error, Credentials not correct for https://x\n", "six==1.17.0", ["credentials"]),
    "anything else": ("Traceback (most recent call last):\nAssertionError\n", "six==1.17.0", ["see what it says"]),
    "no pip": (f"{sys.executable}: No module named pip\n", "six==1.17.0", ["ensurepip"]),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_the_first_line_has_the_advice_that_fits(kind):
    output, pin, words = FAILURES[kind]
    first = download_failure("ocr", [pin], output).split("\n")[0]
    assert not [word for word in words if word not in first], first
    assert ("check the network" in first) == (kind == "unreachable")


def test_what_pip_said_stands_below_each_line_once_and_is_bounded():
    said = [f"line {number} {'x' * 1000}" for number in range(50)]
    _, *rest = download_failure("ocr", ["six==1.17.0"], "\n".join(said)).split("\n")
    assert len(rest) == LAST_LINES and len(set(rest)) == len(rest)
    assert max(map(len, rest)) < 320


def test_a_long_list_of_versions_is_cut_to_the_newest():
    versions = ", ".join(f"1.{number}" for number in range(200))
    output = NO_VERSION.replace("1.15.0, 1.30.0, 1.31.0, 1.31.1, 1.32.0, 1.32.1", versions)
    assert len(download_failure("ocr", ["onnxruntime==99"], output).split("\n")[0]) < 400
