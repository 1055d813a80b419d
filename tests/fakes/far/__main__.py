"""`python -m tests.fakes.far FOLDER`: serves until its standard input closes; FOLDER tells how it is reached.

FAR_AHEAD_S, FAR_DRIFT_PPM and FAR_DEPLOY_S say how far away it is.
"""

import json
import os
import ssl
import sys
from pathlib import Path

from tests.fakes.far.clock import FarClock

FarClock.begin(float(os.environ.get("FAR_AHEAD_S", "300")), int(os.environ.get("FAR_DRIFT_PPM", "200"))).rule()

from tests.fakes.far.certificate import make_certificate  # noqa: E402 - the clock first
from tests.fakes.far.region import Region  # noqa: E402
from tests.fakes.far.service import Server  # noqa: E402


def main(folder: Path) -> None:
    """Serve."""
    certificate, key = make_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    region = Region(float(os.environ.get("FAR_DEPLOY_S", "20")))
    ports = {"https": Server(region, context).server_port, "http": Server(region, None).server_port}
    (folder / "ports.json").write_text(json.dumps(ports))
    print("ready", flush=True)
    sys.stdin.read()
    region.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
