"""A user's own model folder, as far as it can be judged without the libraries that load it."""

import os
import tarfile
from pathlib import Path

import pytest

import targets
from targets.packaging import folder
from targets.packaging.context import write_context
from targets.packaging.model_folder import model_dir_problems, model_paths, model_sha256, without_links
from targets.serving.onnx_session import check_batch, integer_type
from targets.serving.onnx_text import fixed_length, input_types
from targets.workloads.tasks.embedding import told_lengths
from tests.fakes.onnx_models import model_folder

EMBED = targets.workload("embed-onnx")


def cache_of(tmp_path: Path, **options: object) -> Path:
    """The layout of Hugging Face's cache: the files are links out of the snapshot, into the blobs."""
    blobs, snapshot = tmp_path / "models--x" / "blobs", tmp_path / "models--x" / "snapshots" / "abc"
    model_folder(blobs, **options)
    snapshot.mkdir(parents=True)
    for at, path in enumerate(sorted(blobs.iterdir())):
        path.rename(blobs / f"{at:040x}")
        (snapshot / path.name).symlink_to(f"../../blobs/{at:040x}")
    return snapshot


def test_links_into_other_folders_are_followed_and_copied_as_files(tmp_path, monkeypatch):
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    snapshot = cache_of(tmp_path, external="model.onnx_data")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "vocab.txt").write_text("frost")
    (snapshot / "more").symlink_to(tmp_path / "elsewhere")
    assert model_dir_problems(EMBED, snapshot) == []
    said: list[str] = []
    copy = without_links(snapshot, model_sha256(snapshot), said.append)
    assert copy != snapshot and copy == without_links(snapshot, model_sha256(snapshot), said.append)
    names = ["model.onnx", "model.onnx_data", "more/vocab.txt", "tokenizer.json"]
    assert list(model_paths(copy)) == list(model_paths(snapshot)) == names
    assert not any(path.is_symlink() for path in copy.rglob("*"))
    assert all((copy / name).read_bytes() == (snapshot / name).read_bytes() for name in names)
    assert model_sha256(copy) == model_sha256(snapshot)
    assert len(said) == 1 and "4 files, 0.0 MB (model.onnx " in said[0]


def test_a_folder_without_links_is_used_where_it_lies_even_when_it_is_named_by_one(tmp_path):
    folder = model_folder(tmp_path / "m")
    (tmp_path / "named").symlink_to(folder)
    assert without_links(tmp_path / "named", "x", pytest.fail) == tmp_path / "named"


def test_a_link_to_a_whole_disk_is_refused_after_so_many_files(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "MOST_FILES", 20)
    mine = model_folder(tmp_path / "m")
    (tmp_path / "disk").mkdir()
    for at in range(30):
        (tmp_path / "disk" / str(at)).write_text("x")
    (mine / "data").symlink_to(tmp_path / "disk")
    lines = model_dir_problems(EMBED, mine)
    assert f"folder {mine} holds more than 20 files: name one that holds only what is needed" in lines


def test_an_image_gets_what_the_links_lead_to(tmp_path):
    snapshot = cache_of(tmp_path)
    with (tmp_path / "context.tar").open("w+b") as stream:
        write_context(stream, {f"model/{name}": path for name, path in model_paths(snapshot).items()})
    with tarfile.open(tmp_path / "context.tar") as archive:
        assert all(entry.isfile() and entry.size > 100 for entry in archive)


def _dangling(folder):
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").symlink_to("../blobs/gone")


def _itself(folder):
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").symlink_to("model.onnx")


def _above(folder):
    (folder / "again").symlink_to("..")


def _pipe(folder):
    os.mkfifo(folder / "pipe")


def _device(folder):
    (folder / "zero").symlink_to("/dev/zero")


def _pointer(folder):
    (folder / "model.onnx").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")


def _empty(folder):
    (folder / "tokenizer.json").write_text("")


def _other_names(folder):
    (folder / "model.onnx").rename(folder / "model_int8.onnx")
    (folder / "model_fp16.onnx").write_bytes(b"x")


def _deeper(folder):
    (folder / "onnx").mkdir()
    (folder / "model.onnx").rename(folder / "onnx" / "model.onnx")


def _untokenized(folder):
    (folder / "tokenizer.json").unlink()


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (_dangling, "leads to ../blobs/gone, which is not there: fetch that file, or remove the link"),
        (_itself, "model.onnx leads nowhere (Too many levels of symbolic links)"),
        (_above, "again leads to {above}, a folder that holds it: remove the link"),
        (_pipe, "pipe is not a regular file"),
        (_device, "zero is not a regular file"),
        (_pointer, "is a pointer of Git LFS and not the file; run git lfs pull"),
        (_empty, "tokenizer.json is empty; fetch it again"),
        (_other_names, "of model_fp16.onnx, model_int8.onnx copy or link the one to measure to model.onnx"),
        (_deeper, "it lies at onnx/model.onnx: copy or link it to model.onnx"),
        (_untokenized, "tokenizer.json is missing; put it there"),
    ],
    ids=lambda given: given.__name__.strip("_") if callable(given) else "",
)
def test_what_is_wrong_with_a_folder_is_one_line_with_the_fix(tmp_path, harm, says):
    mine = model_folder(tmp_path / "m")
    harm(mine)
    (line,) = model_dir_problems(EMBED, mine)
    assert says.format(above=tmp_path) in line


def test_weights_beside_the_model_that_are_missing_or_outside_are_named(tmp_path):
    folder = model_folder(tmp_path / "m", external="weights.bin")
    assert model_dir_problems(EMBED, folder) == []
    (folder / "weights.bin").unlink()
    (line,) = model_dir_problems(EMBED, folder)
    assert f"model.onnx keeps weights in weights.bin, which is not in {folder}; put it beside it" in line
    (line,) = model_dir_problems(EMBED, model_folder(tmp_path / "n", external="../secret"))
    assert "keeps weights in ../secret, outside of its folder" in line


class Entry:
    def __init__(self, name, kind="tensor(int64)", shape=("batch", "length")):
        self.name, self.type, self.shape = name, kind, list(shape)


def test_what_the_embedder_supports_of_a_models_inputs():
    ids = Entry("input_ids", "tensor(int32)", (1, 128))
    assert input_types([ids, Entry("attention_mask")]) == {"input_ids": "int32", "attention_mask": "int64"}
    assert fixed_length([ids]) == 128 and fixed_length([Entry("input_ids")]) is None
    for entries, says in (
        ([Entry("pixel_values")], "its inputs are pixel_values: export it with input_ids"),
        ([ids, Entry("position_ids")], "its inputs are input_ids, position_ids"),
        ([Entry("input_ids", shape=(8, "n"))], "has a batch of 8"),
    ):
        with pytest.raises(ValueError, match=says):
            input_types(entries)
    with pytest.raises(ValueError, match=r"x is tensor\(float\): export it with int64 or int32"):
        integer_type(Entry("x", "tensor(float)"))
    check_batch(Entry("x", shape=()))


@pytest.mark.parametrize(
    ("file", "text", "lengths"),
    [
        ("config.json", '{"max_position_embeddings": 128}', [128]),
        ("config.json", '{"max_position_embeddings": 514, "model_type": "roberta", "pad_token_id": 1}', [512]),
        ("sentence_bert_config.json", '{"max_seq_length": 64}', [64]),
        ("tokenizer_config.json", '{"model_max_length": 1000000000000000019884624838656}', [10**30 + 19884624838656]),
        ("config.json", '{"max_position_embeddings": "many"}', []),
        ("config.json", "[]", []),
        ("other.json", "{", []),
    ],
    ids=["positions", "roberta", "sentence-bert", "boundless", "text", "list", "other"],
)
def test_how_many_tokens_a_model_takes_is_read_from_its_folder(tmp_path, file, text, lengths):
    (tmp_path / file).write_text(text)
    assert told_lengths(tmp_path) == lengths
    assert told_lengths(None) == []


def test_a_config_that_is_no_json_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config\.json is no JSON .*: correct it, or leave it out"):
        told_lengths(tmp_path)


def linked(tmp_path, content):
    """A folder of one link, and the file that it leads to."""
    (tmp_path / "blobs").mkdir(exist_ok=True)
    blob = tmp_path / "blobs" / "model"
    blob.write_bytes(content)
    folder = tmp_path / "linked"
    folder.mkdir(exist_ok=True)
    if not (folder / "model.onnx").is_symlink():
        (folder / "model.onnx").symlink_to(blob)
    return folder, blob


def test_what_links_lead_to_takes_no_second_place_on_one_disk_and_is_copied_to_another(tmp_path, monkeypatch):
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    folder, blob = linked(tmp_path, b"weights")
    laid = without_links(folder, model_sha256(folder), print) / "model.onnx"
    assert laid.samefile(blob) and not laid.is_symlink()

    def refuse(self, target):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "other"))
    laid = without_links(folder, model_sha256(folder), print) / "model.onnx"
    assert not laid.samefile(blob) and laid.read_bytes() == b"weights"


def test_a_file_that_was_written_to_under_its_first_name_is_no_longer_taken_for_what_it_was(tmp_path, monkeypatch):
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    folder, blob = linked(tmp_path, b"one")
    one = model_sha256(folder)
    without_links(folder, one, print)
    blob.write_bytes(b"two")
    blob.rename(tmp_path / "blobs" / "kept")
    folder, blob = linked(tmp_path, b"one")
    assert model_sha256(folder) == one
    assert (without_links(folder, one, print) / "model.onnx").read_bytes() == b"one"


def test_links_in_a_few_folders_that_lead_to_any_number_of_them_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "MOST_FILES", 100)
    mine = tmp_path / "0"
    for depth in range(9):
        (tmp_path / str(depth)).mkdir()
    for depth in range(8):
        for way in ("left", "right"):
            (tmp_path / str(depth) / way).symlink_to(tmp_path / str(depth + 1), target_is_directory=True)
    files, problems = folder.files_below(mine)
    assert files == {}
    assert problems == [f"folder {mine} holds more than 100 files: name one that holds only what is needed"]
