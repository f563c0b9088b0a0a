"""A CRM over HTTP that behaves as a test says, for calls by way of the real helper."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Callable, Sequence
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, bytes]


def contact(phone: str, owner: str = "17", phones: Sequence[object] | None = None, name: str = "Ivan") -> bytes:
    """A contact as this CRM tells them."""
    manager = {"id": owner, "name": "Manager", "phones": ["+7 916 111-22-33"] if phones is None else phones}
    return json.dumps({"contacts": [{"id": "c1", "name": name, "phones": [phone], "owner": manager}]}).encode()


class CrmServer:
    """Answers every request by `reply`, and counts them."""

    def __init__(self) -> None:
        self.reply: Callable[[str], Answer] = lambda phone: (200, contact(phone))
        self.asked: list[str] = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                phone = parse_qs(urlsplit(self.path).query)["phone"][0]
                server.asked.append(phone)
                status, body = server.reply(phone)
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass

            def log_message(self, *_: object) -> None:
                pass

        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self.settings = f"""[crm]
kind = "http"
url = "http://127.0.0.1:{self._http.server_address[1]}/find?phone={{number}}"
paths.contacts = "contacts"
paths.id = "id"
paths.name = "name"
paths.phones = "phones"
paths.responsible.id = "owner.id"
paths.responsible.name = "owner.name"
paths.responsible.phones = "owner.phones"
"""

    def __enter__(self) -> CrmServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()


def slow(seconds: float) -> Callable[[str], Answer]:
    """A CRM that takes its time."""

    def reply(phone: str) -> Answer:
        time.sleep(seconds)
        return 200, contact(phone)

    return reply


def says(status: int, body: bytes = b"") -> Callable[[str], Answer]:
    """A CRM that says this to everything."""
    return lambda _: (status, body)
