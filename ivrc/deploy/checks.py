"""What a plan expects of an Asterisk, looked for there: modules, endpoints, sounds; then queues and mailboxes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from ivrc.deploy.ami import Manager
from ivrc.deploy.errors import ManagerError
from ivrc.deploy.folder import Folder
from ivrc.deploy.release import ABOUT, QUEUES, VOICEMAIL

Files = Mapping[str, bytes]
"""A part's files."""
# The endpoint that a part brings with it, in pjsip.conf.
_OWN_ENDPOINT = "ivrc-sip"


async def missing(manager: Manager, sounds: Folder, parts: Mapping[str, Files]) -> list[str]:
    """What the parts need and Asterisk has not, before anything is changed."""
    about = {part: json.loads(files[ABOUT]) for part, files in parts.items()}
    return [
        *await _modules(manager, _wanted(about, "modules")),
        *await _endpoints(manager, _wanted(about, "endpoints")),
        *await _sounds(sounds, about),
    ]


def _wanted(about: Mapping[str, dict[str, dict[str, list[str]]]], kind: str) -> dict[str, list[str]]:
    """What is wanted → who wants it."""
    found: dict[str, list[str]] = {}
    for part, one in about.items():
        for name in one["expects"][kind]:
            found.setdefault(name, []).append(part.partition("~")[0])
    return dict(sorted(found.items()))


async def _modules(manager: Manager, wanted: Mapping[str, list[str]]) -> list[str]:
    faults = []
    for module, parts in wanted.items():
        try:
            await manager.ask("ModuleCheck", Module=module)
        except ManagerError as fault:
            if "not loaded" not in str(fault):
                raise
            faults.append(f"the module {module} is not loaded; {_for(parts)} needs it")
    return faults


async def _endpoints(manager: Manager, wanted: Mapping[str, list[str]]) -> list[str]:
    there = set()
    try:
        async for event in manager.list("PJSIPShowEndpoints"):
            there.add(event.get("ObjectName", ""))
    except ManagerError as fault:
        # So it says where there is none at all.
        if "No endpoints found" not in str(fault):
            raise
    lacking = [name for name in wanted if name not in there and name != _OWN_ENDPOINT]
    return [f"there is no endpoint {name} in pjsip.conf; {_for(wanted[name])} dials it" for name in lacking]


async def _sounds(sounds: Folder, about: Mapping[str, dict[str, dict[str, list[str]]]]) -> list[str]:
    wanted: dict[tuple[str, str], list[str]] = {}
    for part, one in about.items():
        for name in one["expects"]["sounds"]:
            for language in one.get("languages") or ["en"]:
                wanted.setdefault((str(language), name), []).append(part.partition("~")[0])
    folders: dict[str, set[str]] = {}
    faults = []
    for (language, name), parts in sorted(wanted.items()):
        base, _, stem = name.rpartition("/")
        found = False
        for folder in (f"{language}/{base}", base):
            if folder not in folders:
                folders[folder] = {each.partition(".")[0] for each in await sounds.names(folder.strip("/") or ".")}
            found = found or stem in folders[folder]
        if not found:
            faults.append(f"Asterisk has no sound {name} in {language}; {_for(parts)} plays it")
    return faults


def _for(parts: Iterable[str]) -> str:
    names = sorted(set(parts))
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


_MEMBER = re.compile(r"member => ([^,]+),0,([^,]+),(.+)")


async def queues_differ(manager: Manager, parts: Mapping[str, Files]) -> list[str]:
    """Queues that Asterisk does not hold as the parts have them."""
    faults = []
    for files in parts.values():
        for name, members in _queues(files.get(QUEUES, b"").decode()).items():
            found: set[tuple[str, str, str]] = set()
            known = False
            async for event in manager.list("QueueStatus", Queue=name):
                known = known or event["Event"] == "QueueParams"
                if event["Event"] == "QueueMember" and event["Membership"] == "static":
                    found.add((event["Location"], event["Name"], event["StateInterface"]))
            if not known:
                faults.append(f"Asterisk holds no queue {name}: does queues.conf include ivrc's?")
            elif found != members:
                faults.append(f"the queue {name} has other members than were compiled: {sorted(found ^ members)}")
    return faults


def _queues(text: str) -> dict[str, set[tuple[str, str, str]]]:
    queues: dict[str, set[tuple[str, str, str]]] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("["):
            name = line[1:-1]
            queues[name] = set()
        elif match := _MEMBER.fullmatch(line):
            queues[name].add((match[1], match[2], match[3]))
    return queues


async def mailboxes_lack(manager: Manager, parts: Mapping[str, Files]) -> list[str]:
    """Mailboxes that Asterisk does not hold."""
    wanted: set[tuple[str, str]] = set()
    for files in parts.values():
        context = ""
        for line in files.get(VOICEMAIL, b"").decode().splitlines():
            if line.startswith("["):
                context = line[1:-1]
            elif " => " in line:
                wanted.add((context, line.partition(" => ")[0]))
    if not wanted:
        return []
    there = set()
    try:
        async for event in manager.list("VoicemailUsersList"):
            there.add((event.get("VMContext", ""), event.get("VoiceMailbox", "")))
    except ManagerError as fault:
        if "no voicemail users" not in str(fault).lower():
            raise
    return [
        f"Asterisk holds no mailbox {box}@{context}: does voicemail.conf include ivrc's?"
        for context, box in sorted(wanted - there)
    ]
