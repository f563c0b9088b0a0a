"""SIPp scenarios: the text of a caller's from a script, and of a phone's from its behaviour.

A pause is a `recv` of what may come meanwhile (a BYE, a CANCEL) with a time limit, never SIPp's own `pause`,
in which whatever arrives counts as unexpected.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal, assert_never

from ivrc.testbed.rtp_keys import GAP, HELD, PAYLOAD_TYPE

Verb = Literal["expect_answer", "expect_refused", "pause", "key", "key_info", "talk", "hangup", "wait_hangup", "cancel"]


@dataclass(frozen=True)
class Act:
    """One item of a caller's script; made by the functions below."""

    verb: Verb
    seconds: float = 0.0
    text: str = ""


def expect_answer(within: float = 30.0) -> Act:
    """Wait for the answer; the call fails if it does not come within so many seconds."""
    return Act("expect_answer", within)


def expect_refused(code: int, within: float = 30.0) -> Act:
    """Wait for this final code, e.g. 404; any other fails the call."""
    return Act("expect_refused", within, str(code))


def pause(seconds: float) -> Act:
    """Do nothing; the call fails if the far side answers, or hangs up when `wait_hangup` is not next."""
    return Act("pause", seconds)


def key(digits: str) -> Act:
    """Press keys, by RFC 4733; 0.2 s each."""
    return Act("key", (HELD + GAP + 0.04) * len(digits) + 0.1, digits)


def key_info(digits: str) -> Act:
    """Press keys, by SIP INFO."""
    return Act("key_info", 0.1, digits)


def talk(seconds: float) -> Act:
    """Send a tone instead of silence."""
    return Act("talk", seconds)


def hangup() -> Act:
    """Hang up."""
    return Act("hangup")


def wait_hangup(within: float = 30.0) -> Act:
    """Wait until the far side hangs up; the call fails if it does not within so many seconds."""
    return Act("wait_hangup", within)


def cancel() -> Act:
    """Give up before the answer; put a `pause` of at least 0.2 s before it."""
    return Act("cancel", 10.0)


@dataclass(frozen=True)
class Behaviour:
    """What a phone does with a call; made by the functions below. Times are in seconds."""

    code: int = 0  # refuse at once with this code; 0: ring
    answer_after: float | None = None  # None: ring until the caller gives up
    hangup_after: float | None = None  # None: stay until the far side hangs up
    keys: str = ""
    keys_after: float = 0.5
    talk: bool = False


def answers(
    after: float = 1.0, *, hangup_after: float | None = None, keys: str = "", keys_after: float = 0.5,
    talk: bool = False,
) -> Behaviour:  # fmt: skip
    """Ring, answer, perhaps press keys, stay until the far side hangs up or for `hangup_after` seconds."""
    return Behaviour(0, after, hangup_after, keys, keys_after, talk)


def silent() -> Behaviour:
    """Ring until the caller gives up."""
    return Behaviour()


def refuses(code: int) -> Behaviour:
    """Refuse at once with this code."""
    return Behaviour(code=code)


BUSY, REJECT, UNAVAILABLE = refuses(486), refuses(603), refuses(480)
_REASONS = {
    404: "Not Found",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    503: "Unavailable",
    603: "Decline",
}

_SDP = f"""v=0
o=user1 53655765 2353687637 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0 {PAYLOAD_TYPE}
a=rtpmap:0 PCMU/8000
a=rtpmap:{PAYLOAD_TYPE} telephone-event/8000
a=fmtp:{PAYLOAD_TYPE} 0-16
a=ptime:20
a=sendrecv
"""
_MEDIA_PORT = '<ereg regexp="m=audio ([0-9]+)" search_in="body" check_it="false" assign_to="line,media"/>'
_REMEMBER = f"<action>{_MEDIA_PORT}</action>"


def _stream(name: str) -> str:
    return f'<nop><action><exec rtp_stream="{name}.ul,-1,0"/></action></nop>'


# As a real phone does, for Asterisk ends a key early when audio of another clock comes in between.
_PAUSE, _RESUME = (f'<nop><action><exec rtp_stream="{word}"/></action></nop>' for word in ("pause", "resume"))


def _press(digits: str) -> str:
    """The keys go out while the scenario goes on: SIPp does not wait for a program it starts."""
    # In quotes: SIPp runs it by a shell, to which `*` and `#` mean something.
    return f"<nop><action><exec command=\"./keys [$media] '{digits}'\"/></action></nop>"


def _send(text: str, attributes: str = "") -> str:
    head, _, body = text.partition("\n\n")
    more = "Content-Length: [len]\n" if body else "Content-Length: 0\n"
    return f"<send{attributes}><![CDATA[\n{head.strip()}\n{more}\n{body}]]></send>"


def _log(word: str) -> str:
    return f'<nop><action><log message="{word}"/></action></nop>'


def _scenario(parts: Sequence[str], variables: str) -> str:
    text = "\n".join(parts)
    # SIPp refuses a variable that is set and never read, and a reference to one that is not set.
    reference = f'<Reference variables="{variables}"/>\n' if variables else ""
    return (
        '<?xml version="1.0" encoding="UTF-8" ?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n'
        f'<scenario name="testbed">\n{text}\n<label id="end"/>\n{_log("end")}\n'
        f"{reference}</scenario>\n"
    )


class _CallerText:
    """Builds a caller's scenario item by item; `state` is before, up or over."""

    def __init__(self, to: str, from_line: str, headers: Mapping[str, str]):
        self._to, self._from = to, from_line
        self._extra = "".join(f"{name}: {value}\n" for name, value in headers.items())
        self._labels, self._cseq = count(1), count(2)
        self._state = "before"
        self._may_leave = False  # whether the far side may hang up during this item
        invite = self._request("INVITE", 1, uri=f"sip:{to}@[remote_ip]:[remote_port]", tag="")
        self._parts = [_send(f"{invite}{self._extra}Content-Type: application/sdp\n\n{_SDP}", ' retrans="500"')]

    def _request(self, method: str, cseq: int, uri: str = "[next_url]", tag: str = "[peer_tag_param]") -> str:
        via = "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]"
        if tag == "same":  # a CANCEL, or the ACK of a refusal, belongs to the INVITE's own transaction
            via, tag = "[last_Via:]", ("" if method == "CANCEL" else "[peer_tag_param]")
        return (
            f"{method} {uri} SIP/2.0\n{via}\nFrom: {self._from};tag=[pid]T[call_number]\n"
            f"To: <sip:{self._to}@[remote_ip]:[remote_port]>{tag}\n"
            f"Call-ID: [call_id]\nCSeq: {cseq} {method}\n"
            "Contact: <sip:caller@[local_ip]:[local_port]>\nMax-Forwards: 70\n"
        )

    def add(self, act: Act, rest: Sequence[Act]) -> None:
        """Append one item; when `rest` only waits for the far side to hang up, it may do so already now."""
        verbs = {one.verb for one in rest}
        self._may_leave = "wait_hangup" in verbs and verbs <= {"wait_hangup", "pause"}
        match act.verb:
            case "expect_answer":
                self._answered(act.seconds)
            case "expect_refused":
                self._refused(act.seconds, act.text)
            case "cancel":
                self._cancelled(act.seconds)
            case "pause":
                self._wait(act.seconds)
            case "key":
                self._parts += [_PAUSE, _press(act.text)]
                self._wait(act.seconds)
                self._parts.append(_RESUME)
            case "key_info":
                for digit in act.text:
                    self._inform(digit)
                    self._wait(act.seconds)
            case "talk":
                self._parts.append(_stream("tone"))
                self._wait(act.seconds)
                self._parts.append(_stream("silence"))
            case "hangup":
                self._hang_up()
            case "wait_hangup":
                self._parts.append(f'<recv request="BYE" timeout="{_ms(act.seconds)}"/>')
                self._parts.append(_send(_OK, ' next="end"'))
                self._state = "over"
            case _:
                assert_never(act.verb)

    def text(self) -> str:
        """The whole scenario; a call still up is hung up."""
        if self._state == "up":
            self._hang_up()
        left = ['<label id="left"/>', _send(_OK, ' next="end"')]
        gone = ['<label id="gone"/>', _log("far side hung up too early"), _send(_OK, ' next="end"')]
        early = ['<label id="early"/>', _log("answered too early"), _send(self._request("ACK", 1))]
        early += [
            _send(self._request("BYE", 99), ' retrans="500"'),
            '<recv response="200" timeout="5000" next="end"/>',
        ]
        variables = "line,media" if any(_REMEMBER in part for part in self._parts) else ""
        return _scenario([*self._parts, '<nop next="end"/>', *left, *gone, *early], variables)

    def _provisional(self, timeout: str) -> None:
        codes = ("100", "180", "181", "182", "183")
        self._parts += [f'<recv response="{code}" optional="true"{timeout}/>' for code in codes]

    def _answered(self, seconds: float) -> None:
        timeout = f' timeout="{_ms(seconds)}"'
        self._provisional(timeout)
        self._parts.append(f'<recv response="200" rrs="true"{timeout}>{_REMEMBER}</recv>')
        self._parts += [_send(self._request("ACK", 1)), _stream("silence")]
        self._state = "up"

    def _refused(self, seconds: float, code: str) -> None:
        timeout = f' timeout="{_ms(seconds)}"'
        self._provisional(timeout)
        self._parts.append(f'<recv response="{code}"{timeout}/>')
        uri = f"sip:{self._to}@[remote_ip]:[remote_port]"
        self._parts.append(_send(self._request("ACK", 1, uri=uri, tag="same")))
        self._state = "over"

    def _cancelled(self, seconds: float) -> None:
        uri = f"sip:{self._to}@[remote_ip]:[remote_port]"
        self._parts.append(_send(self._request("CANCEL", 1, uri=uri, tag="same"), ' retrans="500"'))
        self._parts.append(f'<recv response="200" timeout="{_ms(seconds)}"/>')
        self._refused(seconds, "487")

    def _wait(self, seconds: float) -> None:
        label = f"n{next(self._labels)}"
        limits = f' timeout="{_ms(seconds)}" ontimeout="{label}"'
        if self._state == "before":
            self._provisional(limits)
            self._parts.append(f'<recv response="200" rrs="true"{limits} next="early"/>')
        elif self._state == "up":
            after = "left" if self._may_leave else "gone"
            self._parts.append(f'<recv request="BYE"{limits} next="{after}"/>')
        self._parts.append(f'<label id="{label}"/>')

    def _inform(self, digit: str) -> None:
        info = self._request("INFO", next(self._cseq))
        body = f"Content-Type: application/dtmf-relay\n\nSignal={digit}\nDuration=160\n"
        self._parts.append(_send(info + body, ' retrans="500"'))
        self._parts.append('<recv response="200" timeout="5000"/>')

    def _hang_up(self) -> None:
        self._parts.append(_send(self._request("BYE", next(self._cseq)), ' retrans="500"'))
        self._parts.append('<recv response="200" timeout="5000"/>')
        self._state = "over"


def caller_xml(to: str, from_line: str, headers: Mapping[str, str], script: Sequence[Act]) -> str:
    """A caller's scenario; `from_line` is the From header's value without a tag."""
    text = _CallerText(to, from_line, headers)
    for index, act in enumerate(script):
        text.add(act, script[index + 1 :])
    return text.text()


_COPIED = "[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\n"
_TAGGED = _COPIED.replace("[last_To:]", "[last_To:];tag=[pid]P[call_number]")
_OK = f"SIP/2.0 200 OK\n{_COPIED}"
_CONTACT = "Contact: <sip:[local_ip]:[local_port];transport=[transport]>\n"


def phone_xml(default: Behaviour, rules: Mapping[str, Behaviour] | None = None) -> str:
    """A phone's scenario; `rules`: a regular expression of the dialled number -> another behaviour."""
    rules = rules or {}
    names = [f"rule{index}" for index in range(len(rules))]
    matches = [
        f'<ereg regexp="^INVITE sip:{pattern}@" search_in="msg" check_it="false" assign_to="{name}"/>'
        for name, pattern in zip(names, rules, strict=True)
    ]
    headers = [
        f'<ereg regexp=".*" search_in="hdr" header="{name}:" assign_to="{name.lower()}"/>'
        for name in ("CSeq", "From", "To")
    ]
    remember = f"<action>{''.join([*headers, _MEDIA_PORT, *matches])}</action>"
    parts = [f'<recv request="INVITE" rrs="true">{remember}</recv>']
    parts += [f'<nop next="{name}" test="{name}"/>' for name in names]
    parts += _behave(default, "any")
    for name, behaviour in zip(names, rules.values(), strict=True):
        parts += [f'<label id="{name}"/>', *_behave(behaviour, name)]
    return _scenario(parts, ",".join(["line,media,cseq,from,to", *names]))


def _behave(behaviour: Behaviour, name: str) -> list[str]:
    if behaviour.code:
        status = f"SIP/2.0 {behaviour.code} {_REASONS.get(behaviour.code, 'Refused')}\n{_TAGGED}"
        return [_send(status, ' retrans="500"'), '<recv request="ACK" timeout="5000" next="end"/>']
    parts = [_send(f"SIP/2.0 180 Ringing\n{_TAGGED}{_CONTACT}")]
    after = behaviour.answer_after
    if after is None:
        parts.append('<recv request="CANCEL"/>')
    elif after > 0:
        parts.append(f'<recv request="CANCEL" timeout="{_ms(after)}" ontimeout="{name}up"/>')
    if after is None or after > 0:
        terminated = f"SIP/2.0 487 Request Terminated\n{_TAGGED}".replace("[last_CSeq:]", "CSeq:[$cseq]")
        parts += [_send(f"SIP/2.0 200 OK\n{_TAGGED}"), _send(terminated, ' retrans="500"')]
        parts.append('<recv request="ACK" timeout="5000" next="end"/>')
    if after is not None:
        parts += [f'<label id="{name}up"/>', *_conversation(behaviour, name)]
    return parts


def _conversation(behaviour: Behaviour, name: str) -> list[str]:
    answer = f"SIP/2.0 200 OK\n{_TAGGED}{_CONTACT}Content-Type: application/sdp\n\n{_SDP}"
    parts = [_send(answer, ' retrans="500"'), '<recv request="ACK" timeout="5000"/>']
    parts.append(_stream("low" if behaviour.talk else "silence"))
    if behaviour.keys:
        parts += _unless_gone(behaviour.keys_after, f"{name}key", f"{name}bye")
        parts += [_PAUSE, _press(behaviour.keys)]
        parts += [*_unless_gone(key(behaviour.keys).seconds, f"{name}on", f"{name}bye"), _RESUME]
    stay = behaviour.hangup_after
    limits = "" if stay is None else f' timeout="{_ms(stay)}" ontimeout="{name}off"'
    parts += [f'<recv request="BYE"{limits}/>', f'<label id="{name}bye"/>', _send(_OK, ' next="end"')]
    if stay is not None:
        bye = (
            "BYE [next_url] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"
            "From: [$to];tag=[pid]P[call_number]\nTo: [$from]\nCall-ID: [call_id]\n"
            "CSeq: 1 BYE\nMax-Forwards: 70\n"
        )
        parts += [f'<label id="{name}off"/>', _send(bye, ' retrans="500"')]
        parts.append('<recv response="200" timeout="5000" next="end"/>')
    return parts


def _unless_gone(seconds: float, label: str, gone: str) -> list[str]:
    return [
        f'<recv request="BYE" timeout="{_ms(seconds)}" ontimeout="{label}" next="{gone}"/>',
        f'<label id="{label}"/>',
    ]


def register_xml(name: str, contact_port: int, seconds: int = 600) -> str:
    """Register with digest, user and password both being the name."""
    parts: list[str] = []
    for cseq, proof in ((1, ""), (2, f"[authentication username={name} password={name}]\n")):
        register = (
            "REGISTER sip:[remote_ip]:[remote_port] SIP/2.0\n"
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"
            f"From: <sip:{name}@[remote_ip]>;tag=[pid]R[call_number]\nTo: <sip:{name}@[remote_ip]>\n"
            f"Call-ID: [call_id]\nCSeq: {cseq} REGISTER\nContact: <sip:{name}@[local_ip]:{contact_port}>\n"
            f"Expires: {seconds}\n{proof}Max-Forwards: 70\n"
        )
        parts.append(_send(register, ' retrans="500"'))
        wanted = '"200"' if proof else '"401" auth="true"'
        parts.append(f'<recv response={wanted} timeout="5000"/>')
    return _scenario(parts, "")


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))
