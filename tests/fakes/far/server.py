"""What runs inside a far service's replica: the real server behind the far clock."""

import os

from tests.fakes.far.clock import VARIABLE, FarClock

if __name__ == "__main__":
    FarClock.parse(os.environ[VARIABLE]).rule()
    from targets.serving.http_app import main

    main()
