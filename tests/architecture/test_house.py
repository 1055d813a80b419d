"""Rules of the house that no linter knows, checked on every file that is, or would be, in the repository."""

import ast
import importlib
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLOCKS = {"harness/clock.py", "targets/clock.py"}
CLOCK_NUMBERS = {"harness/load/timers.py"}
"""May import time for the number of CLOCK_MONOTONIC, and for nothing else."""
TIME_READERS = {"now", "utcnow", "today"}
PLUG_INS = [
    *((path, "TARGET") for path in ROOT.glob("targets/*/*.py") if "\nTARGET = " in path.read_text()),
    *((path, "WORKLOAD") for path in ROOT.glob("targets/workloads/*.py") if path.stem not in ("__init__", "contract")),
    *((path, "PROFILE") for path in ROOT.glob("loadprofiles/*.py") if path.stem not in ("__init__", "contract")),
]
REGISTRIES = re.compile(
    r"\b(?:[\w-]+\.)*(?:pypi\.org|pythonhosted\.org|anaconda\.(?:org|com)|npmjs\.(?:org|com)|crates\.io"
    r"|rubygems\.org|proxy\.golang\.org|jfrog\.io)\b|--(?:extra-)?index-url[= ]\S*://|\bindex-url *= *\S*://",
    re.IGNORECASE,
)
MACHINE_PATHS = re.compile(r"(?<![\w./<$}-])/(?:work|root|home|Users)/(?!\.\.\.)[\w.-]+")


@cache
def tracked():
    """Files of the repository as text, by relative path: tracked ones and new ones that are not ignored."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    command = [git, "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    texts = {}
    for name in filter(None, names):
        path = ROOT / name
        if path.is_file() and path.resolve() != Path(__file__).resolve():
            data = path.read_bytes()
            if b"\0" not in data:
                texts[name] = data.decode(errors="replace")
    return texts


def sources():
    return {
        name: text
        for name, text in tracked().items()
        if name.endswith(".py") and name.split("/")[0] in ("harness", "targets", "loadprofiles")
    }


def found_in(texts, pattern):
    return [
        f"{name}:{number}: {match.group()}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        for match in pattern.finditer(line)
    ]


def time_use(name, text):
    """Lines that import time, or ask datetime for the present."""
    tree = ast.parse(text, name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and "time" in {alias.name for alias in node.names}:
            yield node.lineno, "import time"
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            yield node.lineno, "from time import"
        elif isinstance(node, ast.Attribute) and node.attr in TIME_READERS:
            yield node.lineno, f".{node.attr}"


def test_the_rule_about_time_can_fail():
    bad = "import time\nfrom time import sleep\nimport datetime\ndatetime.datetime.now()\n"
    assert [line for line, _ in time_use("bad.py", bad)] == [1, 2, 4]


def test_time_is_read_in_two_files_only():
    allowed = CLOCKS | CLOCK_NUMBERS
    found = [
        f"{name}:{line}: {what}"
        for name, text in sources().items()
        if name not in allowed
        for line, what in time_use(name, text)
    ]
    assert found == []


@pytest.mark.parametrize("name", sorted(CLOCK_NUMBERS))
def test_the_timer_takes_only_the_number_of_the_clock(name):
    tree = ast.parse(sources()[name])
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "time"
    }
    assert used == {"CLOCK_MONOTONIC"}


def test_no_file_names_a_package_registry():
    assert REGISTRIES.search("see https://pypi" + ".org/simple")
    assert found_in(tracked(), REGISTRIES) == []


def test_no_file_names_a_path_of_one_machine():
    assert MACHINE_PATHS.search("open('/" + "root/x')")
    assert not MACHINE_PATHS.search("https://example.com/" + "home/x")
    assert found_in(tracked(), MACHINE_PATHS) == []


def test_every_module_lies_in_a_room_that_says_what_it_is_for():
    loose = {path.name for path in (ROOT / "harness").glob("*.py")}
    assert loose == {"__init__.py", "cli.py", "clock.py", "errors.py", "interruption.py"}
    rooms = [path.parent for path in (ROOT / "harness").rglob("*.py")] + [ROOT / "targets", ROOT / "loadprofiles"]
    assert [room for room in set(rooms) if not (room / "__init__.py").read_text().startswith('"""')] == []


@pytest.mark.parametrize(("path", "constant"), PLUG_INS, ids=lambda value: getattr(value, "stem", value))
def test_every_plug_in_sets_its_constant(path, constant):
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    found = getattr(module, constant)
    if constant != "PROFILE":
        assert found.name == path.stem.replace("_", "-")


def test_there_are_plug_ins_of_every_kind():
    assert {constant for _, constant in PLUG_INS} == {"TARGET", "WORKLOAD", "PROFILE"}


def test_a_test_lies_beside_the_code_it_is_about_and_nowhere_else():
    assert [name for name in sources() if Path(name).name.startswith("test_")] == []


def test_a_run_begins_without_the_library_that_only_its_table_needs():
    """It takes longer to load than all else that a command needs before it can say what it is about to do."""
    code = "import sys, harness.measure.run; print([name for name in ['scipy.stats'] if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
