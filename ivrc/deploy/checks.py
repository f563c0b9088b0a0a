"""What a plan expects of an Asterisk, looked for there; then its queues and mailboxes.

An application is there if its module runs. No action of the manager names applications or classes of music, but for
its console, which would need a right to do anything at all.
"""

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
# What each function answers without a call; the others of a plan come with modules that are looked for.
_ANSWERS = {
    "CALLERID": ("CALLERID(pres)", "unavailable"),
    "CHANNEL": ("CHANNEL(state)", "Down"),
    "CUT": ("CUT(LEN(abc),-,1)", "3"),
    "DEVICE_STATE": ("DEVICE_STATE(Custom:ivrc)", "UNKNOWN"),
    "DIALPLAN_EXISTS": ("DIALPLAN_EXISTS(ivrc,nowhere,1)", "0"),
    "FIELDQTY": ("FIELDQTY(LEN(abc),-)", "1"),
    "FILTER": ("FILTER(0-9,a1b2)", "12"),
    "IF": ("IF(1?a:b)", "a"),
    "LEN": ("LEN(abc)", "3"),
    "RAND": ("RAND(1,1)", "1"),
    "STRFTIME": ("STRFTIME(0,UTC,%Y)", "1970"),
    "TIMEOUT": ("TIMEOUT(absolute)", "0"),
}


async def missing(manager: Manager, sounds: Folder, parts: Mapping[str, Files]) -> list[str]:
    """What the parts need and Asterisk has not, before anything is changed."""
    about = {part: json.loads(files[ABOUT]) for part, files in parts.items()}
    return [
        *await _modules(manager, _wanted(about, "modules")),
        *await _functions(manager, _wanted(about, "functions")),
        *await _music(manager, _wanted(about, "music")),
        *await _endpoints(manager, _wanted(about, "endpoints")),
        *await _sounds(sounds, about),
    ]


def _wanted(about: Mapping[str, dict[str, dict[str, list[str]]]], kind: str) -> dict[str, list[str]]:
    """What is wanted → who wants it."""
    found: dict[str, list[str]] = {}
    for part, one in about.items():
        # Parts that an earlier ivrc deployed have no word of some kinds.
        for name in one["expects"].get(kind, ()):
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


async def _functions(manager: Manager, wanted: Mapping[str, list[str]]) -> list[str]:
    known = [name for name in wanted if name in _ANSWERS]
    found = [value async for value in manager.values(_ANSWERS[name][0] for name in known)]
    return [
        f"Asterisk has no function {name}, or it answers {value!r}; {_for(wanted[name])} needs it"
        for name, value in zip(known, found, strict=True)
        if value != _ANSWERS[name][1]
    ]


async def _music(manager: Manager, wanted: Mapping[str, list[str]]) -> list[str]:
    """By Asterisk's own file: classes that are not in it may be in a database only, if it is told to look there."""
    if not wanted or "musiconhold" in (await _settings(manager, "extconfig.conf")).get("settings", {}):
        return []
    there = await _settings(manager, "musiconhold.conf")
    return [
        f"there is no class {name} in musiconhold.conf; callers of {_for(parts)} would wait in silence"
        for name, parts in wanted.items()
        if name not in there
    ]


async def _settings(manager: Manager, file: str) -> dict[str, set[str]]:
    """The sections of one of Asterisk's files, with what each sets."""
    try:
        found = await manager.ask("GetConfig", Filename=file)
    except ManagerError as fault:
        if "not found" not in str(fault):
            raise
        return {}
    names = {key.rpartition("-")[2]: value for key, value in found.items() if key.startswith("Category-")}
    lines = [(key.split("-")[1], value) for key, value in found.items() if key.startswith("Line-")]
    return {name: {value.partition("=")[0] for number, value in lines if number == at} for at, name in names.items()}


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


_MEMBER = re.compile(r"member => ([^,]+),\d+,([^,]+),(.+)")


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
