"""Syntax faults in the user's words, and how reading goes on after one.

To go on, the faulty statement is blanked out of the text (positions stay) and the text is parsed anew.
"""

from __future__ import annotations

from typing import Any, cast

from lark.exceptions import UnexpectedToken

from ivrc.ast_cases import Who
from ivrc.diagnostics import Diagnostic, Label, did_you_mean
from ivrc.parser.lexer import HASH_KEY, MASTER, MAX_DEPTH
from ivrc.source import Source
from ivrc.tokens import Token

_DECLARATIONS = frozenset(
    {"settings", "employee", "group", "hours", "callers", "switch", "number", "scenario", "include", "test"}
)
_STEPS = ("play", "say", "wait", "call", "reach", "branch", "when", "voicemail", "fax", "hangup", "record")
_CLAUSES = ("call", "crm", "press", "switch", "fax", "message", "talk", "hangup", "seed", "expect", "others")
_OF_A_CALL = ("at", "from", "to")
_CALL = 'it is said with the call: call "+7 495 123-45-67" from "+7 916 000-00-00" at 2026-11-24 12:00'
# Words that only ever begin something: one of them in the wrong place means that what is before it stops short.
_STARTERS = frozenset(word.upper() for word in (*_DECLARATIONS, *_STEPS)) - {"NUMBER", "GROUP", "SWITCH"}
_SHOWN_TERMINALS = {
    "NAME": "a name",
    "STRING": "a text in quotes",
    "INT": "a number",
    "PERCENT": "a percentage",
    "DURATION": "a duration such as `20s`",
    "TIME": "a time such as `09:00`",
    "DATE": "a date such as `2026-12-31`",
    "DAY": "a day such as `mon`",
    "KEY_HASH": "`#`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "ARROW": "`->`",
    "DOTS": "`..`",
    "MINUS": "`-`",
    "STAR": "`*`",
    "$END": "the end of the file",
}


def _raw_tokens(text: str) -> list[tuple[str, int, int]]:
    """(kind, start, end) of every token, comments left out; a `#` that is a key of a branch is none."""
    found: list[tuple[str, int, int]] = []
    blocks: list[bool] = []
    in_head, position = False, 0
    while (match := MASTER.match(text, position)) is not None:
        kind, position = match.lastgroup, max(match.end(), position + 1)
        if kind is None:
            if match.end() == len(text):
                break
            continue
        start = match.start(kind)
        if kind == "COMMENT":
            if not (blocks and blocks[-1] and HASH_KEY.match(match[kind])):
                continue
            kind, position = "KEY_HASH", start + 1
        elif kind == "NAME" and match[kind] == "branch":
            in_head = True
        elif kind == "LBRACE":
            blocks.append(in_head)
            in_head = False
        elif kind == "RBRACE":
            in_head = False
            if blocks:
                blocks.pop()
        found.append((kind, start, position))
    return found


def _index_at(tokens: list[tuple[str, int, int]], offset: int) -> int:
    """The index of the first token that begins at an offset or after it; past the last if none does."""
    return next((index for index, (_, start, _) in enumerate(tokens) if start >= offset), len(tokens))


def _open_braces(text: str, upto: int) -> list[int]:
    """Offsets of the braces that are open at an offset, outermost first."""
    opened: list[int] = []
    for kind, start, _ in _raw_tokens(text):
        if start >= upto:
            break
        if kind == "LBRACE":
            opened.append(start)
        elif kind == "RBRACE" and opened:
            opened.pop()
    return opened


def _unclosed(fault: UnexpectedToken, source: Source) -> list[int]:
    """The offsets of the braces that should have been closed before the fault, outermost first."""
    token: Any = fault.token
    if token.type == "$END":
        return _open_braces(source.text, len(source.text))
    offset = token.start - source.base
    indent = _indent(source.text, offset)
    if indent is None or token.type == "RBRACE":
        return []
    opened = _open_braces(source.text, offset)
    if indent == 0 and token.text in _DECLARATIONS:
        return opened
    # What stands no deeper than the line of a brace, and would fit if that brace were closed.
    parser: Any = cast(Any, fault.interactive_parser).copy()
    for count, opener in enumerate(reversed(opened), start=1):
        if "RBRACE" not in parser.accepts():
            return []
        parser.feed_token(Token("RBRACE", "}", token.start))
        if token.type in parser.accepts():
            line_start = source.text.rfind("\n", 0, opener) + 1
            head = source.text[line_start:opener]
            return opened[-count:] if indent <= len(head) - len(head.lstrip()) else []
    return []


def _indent(text: str, offset: int) -> int | None:
    """How far a token at an offset is indented; None if it is not the first on its line."""
    start = text.rfind("\n", 0, offset) + 1
    return offset - start if not text[start:offset].strip() else None


def describe(fault: UnexpectedToken, source: Source, text: str) -> Diagnostic:
    """What is wrong, in the user's words."""
    attempt = Source(source.path, text, source.base)
    token: Any = fault.token
    unclosed = _unclosed(fault, attempt)
    if unclosed:
        at = source.base + unclosed[-1]
        labels: tuple[Label, ...] = ()
        if token.type != "$END":
            labels = (Label(token.start, token.end, "it is still open here"),)
        return Diagnostic("IVR103", at, at + 1, "this `{` is never closed", "add the missing `}`", labels)
    if token.type == "$END":
        end = source.base + len(text.rstrip())
        return Diagnostic("IVR101", end, end, "the file ends in the middle of a statement", _expected(fault, ""))
    if token.type == "TOO_DEEP":
        message = f"blocks stand more than {MAX_DEPTH} deep in each other here"
        help_ = "move the inner part to a scenario of its own and go there with `->`"
        return Diagnostic("IVR105", token.start, token.end, message, help_)
    if token.type == "BAD" and token.text.startswith('"'):
        return Diagnostic(
            "IVR102", token.start, token.end, "this text is not closed", 'end it with `"` on the same line'
        )
    if token.type == "BAD":
        return Diagnostic("IVR104", token.start, token.end, f"`{token.text}` means nothing here", _sign_help(token))
    misspelt = _misspelt_clause(fault)
    if misspelt is not None:
        near = _CALL if misspelt.text in _OF_A_CALL else did_you_mean(misspelt.text, list(_CLAUSES))
        return Diagnostic("IVR101", misspelt.start, misspelt.end, f"a test has no clause `{misspelt.text}`", near)
    short = _stops_short(fault, attempt)
    if short is not None:
        start, end = short
        said = f"something is missing after `{text[start:end]}`"
        return Diagnostic("IVR101", source.base + start, source.base + end, said, _expected(fault, ""))
    return Diagnostic("IVR101", token.start, token.end, _unexpected(token, fault), _expected(fault, token.text))


def _misspelt_clause(fault: UnexpectedToken) -> Token | None:
    """The word that a test's clause begins with, if it was taken for a person's name and is near to a clause's word."""
    if not {"ANSWERS", "OFFLINE"} <= set(fault.accepts or ()):
        return None
    stack = cast(Any, fault.interactive_parser).parser_state.value_stack
    last = stack[-1] if stack else None
    word = last.target if isinstance(last, Who) else last
    if isinstance(word, Token) and word.text in _OF_A_CALL:
        return word
    if isinstance(word, Token) and word.type == "NAME" and did_you_mean(word.text, list(_CLAUSES)):
        return word
    return None


def _sign_help(token: Token) -> str:
    if token.text[0] in "'“”«»‘’":
        return 'texts stand in straight double quotes: "…"'
    if token.text[0] in ";/":
        return "comments start with `#`; line ends need no sign"
    return "a name is letters, digits and `_`; any other text stands in quotes"


def _unexpected(token: Any, fault: UnexpectedToken) -> str:
    accepts: set[str] = set(fault.accepts or ())
    if token.type in ("RBRACE",):
        return "this `}` closes nothing, or something before it is not finished"
    if token.type == "NAME" and {"PLAY", "HANGUP"} <= accepts:
        return f"there is no step `{token.text}`"
    if token.type == "NAME" and {"SCENARIO", "EMPLOYEE"} <= accepts:
        return f"there is no declaration `{token.text}`"
    if token.type == "NAME" and {"OFFICE", "COUNTRY"} <= accepts:
        return f"there is no setting `{token.text}`"
    if token.type == "NAME" and {"PLAYS", "REACHES"} <= accepts:
        return f"there is no expectation `{token.text}`"
    if token.type == "NAME" and {"BROWSER", "MOBILE"} <= accepts:
        return f"an employee has no field `{token.text}`"
    return f"`{token.text}` does not belong here"


def _expected(fault: UnexpectedToken, found: str) -> str:
    accepts = sorted(set(fault.accepts or ()) - {"COMMA", "SLOT", "BAD"})
    words = [name.removeprefix("FULL_").lower() for name in accepts if name not in _SHOWN_TERMINALS]
    near = did_you_mean(found, words) if found else ""
    if near:
        return near
    if "DURATION" in accepts and found.isdigit():
        return f"a duration has a unit: `{found}s`, `{found}m`"
    if {"play", "hangup"} <= set(words):
        words = [step for step in _STEPS if step in words] + ["->"]
    shown = [_SHOWN_TERMINALS[name] for name in accepts if name in _SHOWN_TERMINALS and name != "$END"]
    everything = [f"`{word}`" for word in words] + [item for item in shown if item != "`->`" or "->" not in words]
    if not everything:
        return ""
    return "expected " + (", ".join(everything[:-1]) + " or " if len(everything) > 1 else "") + everything[-1]


def set_aside(fault: UnexpectedToken, attempt: Source) -> str | None:
    """The text without the faulty statement, every other position kept; None to give up."""
    text = attempt.text
    token: Any = fault.token
    if token.type == "TOO_DEEP":
        return None
    unclosed = _unclosed(fault, attempt)
    at_end = token.type == "$END"
    offset = len(text) if at_end else token.start - attempt.base
    if unclosed:
        return _close_at(text, offset, unclosed)
    tokens = _raw_tokens(text)
    index = _index_at(tokens, offset)
    if not tokens or (index == len(tokens) and not at_end):
        return None
    taken = _word_taken_for_a_name(fault, attempt)
    if taken is not None:
        # `number … ->` with nothing after it took the next declaration's word for a scenario.
        index = _index_at(tokens, taken)
    if index > 0 and tokens[index - 1][0] == "RBRACE" and (fault.accepts or ()) == {"LBRACE"}:
        # A test's table, and no body after it.
        head = tokens[_head_of_block(text, tokens, index - 1)][1]
        whole = at_end or token.type in _STARTERS
        return _blank(text, head, tokens[index - 1][2] if whole else _statement(text, tokens, index)[1])
    if _is_unfinished(fault, text, tokens, index) or (index > 0 and taken is not None):
        # What it stopped before is in order.
        return _blank(text, tokens[_first_of_statement(text, tokens, index - 1)][1], tokens[index - 1][2])
    start, end = _statement(text, tokens, index)
    return _blank(text, start, end)


def _is_unfinished(fault: UnexpectedToken, text: str, tokens: list[tuple[str, int, int]], index: int) -> bool:
    """Whether the fault at a token is that the statement before it stops short."""
    if index == 0 or tokens[index - 1][0] in ("LBRACE", "RBRACE") or {"RBRACE", "$END"} & set(fault.accepts or ()):
        return False
    if index == len(tokens) or fault.token.type == "RBRACE" or fault.token.type in _STARTERS:
        return True
    # Other words may go on with it; one that stands below its first does not.
    before = tokens[_first_of_statement(text, tokens, index - 1)][1]
    indent = _indent(text, tokens[index][1])
    return indent is not None and indent == _indent(text, before)


def _stops_short(fault: UnexpectedToken, attempt: Source) -> tuple[int, int] | None:
    """The last token, its range in the text, of a statement that stops short, if that is the fault."""
    tokens = _raw_tokens(attempt.text)
    index = _index_at(tokens, cast(Any, fault.token).start - attempt.base)
    return tokens[index - 1][1:] if _is_unfinished(fault, attempt.text, tokens, index) else None


def _word_taken_for_a_name(fault: UnexpectedToken, attempt: Source) -> int | None:
    """The offset of a declaration's word, first on its line, that the parser has just taken for a name."""
    stack = cast(Any, fault.interactive_parser).parser_state.value_stack
    last = stack[-1] if stack else None
    if isinstance(last, Token) and last.type == "NAME" and last.text in _DECLARATIONS:
        offset = last.start - attempt.base
        return offset if _indent(attempt.text, offset) == 0 else None
    return None


def _blank(text: str, start: int, end: int) -> str:
    return text[:start] + "".join(c if c == "\n" else " " for c in text[start:end]) + text[end:]


def _close_at(text: str, offset: int, unclosed: list[int]) -> str | None:
    """Close braces before an offset, writing over white space only; without room drop what they opened."""
    room = offset - len(text[:offset].rstrip())
    if room >= len(unclosed):
        return text[: offset - len(unclosed)] + "}" * len(unclosed) + text[offset:]
    start = text.rfind("\n", 0, unclosed[0]) + 1
    return _blank(text, start, offset)


def _head_of_block(text: str, tokens: list[tuple[str, int, int]], index: int) -> int:
    """The first token of the statement whose block a brace closes."""
    depth = 0
    for at in range(index, -1, -1):
        depth += (tokens[at][0] == "RBRACE") - (tokens[at][0] == "LBRACE")
        if depth == 0:
            return _first_of_statement(text, tokens, at)
    return 0


def _first_of_statement(text: str, tokens: list[tuple[str, int, int]], index: int) -> int:
    """The first token of the statement that holds a token: on its line, after the last brace before it."""
    first = index
    while first > 0 and tokens[first - 1][0] not in ("LBRACE", "RBRACE"):
        if "\n" in text[tokens[first - 1][2] : tokens[first][1]]:
            break
        first -= 1
    return first


def _statement(text: str, tokens: list[tuple[str, int, int]], index: int) -> tuple[int, int]:
    """The range of the statement around a token: its line, and the whole of a block that it opens."""
    first = _first_of_statement(text, tokens, index)
    depth, last = 0, index
    for at in range(first, len(tokens)):
        kind, start, _ = tokens[at]
        if kind == "RBRACE" and depth == 0 and at > index:
            break
        if at > index and depth == 0 and "\n" in text[tokens[at - 1][2] : start]:
            break
        depth += (kind == "LBRACE") - (kind == "RBRACE" and depth > 0)
        last = at
    return tokens[first][1], tokens[last][2]
