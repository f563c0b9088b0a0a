"""A fax machine that calls: a second Asterisk, whose provider is the Asterisk under test."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, NamedTuple

from ivrc.testbed.ami import Event
from ivrc.testbed.fetch import root_of
from ivrc.testbed.instance import Asterisk
from ivrc.testbed.watch import Watch

Mode = Literal["audio", "T38"]

_MEDIA = (
    "type=endpoint\ncontext=nobody\ndisallow=all\nallow=alaw\ndirect_media=no\ntimers=no\ntransport=udp\naors=far\n"
)
# SendFAX waits for the far side to ask for T.38, and sends over audio when it does not (f).
_DIALPLAN = """[general]
static=yes
[send]
exten => wait,1,Playtones(0/1000)
 same => n,Wait(3600)
exten => s,1,StopPlaytones()
 same => n,Set(FAXOPT(localstationid)=${STATION})
 same => n,SendFAX(${PAGES},f)
 same => n,Wait(${STAYS})
 same => n,Hangup()
exten => h,1,UserEvent(Sent,Status: ${FAXSTATUS},Error: ${FAXERROR},Count: ${FAXPAGES},Mode: ${FAXMODE},Name: ${NAME})
[speak]
exten => s,1,Playtones(${TONES})
 same => n,Wait(${STAYS})
 same => n,Hangup()
exten => h,1,UserEvent(Sent,Status: SPOKE,Name: ${NAME})
"""


STATION = "+74990001122"


class Sent(NamedTuple):
    """What the sending machine says of a fax."""

    status: str
    pages: int
    mode: str
    error: str


class FaxMachine:
    """The sending side."""

    def __init__(self, asterisk: Asterisk, watch: Watch, tray: Path) -> None:
        # For the files to send.
        self.tray = tray
        self.asterisk = asterisk
        self.watch = watch
        # No two machines of a test show the same numbers.
        self._count = asterisk.sip_port * 100

    def begin(
        self, to: str, pages: Path, mode: Mode, station: str = STATION, stays: float = 0, waits: bool = False
    ) -> str:
        """Call a number and send; the name of the call.

        `stays`: seconds of silence on the line after the last page; `waits`: silence before, until `send_now`.
        """
        variables = {"PAGES": str(pages), "STATION": station, "STAYS": str(stays)}
        return self._originate(to, mode, "send", variables, "wait" if waits else "s")

    def send_now(self, name: str) -> None:
        """Let a machine that waits begin."""
        self.watch.run(
            self.watch.ami.action("Redirect", Channel=self.channel(name), Context="send", Exten="s", Priority="1")
        )

    def speak(self, to: str, seconds: float, tones: str = "440/300,0/200") -> str:
        """Call a number and make sounds that no fax machine makes, for some seconds; the name of the call."""
        return self._originate(to, "audio", "speak", {"TONES": tones, "STAYS": str(seconds)})

    def _originate(self, to: str, mode: Mode, context: str, variables: dict[str, str], exten: str = "s") -> str:
        self._count += 1
        name = f"fax-{self._count}"
        self.watch.run(
            self.watch.ami.action(
                "Originate", Channel=f"PJSIP/{to}@{mode}", Context=context, Exten=exten, Priority="1", Async="true",
                Timeout="60000", CallerID=f"<+7499{self._count:07}>", ChannelId=name,
                variables={**variables, "NAME": name},
            )
        )  # fmt: skip
        return name

    def caller(self, name: str) -> str:
        """The number that a call shows."""
        return f"+7499{int(name.removeprefix('fax-')):07}"

    @property
    def next_caller(self) -> str:
        """The number that the next call will show."""
        return self.caller(f"fax-{self._count + 1}")

    def result(self, name: str, timeout: float = 60.0) -> Sent:
        """What became of a call; raises TimeoutError when it does not end."""

        def ended(event: Event) -> bool:
            return event.get("UserEvent") == "Sent" and event.get("Name") == name

        event = self.watch.wait_event(ended, timeout)
        return Sent(event["Status"], int(event.get("Count") or 0), event.get("Mode", ""), event.get("Error", ""))

    def hang_up(self, name: str) -> None:
        """Cut a call off."""
        self.watch.run(self.watch.ami.action("Hangup", Channel=self.channel(name)))

    def channel(self, name: str) -> str:
        """The channel of a call, once there is one."""
        return self.watch.wait_event(lambda event: event.get("Uniqueid") == name and "Channel" in event)["Channel"]


def open_machine(stack: ExitStack, folder: Path, version: str, far_port: int, faketime: str) -> FaxMachine:
    """Boot a machine that calls the Asterisk at this SIP port."""
    far = f"[far]\ntype=aor\ncontact=sip:127.0.0.1:{far_port}\n"
    ends = f"[T38]\n{_MEDIA}t38_udptl=yes\nt38_udptl_ec=redundancy\n[audio]\n{_MEDIA}"
    asterisk = Asterisk(
        root_of(version),
        folder,
        extensions={"extensions.conf": _DIALPLAN, "pjsip_extra.conf": far + ends},
        faketime=faketime,
    )
    stack.enter_context(asterisk)
    # SendFAX asks for the right to read by access(2), which knows the user only, and not the capabilities that let
    # the test bed's Asterisk into folders of root's.
    tray = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ivrc-fax-", dir="/tmp")))
    tray.chmod(0o755)
    return FaxMachine(asterisk, stack.enter_context(Watch(asterisk)), tray)
