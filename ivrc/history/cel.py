"""Asterisk's event log: the settings that make Asterisk write it, and its lines as events.

The log is a file of comma-separated values that only ever grows: no reader can lock Asterisk out of it. Callers' names
may hold quotes, line ends and broken UTF-8; a line is whole when its quotes are.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from ivrc.named import NamedTuple

FILE = "cel-custom/ivrc.csv"
"""Below Asterisk's log folder."""
# Names of Asterisk's, in the order of the file; each is a field of Event.
_FIELDS = {
    "kind": "eventtype",
    "defined": "userdeftype",
    "time": "eventtime",
    "caller_name": "CALLERID(name)",
    "caller": "CALLERID(num)",
    "called": "CALLERID(dnid)",
    "context": "CHANNEL(context)",
    "exten": "CHANNEL(exten)",
    "channel": "CHANNEL(channame)",
    "app": "CHANNEL(appname)",
    "data": "CHANNEL(appdata)",
    "uniqueid": "CHANNEL(uniqueid)",
    "linkedid": "CHANNEL(linkedid)",
    "peer": "BRIDGEPEER",
    "extra": "eventextra",
}
APPS = (
    "answer", "playback", "background", "waitexten", "read", "dial", "queue", "record", "voicemail", "receivefax",
    "gosub", "goto", "gotoif", "hangup",
)  # fmt: skip
# Within a value a quote is doubled: nothing but the beginning of an event looks like this.
_BEGIN = re.compile(rb'"(?=[A-Z][A-Z0-9_]*",")')
MAX_LINE = 65_536
"""Bytes; a line that is longer, or never ends, is nobody's event and is skipped."""


class Event(NamedTuple):
    """One line of the log. `time` is seconds since 1970; `defined` the name of an event of the dialplan's own."""

    kind: str
    defined: str
    time: float
    caller_name: str
    caller: str
    called: str
    context: str
    exten: str
    channel: str
    app: str
    data: str
    uniqueid: str
    linkedid: str
    peer: str
    extra: str


def settings() -> dict[str, str]:
    """cel.conf and cel_custom.conf: what Asterisk must be told."""
    columns = ",".join(f"${{CSV_QUOTE(${{{name}}})}}" for name in _FIELDS.values())
    name = FILE.rpartition("/")[2]
    return {
        "cel.conf": (
            "; Written by ivrc: the events of which the call history is made.\n"
            f"[general]\nenable=yes\napps={','.join(APPS)}\nevents=ALL\n"
        ),
        "cel_custom.conf": (
            f"; Written by ivrc: the file that `ivrc history collect` reads.\n[mappings]\n{name} => {columns}\n"
        ),
    }


def whole_lines(data: bytes) -> Iterator[bytes]:
    """The lines at the beginning of some bytes that are whole: a line end within quotes belongs to a value.

    A line that was never finished, as on a full disk, ends where the next event begins.
    """
    start = at = 0
    while (end := data.find(b"\n", at)) >= 0:
        at = end + 1
        # An even number of quotes: none is open.
        if data.count(b'"', start, end) % 2 == 0 or at - start > MAX_LINE or _BEGIN.match(data, at):
            yield data[start:at]
            start = at


def parse(line: bytes) -> Event | None:
    """A line as an event; None if it is none. An event that stands behind a torn one's beginning is found."""
    found = _parse(line)
    begins = [match.start() for match in _BEGIN.finditer(line, 1)] if found is None else []
    # Only one has the right number of values behind it.
    return next((event for begin in begins if (event := _parse(line[begin:]))), found)


def _parse(line: bytes) -> Event | None:
    if len(line) > MAX_LINE:
        return None
    try:
        (values,) = csv.reader(io.StringIO(line.decode("utf-8", "replace"), newline=""), strict=True)
    except (ValueError, csv.Error):
        return None
    if len(values) != len(_FIELDS):
        return None
    given = dict(zip(_FIELDS, values, strict=True))
    try:
        time = float(given.pop("time"))
    except ValueError:
        return None
    if not given["linkedid"] or not 0 < time < 1e11:
        return None
    return Event(time=time, **given)
