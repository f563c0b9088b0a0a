"""What Asterisk will run: contexts of extensions of lines, decided to the last name and label.

An argument is dialplan syntax, made of parts that were checked before (`ivrc.emit.escape` refuses
anything else); text of the user's stands in comments only.
"""

from __future__ import annotations

from typing import TypeAlias

from ivrc.named import NamedTuple


class Line(NamedTuple):
    """One priority: an application with its arguments, perhaps with a label."""

    app: str
    args: str
    label: str | None


class Comment(NamedTuple):
    """Where the lines of a step begin; `text` is the step in the source's words."""

    text: str
    kind: str
    start: int


Item: TypeAlias = Line | Comment


class Extension(NamedTuple):
    """An extension's lines in order."""

    name: str
    items: tuple[Item, ...]


class Hint(NamedTuple):
    """An extension whose state is that of `devices` (joined by `&`)."""

    name: str
    devices: str


class Context(NamedTuple):
    """A context; `comment` says what it is for, `start` where it comes from (-1: nowhere)."""

    name: str
    comment: str
    extensions: tuple[Extension | Hint, ...]
    includes: tuple[str, ...]
    start: int


class Sound(NamedTuple):
    """A sound file that the dialplan plays: `name` under the sounds folder, and what it is made of.

    `kind` is `file` or `speech`; with `seconds` it lasts exactly so long, repeated or filled with
    silence as `fill` says.
    """

    name: str
    kind: str
    text: str
    language: str
    folder: str
    seconds: int | None
    fill: str
    start: int
    end: int


# Members of a queue are rung in their order. Who comes later than so many others has no place of their own.
LAST_PLACE = 999


class Queue(NamedTuple):
    """A queue of app_queue: callers of one `reach anyone`, and who may answer them.

    A member is (interface to dial, name, device whose state tells whether they are free).
    """

    name: str
    comment: str
    members: tuple[tuple[str, str, str], ...]


class Mailbox(NamedTuple):
    """A mailbox of app_voicemail: context and number, whose it is, where messages are mailed (or an empty string)."""

    context: str
    number: str
    display: str
    email: str


class Needs:
    """What a dialplan needs beside itself; complete once every context has been lowered."""

    def __init__(self) -> None:
        self.sounds: dict[str, Sound] = {}
        self.own_sounds: set[str] = set()
        self.endpoints: set[str] = set()
        self.holidays: set[tuple[str, str]] = set()
        # External numbers that are rung by way of the question "press 1".
        self.confirmed: set[str] = set()
        # Whether any number, known now or not, is rung by way of that question.
        self.asks = False
        # Contexts shared by all offices that this one jumps into.
        self.shared: set[str] = set()
        self.queues: list[Queue] = []
        self.mailboxes: set[Mailbox] = set()
        # Whether callers are looked up in a list.
        self.callers = False
