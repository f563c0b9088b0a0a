"""The yardstick: a bare Lark parse of a file into a tree, with Lark's own lexer. Usage: bare_lark.py FILE."""

import re
import sys
from pathlib import Path

from lark import Lark

TERMINALS = r"""
NAME: /[^\W\d]\w*/
STRING: /"(?:[^"\\\n]|\\[^\n])*"/
DATE.3: /\d{4}-\d\d-\d\d/
TIME.3: /\d{1,2}:\d\d/
PERCENT.3: /\d+(\.\d+)?%/
DURATION.2: /\d+(\.\d+)?[^\W\d]\w*/
INT: /\d+/
DAY.2: /(mon|tue|wed|thu|fri|sat|sun)\b/
KEY_HASH: "#key"
BAD: "\0"
%ignore /[ \t\r\n]+/
%ignore /\#[^\n]*/
"""


def bare_parser() -> Lark:
    grammar = (Path(__file__).parent.parent / "grammar" / "ivrc.lark").read_text(encoding="utf-8")
    return Lark(re.sub(r"(?m)^%declare.*$", "", grammar) + TERMINALS, parser="lalr", lexer="contextual")


if __name__ == "__main__":
    bare_parser().parse(Path(sys.argv[1]).read_text(encoding="utf-8"))
