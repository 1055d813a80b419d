"""A model in an archive: the very file that was stated, unpacked once, and nothing of it outside of its folder."""

import hashlib
import io
import os
import stat
import tarfile
import zipfile

import pytest

from harness.errors import UsageError
from harness.experiment.question import parse_experiment
from targets.contract import DeploymentError
from targets.packaging import model_archive
from targets.packaging.model_archive import unpacked
from tests.fakes.onnx_models import model_folder


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tar_of(path, *members):
    with tarfile.open(path, "w:gz") as tar:
        for member, content in members:
            entry = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def zip_of(path, *members):
    with zipfile.ZipFile(path, "w") as packed:
        for member, content in members:
            packed.writestr(member, content)
    return path


@pytest.mark.parametrize("make", [tar_of, zip_of])
@pytest.mark.parametrize("top", ["", "mini/"])
def test_it_is_unpacked_once_without_the_folder_at_its_top(tmp_path, make, top):
    path = make(tmp_path / "model.bin", (f"{top}model.onnx", b"weights"), (f"{top}more/words.txt", b"frost"))
    stated = digest(path)
    folder = unpacked(path, stated)
    assert (folder / "model.onnx").read_bytes() == b"weights"
    assert (folder / "more" / "words.txt").read_bytes() == b"frost"
    path.unlink()
    assert unpacked(path, stated) == folder, "it is kept under its digest"


def link(name, to, kind=tarfile.SYMTYPE):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, to
    return entry


def zip_link(name):
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize(
    ("make", "members", "says"),
    [
        (tar_of, [("../out", b"x")], "outside of itself"),
        (tar_of, [("/tmp/out", b"x")], "outside of itself"),
        (tar_of, [("a/../../out", b"x")], "outside of itself"),
        (zip_of, [("../out", b"x")], "outside of itself"),
        (zip_of, [("a\\..\\out", b"x")], "outside of itself"),
        (tar_of, [(link("a", "/etc/passwd"), b"")], "a link or no file"),
        (tar_of, [(link("a", "b", tarfile.LNKTYPE), b"")], "a link or no file"),
        (tar_of, [(link("a", "", tarfile.FIFOTYPE), b"")], "a link or no file"),
        (zip_of, [(zip_link("a"), "/etc/passwd")], "a link or no file"),
        (tar_of, [("a", b"x"), ("./a", b"y")], "twice"),
        (tar_of, [], "no file"),
        (tar_of, [("a", b"x" * 2000)], "unfolds to more than"),
        (zip_of, [("a", b"x" * 2000)], "unfolds to more than"),
    ],
)
def test_what_is_no_plain_file_within_it_is_refused_and_nothing_is_left(
    tmp_path, cache, monkeypatch, make, members, says
):
    monkeypatch.setattr(model_archive, "MOST_BYTES", 1000)
    path = make(tmp_path / "model.bin", *members)
    with pytest.raises(DeploymentError, match=says):
        unpacked(path, digest(path))
    assert not (tmp_path / "out").exists()
    assert [name for _, _, names in os.walk(cache) for name in names] == []


def test_another_file_is_refused_with_its_digest_and_a_damaged_one_with_the_fix(tmp_path):
    path = tar_of(tmp_path / "model.tar.gz", ("model.onnx", os.urandom(5000)))
    with pytest.raises(DeploymentError, match=f"has sha256 {digest(path)}"):
        unpacked(path, "0" * 64)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DeploymentError, match=r"no whole \.tar"):
        unpacked(path, digest(path))
    with pytest.raises(DeploymentError, match="cannot be read"):
        unpacked(tmp_path / "gone", "0" * 64)


def test_an_experiment_names_an_archive_in_the_place_of_a_folder(tmp_path):
    folder = model_folder(tmp_path / "mini")
    path = zip_of(tmp_path / "mini.zip", *((file.name, file.read_bytes()) for file in folder.iterdir()))
    archive = {"file": str(path), "sha256": digest(path)}
    fields = {"name": "x", "question": "?", "targets": ["process-service"]}
    experiment = parse_experiment({**fields, "workloads": [{"name": "embed-onnx", "model_archive": archive}]}, "x")
    (choice,) = experiment.workloads
    assert choice.has_own_model and (choice.own_model / "tokenizer.json").is_file()
    for wrong, says in (
        ({"model_archive": archive, "model_dir": str(folder)}, "leave one out"),
        ({"model_archive": {**archive, "sha256": "1" * 64}}, f"model_archive: model archive {path} has sha256"),
        ({"model_archive": {"file": str(path)}}, "sha256: is missing"),
    ):
        with pytest.raises(UsageError) as refused:
            parse_experiment({**fields, "workloads": [{"name": "embed-onnx", **wrong}]}, "x")
        assert any(says in line for line in refused.value.problems), refused.value.problems
