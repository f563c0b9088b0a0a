"""A FastAGI server that says what a test tells it to: for what a real helper would never say, and for its failures."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

Reply = str | Callable[[socket.socket], None]


class ScriptedHelper:
    """Answers each look-up by the caller's number; `asked` holds the requests' arguments."""

    def __init__(self, port: int) -> None:
        self.replies: dict[str, Reply] = {}
        self.asked: list[list[str]] = []
        self._server = socket.create_server(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> ScriptedHelper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # shutdown wakes the accept that close alone would leave waiting.
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            environment = {}
            while (line := lines.readline().decode().rstrip("\n")) != "":
                name, _, value = line.partition(": ")
                environment[name] = value
            arguments = [environment[f"agi_arg_{i}"] for i in range(1, 9) if f"agi_arg_{i}" in environment]
            self.asked.append([environment["agi_network_script"], *arguments])
            reply = self.replies.get(arguments[1], "1/unknown")
            if not isinstance(reply, str):
                reply(connection)
                return
            connection.sendall(f'SET VARIABLE IVRC_FOUND "{reply}"\n'.encode())
            lines.readline()
