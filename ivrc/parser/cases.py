"""The grammar's rules of `test` to nodes; part of the Builder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ivrc.ast_cases import Clause, Rows, Test, Timing, Who
from ivrc.tokens import Token


def _ends(c: list[Any]) -> tuple[int, int]:
    return int(c[0].start), int(c[-1].end)


def _clause(kind: str) -> Callable[[Any, list[Any]], Clause]:
    def build(_: Any, c: list[Any]) -> Clause:
        tokens: list[Token] = []
        people: list[Who] = []
        timings: list[Timing] = []
        inner: list[Clause] = []
        for child in c:
            if isinstance(child, Token):
                tokens.append(child)
            elif isinstance(child, Who):
                people.append(child)
            elif isinstance(child, Timing):
                timings.append(child)
            else:
                inner.append(child)
        return Clause(kind, tuple(tokens), tuple(people), tuple(timings), tuple(inner), *_ends(c))

    return build


class CaseRules:
    """The methods of the rules of `test`."""

    def test(self, c: list[Any]) -> Test:
        rows = c[2] if isinstance(c[2], Rows) else None
        return Test(c[1], rows, tuple(child for child in c if isinstance(child, Clause)), *_ends(c))

    def rows(self, c: list[Any]) -> Rows:
        brace = next(index for index, token in enumerate(c) if token.type == "LBRACE")
        columns = tuple(token for token in c[2:brace] if token.type == "NAME")
        cells = tuple(token for token in c[brace + 1 : -1] if token.type != "COMMA")
        return Rows(columns, cells, *_ends(c))

    def who(self, c: list[Any]) -> Who:
        return Who(c[0], len(c) > 1, *_ends(c))

    others = who

    def lasting(self, c: list[Any]) -> Timing:
        return Timing(c[0].text, c[1], *_ends(c))

    after = within = starting = lasting

    def accepts(self, c: list[Any]) -> Timing:
        return Timing(c[0].text, c[1].time if len(c) > 1 else None, *_ends(c))

    declines = accepts

    given_call = _clause("call")
    given_from = _clause("from")
    given_moment = _clause("at")
    given_state = _clause("state")
    given_crm = _clause("crm")
    given_press = _clause("press")
    given_place = _clause("place")
    given_switch = _clause("switch")
    given_fax = _clause("fax")
    given_message = _clause("message")
    given_end = _clause("then")
    given_talk = _clause("talk")
    given_hangup = _clause("hangup")
    given_seed = _clause("seed")
    expect = _clause("expect")
    plays = _clause("plays")
    rings = _clause("rings")
    reaches = _clause("reaches")
    leaves = _clause("voicemail")
    faxes = _clause("faxes")
    goes = _clause("goes")
    ends = _clause("ends")
    never = _clause("not")
