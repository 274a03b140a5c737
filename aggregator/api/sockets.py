"""Where we listen, and the sockets that were opened for us.

Sockets may come to us open, by the protocol of systemd's socket units
(sd_listen_fds(3)): ``LISTEN_FDS`` of them, from descriptor 3 on, are ours if
``LISTEN_PID`` is our process. Whoever opened them keeps them open while we are
restarted, and the kernel goes on taking connections on them: these wait for the
next process instead of being refused. To close our copy is only to stop accepting.
"""

import asyncio
import os
import re
import socket
from collections.abc import Mapping, Sequence

_FIRST = 3
_ADDRESS = re.compile(r"(?:\[([^]]+)\]|([^:]*)):([0-9]{1,5})")


def parse_address(listen: str) -> tuple[str | None, int]:
    """(host, port) of "host:port"; no host means all of them."""
    found = _ADDRESS.fullmatch(listen)
    if found is None or int(found[3]) > 65535:
        raise ValueError(f"not host:port, [address]:port or unix:/path: {listen!r}")
    return found[1] or found[2] or None, int(found[3])


class Inherited:
    """Sockets that came to us open, and that nobody has taken yet."""

    def __init__(self, sockets: Sequence[socket.socket] = ()) -> None:
        self._sockets = list(sockets)

    @classmethod
    def of_process(cls, environ: Mapping[str, str]) -> "Inherited":
        """This process's; none where ``environ`` speaks of another one."""
        if environ.get("LISTEN_PID") != str(os.getpid()):
            return cls()
        count = environ.get("LISTEN_FDS", "")
        numbers = range(_FIRST, _FIRST + (int(count) if count.isdecimal() else 0))
        return cls([_opened(number) for number in numbers])

    async def take(self, listen: str) -> list[socket.socket]:
        """The sockets that listen where ``listen`` says. They are the caller's now."""
        if not self._sockets:
            return []
        places = await _places(listen)
        taken = [one for one in self._sockets if _place(one) in places]
        self._sockets = [one for one in self._sockets if one not in taken]
        return taken

    @property
    def unused(self) -> list[str]:
        """Where sockets listen that nobody took: who connects there waits for ever."""
        return [str(_place(one)) for one in self._sockets]


def _opened(number: int) -> socket.socket:
    os.set_inheritable(number, False)
    opened = socket.socket(fileno=number)
    opened.setblocking(False)
    return opened


def _place(one: socket.socket) -> object:
    name = one.getsockname()
    return name if one.family == socket.AF_UNIX else name[:2]


async def _places(listen: str) -> set[object]:
    if listen.startswith("unix:"):
        return {listen.removeprefix("unix:")}
    host, port = parse_address(listen)
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    return {address[:2] for *_, address in found}
