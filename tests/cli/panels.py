"""Panels that answer whatever a test says, from a thread: commands run loops of their own."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

Asked = Mapping[str, str]
Panel = Callable[[Asked], object]


@contextmanager
def answering(panel: Panel) -> Iterator[str]:
    """The URL of a panel. What ``panel`` gives is sent as JSON; bytes as they are.

    ``Authorization`` and ``Content-Type`` are among the fields it is asked with.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            named = {name: self.headers.get(name, "") for name in ("Authorization", "Content-Type")}
            answer = panel(_fields(body) | named)
            sent = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/v2"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _fields(body: bytes) -> dict[str, str]:
    if body.startswith(b"{"):
        return {name: str(value) for name, value in json.loads(body).items()}
    return dict(parse_qsl(body.decode(), keep_blank_values=True))


def listing(*rows: Mapping[str, object]) -> Panel:
    """A panel that lists these services and has some money."""

    def panel(asked: Asked) -> object:
        if asked["action"] == "services":
            return list(rows)
        return {"balance": "100.5", "currency": "USD"}

    return panel


def row(service: object, **changes: object) -> dict[str, object]:
    """A service as panels list it."""
    return {
        "service": service,
        "name": f"Followers {service}",
        "type": "Default",
        "category": "Instagram",
        "rate": "0.50",
        "min": 50,
        "max": 10_000,
        "refill": True,
        "cancel": False,
        "dripfeed": True,
        **changes,
    }
