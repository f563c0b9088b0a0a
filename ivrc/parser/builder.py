"""Grammar rules to AST nodes: one method a rule, called by Lark as it reduces.

Every method receives its rule's children: Tokens (keywords included) and nodes.
"""

from __future__ import annotations

from typing import Any

from lark import Transformer

from ivrc import ast
from ivrc.parser.cases import CaseRules
from ivrc.tokens import Token

_LISTS = {"NAME", "STRING", "INT"}


def _start(children: list[Any]) -> int:
    return int(children[0].start)


def _end(children: list[Any]) -> int:
    return int(children[-1].end)


def _only(children: list[Any], kind: type) -> tuple[Any, ...]:
    return tuple(child for child in children if isinstance(child, kind))


def _one(children: list[Any], kind: type) -> Any:
    for child in children:
        if isinstance(child, kind):
            return child
    return None


def _tokens(children: list[Any], *types: str) -> tuple[Token, ...]:
    return tuple(child for child in children if isinstance(child, Token) and child.type in types)


def _has(children: list[Any], type_: str) -> bool:
    return any(isinstance(child, Token) and child.type == type_ for child in children)


class For(Token):
    """A duration given with `for`; it starts at the word `for`."""

    __slots__ = ("duration",)

    def __init__(self, word: Token, duration: Token) -> None:
        super().__init__("FOR", duration.text, duration.start)
        self.duration = duration


class Builder(CaseRules, Transformer[Any, Any]):
    """Builds the AST while Lark parses."""

    def start(self, c: list[Any]) -> ast.File:
        return ast.File(tuple(c))

    # ── the office ──
    def settings(self, c: list[Any]) -> ast.Settings:
        return ast.Settings(_only(c, ast.Setting), _start(c), _end(c))

    def setting(self, c: list[Any]) -> ast.Setting:
        return ast.Setting(c[0], _tokens(c[1:], "NAME", "STRING", "FOR"))

    def employee(self, c: list[Any]) -> ast.Employee:
        return ast.Employee(c[1], _only(c, ast.Field), _start(c), _end(c))

    def field(self, c: list[Any]) -> ast.Field:
        return ast.Field(c[0], _tokens(c[1:], *_LISTS), _has(c, "CONFIRM"))

    def group(self, c: list[Any]) -> ast.Group:
        return ast.Group(c[1], c[2], _only(c, ast.Member), _start(c), _end(c))

    def strategy(self, c: list[Any]) -> str:
        return " ".join(token.text for token in c)

    def member(self, c: list[Any]) -> ast.Member:
        return ast.Member(c[0], _tokens(c, "PERCENT"), _tokens(c, "MOBILE", "CONFIRM"))

    def hours(self, c: list[Any]) -> ast.Hours:
        return ast.Hours(c[1], c[3], _start(c), _end(c))

    def hours_items(self, c: list[Any]) -> tuple[ast.HoursItem, ...]:
        return tuple(item for item in c if item is not None)

    def hours_item(self, c: list[Any]) -> ast.HoursItem | None:
        head = c[0]
        if head.type == "COMMA":
            return None
        kind = {"HOLIDAYS": "holidays", "EXCEPT": "except", "ALSO": "also"}.get(head.type, head.type.lower())
        if kind == "holidays":
            return ast.HoursItem(kind, c[1], c[3] if len(c) > 3 else None, head.start, c[-1].end)
        return ast.HoursItem(kind, head, c[2] if len(c) > 2 else None, head.start, c[-1].end)

    inline_item = hours_item
    inline_hours = hours_items

    def callers(self, c: list[Any]) -> ast.Callers:
        return ast.Callers(c[1], _tokens(c, "STRING"), _start(c), _end(c))

    def switch(self, c: list[Any]) -> ast.Switch:
        return ast.Switch(c[1], c[4], _start(c), _end(c))

    def number(self, c: list[Any]) -> ast.Number:
        return ast.Number(_tokens(c, "STRING"), c[-1], _start(c), _end(c))

    def include(self, c: list[Any]) -> ast.Include:
        return ast.Include(c[1], _start(c), _end(c))

    def scenario(self, c: list[Any]) -> ast.Scenario:
        return ast.Scenario(c[1], c[2], _start(c), _end(c))

    # ── steps ──
    def block(self, c: list[Any]) -> ast.Block:
        return ast.Block(tuple(c[1:-1]), _start(c), _end(c))

    def for_(self, c: list[Any]) -> Token:
        return For(c[0], c[1])

    def playing(self, c: list[Any]) -> ast.Prompt:
        prompt: ast.Prompt = c[1]
        return prompt

    def prompt(self, c: list[Any]) -> ast.Prompt:
        return ast.Prompt(c[-1], len(c) > 1, _start(c), _end(c))

    def retries(self, c: list[Any]) -> Token:
        return Token("RETRIES", c[1].text, c[1].start)

    def play(self, c: list[Any]) -> ast.Play:
        return ast.Play(c[1], c[2] if len(c) > 2 else None, _start(c), _end(c))

    def say(self, c: list[Any]) -> ast.Play:
        prompt = ast.Prompt(c[1], True, c[0].start, c[1].end)
        return ast.Play(prompt, c[2] if len(c) > 2 else None, _start(c), _end(c))

    def wait(self, c: list[Any]) -> ast.WaitExtension:
        return ast.WaitExtension(_tokens(c, "FOR"), _only(c, ast.Prompt), _start(c), _end(c))

    def call_group(self, c: list[Any]) -> ast.CallGroup:
        return ast.CallGroup(c[2], c[3] if len(c) > 3 else None, _start(c), _end(c))

    def call_employee(self, c: list[Any]) -> ast.CallEmployee:
        return ast.CallEmployee(c[2], _one(c, For), _one(c, ast.ThenMobile), _start(c), _end(c))

    def then_mobile(self, c: list[Any]) -> ast.ThenMobile:
        return ast.ThenMobile(_one(c, For), _has(c, "CONFIRM"), _start(c), _end(c))

    def call_number(self, c: list[Any]) -> ast.CallNumber:
        return ast.CallNumber(c[2], _tokens(c, "FOR"), _tokens(c, "CONFIRM"), _start(c), _end(c))

    def call_sip(self, c: list[Any]) -> ast.CallSip:
        return ast.CallSip(c[2], c[3] if len(c) > 3 else None, _start(c), _end(c))

    def responsible_setting(self, c: list[Any]) -> ast.ResponsibleSetting:
        words = [token.text for token in c if token.type not in ("FOR", "CONFIRM")]
        return ast.ResponsibleSetting(" ".join(words), _one(c, For), _has(c, "CONFIRM"), _start(c), _end(c))

    def call_responsible(self, c: list[Any]) -> ast.CallResponsible:
        return ast.CallResponsible(_only(c, ast.ResponsibleSetting), _start(c), _end(c))

    def reach(self, c: list[Any]) -> ast.ReachAnyone:
        return ast.ReachAnyone(_one(c, For), _start(c), _end(c))

    def voicemail(self, c: list[Any]) -> ast.Voicemail:
        to = c[-1] if _has(c, "TO") else None
        return ast.Voicemail(_one(c, ast.Prompt), _one(c, For), to, _start(c), _end(c))

    def fax(self, c: list[Any]) -> ast.Fax:
        return ast.Fax(_start(c), _end(c))

    def fax_detected(self, c: list[Any]) -> ast.FaxDetected:
        return ast.FaxDetected(c[-1], _start(c), _end(c))

    def record(self, c: list[Any]) -> ast.RecordCalls:
        return ast.RecordCalls(_one(c, ast.Prompt), _start(c), _end(c))

    def keys(self, c: list[Any]) -> tuple[Token, ...]:
        return tuple(token for token in c if token.type != "COMMA")

    def branch_case(self, c: list[Any]) -> ast.Case:
        head = c[0]
        if isinstance(head, tuple):
            return ast.Case(head, c[1], head[0].start, c[1].end)
        return ast.Case((head,), c[1], head.start, c[1].end)

    def branch(self, c: list[Any]) -> ast.Branch:
        return ast.Branch(
            _tokens(c, "FOR"),
            _only(c, ast.Prompt),
            _tokens(c, "RETRIES"),
            _only(c, ast.Case),
            _start(c),
            _end(c),
        )

    def condition(self, c: list[Any]) -> ast.Condition:
        head = c[0]
        if isinstance(head, tuple):
            return ast.ByInlineHours(head)
        if head.type == "NAME":
            return ast.ByHours(head)
        if head.type == "SWITCH":
            return ast.BySwitch(c[1])
        return ast.ByHidden() if c[1].type == "HIDDEN" else ast.ByCallers(c[2])

    def when(self, c: list[Any]) -> ast.When:
        return ast.When(c[1], c[2], c[4] if len(c) > 4 else None, _start(c), _end(c))

    def hangup(self, c: list[Any]) -> ast.Hangup:
        return ast.Hangup(_start(c), _end(c))

    def move(self, c: list[Any]) -> ast.Move:
        return ast.Move(c[1], _start(c), _end(c))
