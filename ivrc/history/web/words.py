"""How calls are told on the page: times, lengths, outcomes."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

OUTCOMES = {
    "talked": ("Talked", "good"),
    "message": ("Message", "note"),
    "fax": ("Fax", "note"),
    "going_on": ("Going on", "live"),
    "hung_up": ("Caller hung up", "quiet"),
    "no_message": ("No message", "quiet"),
    "nobody": ("Nobody answered", "bad"),
    "fax_failed": ("Fax failed", "bad"),
    "refused": ("Refused", "bad"),
    "broken_off": ("Broken off", "bad"),
}
"""What a call came to (journey.py): its label, and how it is coloured."""
KINDS = {"voicemail": "Message", "recording": "Recording", "fax": "Fax"}
_UNSEEN = {"answered": "good", "no answer": "quiet", "busy": "quiet", "rings": "live"}


def label(outcome: str) -> str:
    """An outcome's label."""
    return OUTCOMES.get(outcome, (outcome, "quiet"))[0]


def tone(outcome: str) -> str:
    """How an outcome is coloured."""
    return OUTCOMES.get(outcome, (outcome, "quiet"))[1]


def tone_of_leg(result: str) -> str:
    """How what came of a ring is coloured."""
    return _UNSEEN.get(result, "bad")


def clock(at: float) -> str:
    """`14:05`."""
    return datetime.fromtimestamp(at).strftime("%H:%M")


def moment(at: float) -> str:
    """`Mon 23 Nov 2026, 14:05:09`."""
    return datetime.fromtimestamp(at).strftime("%a %d %b %Y, %H:%M:%S")


def iso(at: float) -> str:
    """For machines."""
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="seconds")


def day(at: float, today: date) -> str:
    """`Today`, `Yesterday`, `Mon 23 Nov`, with the year if it is another."""
    found = datetime.fromtimestamp(at).date()
    if found == today:
        return "Today"
    if found == today - timedelta(days=1):
        return "Yesterday"
    return found.strftime("%a %d %b" if found.year == today.year else "%a %d %b %Y")


def length(seconds: float) -> str:
    """`0:07`, `1:02:03`."""
    whole = max(round(seconds), 0)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def offset(seconds: float) -> str:
    """Since the call's beginning: `+7.3 s`, `+1:07`."""
    return f"+{seconds:.1f} s" if seconds < 60 else "+" + length(seconds)


def who(call: dict[str, Any]) -> str:
    """The caller's name where there is one, else the number."""
    return str(call["contact_name"] or call["caller_name"] or call["caller"] or "Number withheld")
