"""A panel that is never the bottleneck: it answers from memory and keeps nothing.

``python -m benchmarks.bench.panel PORT``. The path of a request names the panel, so that
one process is as many providers as are wanted: ``/NAME/api/v2``. Every order ID is known
here and in progress. ``GET /counts`` tells what was asked of each panel.
"""

import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, ClassVar
from urllib.parse import parse_qs

import uvloop

from benchmarks.bench.wire import Messages

STATUS = (
    '{"charge":"0.05000","start_count":"3572","status":"In progress","remains":"157",'
    '"currency":"USD"}'
)
SERVICES = (
    b'[{"service":1,"name":"Followers","type":"Default","category":"Things","rate":"0.50",'
    b'"min":"10","max":"10000","refill":true,"cancel":true,"dripfeed":true}]'
)
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"


@dataclass(slots=True)
class Counts:
    """What one panel was asked: calls by action, and the orders asked after."""

    calls: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    orders: set[str] = field(default_factory=set)

    def told(self) -> dict[str, Any]:
        return {"calls": self.calls, "orders": len(self.orders)}


class Panel(Messages):
    """One connection. ``counts`` is shared by all, and so are the order IDs: they rise
    from one run to the next, for a database may outlive the panel."""

    counts: ClassVar[defaultdict[str, Counts]] = defaultdict(Counts)
    ids: ClassVar[Iterator[int]] = count(time.time_ns() // 1000)

    def message(self, head: bytes, body: bytes) -> None:
        path = head.split(b" ", 2)[1].decode()
        answer = self._counted() if path == "/counts" else self._answer(path.split("/")[1], body)
        self.transport.write(_OK % (len(answer), answer))

    def _counted(self) -> bytes:
        return json.dumps({name: one.told() for name, one in self.counts.items()}).encode()

    def _answer(self, panel: str, body: bytes) -> bytes:
        asked = self.counts[panel]
        if b"action=add" in body:
            asked.calls["add"] += 1
            return b'{"order":%d}' % next(self.ids)
        form = parse_qs(body.decode())
        action = form["action"][0]
        asked.calls[action] += 1
        if action == "status":
            return _statuses(asked, form)
        return SERVICES if action == "services" else b'{"balance":"100000.00","currency":"USD"}'


def _statuses(asked: Counts, form: dict[str, list[str]]) -> bytes:
    if "orders" not in form:
        asked.orders.add(form["order"][0])
        return STATUS.encode()
    ids = form["orders"][0].split(",")
    asked.orders.update(ids)
    return ("{" + ",".join(f'"{one}":{STATUS}' for one in ids) + "}").encode()


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Panel, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
