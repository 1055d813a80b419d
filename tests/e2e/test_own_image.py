"""A user's image over HTTP, in a whole run: cold and warm by the deployment's log, and what is absent says so."""

from contextlib import closing

import pytest
import yaml

from targets.local import containers
from targets.packaging.base import choose_base

pytestmark = pytest.mark.docker
SERVER = """
import http.server, json, os
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.say({})
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.say({"words": len(body["text"].split()), "user": os.getuid()})
    def say(self, answer):
        self.send_response(200)
        data = json.dumps(answer).encode()
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Answers).serve_forever()
"""


def test_a_users_image_is_measured_and_what_only_we_could_tell_is_absent(bench, tmp_path):
    with closing(containers.engine()) as client:
        image = choose_base(client, print).image_id
    settings = {"image": image, "command": ["python3", "-c", SERVER], "json": "user", "equals": 65534, "port": 8000}
    experiment = tmp_path / "own.yaml"
    fields = {
        "name": "own-image",
        "question": "Is it measured?",
        "workloads": [{"name": "command", "settings": settings}],
        "targets": ["docker-service"],
        "profiles": [{"constant": {"rate": 5, "seconds": 2}}],
        "cold_starts": 1,
        "rounds": 1,
    }
    experiment.write_text(yaml.safe_dump(fields))
    finished = bench.measure(experiment)
    assert finished.code == 0, finished.out + finished.err
    (folder,) = bench.folders()
    by_profile = {trial.profile: folder.requests(trial).to_pylist() for trial in folder.trials()}
    (cold,) = by_profile["cold"]
    assert cold["start_class"] == "cold" and cold["phase_create_ns"] > 0 and cold["phase_boot_ns"] > 0
    assert {row["start_class"] for row in by_profile["constant"]} == {"warm"}
    assert {row["outcome"] for row in by_profile["constant"]} == {"ok"}
    assert all(row["handler_ns"] is None for row in by_profile["constant"])
    assert all(any("no envelope" in line for line in trial.warnings) for trial in folder.trials())
