"""What a caller hears while phones ring: SIP's own ringing before the answer, a tone in the audio after it."""

from __future__ import annotations

import re
import socket
import time

import pytest

from ivrc.testbed.conf import ENDPOINT_HEADER
from ivrc.testbed.sip import Phone
from ivrc.testbed.sip_xml import silent
from tests.live.lab import SETTINGS, Lab, MakeLab

pytestmark = pytest.mark.live

OFFICE = (
    SETTINGS
    + """
employee anna { sip "PJSIP/anna" }
number "+7 495 000-00-01" -> answered
number "+7 495 000-00-02" -> unanswered
scenario answered   { play "hello"  call employee anna for 4s }
scenario unanswered { call employee anna for 3s }
"""
)


@pytest.fixture(scope="module")
def lab(make_lab: MakeLab) -> Lab:
    return make_lab(OFFICE, prompts={"hello": 0.5}, phones=["anna"])


class Listener:
    """A caller made of two sockets, who listens: SIPp does not tell what it hears."""

    def __init__(self, lab: Lab, to: str) -> None:
        self.sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sip.bind(("127.0.0.1", 0))
        self.sip.connect(("127.0.0.1", lab.asterisk.sip_port))
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind(("127.0.0.1", 0))
        self.to = to
        self.codes: list[int] = []
        self.heard: list[tuple[float, bytes]] = []

    def request(self, method: str, sequence: int, tag: str = "", body: str = "") -> None:
        here = f"127.0.0.1:{self.sip.getsockname()[1]}"
        lines = [
            f"{method} sip:{self.to}@127.0.0.1 SIP/2.0",
            f"Via: SIP/2.0/UDP {here};branch=z9hG4bK{method}{sequence}",
            f"From: <sip:+79160000001@{here}>;tag=listener",
            f"To: <sip:{self.to}@127.0.0.1>{tag}",
            f"Call-ID: listener-{here}",
            f"CSeq: {sequence} {method}",
            f"Contact: <sip:listener@{here}>",
            f"{ENDPOINT_HEADER}: trunk",
            "Max-Forwards: 70",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self.sip.send(("\r\n".join(lines) + "\r\n\r\n" + body).encode())

    def listen(self, seconds: float) -> None:
        """Call, answer what has to be answered, and collect the audio."""
        port = self.rtp.getsockname()[1]
        body = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        )
        self.request("INVITE", 1, body=body)
        self.sip.setblocking(False)
        self.rtp.setblocking(False)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._reply()
            try:
                while True:
                    self.heard.append((time.monotonic(), self.rtp.recv(2048)[12:]))
            except BlockingIOError:
                time.sleep(0.005)
        self.sip.close()
        self.rtp.close()

    def _reply(self) -> None:
        try:
            message = self.sip.recv(8192).decode()
        except BlockingIOError:
            return
        code = int(message.split()[1]) if message.startswith("SIP/2.0") else 0
        if code:
            self.codes.append(code)
        if code >= 200:
            tag = re.search(r"(?mi)^To:.*?(;tag=\S+)", message)
            self.request("ACK", 1, tag[1] if tag else "")

    def loud_seconds(self, after: float) -> float:
        """How many seconds of sound there were from `after` seconds past the first packet on."""
        start = self.heard[0][0] + after
        return sum(len(p) / 8000 for at, p in self.heard if at > start and any(byte & 0x7F < 0x60 for byte in p))


def test_an_answered_caller_hears_a_ringing_tone(lab: Lab) -> None:
    with Phone(lab.asterisk, "anna", silent()):
        listener = Listener(lab, "+74950000001")
        listener.listen(5.5)
    assert 200 in listener.codes
    assert listener.loud_seconds(after=1.3) > 0.7, "silence while the phone rings"


def test_a_caller_not_yet_answered_is_told_to_ring_and_not_billed(lab: Lab) -> None:
    with Phone(lab.asterisk, "anna", silent()):
        listener = Listener(lab, "+74950000002")
        listener.listen(4.0)
    assert 180 in listener.codes
    assert 200 not in listener.codes
    assert listener.codes[-1] == 480
