"""Callers and phones at Asterisk's ends: SIPp processes on loopback, run from the prefix."""

import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ivrc.testbed import rtp_keys
from ivrc.testbed.conf import ENDPOINT_HEADER
from ivrc.testbed.instance import Asterisk
from ivrc.testbed.ports import give_back, take_ports
from ivrc.testbed.prefix import TestbedError, die_with_us
from ivrc.testbed.sip_trace import SipMessage, read_trace
from ivrc.testbed.sip_xml import Act, Behaviour, caller_xml, phone_xml, register_xml

_MANY = 1_000_000
_SLACK = 15.0  # seconds that a call may take beyond its script


class _Sipp:
    """One SIPp process with a folder and ports of its own."""

    def __init__(self, asterisk: Asterisk, xml: str, name: str, port: int = 0, via: int = 0):
        self._asterisk = asterisk
        self._to = via or asterisk.sip_port
        self._block = 0 if port else take_ports()
        self.port = port or self._block
        (asterisk.rundir / "sip").mkdir(exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=asterisk.rundir / "sip"))
        (self.folder / "scenario.xml").write_text(xml, encoding="utf-8")
        (self.folder / "silence.ul").write_bytes(b"\xff" * 8000)
        # A second of what callers say, 1000 Hz, and of what phones do, 500 Hz.
        (self.folder / "tone.ul").write_bytes(bytes.fromhex("ff9e8f9eff1e0f1e") * 1000)
        (self.folder / "low.ul").write_bytes(bytes.fromhex("ffff9e9e8f8f9e9effff1e1e0f0f1e1e") * 500)
        keys = self.folder / "keys"
        program = f"{shlex.quote(sys.executable)} -I -S {shlex.quote(rtp_keys.__file__)}"
        keys.write_text(f'#!/bin/sh\nexec {program} "$@"\n', encoding="utf-8")
        keys.chmod(0o755)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, calls: int, limit: float) -> None:
        """Run it for so many calls and at most `limit` seconds (0: until stopped)."""
        bound = ["-timeout", f"{int(limit) + 1}s", "-timeout_error"] if limit else []
        sipp = self._asterisk.prefix.command(
            "usr/bin/sipp", f"127.0.0.1:{self._to}", "-sf", "scenario.xml", "-i", "127.0.0.1",
            "-p", str(self.port), "-mi", "127.0.0.1", "-mp", str(self.port + 2), "-m", str(calls), "-nostdin",
            "-aa", "-trace_msg", "-message_file", "messages.log", "-trace_logs", "-log_file", "logs.log",
            "-trace_err", "-error_file", "errors.log", *bound,
        )  # fmt: skip
        command = [*die_with_us(), *sipp]
        with (self.folder / "console.log").open("wb") as console:
            self._process = subprocess.Popen(
                command, cwd=self.folder, env=self._asterisk.prefix.environment(TZ="UTC", TERM="dumb"),
                stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def wait(self, seconds: float) -> int:
        """The exit code; when it is not over in time it is killed and counts as -9."""
        assert self._process is not None, "not started"
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return -9
        finally:
            self.stop()

    def stop(self) -> None:
        """Kill what still runs, and free the ports."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        give_back(self._block)

    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def messages(self) -> list[SipMessage]:
        """What was sent and received so far."""
        return read_trace(self.folder / "messages.log")

    def text(self, name: str) -> str:
        """One of its log files."""
        path = self.folder / name
        return path.read_text("utf-8", "replace") if path.exists() else ""


@dataclass(frozen=True)
class CallResult:
    """How a caller's call went; times are seconds since 1970, None for what did not happen."""

    ok: bool  # the script ran to its end as written
    code: int  # the INVITE's final SIP code, 0 if none came
    began_at: float
    rang_at: float | None
    answered_at: float | None
    ended_by: str  # "caller", "far" or "" (never answered)
    transcript: str  # for the failing assertion's message

    @property
    def answered(self) -> bool:
        """Whether the call was answered."""
        return self.answered_at is not None


class Caller:
    """Somebody who calls: `Caller(asterisk, to="+7495…", from_="+7916…", script=[…]).run()`.

    `user` is the endpoint they come in through: `trunk`, `trunkinfo` (keys by INFO), a phone's name, or ""
    for nobody known. `anonymous` hides the number; `headers` are added to the INVITE. `via`: the port of a
    proxy on loopback that the call goes through.
    """

    def __init__(
        self,
        asterisk: Asterisk,
        *,
        to: str,
        script: Sequence[Act],
        from_: str = "+79161234567",
        name: str | None = None,
        user: str = "trunk",
        anonymous: bool = False,
        headers: Mapping[str, str] | None = None,
        via: int = 0,
    ):
        known = {ENDPOINT_HEADER: user} if user else {}
        who = f"<sip:{from_}@[local_ip]:[local_port]>"
        if anonymous:
            name, who = name or "Anonymous", "<sip:anonymous@anonymous.invalid>"
        quoted = f'"{name}" {who}' if name else who
        self._limit = sum(act.seconds for act in script) + _SLACK
        xml = caller_xml(to, quoted, {**known, **(headers or {})}, script)
        self._sipp = _Sipp(asterisk, xml, "caller", via=via)

    def start(self) -> Self:
        """Begin the call and return at once; `wait()` for the result."""
        self._sipp.start(1, self._limit)
        return self

    def wait(self) -> CallResult:
        """The result once the call is over; bounded by the script's own times and 15 s."""
        exit_code = self._sipp.wait(self._limit + 5)
        messages, logged = self._sipp.messages(), self._sipp.text("logs.log").split("\n")
        replies = [one for one in messages if not one.sent and one.method == "INVITE" and one.code]
        final = next((one for one in replies if one.code >= 200), None)
        byes = [one for one in messages if one.start.startswith("BYE ")]
        ended = "" if not byes else "caller" if byes[0].sent else "far"
        problems = [line for line in logged if "too early" in line]
        return CallResult(
            ok=exit_code == 0 and "end" in logged and not problems,
            code=final.code if final else 0,
            began_at=messages[0].at if messages else 0.0,
            rang_at=next((one.at for one in replies if one.code in (180, 183)), None),
            answered_at=final.at if final and final.code == 200 else None,
            ended_by=ended,
            transcript=self._transcript(exit_code, problems, messages),
        )

    def run(self) -> CallResult:
        """Place the call and wait for its end."""
        return self.start().wait()

    def stop(self) -> None:
        """Kill it in the middle; Asterisk is told nothing."""
        self._sipp.stop()

    def _transcript(self, exit_code: int, problems: Sequence[str], messages: Sequence[SipMessage]) -> str:
        start = messages[0].at if messages else 0.0
        lines = [f"{one.at - start:7.3f} {'->' if one.sent else '<-'} {one.start} ({one.method})" for one in messages]
        said = [line for line in self._sipp.text("errors.log").splitlines() if "jumping to label" not in line]
        if exit_code and len(said) < 2:
            said = self._sipp.text("console.log").splitlines()[-12:]
        return "\n".join([f"SIPp exit code {exit_code}", *problems, *lines, *said])


@dataclass(frozen=True)
class PhoneCall:
    """A call that reached a phone; times are seconds since 1970."""

    number: str  # as dialled, the user part of the request's URI
    from_: str  # the number that the phone shows
    at: float
    answered_at: float | None
    cancelled_at: float | None
    headers: Mapping[str, str]  # the INVITE's, names in lower case


class Phone:
    """A phone that takes calls while entered: `with Phone(asterisk, "anna", answers(after=1.0)) as anna`.

    `name` is one of the instance's phones; one that registers does so on entry.
    """

    def __init__(
        self,
        asterisk: Asterisk,
        name: str,
        behaviour: Behaviour,
        rules: Mapping[str, Behaviour] | None = None,
    ):
        port = asterisk.provider_port if name == "provider" else asterisk.contacts[name]
        self._asterisk, self.name = asterisk, name
        self._registers = any(phone.name == name and phone.registers for phone in asterisk.phones)
        self._sipp = _Sipp(asterisk, phone_xml(behaviour, rules), name, port)

    def __enter__(self) -> Self:
        self._sipp.start(_MANY, 0)
        end = time.monotonic() + 5
        while not _is_bound(self._sipp.port):
            if not self._sipp.is_running() or time.monotonic() > end:
                text = self._sipp.text("console.log")[-600:] + self._sipp.text("errors.log")
                self._sipp.stop()
                raise TestbedError(f"the phone {self.name} did not start: {text}")
            time.sleep(0.01)
        if self._registers:
            self.register()
        return self

    def __exit__(self, *_: object) -> None:
        self._sipp.stop()

    def register(self, seconds: int = 600) -> None:
        """Register for so many seconds (0: sign off); raises TestbedError when Asterisk refuses."""
        sipp = _Sipp(self._asterisk, register_xml(self.name, self._sipp.port, seconds), f"{self.name}-register")
        sipp.start(1, 8)
        if sipp.wait(10) != 0:
            raise TestbedError(f"{self.name} could not register:\n{sipp.text('errors.log')}")

    @property
    def calls(self) -> list[PhoneCall]:
        """The calls so far, in order."""
        by_call: dict[str, list[SipMessage]] = {}
        for message in self._sipp.messages():
            by_call.setdefault(message.call_id, []).append(message)
        return [_phone_call(messages) for messages in by_call.values() if messages[0].start.startswith("INVITE ")]


class Network(Phone):
    """The far end of the `provider` trunk; `rules`: regular expression of a number -> its behaviour."""

    def __init__(self, asterisk: Asterisk, behaviour: Behaviour, rules: Mapping[str, Behaviour] | None = None):
        super().__init__(asterisk, "provider", behaviour, rules)


def _phone_call(messages: Sequence[SipMessage]) -> PhoneCall:
    invite = messages[0]
    return PhoneCall(
        number=invite.number,
        from_=invite.from_,
        at=invite.at,
        answered_at=next((m.at for m in messages if m.sent and m.code == 200 and m.method == "INVITE"), None),
        cancelled_at=next((m.at for m in messages if m.start.startswith("CANCEL ")), None),
        headers=invite.headers,
    )


def _is_bound(port: int) -> bool:
    """Whether a UDP socket listens on 127.0.0.1:port, by the kernel's table (a trial bind would disturb)."""
    wanted = f"0100007F:{port:04X}"
    return any(line.split()[1] == wanted for line in Path("/proc/net/udp").read_text().splitlines()[1:])
