"""`python -m targets.backing.leashed PROGRAM ARGUMENT...`: becomes a program that dies with whoever started it.

The kernel ends it when the other end of the pipe FROSTLINE_LEASH_FD closes (targets.serving.leash): that outlasts exec.
Where FROSTLINE_USER names a user and a group by number, it runs as that user.
"""

import os
import sys

from targets.serving.leash import hold

if __name__ == "__main__":
    hold(int(os.environ["FROSTLINE_LEASH_FD"]))  # as whoever started it: the kernel's signal then reaches any user
    if user := os.environ.pop("FROSTLINE_USER", ""):
        os.chdir("/")  # the folder it was started in may be closed to that user
        os.setgroups([])
        os.setgid(int(user.partition(":")[2]))
        os.setuid(int(user.partition(":")[0]))
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - the program that was asked for
