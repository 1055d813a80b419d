"""`frostline try` of a workload of one's own as a person would: once well, once with an answer that is not right."""

import os
import subprocess
import sys

from harness.files.strict_yaml import read_mapping

OWN = '''
"""Counts letters, or miscounts them."""

import json

from targets.workloads.contract import Payload


class Letters:
    name = "letters"
    summary = "counts letters"
    requirements, models, model_files = (), (), ()
    more = 0

    def configure(self, settings):
        letters = Letters()
        letters.more = settings["more"]
        return letters

    def load(self, phase, model_dir, threads):
        with phase("weights"):
            more = self.more
        return lambda request: {"letters": len(request["text"]) + more}

    def payloads(self):
        return [Payload(text, json.dumps({"text": text}).encode()) for text in ("rime", "frost")]

    def check(self, payload, answer, own_model):
        return None if answer == {"letters": len(payload.name)} else f"{answer} is not {len(payload.name)}"


WORKLOAD = Letters()
'''


def test_a_workload_of_ones_own_is_tried_and_offered_an_experiment(tmp_path):
    place = tmp_path / "mine" / "targets" / "workloads" / "letters.py"
    place.parent.mkdir(parents=True)
    place.write_text(OWN)
    environment = os.environ | {"PYTHONPATH": "mine", "FROSTLINE_LOCK": str(tmp_path / "lock")}

    def try_it(*arguments):
        command = [sys.executable, "-P", "-c", "from harness.cli import main; main()", "try", "letters", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=120, check=False
        )

    done = try_it("--save", "first.yaml", "--set", "more=0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 of 4 answers right" in done.stdout and " weights " in done.stdout and '{"letters": 5}' in done.stdout
    assert read_mapping(tmp_path / "first.yaml")["workloads"] == [{"name": "letters", "settings": {"more": 0}}]
    again = try_it("--save", "first.yaml")
    assert again.returncode == 2 and "is there already" in again.stderr
    wrong = try_it("--set", "more=1", "--in", "process-lambda")
    assert wrong.returncode == 1, wrong.stdout + wrong.stderr
    assert "NOT RIGHT: 2 requests (rime): wrong answer: {'letters': 5} is not 4" in wrong.stdout
    assert str(place.relative_to(tmp_path)) in wrong.stdout
