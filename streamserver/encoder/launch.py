"""Become another program that dies with the server: run as a script, before anything else is loaded.

    python -I -S launch.py PARENT_PID NICENESS PROGRAM ARGUMENT…

The kernel ends the program when the thread that started it is gone (prctl(2), PR_SET_PDEATHSIG), also when the
server was killed with no chance to clean up. It yields the processor to whoever serves viewers, and is the first
to go when memory runs out.
"""

import contextlib
import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
OOM_SCORE = "500"


def main(parent_pid: str, niceness: str, *command: str) -> None:
    """Replace this process by the command."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123 - pathlib would double the start-up time
            file.write(OOM_SCORE)
    if os.getppid() != int(parent_pid):  # the server went before prctl took effect
        sys.exit(1)
    os.nice(int(niceness))
    try:
        os.execv(command[0], command)  # noqa: S606 - no shell is what we want
    except OSError as error:
        sys.exit(f"{command[0]} cannot be started: {error.strerror}")


if __name__ == "__main__":
    main(*sys.argv[1:])
