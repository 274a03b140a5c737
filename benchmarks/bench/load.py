"""The load: reads an ``Order`` as JSON from stdin, carries it out, prints a ``Told`` as JSON.

``python -m benchmarks.bench.load``. Written on bare protocols, so that it costs less than
what it measures. Two kinds of load:

*closed*: each connection sends its next request when the last one is answered;

*open* (``rate``): requests are due at fixed times, whether or not earlier ones were
answered, and one's latency counts from when it was due: a server that stalls cannot
hide it by slowing the load down.
"""

import asyncio
import json
import os
import selectors
import statistics
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count, cycle

import uvloop

from benchmarks.bench.processes import cpu_s, main_thread_s
from benchmarks.bench.wire import Messages

NUMBER = "#NUMBER##"  # in a body: nine digits, different in every request
# From one number to the next: prime to 10**9, so that none comes twice, and far apart, as
# real links are in an index.
_STRIDE = 387_420_489
_HEAD = (
    "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n"
)
_LAST_ANSWERS_S = 5.0


@dataclass(slots=True)
class Order:
    """What to send where. ``bodies``: in turn. ``starts``: what a right answer begins with.

    ``requests``: stop after so many; else after ``seconds``, before which ``warm_s`` pass
    uncounted. ``rate``: so many a second. ``watched``: processes whose CPU time is told.
    """

    port: int
    bodies: Sequence[str]
    starts: str = ""
    path: str = "/api/v2"
    connections: int = 50
    seconds: float = 4.0
    warm_s: float = 1.0
    rate: float | None = None
    requests: int | None = None
    watched: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Told:
    """Latencies in milliseconds. ``cpu_s``: of each watched process, of this one (``load``)
    and of a watched ``server``'s first thread (``event loop``). ``wrong``: answers that
    were not 200 or did not begin as they should."""

    answered: int
    seconds: float
    wrong: int
    p50_ms: float
    p99_ms: float
    cpu_s: dict[str, float]
    size: int
    sample: str

    @property
    def per_s(self) -> float:
        return self.answered / self.seconds


class Run:
    def __init__(self, order: Order) -> None:
        self.order = order
        self.next_request = _requests(order).__next__
        self.latencies_s: list[float] = []
        self.sent = 0
        self.wrong = 0
        self.last = b""
        self.over = asyncio.Event()
        self.idle: deque[Client] = deque()
        self.due: deque[float] = deque()
        self._starts = order.starts.encode()

    def heard(self, client: "Client", head: bytes, body: bytes) -> None:
        self.latencies_s.append(time.perf_counter() - client.since_s)
        self.last = body
        if not (head.startswith(b"HTTP/1.1 200") and body.startswith(self._starts)):
            self.wrong += 1
        if len(self.latencies_s) == self.order.requests:
            self.over.set()
        if self.over.is_set() or self.sent == self.order.requests:
            return
        if self.order.rate is None:
            client.send(time.perf_counter())
        elif self.due:
            client.send(self.due.popleft())
        else:
            self.idle.append(client)

    def lost(self) -> None:
        self.wrong += not self.over.is_set()


class Client(Messages):
    """A kept connection with at most one request on it."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run
        self.since_s = 0.0

    def send(self, since_s: float) -> None:
        self.since_s = since_s
        self._run.sent += 1
        self.transport.write(self._run.next_request())

    def message(self, head: bytes, body: bytes) -> None:
        self._run.heard(self, head, body)

    def connection_lost(self, error: Exception | None) -> None:
        self._run.lost()


def _requests(order: Order) -> Iterator[bytes]:
    """Every request whole, head and body in one piece."""
    texts = []
    for body in order.bodies:
        length = len(body.encode())
        head = _HEAD.format(path=order.path, port=order.port, length=length)
        texts.append((head + body).encode())
    if not any(NUMBER.encode() in text for text in texts):
        return cycle(texts)
    pairs = cycle([text.split(NUMBER.encode()) for text in texts])
    numbers = (b"%09d" % (number * _STRIDE % 10**9) for number in count())
    return (number.join(pair) for pair, number in zip(pairs, numbers, strict=False))


async def _carry_out(order: Order) -> Told:
    run = Run(order)
    loop = asyncio.get_running_loop()
    clients = [
        (await loop.create_connection(lambda: Client(run), "127.0.0.1", order.port))[1]
        for _ in range(order.connections)
    ]
    began_s = time.perf_counter()
    driving = asyncio.create_task(_drive(run, clients))
    if order.requests is None:
        await asyncio.sleep(order.warm_s)
    before, first, started_s = _cpu(order), len(run.latencies_s), time.perf_counter()
    if order.requests is None:
        await asyncio.sleep(order.seconds)
    else:
        started_s = began_s
        await run.over.wait()
    ended_s, after, last = time.perf_counter(), _cpu(order), len(run.latencies_s)
    run.over.set()
    await driving
    for client in clients:
        client.transport.close()
    latencies_s = run.latencies_s[first:last]
    return Told(
        answered=len(latencies_s),
        seconds=ended_s - started_s,
        wrong=run.wrong,
        p50_ms=1000 * statistics.median(latencies_s),
        p99_ms=1000 * _quantile(latencies_s, 0.99),
        cpu_s={name: after[name] - before[name] for name in after},
        size=len(run.last),
        sample=run.last[:200].decode(),
    )


async def _drive(run: Run, clients: Sequence[Client]) -> None:
    if run.order.rate is None:
        for client in clients[: run.order.requests]:
            client.send(time.perf_counter())
        return
    run.idle.extend(clients)
    due_s = time.perf_counter()
    while not run.over.is_set():
        due_s += 1 / run.order.rate
        await asyncio.sleep(max(due_s - time.perf_counter(), 0))
        if run.idle:
            run.idle.popleft().send(due_s)
        else:
            run.due.append(due_s)


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def _cpu(order: Order) -> dict[str, float]:
    used = {name: cpu_s(pid) for name, pid in {**order.watched, "load": os.getpid()}.items()}
    if "server" in order.watched:
        used["event loop"] = main_thread_s(order.watched["server"])
    return used


def _loop(order: Order) -> asyncio.AbstractEventLoop:
    """select(2) waits to the microsecond, where epoll and libuv round up to milliseconds:
    at a fixed rate, that would be most of what there is to measure."""
    if order.rate is not None:
        return asyncio.SelectorEventLoop(selectors.SelectSelector())
    return uvloop.new_event_loop()


def main() -> None:
    order = Order(**json.load(sys.stdin))
    with asyncio.Runner(loop_factory=lambda: _loop(order)) as runner:
        told = runner.run(_carry_out(order))
    json.dump(asdict(told), sys.stdout)


if __name__ == "__main__":
    main()
