"""A user's own model with its helpers, data and odd files: listed, packaged whole, or named with the fix."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import targets
from harness.commands.doctor import examine
from harness.commands.listing import listing
from targets.contract import DeploymentError
from targets.packaging.code import code_files
from targets.packaging.code_folder import build_code
from targets.packaging.imports import imports
from tests.fakes.plugged import plugged_in

OCR = {
    "targets/workloads/scan/__init__.py": '"""OCR."""\nfrom .pipeline import (\n    OTHER,\n    WORKLOAD,\n)\n',
    "targets/workloads/scan/pipeline.py": """
from importlib import import_module
from pathlib import Path
from imaging import binarise
OTHER = 1

class Ocr:
    name = "scan"
    summary = "Reads a word with the help of files that lie beside it"
    requirements, models, model_files = (), (), ()

    def load(self, phase, model_dir, threads):
        detect = import_module("targets.workloads.shared.detect")
        from ..shared import glyphs
        words = (Path(__file__).parent / "data" / "words.txt").read_text().split()
        return lambda request: glyphs.read(detect.detect(binarise.binarise(request)), words)

WORKLOAD = Ocr()
""",
    "targets/workloads/scan/data/words.txt": "frost rime",
    "targets/workloads/scan/data/.notes": "hidden",
    "targets/workloads/scan/draft.txt~": "an editor's",
    "targets/workloads/shared/detect.py": "def detect(pixels): return [pixels]\n",
    "targets/workloads/shared/glyphs.py": "import targets.workloads.shared.letters as letters\nread = letters.read\n",
    "targets/workloads/shared/letters.py": "def read(boxes, words): return words[len(boxes) - 1]\n",
    "targets/workloads/shared/unused.py": "# by nobody\n",
    "imaging/__init__.py": "",
    "imaging/binarise.py": "from . import levels\ndef binarise(pixels): return levels.level(pixels)\n",
    "imaging/levels.py": "def level(pixels): return pixels\n",
    "imaging/unread.dat": "whole",
    "unrelated.py": "raise SystemExit('packaged')\n",
}
ASK = """
import sys
sys.path.insert(0, sys.argv[1])
import targets
print(targets.workload("scan").load(None, None, 1)({}), [each for each in sys.modules.values() if "mine" in str(each)])
"""


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A folder of the user's, as on PYTHONPATH."""
    root = write(tmp_path / "mine", OCR)
    monkeypatch.syspath_prepend(str(root))
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    with plugged_in(root):
        yield root
    for name in [name for name in sys.modules if name.startswith(("targets.workloads.scan", "imaging"))]:
        del sys.modules[name]
    for name in ("scan", "shared"):
        vars(targets.workloads).pop(name, None)


def shipped(root: Path) -> set[str]:
    files = code_files(targets.workload("scan"))
    return {str(path.relative_to(root)) for path in files.values() if path.is_relative_to(root)}


def test_a_package_is_a_workload_and_goes_in_whole_with_what_it_imports_and_nothing_else(mine):
    assert "scan" in targets.workload_names()
    left_out = {"hidden": "data/.notes", "an editor's": "draft.txt~"}
    not_imported = {"targets/workloads/shared/unused.py", "unrelated.py"}
    assert shipped(mine) == OCR.keys() - not_imported - {f"targets/workloads/scan/{name}" for name in left_out.values()}


def test_a_process_runs_the_same_files_as_an_image_and_finds_no_others(mine, tmp_path):
    folder = build_code(targets.workload("scan"))
    names = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"
    }
    assert names == {name.removeprefix("code/") for name in code_files(targets.workload("scan"))}
    shutil.move(mine, tmp_path / "away")
    done = subprocess.run([sys.executable, "-I", "-S", "-c", ASK, str(folder)], capture_output=True, text=True)
    assert done.stdout == "frost []\n", done.stderr


@pytest.mark.parametrize(
    "name", ["targets/workloads/scan/data/words.txt", "targets/workloads/shared/letters.py", "imaging/levels.py"]
)
def test_a_changed_file_of_any_kind_makes_a_new_package(mine, name):
    before = build_code(targets.workload("scan"))
    assert build_code(targets.workload("scan")) == before
    (mine / name).write_text((mine / name).read_text() + "\n#")
    assert build_code(targets.workload("scan")) != before


def test_a_package_is_followed_where_its_links_lead_and_one_that_leads_nowhere_is_named(mine, tmp_path):
    write(tmp_path, {"elsewhere/weights.bin": "w", "elsewhere/more/a.bin": "a"})
    data = mine / "targets" / "workloads" / "scan" / "data"
    (data / "weights.bin").symlink_to(tmp_path / "elsewhere" / "weights.bin")
    (data / "more").symlink_to(tmp_path / "elsewhere" / "more")
    assert {f"targets/workloads/scan/data/{name}" for name in ("weights.bin", "more/a.bin")} <= shipped(mine)
    (data / "round").symlink_to(data.parent)
    (data / "gone.bin").symlink_to("nowhere.bin")
    with pytest.raises(DeploymentError, match=r"round leads to .*, a folder that holds it(.|\n)*") as raised:
        code_files(targets.workload("scan"))
    assert "gone.bin leads to nowhere.bin, which is not there" in str(raised.value).replace("\n", " ")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("from harness.clock import now_ns", "imports harness.clock, which no unit has: put what a unit needs under"),
        ("import targets.workloads.shared.absent", r"needs the file targets/workloads/shared/absent\.py: put it there"),
        ("def x(:", "correct it"),
        ("x = " + "-" * 20_000 + "1", r"late\.py: (it is nested too deeply to be read|too many nested).*: correct it"),
        ("x = '\0'", r"late\.py: .*null bytes.*: correct it"),
        ("# -*- coding: no-such -*-", r"late\.py: .*no-such.*: correct it"),
    ],
    ids=["ours", "absent", "no Python", "deep", "null bytes", "coding"],
)
def test_what_no_unit_could_import_is_refused_before_anything_is_packaged(mine, line, says):
    write(mine, {"imaging/levels.py": "def level(pixels):\n    from . import late\n", "imaging/late.py": f"{line}\n"})
    with pytest.raises(DeploymentError, match=says):
        code_files(targets.workload("scan"))


UNREAD = {
    "targets/workloads/scan/old.py": "print 'python 2'\n",
    "targets/workloads/scan/test_ocr.py": "from harness.clock import now_ns\nimport targets.workloads.shared.absent\n",
    "imaging/deep.py": "x = " + "-" * 20_000 + "1\n",
    "imaging/brackets.py": "x = " + "[" * 5_000 + "]" * 5_000 + "\n",
    "imaging/null.py": "x = '\0'\n",
    "imaging/by_name.py": "import targets.workloads.shared.unused\n",
}


def test_a_file_that_is_taken_with_its_package_and_imported_by_nobody_is_copied_as_it_is(mine, capfd):
    before = shipped(mine)
    write(mine, UNREAD)
    assert shipped(mine) == before | UNREAD.keys() | {"targets/workloads/shared/unused.py"}
    folder = build_code(targets.workload("scan"))
    assert {name for name in UNREAD if (folder / name).read_text() != UNREAD[name]} == set()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    import targets.workloads.shared.fast\nexcept ImportError:\n    pass\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from harness.clock import now_ns\n",
        "import no_such_library, json.tool\n",
    ],
)
def test_an_import_that_may_fail_or_is_a_librarys_is_passed_over(mine, text):
    before = shipped(mine)
    (mine / "imaging" / "levels.py").write_text(text)
    assert shipped(mine) == before


def test_imports_are_found_wherever_and_however_they_are_written():
    source = b"""
import a.b as c, d
def late():
    from . import x
    from ..up import *
    import importlib; importlib.import_module("e.f"); __import__("g"); importlib.import_module(".near", __package__)
    importlib.import_module(name)
"""
    found = {each.place.as_posix() for each in imports("pack/inner/file.py", source)}
    assert found == {"a/b", "d", "pack/inner", "pack/up", "importlib", "e/f", "g", "pack/inner/near"}


ODD = {
    "targets/workloads/scan_tools.py": "import cv3\n",
    "targets/workloads/parts/__init__.py": "raise SystemExit('imported')\n",
    "targets/workloads/broken.py": "def x(:\nWORKLOAD = 1\n",
    "targets/workloads/lost.py": "import no_such_library\nWORKLOAD = 1\n",
    "targets/workloads/quits.py": "raise SystemExit(3)\nWORKLOAD = 1\n",
    "targets/workloads/my-model.py": "WORKLOAD = 1\n",
    "targets/workloads/MyModel.py": "WORKLOAD = 1\n",
    "targets/workloads/my model.py": "WORKLOAD = 1\n",
    "targets/workloads/two.py": "WORKLOAD = 1\n",
    "targets/workloads/two/__init__.py": "# hides the file\n",
    "targets/workloads/empty.py": "class W:\n    summary = property(lambda self: 1 / 0)\nWORKLOAD = W()\n",
    "targets/workloads/.hidden.py": "WORKLOAD = 1\n",
    "targets/workloads/.#scan.py": "WORKLOAD = 1\n",
    "targets/workloads/scan.py~": "WORKLOAD = 1\n",
    "targets/workloads/__pycache__/old.py": "WORKLOAD = 1\n",
    "targets/acme/client.py": "raise SystemExit('imported')\n",
}


def test_what_is_no_workload_spoils_nothing_and_is_told_in_doctor(mine):
    write(mine, ODD)
    targets._workload_files.cache_clear()
    listed = {name: line for lines in listing().values() for name, line in lines}
    told = [finding.told for finding in examine() if finding.what == "Files"]
    unread = {
        "broken": "SyntaxError: invalid syntax (broken.py, line 1)",
        "lost": "ModuleNotFoundError: No module named 'no_such_library'",
        "quits": "SystemExit: 3",
        "my-model": "'my-model' is no name for it: call it my_model (a-z, 0-9 and _)",
        "MyModel": "'MyModel' is no name for it: call it mymodel (a-z, 0-9 and _)",
    }
    for name, why in unread.items():
        assert listed[name] == f"cannot be read: {why}"
        assert f"{name} cannot be read: {why}" in told
    assert "sets no WORKLOAD, and is what an import of two finds" in listed["two"]
    assert listed["empty"].startswith("cannot be read: ") and listed["scan"].startswith("Reads a word")
    workloads = mine / "targets" / "workloads"
    for name in ("scan_tools.py", "parts/__init__.py", "two/__init__.py"):
        assert f"{workloads / name} sets no WORKLOAD: passed over" in told
    assert (
        f"{workloads / 'my model.py'} is passed over: 'my model' is no name for it: call it my_model (a-z, 0-9 and _)"
        in told
    )
    assert f"{mine / 'targets' / 'acme' / 'client.py'} sets no TARGET: passed over" in told
    assert not [line for line in told if "hidden" in line or "#" in line or "~" in line or "old" in line]
    assert listed.keys().isdisjoint({"scan-tools", "parts", "client", ".hidden", "old"})


def test_one_name_as_a_module_and_as_a_package_is_refused_with_both_places(mine):
    write(mine, {"targets/workloads/scan.py": "WORKLOAD = 1\n"})
    targets._workload_files.cache_clear()
    with pytest.raises(targets.NameTaken, match=r"workload scan is in .*__init__\.py and in .*scan\.py: rename one"):
        targets.workload_names()
