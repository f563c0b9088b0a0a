"""What an expectation is met by, and what is told of one that is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.support import ran

STEPS = (
    'play "welcome"',
    "call employee anna for 10s then mobile for 20s",
    "call group hall for 15s",
    'play "done"',
    'voicemail "menu" to gleb',
)
# welcome 0-2, anna 2-12, her mobile 12-32, the hall 32-47, done 47-48, menu 48-52, the tone, the message.
MET = [
    'plays "welcome"',
    'plays "welcome" for 2s at 0s',
    'plays "menu" after 47s within 49s',
    "rings anna for 10s",
    "rings anna at 2s",
    "rings anna mobile for 20s",
    "rings boris, vera for 15s",
    "rings vera, boris",
    "rings hall",
    "rings vera rings boris",
    "voicemail",
    "voicemail to gleb for 10s",
    "not rings gleb",
    "reaches nobody",
    "not reaches anna",
    'plays "welcome" not plays "menu" rings anna',
    'rings anna plays nothing rings hall plays "done"',
    "ends by caller cause 16",
    "ends by caller after 1m within 63s",
    "not fax",
    "-> main",
]
UNMET = {
    'plays "done" plays "welcome"': ('plays "welcome"', 'hears "menu" for 4s'),
    "rings gleb": ("rings gleb", "anna rings for 10s: no answer"),
    "rings anna for 20s": ("rings anna for 20s", "anna rings for 10s: no answer"),
    'plays "menu" within 40s': ('plays "menu" within 40s', 'hears "menu" for 4s, at 48s'),
    'plays "menu" after 50s': ('plays "menu" after 50s', 'hears "menu" for 4s, at 48s'),
    "rings vera, gleb": ("rings vera, gleb", "anna rings for 10s: no answer"),
    "reaches anna": ("reaches anna", "nothing like it before the end (caller hung up (cause 16))"),
    "rings nobody": ("rings nobody", "anna rings for 10s: no answer"),
    "plays nothing": ("plays nothing", 'hears "welcome" for 2s'),
    "not rings vera": ("not rings vera", "vera rings for 15s: no answer"),
    'not plays "done" voicemail': ('not plays "done"', 'hears "done" for 1s'),
    "not voicemail": ("not voicemail", "leaves a message for gleb of 10s (ends: hangs up)"),
    "voicemail to anna": ("voicemail to anna", "leaves a message for gleb of 10s (ends: hangs up)"),
    "ends by office": ("ends by office", "end: caller hung up (cause 16)"),
    "ends cause 19": ("ends cause 19", "end: caller hung up (cause 16)"),
    "not ends": ("not ends", "end: caller hung up (cause 16)"),
    "rings anna mobile for 2s": (
        "rings anna's mobile for 2s",
        "anna's mobile rings for 20s: no answer",
    ),
    'voicemail plays "welcome"': (
        'plays "welcome"',
        "nothing like it before the end (caller hung up (cause 16))",
    ),
}


@pytest.mark.parametrize("facts", MET)
def test_met(tmp_path: Path, facts: str) -> None:
    assert ran(tmp_path, STEPS, f"expect {{ {facts} }}").failures == []


@pytest.mark.parametrize("facts", UNMET)
def test_unmet(tmp_path: Path, facts: str) -> None:
    assert ran(tmp_path, STEPS, f"expect {{ {facts} }}").failures == [UNMET[facts]]


def test_several_expects_are_one_list(tmp_path: Path) -> None:
    assert ran(tmp_path, STEPS, 'expect plays "welcome"', "expect rings anna").failures == []
    assert ran(tmp_path, STEPS, "expect rings anna", 'expect plays "welcome"').failures


def test_only_the_first_thing_missing_is_told_with_what_was_forbidden_before(tmp_path: Path) -> None:
    found = ran(tmp_path, STEPS, 'expect { not plays "welcome" rings gleb reaches gleb }').failures
    assert [expected for expected, _ in found] == ['not plays "welcome"', "rings gleb"]


def test_recorded_conversations(tmp_path: Path) -> None:
    calls = ("call employee anna", "anna answers", "expect reaches anna recorded")
    assert ran(tmp_path, ["record calls", calls[0]], *calls[1:]).failures == []
    assert ran(tmp_path, [calls[0]], *calls[1:]).failures == [
        ("reaches anna recorded", "talks with anna for 60s; the caller hangs up")
    ]


@pytest.mark.parametrize(("pages", "met"), [("", True), (" of 3 pages", True), (" of 1 page", False)])
def test_faxes(tmp_path: Path, pages: str, met: bool) -> None:
    found = ran(tmp_path, ["fax"], "fax of 3 pages", f"expect fax{pages}").failures
    assert found == ([] if met else [("fax of 1 page", "fax: 3 pages in 30s")])


def test_a_fax_that_does_not_come(tmp_path: Path) -> None:
    assert ran(tmp_path, ["fax"], "expect not fax").failures == []
    assert len(ran(tmp_path, ["fax"], "expect fax").failures) == 1


def test_music_of_a_wait(tmp_path: Path) -> None:
    steps = ("call employee anna for 5s", "reach anyone for 30s")
    assert ran(tmp_path, steps, "expect plays music for 30s").failures == []
