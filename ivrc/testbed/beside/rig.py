"""Two running Asterisks, the office's and the town's, both `rate` times as fast as life."""

from __future__ import annotations

import asyncio
import math
import os
import random
import shutil
import struct
import tempfile
import wave
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, suppress
from pathlib import Path
from typing import Self

from ivrc.output import Content, text_of
from ivrc.testbed.ami import Ami, Event
from ivrc.testbed.beside import town
from ivrc.testbed.beside.machines import write_sheets
from ivrc.testbed.fetch import root_of
from ivrc.testbed.instance import Asterisk
from ivrc.testbed.prefix import Prefix, TestbedError

VERSION = "22"
# Bytes of a second of GSM.
_GSM_RATE = 33 * 50
_CLOCK_KEPT = 1
# Until all have looked at the clock's file again: whole seconds are compared.
_CLOCK_SET = 2.6
# Files that ivrc writes → what makes Asterisk read them anew.
_RELOADS = {
    "extensions.conf": "dialplan reload",
    "queues.conf": "queue reload all",
    "voicemail.conf": "voicemail reload",
}
_BEFORE = {
    "extensions.conf": "[general]\nstatic=yes\n",
    "queues.conf": "[general]\npersistentmembers=no\n",
    "voicemail.conf": "[general]\nformat=wav\nattach=no\nmaxsilence=10\nmailcmd=/bin/false\n",
}


def tone(path: Path, seconds: float, rate: int = 8000) -> None:
    """A recording of this length: a loud tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        samples = (int(12_000 * math.sin(index * 0.8)) for index in range(int(rate * seconds)))
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))


def own_lengths(prefix: Prefix, language: str = "en") -> dict[str, float]:
    """How long Asterisk's own sounds are: `asterisk:beep` → seconds."""
    folder = prefix.sounds.get(language) or prefix.sounds["en"]
    return {
        f"asterisk:{path.relative_to(folder).with_suffix('')}": path.stat().st_size / _GSM_RATE
        for path in folder.rglob("*.gsm")
    }


class Rig:
    """`async with Rig(folder, phones, rate=4) as rig`; `phones` and `trunks` are the office's endpoints."""

    def __init__(
        self, folder: Path, phones: Sequence[str], *, trunks: Sequence[str] = ("provider",), rate: float = 4,
        clock: str = "2025-06-01 09:00:00",
    ) -> None:  # fmt: skip
        self.folder = folder
        self.rate = rate
        self.phones = list(phones)
        # Of queues' members: the penalties that the dialplan has given them.
        self.penalties: dict[str, int] = {}
        self._trunks = trunks
        self._clock = clock
        self._stack = ExitStack()
        self._tray: Path | None = None
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            self._boot()
            self.ami = await self._open.enter_async_context(Ami(self.office.ami_port, keep=False))
            self.town_ami = await self._open.enter_async_context(Ami(self.town.ami_port, keep=False))
            self._registrar = await _Registrar.open(self.office.sip_port, self.town.sip_port)
        except BaseException:
            self._stack.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._registrar.close()
        try:
            await self._open.aclose()
        finally:
            self._stack.close()

    def _boot(self) -> None:
        root = root_of(VERSION)
        if not Prefix(root).has_stream_events:
            raise TestbedError("this Asterisk does not tell what a caller hears: it takes 22, or one of late 2024 on")
        for name in ("office", "town"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / name).mkdir(parents=True)
        tone(self.folder / "moh" / "tone.wav", 30)
        tone(self.folder / "sounds" / "en" / "noise.wav", 120)
        faketime = f"@{self._clock} x{self.rate:g}"
        self.office = Asterisk(root, self.folder / "office", faketime=faketime)
        self.town = Asterisk(root, self.folder / "town", faketime=faketime, sounds=[self.folder / "sounds"])
        self.office.clock_kept = self.town.clock_kept = _CLOCK_KEPT
        self.office.add_settings(
            {
                **_BEFORE,
                "manager.conf": town.office_manager(self.office.ami_port),
                "pjsip.conf": town.office_pjsip(self.office.sip_port, self.town.sip_port, self.phones, self._trunks),
                "musiconhold.conf": f"[default]\nmode=files\ndirectory={self.folder / 'moh'}\n",
                "logger.conf": _LOGGER,
                "cel.conf": "[general]\nenable=yes\nevents=STREAM_BEGIN,STREAM_END,LINKEDID_END,USER_DEFINED\n"
                "[manager]\nenabled=yes\n",
                "cdr.conf": "[general]\nenable=no\n",
            }
        )
        self.town.add_settings(
            {
                "manager.conf": town.town_manager(self.town.ami_port),
                "pjsip.conf": town.town_pjsip(self.town.sip_port, self.office.sip_port),
                "extensions.conf": town.TOWN_DIALPLAN,
                "cel.conf": "[general]\nenable=no\n",
                "cdr.conf": "[general]\nenable=no\n",
                "logger.conf": _LOGGER,
            }
        )
        for each in (self.office, self.town):
            self._stack.enter_context(each)
            _goes_first(each.pid)
        # So do those who press keys and pick up.
        before = os.getpriority(os.PRIO_PROCESS, 0)
        _goes_first(os.getpid())
        self._stack.callback(_goes_first, os.getpid(), before)

    # ── the office ──

    def load(self, files: Mapping[str, Content], strict: bool = True) -> None:
        """Put compiled offices in place of those before. TestbedError if Asterisk warns of anything, if `strict`."""
        mark = self.office.mark()
        data = self.office.rundir / "data"
        for sounds in (data / "sounds").glob("*/ivrc"):
            shutil.rmtree(sounds)
        for name, content in files.items():
            if name.startswith("sounds/"):
                (data / name).parent.mkdir(parents=True, exist_ok=True)
                # A copy: Asterisk may not be let into the cache.
                if isinstance(content, Path):
                    shutil.copyfile(content, data / name)
                else:
                    (data / name).write_bytes(b"".join(content))
        for name, reload in _RELOADS.items():
            self.office.write_conf(name, _BEFORE[name] + text_of(files.get(name, [])))
            self.office.cli(reload)
        self.penalties.clear()
        if strict and (warnings := self.office.warnings(mark)):
            raise TestbedError("the office does not load cleanly: " + "; ".join(warnings[:5]))

    async def set_clock(self, moment: str, rate: float) -> None:
        """Both clocks, e.g. to `2026-12-31 23:59:50` (UTC), running on `rate` times as fast as life.

        Forwards: after a step back threads that wait for a moment now far away do not sleep, and take half a processor.
        """
        self.rate = rate
        for each in (self.office, self.town):
            each.set_time(f"@{moment} x{self.rate:g}")
        await asyncio.sleep(_CLOCK_SET)

    # ── phones ──

    async def online(self, phone: str, there: bool = True) -> None:
        """Register a phone, or take it off."""
        await self._registrar.register(phone, there)

    async def does(self, phone: str, word: str) -> None:
        """Tell what a phone does with its next calls (see `town.phone_word`)."""
        await self.town_ami.action("Setvar", Variable=town.variable_of(phone), Value=word)

    def sheets(self, name: str) -> Path:
        """What a fax machine has to send; the files are made when the first one calls.

        In a folder of their own: SendFAX asks for the right to read by access(2), which knows the user only, and not
        the capabilities that let the test bed's Asterisk into folders of root's.
        """
        if self._tray is None:
            self._tray = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="ivrc-fax-", dir="/tmp")))
            self._tray.chmod(0o755)
            write_sheets(self._tray)
        return self._tray / f"{name}.tiff"

    async def settle(self, virtual: float) -> None:
        """Let so many seconds of the rig's clock pass."""
        await asyncio.sleep(virtual / self.rate)

    def watch(self, office: Callable[[Event], None], town_: Callable[[Event], None]) -> None:
        """Hand each event to these as it comes."""
        self.ami.watchers.append(office)
        self.town_ami.watchers.append(town_)


_PRIORITY = -10


def _goes_first(pid: int, priority: int = _PRIORITY) -> None:
    """A telephone exchange that has to wait for a busy machine plays its audio late: let it not, if we may."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, int(task.name), priority)


_LOGGER = "[general]\ndateformat=%F %T.%3q\nappendhostname=no\n[logfiles]\nfull => warning,error\n"


class _Registrar(asyncio.DatagramProtocol):
    """Sends REGISTER for phones whose contact is the town."""

    def __init__(self, office_port: int, town_port: int) -> None:
        self._office, self._town = office_port, town_port
        self._waiting: dict[str, asyncio.Future[int]] = {}
        self._sequence = random.randrange(1 << 20)
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(cls, office_port: int, town_port: int) -> _Registrar:
        """Bind to a free port."""
        loop = asyncio.get_running_loop()
        transport, made = await loop.create_datagram_endpoint(lambda: cls(office_port, town_port), ("127.0.0.1", 0))
        made._transport = transport
        return made

    def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()

    async def register(self, name: str, there: bool) -> None:
        """Register a phone for an hour, or take it off; tried three times. TestbedError."""
        assert self._transport is not None
        port = self._transport.get_extra_info("sockname")[1]
        for _ in range(3):
            self._sequence += 1
            call = f"r{self._sequence}"
            text = (
                f"REGISTER sip:127.0.0.1:{self._office} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{call};rport\r\n"
                f"From: <sip:{name}@127.0.0.1>;tag={call}\r\nTo: <sip:{name}@127.0.0.1>\r\nCall-ID: {call}\r\n"
                f"CSeq: {self._sequence} REGISTER\r\nContact: <sip:{name}@127.0.0.1:{self._town}>\r\n"
                f"Expires: {36_000 if there else 0}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            )
            reply: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            self._waiting[call] = reply
            self._transport.sendto(text.encode(), ("127.0.0.1", self._office))
            try:
                code = await asyncio.wait_for(reply, 3)
                if code != 200:
                    raise TestbedError(f"{name} could not register: {code}")
                return
            except TimeoutError:
                continue
            finally:
                del self._waiting[call]
        raise TestbedError(f"{name} could not register: no answer")

    def datagram_received(self, data: bytes, addr: object) -> None:
        """A reply."""
        lines = data.decode("utf-8", "replace").split("\r\n")
        code = int(lines[0].split()[1]) if lines[0].startswith("SIP/2.0") else 0
        call = next((line.partition(":")[2].strip() for line in lines if line.lower().startswith("call-id:")), "")
        reply = self._waiting.get(call)
        if code >= 200 and reply is not None and not reply.done():
            reply.set_result(code)
