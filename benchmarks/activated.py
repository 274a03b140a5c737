"""Runs a program with listening sockets handed to it, as a socket unit of systemd would.

``python activated.py DESCRIPTOR[,DESCRIPTOR…] PROGRAM ARGUMENT…``
"""

import fcntl
import os
import sys

_FIRST = 3  # where the protocol puts them: sd_listen_fds(3)
_OUT_OF_THE_WAY = 100

if __name__ == "__main__":
    given = [int(number) for number in sys.argv[1].split(",")]
    kept = [fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _OUT_OF_THE_WAY) for number in given]
    for number in given:
        os.close(number)
    for place, number in enumerate(kept, _FIRST):
        os.dup2(number, place)
    os.environ["LISTEN_FDS"] = str(len(kept))
    os.environ["LISTEN_PID"] = str(os.getpid())
    os.execv(sys.argv[2], sys.argv[2:])
