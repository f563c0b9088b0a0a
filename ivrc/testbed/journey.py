"""One call as a list of plain events, built from the manager's: what was heard, who rang, which steps ran."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ivrc.testbed.ami import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class _At:
    """`at`: seconds since the call began, on Asterisk's own (perhaps faked) clock."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(_At):
    """The dialplan ran one priority."""

    context: str
    exten: str
    priority: int
    app: str
    data: str
    channel: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard(_At):
    """A sound began; from version 22 on as it was played, before that as the application was told to."""

    sound: str
    channel: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rang(_At):
    """An endpoint was called: `anna`, `+7…@provider`, or a Local channel's `exten@context`."""

    endpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RingEnded(_At):
    """It stopped ringing, with Asterisk's dial status (ANSWER, BUSY, NOANSWER, CANCEL, CHANUNAVAIL …)."""

    endpoint: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Talked(_At):
    """The endpoint was bridged to the call."""

    endpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Key(_At):
    """Asterisk received a key, from the channel named."""

    digit: str
    channel: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable(_At):
    """A channel variable was set."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(_At):
    """The caller's channel is gone, with its Q.850 cause."""

    cause: int


Happening = Step | Heard | Rang | RingEnded | Talked | Key | Variable | Ended
_PLAYERS = {
    "playback": 0,
    "background": 0,
    "controlplayback": 0,
    "read": 1,
}  # application -> place of its sounds


@dataclass(frozen=True)
class Journey:
    """One call's events in order."""

    linkedid: str
    events: tuple[Happening, ...]

    @property
    def heard(self) -> list[str]:
        """The sounds in order."""
        return [event.sound for event in self.events if isinstance(event, Heard)]

    @property
    def rang(self) -> list[str]:
        """The endpoints in the order they were called."""
        return [event.endpoint for event in self.events if isinstance(event, Rang)]

    @property
    def statuses(self) -> list[tuple[str, str]]:
        """(endpoint, dial status) in the order the ringing ended."""
        return [(event.endpoint, event.status) for event in self.events if isinstance(event, RingEnded)]

    @property
    def talked(self) -> list[str]:
        """The endpoints that were bridged to the call."""
        return [event.endpoint for event in self.events if isinstance(event, Talked)]

    @property
    def keys(self) -> str:
        """The keys received, as one text."""
        return "".join(event.digit for event in self.events if isinstance(event, Key))

    @property
    def steps(self) -> list[Step]:
        """The dialplan's steps, of all of the call's channels."""
        return [event for event in self.events if isinstance(event, Step)]

    @property
    def ended(self) -> Ended | None:
        """The caller's end, or None while the call goes on."""
        return next((event for event in self.events if isinstance(event, Ended)), None)

    def variable(self, name: str) -> str | None:
        """The last value that a variable was set to."""
        values = [event.value for event in self.events if isinstance(event, Variable) and event.name == name]
        return values[-1] if values else None

    def ring_seconds(self, endpoint: str) -> float:
        """How long the endpoint rang the first time; raises LookupError if it never did."""
        began = [event.at for event in self.events if isinstance(event, Rang) and event.endpoint == endpoint]
        over = [event.at for event in self.events if isinstance(event, RingEnded) and event.endpoint == endpoint]
        if not began or not over:
            raise LookupError(f"{endpoint} did not ring to an end: {self.summary()}")
        return over[0] - began[0]

    def summary(self) -> list[str]:
        """The story in short, for assertions: `heard X`, `key 2`, `rang anna`, `anna BUSY`, `ended 16`."""
        told = (_tell(event) for event in self.events)
        return [text for text in told if text]


def _tell(event: Happening) -> str:
    match event:
        case Heard():
            return f"heard {event.sound}"
        case Rang():
            return f"rang {event.endpoint}"
        case RingEnded():
            return f"{event.endpoint} {event.status}"
        case Talked():
            return f"talked {event.endpoint}"
        case Key():
            return f"key {event.digit}"
        case Ended():
            return f"ended {event.cause}"
        case Step() | Variable():
            return ""


def calls_in(events: Iterable[Event], caller: str | None = None, exten: str | None = None) -> list[str]:
    """The Linkedids of the calls that began, in order; of one caller or to one number, if these are given."""
    return [
        event["Linkedid"]
        for event in events
        if event.get("Event") == "Newchannel"
        and event.get("Uniqueid") == event.get("Linkedid")
        and caller in (None, event.get("CallerIDNum"))
        and exten in (None, event.get("Exten"))
    ]


def is_over(events: Iterable[Event], linkedid: str) -> bool:
    """Whether all of the call's channels are gone and its history is complete.

    Both are asked for: they reach the manager by two ways, in no order between them.
    """
    up: dict[str, bool] = {}
    complete = False
    for event in events:
        if event.get("LinkedID") == linkedid:
            complete = complete or event.get("EventName") == "LINKEDID_END"
        elif event.get("Linkedid") == linkedid and event["Event"] in ("Newchannel", "Hangup"):
            up[event["Uniqueid"]] = event["Event"] == "Newchannel"
    return complete and linkedid in up and not any(up.values())


def journey_of(events: Iterable[Event], linkedid: str, *, streams: bool = True) -> Journey:
    """The journey of one call so far; without `streams` the sounds are read from the steps' data."""
    reader = _Reader(streams)
    for event in events:
        if linkedid in (event.get("Linkedid"), event.get("LinkedID"), event.get("DestLinkedid")):
            reader.read(event)
    return Journey(linkedid, tuple(reader.found))


class _Reader:
    """Turns one call's events into happenings; a method `_on_…` per kind of event."""

    def __init__(self, streams: bool):
        self.found: list[Happening] = []
        self._streams = streams
        self._start: float | None = None
        self._names: dict[str, str] = {}  # a called channel's id -> the string that was dialled
        self._bridged: set[str] = set()
        self._kinds: dict[str, Callable[[Event, float], None]] = {
            "Newexten": self._on_step,
            "CEL": self._on_history,
            "DialBegin": self._on_dial_begin,
            "DialEnd": self._on_dial_end,
            "BridgeEnter": self._on_bridge,
            "DTMFEnd": self._on_key,
            "VarSet": self._on_variable,
            "Hangup": self._on_hangup,
        }

    def read(self, event: Event) -> None:
        """Take the next event."""
        stamp = float(event.get("Timestamp", "0"))
        self._start = stamp if self._start is None else self._start
        handle = self._kinds.get(event["Event"])
        if handle is not None:
            handle(event, round(stamp - self._start, 3))

    def _on_step(self, event: Event, at: float) -> None:
        app, data, channel = event["Application"], event.get("AppData", ""), event["Channel"]
        step = Step(
            at=at,
            context=event["Context"],
            exten=event["Extension"],
            priority=int(event["Priority"]),
            app=app,
            data=data,
            channel=channel,
        )
        self.found.append(step)
        place = _PLAYERS.get(app.lower())
        fields = data.split(",")
        if not self._streams and place is not None and place < len(fields):
            sounds = filter(None, fields[place].split("&"))
            self.found += [Heard(at=at, sound=sound, channel=channel) for sound in sounds]

    def _on_history(self, event: Event, at: float) -> None:
        if event.get("EventName") == "STREAM_BEGIN":
            extra = event.get("Extra", "")
            try:
                data = json.loads(extra)
                sound = f"music {data['class']}" if "class" in data else str(data["sound"])
            except (ValueError, KeyError, TypeError):
                sound = extra
            self.found.append(Heard(at=at, sound=sound, channel=event.get("Channel", "")))

    def _on_dial_begin(self, event: Event, at: float) -> None:
        dialled = event.get("DialString") or event["DestChannel"].partition("/")[2].rpartition("-")[0]
        if not dialled.startswith("ivrc-sip/"):
            dialled = dialled.partition("/sip:")[0]  # PJSIP_DIAL_CONTACTS adds the contact's address
        self._names[event["DestUniqueid"]] = dialled
        self.found.append(Rang(at=at, endpoint=dialled))

    def _on_dial_end(self, event: Event, at: float) -> None:
        name = self._names.get(event["DestUniqueid"], event["DestChannel"])
        self.found.append(RingEnded(at=at, endpoint=name, status=event.get("DialStatus", "")))

    def _on_bridge(self, event: Event, at: float) -> None:
        identity = event["Uniqueid"]
        if identity in self._names and identity not in self._bridged:
            self._bridged.add(identity)  # hold and transfers enter again
            self.found.append(Talked(at=at, endpoint=self._names[identity]))

    def _on_key(self, event: Event, at: float) -> None:
        if event.get("Direction") == "Received":
            self.found.append(Key(at=at, digit=event["Digit"], channel=event["Channel"]))

    def _on_variable(self, event: Event, at: float) -> None:
        self.found.append(Variable(at=at, name=event["Variable"], value=event.get("Value", "")))

    def _on_hangup(self, event: Event, at: float) -> None:
        if event["Uniqueid"] == event.get("Linkedid"):
            self.found.append(Ended(at=at, cause=int(event.get("Cause", "0"))))
