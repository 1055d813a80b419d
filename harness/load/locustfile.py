"""For people who run Locust by hand: `locust -f harness/load/locustfile.py --profile bursty --rate 20 --host http://...`.

Web UI, --headless and --csv work. Locust's own charts then count from the schedule, but round as Locust does;
`frostline load` prints exact figures. One process only: `frostline load --workers N` stripes a schedule over several.
"""

import tempfile
from pathlib import Path
from typing import Any

import gevent
from locust import events
from locust.env import Environment
from locust.runners import LocalRunner

from harness.clock import now_ns
from harness.experiment.profiles import draw, profile, profile_names
from harness.load.wire import LoadPlan
from harness.load.worker import OpenLoopUser, Shift
from loadprofiles.contract import fingerprint
from targets.contract import Endpoint

LEAD_NS = 300_000_000


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def add_options(parser: Any) -> None:
    """Add our options beside Locust's own `--profile`, a free text there, which here names the load profile."""
    parser.add_argument("--rate", type=float, default=10.0, help="mean requests per second")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the schedule")
    parser.add_argument("--seed", type=int, default=1, help="draws the arrivals")
    parser.add_argument("--compression", type=float, default=1.0, help="seconds of modelled time per second")
    parser.add_argument("--path", default="/", help="path of each request")
    parser.add_argument("--body", default="", help="file to POST; without one, GET")
    parser.add_argument("--timeout-s", type=float, default=60.0, help="for each request")


@events.init.add_listener  # type: ignore[untyped-decorator]
def check_options(environment: Environment, **_: Any) -> None:
    """Refuse what would not do as asked: an unknown profile, or workers that would each send the whole schedule."""
    options: Any = environment.parsed_options
    name = options.profile or "steady"
    if name not in profile_names():
        raise SystemExit(f"--profile: {name!a} is not one of: {', '.join(profile_names())}")
    if profile(name).reads_file:
        raise SystemExit(f"--profile: {name} reads a file, and this takes none: write an experiment with it")
    if environment.runner is not None and not isinstance(environment.runner, LocalRunner):
        raise SystemExit("this locustfile runs in one process: for several use `frostline load --workers N`")


class Schedule(OpenLoopUser):
    """One user, whatever number is asked for: the schedule makes the rate."""

    fixed_count = 1
    host = "http://127.0.0.1:8080"

    def on_start(self) -> None:
        """Draw the schedule and get ready."""
        options = self.environment.parsed_options
        kind = profile(options.profile or "steady")
        fields = {"rate": options.rate, "seconds": options.seconds, "compression": options.compression}
        offsets = draw(kind.model_validate(fields), options.seed)
        host = (self.environment.host or self.host).rstrip("/")
        self.folder = tempfile.TemporaryDirectory(prefix="frostline-locust-")
        plan = LoadPlan(
            folder=self.folder.name,
            endpoints=[
                Endpoint(f"{host}/{options.path.lstrip('/')}", "POST" if options.body else "GET", kept_header="")
            ],
            sha256=fingerprint(offsets),
            seconds=options.seconds,
            timeout_s=options.timeout_s,
            keep_replies=False,
            report_to_locust=True,
        )
        plan.write(offsets, [Path(options.body).read_bytes()] if options.body else [b""])
        self.environment.shift = Shift.read(self.environment, plan.folder, 0, 1)
        gevent.spawn(self._begin)

    def _begin(self) -> None:
        shift: Shift = self.environment.shift
        shift.armed.wait()
        shift.go.set(now_ns() + LEAD_NS)
        shift.finished.wait()
        self.folder.cleanup()
        if self.environment.parsed_options.headless:
            self.environment.runner.quit()

    def on_stop(self) -> None:
        """Stopped by hand: the arrivals that are left are not sent."""
        self.environment.shift.dispatcher.stop()
