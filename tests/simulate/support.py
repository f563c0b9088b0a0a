"""Calls to small offices, and their journeys in short."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ivrc.simulate import Call, Journey, simulate
from ivrc.simulate import journey as j
from ivrc.simulate.call import Press, State
from tests.support import OFFICE, office_of, scenario

NUMBER = "+74951234567"
LENGTHS = {"welcome": 2.0, "menu": 4.0, "done": 1.0, "long": 9.0}
MOSCOW = ZoneInfo("Europe/Moscow")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=MOSCOW)


def source_of(*steps: str, declarations: str = "") -> str:
    return OFFICE + declarations + f'number "{NUMBER}" -> main\n' + scenario(*steps)


def try_steps(*steps: str, declarations: str = "", lengths: Mapping[str, float] = LENGTHS, **call: Any) -> Journey:
    """The journey of a call to an office whose scenario `main` has these steps."""
    office = office_of(source_of(*steps, declarations=declarations))
    call.setdefault("to", NUMBER)
    call.setdefault("at", moment("2026-03-02 12:00"))
    return simulate(office, Call(**call), lengths)


def told(journey: Journey) -> list[str]:
    """The story in short: times in seconds."""
    return [text for event in journey.events if (text := _tell(event))]


def _tell(event: j.Event) -> str:
    at = f"{event.at / 1000:g}"
    span = f"{at}-{getattr(event, 'until', 0) / 1000:g}"
    match event:
        case j.Heard():
            return f"{span} heard {event.prompt}" + (f" ({event.why})" if event.why != "over" else "")
        case j.Rang():
            return f"{span} rang {event.who}: {event.result}"
        case j.PassedOver():
            return f"{at} passed over {event.who}: {event.why}"
        case j.Asked():
            return f"{span} asked {event.who}: {'yes' if event.accepted else 'no'}"
        case j.Chose():
            return f"{at} {event.what} {event.keys}".rstrip()
        case j.Decided():
            return f"{at} {event.condition}: {'yes' if event.holds else 'no'}"
        case j.Talked():
            return f"{span} talked {event.who}, {event.by}" + (" recorded" if event.recorded else "")
        case j.LookedUp():
            return f"{span} crm {event.why}"
        case j.Recorded():
            return f"{span} message {event.to or '-'}: {event.how}"
        case j.Faxed():
            return f"{span} fax {event.pages} {event.why}".rstrip()
        case j.Moved():
            return f"{at} moved {event.scenario}"
        case j.Answered():
            return f"{at} answered"
        case j.Ended():
            return f"{at} ended: {event.how} {event.cause}"
        case _:
            return ""


def keys(*presses: tuple[str, float]) -> tuple[Press, ...]:
    """Keys at seconds of the call."""
    return tuple(Press(pressed, round(at * 1000)) for pressed, at in presses)


def answers(seconds: float, accepts: float | None = 1) -> State:
    return State("answers", round(seconds * 1000), None if accepts is None else round(accepts * 1000))


BUSY, OFFLINE, SILENT = State("busy"), State("offline"), State("silent")


def refuses(seconds: float = 0) -> State:
    return State("refuses", round(seconds * 1000))
