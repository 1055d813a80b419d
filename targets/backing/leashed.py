"""`python -m targets.backing.leashed PROGRAM ARGUMENT...`: becomes a program that dies with whoever started it.

The kernel ends it when the other end of the pipe FROSTLINE_LEASH_FD closes (targets.serving.leash): that outlasts exec.
"""

import os
import sys

from targets.serving.leash import hold

if __name__ == "__main__":
    hold(int(os.environ["FROSTLINE_LEASH_FD"]))
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - the program that was asked for
