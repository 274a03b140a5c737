"""Runs a program with a listening socket handed to it, as a socket unit of systemd would.

``python activated.py DESCRIPTOR PROGRAM ARGUMENT…``
"""

import os
import sys

_FIRST = 3  # where the protocol puts it: sd_listen_fds(3)

if __name__ == "__main__":
    given = int(sys.argv[1])
    if given == _FIRST:
        os.set_inheritable(given, True)
    else:
        os.dup2(given, _FIRST)
        os.close(given)
    os.environ["LISTEN_FDS"] = "1"
    os.environ["LISTEN_PID"] = str(os.getpid())
    os.execv(sys.argv[2], sys.argv[2:])
