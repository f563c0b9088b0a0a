"""What a target has: the sets and generations in its folder, and what Asterisk reads of a set.

active -> sets/7         the set that counts
sets/7/set.json          `Set` as JSON
sets/7/extensions.conf   #includes of parts' files; queues.conf, voicemail.conf, pjsip.conf likewise
sets/7/manifest.json     the active generation's, for the helper
generations/3.json       what generation 3 is made of; generations/3.manifest.json, generations/3.sources.json.gz
parts/acme~k3jx7q2a/     a part's files
log.jsonl                who deployed what, when, with which result
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ivrc.deploy.errors import DeployError
from ivrc.deploy.folder import Folder
from ivrc.deploy.release import DIALPLAN, ENTRIES, PJSIP, QUEUES, VOICEMAIL

ACTIVE = "active"
SETS, GENERATIONS, PARTS = "sets", "generations", "parts"
LOG = "log.jsonl"
MANIFEST = "manifest.json"
SOURCES = "sources.json.gz"
READ = (DIALPLAN, QUEUES, VOICEMAIL, PJSIP)
"""The files of a set that Asterisk's own files include."""


@dataclass(frozen=True)
class Loaded:
    """A part that Asterisk holds: its files' names, the parts it jumps into, when it was left (0: it is active)."""

    files: tuple[str, ...]
    uses: tuple[str, ...] = ()
    left: float = 0.0


@dataclass(frozen=True)
class Set:
    """What Asterisk reads. `active` is part's name → mark, `parts` part's id → how it is loaded."""

    number: int = 0
    generation: int = 0
    previous: int = 0
    generations: tuple[int, ...] = ()
    active: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, Loaded] = field(default_factory=dict)

    @property
    def active_ids(self) -> set[str]:
        """The parts that new calls take."""
        return {f"{name}~{mark}" for name, mark in self.active.items()}


def encode(value: Any) -> bytes:
    """JSON, one entry a line."""
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


async def active_set(folder: Folder) -> Set:
    """The set that counts; number 0 where nothing was deployed yet."""
    pointed = await folder.pointed(ACTIVE)
    if pointed is None:
        return Set()
    raw = await folder.read(f"{pointed}/set.json")
    try:
        data = json.loads(raw or b"")
        parts = {
            name: Loaded(tuple(one["files"]), tuple(one["uses"]), one["left"]) for name, one in data["parts"].items()
        }
        return Set(**{**data, "parts": parts, "generations": tuple(data["generations"])})
    except (ValueError, KeyError, TypeError) as fault:
        raise DeployError(f"{folder.where}/{pointed}/set.json is damaged: {fault}") from None


async def generation(folder: Folder, number: int) -> dict[str, Any]:
    """What a kept generation is made of."""
    raw = await folder.read(f"{GENERATIONS}/{number}.json")
    if raw is None:
        raise DeployError(f"there is no generation {number} on the target")
    try:
        found: dict[str, Any] = json.loads(raw)
        return found
    except ValueError:
        raise DeployError(f"{folder.where}/{GENERATIONS}/{number}.json is damaged") from None


def files_of(folder: Folder, wanted: Set, mailboxes: bytes = b"") -> dict[str, list[bytes]]:
    """The files of a set; `mailboxes` are those that only calls on parts that were left may still need."""
    active = wanted.active_ids
    lists: dict[str, list[str]] = {name: [] for name in READ}
    for name in sorted(wanted.parts):
        for file in sorted(wanted.parts[name].files):
            if file in lists:
                lists[file].append(f"{name}/{file}")
            elif file == ENTRIES and name in active:
                lists[DIALPLAN].insert(0, f"{name}/{file}")
    # A mailbox may stand there once: those of parts that were left are `more`.
    lists[VOICEMAIL] = [name for name in lists[VOICEMAIL] if name.rpartition("/")[0] in active]
    # The same text in every part that has it.
    lists[PJSIP] = lists[PJSIP][:1]
    files = {name: [_includes(folder, each)] for name, each in lists.items()}
    files[VOICEMAIL].append(mailboxes)
    return {**files, "set.json": [encode(asdict(wanted))]}


async def mailboxes_of(folder: Folder, wanted: Set) -> bytes:
    """The mailboxes of a set that only calls on parts that were left may still record into."""
    active = wanted.active_ids
    having = [name for name, one in wanted.parts.items() if VOICEMAIL in one.files]
    offices = {name.partition("~")[0] for name in having if name not in active}
    texts: dict[bool, list[bytes]] = {True: [], False: []}
    for name in having:
        if name.partition("~")[0] in offices:
            texts[name in active].append(await folder.read(f"{PARTS}/{name}/{VOICEMAIL}") or b"")
    return mailboxes_left(texts[True], texts[False])


def mailboxes_left(active: Iterable[bytes], left: Iterable[bytes]) -> bytes:
    """The mailboxes of parts that were left which no active part has, as an addition to voicemail.conf."""
    there, found = _mailboxes(active), _mailboxes(left)
    lines: list[str] = []
    for context, boxes in sorted(found.items()):
        more = [line for box, line in sorted(boxes.items()) if box not in there.get(context, {})]
        if more:
            lines += [f"[{context}]" + "(+)" * (context in there), *more]
    return "".join(f"{line}\n" for line in lines).encode()


def _mailboxes(texts: Iterable[bytes]) -> dict[str, dict[str, str]]:
    """Context → mailbox → its line."""
    found: dict[str, dict[str, str]] = {}
    for text in texts:
        context = ""
        for line in text.decode().splitlines():
            if line.startswith("["):
                context = line[1:-1]
            elif " => " in line:
                found.setdefault(context, {})[line.partition(" => ")[0]] = line
    return found


def _includes(folder: Folder, names: list[str]) -> bytes:
    head = "; Written by ivrc: change the source, not this file.\n"
    # `try`: with a file missing Asterisk would load nothing at all, not even what is not ivrc's.
    return (head + "".join(f'#tryinclude "{folder.where}/{PARTS}/{name}"\n' for name in names)).encode()
