"""Hints for the lamps of an office's phones: one for all the extensions that differ in the last digit only.

Asterisk walks through all the hints there are to add or remove one. A pattern is one hint; for each extension that a
phone subscribes to Asterisk makes a hint of its own out of it, and finds the extension's devices as written here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ivrc import ir

# What may stand in an `IF` between `?` and `)`.
_PLAIN = re.compile(r"[\w./@+*-]+", re.ASCII)


def lamps(watched: Mapping[str, tuple[str, ...]]) -> list[ir.Hint]:
    """The hints of extensions (digits) → their devices."""
    groups: dict[str, list[str]] = {}
    for extension, devices in watched.items():
        plain = all(map(_PLAIN.fullmatch, devices))
        groups.setdefault(extension[:-1] if plain else extension, []).append(extension)
    return [_lamp(tuple((each, watched[each]) for each in sorted(group))) for group in groups.values()]


def _lamp(group: tuple[tuple[str, tuple[str, ...]], ...]) -> ir.Hint:
    (extension, devices), *others = group
    if not others:
        return ir.Hint(extension, "&".join(devices))
    # One `&` for all, for Asterisk counts the devices of a hint by it: the first ones, `&`, the second ones.
    text = ""
    for place in range(max(len(devices) for _, devices in group)):
        those = [(each[-1], devices[place]) for each, devices in group if len(devices) > place]
        if place:
            digits = "".join(digit for digit, _ in those)
            text += "&" if len(those) == len(group) else f'${{IF($["${{EXTEN:-1}}" : "[{digits}]"]?&)}}'
        text += "".join(f"${{IF($[${{EXTEN:-1}} = {digit}]?{device})}}" for digit, device in those)
    digits = "".join(each[-1] for each, _ in group)
    return ir.Hint(f"_{extension[:-1]}[{digits}]", text)
