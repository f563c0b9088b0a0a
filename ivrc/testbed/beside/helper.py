"""What answers for the CRM: for each office, whatever the call being played says, after as long."""

from __future__ import annotations

import asyncio
from typing import Self

from ivrc.lower.names import extension_name
from ivrc.simulate.call import UNKNOWN, Answer, Turn
from ivrc.testbed.ports import give_back, take_ports


class Helper:
    """A FastAGI server: `answers` are by the office's name."""

    def __init__(self, rate: float) -> None:
        self.answers: dict[str, Answer] = {}
        self.port = take_ports()
        self.rate = rate
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        give_back(self.port)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            environment = {}
            while line := (await reader.readline()).decode("utf-8", "replace").rstrip("\r\n"):
                name, _, value = line.partition(": ")
                environment[name] = value
            answer = self.answers.get(environment.get("agi_arg_1", ""), UNKNOWN)
            await asyncio.sleep(answer.after / 1000 / self.rate)
            writer.write(f'SET VARIABLE IVRC_FOUND "{told(answer)}"\n'.encode())
            await writer.drain()
            await reader.readline()
        except ConnectionError:
            pass
        finally:
            writer.close()


def told(answer: Answer) -> str:
    """The helper's line of text for an answer."""
    if answer.why == "broken":
        # An answer that was cut short in the middle of a number.
        return "1/found//free/7916"
    if answer.why != "found":
        return f"1/{answer.why}"
    first, second = [*answer.turns, Turn(None), Turn(None)][:2]
    return "/".join(["1/found", _turn(first), _turn(second), "c1", "Ivanov"])


def _turn(turn: Turn) -> str:
    mobiles = "-".join(number.removeprefix("+") for number in turn.mobiles)
    return f"{extension_name(turn.employee) if turn.employee else ''}/{turn.desk if turn.employee else ''}/{mobiles}"
