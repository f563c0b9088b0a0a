"""Hints of an office's extensions: few, and each extension has its own devices."""

from __future__ import annotations

import pytest

from ivrc.deploy.dialplan import Key, Line, differences
from ivrc.lower.lamps import lamps
from tests.dialplan import hints_of

A, B, C = ("PJSIP/a",), ("PJSIP/b-web", "PJSIP/b"), ("SIP/c:x",)


@pytest.mark.parametrize(
    ("watched", "names"),
    [
        ({"101": A}, ["101"]),
        ({"101": A, "201": B}, ["101", "201"]),
        ({"102": B, "101": A, "109": A}, ["_10[129]"]),
        ({"1": B, "2": B, "12": A, "3": A}, ["_[123]", "12"]),
        ({"101": A, "102": C, "103": B}, ["_10[13]", "102"]),
        ({str(number): B if number % 3 else A for number in range(100, 120)}, ["_10[0123456789]", "_11[0123456789]"]),
    ],
)
def test_one_hint_for_extensions_that_differ_in_the_last_digit(
    watched: dict[str, tuple[str, ...]], names: list[str]
) -> None:
    found = lamps(watched)
    assert [hint.name for hint in found] == names
    # Asterisk counts a hint's devices by the `&` in its text.
    assert all(hint.devices.count("&") <= 1 for hint in found)
    made = {name: devices for hint in found for name, devices in hints_of(*hint).items()}
    assert made == {extension: "&".join(devices) for extension, devices in watched.items()}


def test_hint_that_asterisk_made_for_a_phone_is_told_from_a_change() -> None:
    (hint,) = lamps({"101": A, "102": B})
    wanted = {
        Key(hint.name, "hint"): Line("", hint.devices, "", False),
        Key("101", "1"): Line("", "Goto", "x,101,1"),
        Key("102", "1"): Line("", "Goto", "x,102,1"),
    }

    def faults(extension: str, devices: str) -> list[str]:
        found = {**wanted, Key(extension, "hint"): Line("", devices, "", False)}
        return list(differences("x", wanted, found, {}))

    assert faults("101", "PJSIP/a") == []
    assert faults("102", "PJSIP/b-web&PJSIP/b") == []
    for extension, devices in (("101", "PJSIP/b"), ("102", "PJSIP/b"), ("103", "PJSIP/a"), ("111", "PJSIP/a")):
        assert len(faults(extension, devices)) == 1
