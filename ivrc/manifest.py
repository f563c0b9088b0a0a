"""manifest.json: where each line comes from, who works in the offices, what the dialplan needs of Asterisk."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ivrc import ir
from ivrc import model as m
from ivrc.marks import unmarked
from ivrc.unit import OfficeUnit

FORMAT = 1

# Application or function → the Asterisk module that provides it.
_MODULES = {
    "AGI": "res_agi",
    "Answer": "",
    "BackGround": "",
    "CELGenUserEvent": "app_celgenuserevent",
    "Dial": "app_dial",
    "ExecIf": "app_exec",
    "Gosub": "app_stack",
    "Goto": "",
    "GotoIf": "",
    "Hangup": "",
    "Log": "app_verbose",
    "MixMonitor": "app_mixmonitor",
    "NoOp": "",
    "Playback": "app_playback",
    "Queue": "app_queue",
    "Read": "app_read",
    "ReceiveFAX": "res_fax",
    "Record": "app_record",
    "Return": "app_stack",
    "Set": "",
    "StopMixMonitor": "app_mixmonitor",
    "VoiceMail": "app_voicemail",
    "Wait": "",
    "WaitExten": "",
}
# What every dialplan of ivrc's uses: functions, formats of its sounds.
_ALWAYS = (
    "app_verbose",
    "format_pcm",
    "func_callerid",
    "func_channel",
    "func_devstate",
    "func_dialplan",
    "func_logic",
    "func_rand",
    "func_strings",
    "func_timeout",
    "pbx_config",
)
# The functions that its lines may name.
_FUNCTIONS = (
    "CALLERID",
    "CHANNEL",
    "DEVICE_STATE",
    "DIALPLAN_EXISTS",
    "FIELDQTY",
    "FILTER",
    "IF",
    "LEN",
    "RAND",
    "STRFTIME",
    "TIMEOUT",
)
# Queues have no class of their own, nor have phones on hold.
_MUSIC = "default"
_CONFIRM_SOUND = "followme/options"


def directory_of(office: m.Office) -> str:
    """The office's people, as the runtime helper needs them: one line of JSON."""
    directory = {
        "name": office.name,
        "country": office.country,
        "language": office.language,
        "timezone": office.timezone,
        "employees": [
            {
                "name": employee.name,
                "display": employee.display,
                "crm": employee.crm,
                "extension": employee.extension,
                "devices": list(employee.devices),
                "mobiles": list(employee.mobiles),
                "confirm": employee.confirm,
                "email": employee.email,
            }
            for employee in office.employees
        ],
    }
    return _json(directory)


def expectations(units: list[OfficeUnit], shared: list[ir.Context]) -> dict[str, list[str]]:
    """The modules, functions, endpoints, sounds and classes of music that the Asterisk must have."""
    applications = {app for unit in units for app in unit.applications} | set(applications_of(shared))
    modules = {_MODULES[app] for app in applications if _MODULES[app]} | set(_ALWAYS)
    functions = set(_FUNCTIONS)
    if "AGI" in applications:
        # The helper's answer is shared with the caller's channel, and cut into its parts.
        modules |= {"func_cut", "func_global"}
        functions.add("CUT")
    sounds = {name for unit in units for name in unit.own_sounds}
    if any(unit.confirms for unit in units):
        sounds.add(_CONFIRM_SOUND)
    if "ReceiveFAX" in applications:
        # Looks whether the folder is there; and res_fax has no modem of its own.
        modules |= {"func_env", "res_fax_spandsp"}
    if "Queue" in applications:
        # Music, and the count of turns.
        modules |= {"res_musiconhold", "func_global"}
    return {
        "functions": sorted(functions),
        "music": [_MUSIC] if "Queue" in applications else [],
        "modules": sorted(modules),
        "endpoints": sorted({name for unit in units for name in unit.endpoints}),
        "sounds": sorted(sounds),
    }


def applications_of(contexts: Iterable[ir.Context]) -> Iterable[str]:
    """The applications of every line."""
    for context in contexts:
        for extension in context.extensions:
            if isinstance(extension, ir.Extension):
                yield from (item.app for item in extension.items if isinstance(item, ir.Line))


def render_manifest(units: list[OfficeUnit], shared: list[ir.Context], files: list[str]) -> str:
    """The manifest, one context of the source map a line: small changes stay small."""
    sounds = sorted(f"sounds/{s.language}/{unmarked(s.name)}" for unit in units for s in unit.sounds)
    head = {
        "format": FORMAT,
        "files": files,
        "sounds": sounds,
        "expects": expectations(units, shared),
        "numbers": [
            {"number": entry.number or "other", "office": unit.name} for unit in units for entry in unit.numbers
        ],
    }
    lines = [f"{_json(key)}: {_block(value)}" for key, value in head.items()]
    lines.append('"offices": [\n' + ",\n".join("  " + unit.directory for unit in units) + "\n]")
    entries: dict[str, dict[str, list[list[Any]]]] = {}
    for context, extension, steps in (entry for unit in units for entry in unit.entry_map):
        entries.setdefault(context, {})[extension] = steps
    mapped = [source_map_line(context, entries[context]) for context in sorted(entries)]
    mapped += [line for unit in units for line in unit.source_map]
    lines.append('"source_map": {\n' + ",\n".join(mapped) + "\n}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def source_map_line(context: str, steps: dict[str, list[list[Any]]]) -> str:
    """One context of the source map."""
    return f"  {_json(unmarked(context))}: {_json(steps)}"


def _block(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join("  " + _json(item) for item in value) + "\n]"
    return _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
