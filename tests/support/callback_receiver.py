"""Stands where our API process stands: takes what YClients sends, and answers 200."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

JOIN_S: Final = 5


@dataclass
class Receiver:
    """``got``: paths and bodies, in the order in which they came."""

    url: str
    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def about(self, salon_id: int) -> list[tuple[str, dict[str, Any]]]:
        return [
            (path, body)
            for path, body in self.got
            if salon_id in (body.get("salon_id"), body.get("company_id"))
        ]

    def events(self, salon_id: int) -> list[str]:
        return [str(body.get("event")) for _, body in self.about(salon_id)]

    def resources(self) -> list[str]:
        return [f"{body.get('resource')} {body.get('status')}" for _, body in self.got]


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            taken.got.append((self.path, json.loads(body)))
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    taken = Receiver(f"http://127.0.0.1:{server.server_address[1]}")
    serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    serving.start()
    try:
        yield taken
    finally:
        server.shutdown()
        server.server_close()
        serving.join(JOIN_S)
