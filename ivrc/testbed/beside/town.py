"""The settings of the rig's two Asterisks: the office's own with its endpoints, and the town around it.

The town is an Asterisk as well: its dialplan is every phone and every caller. What a phone does with a call stands in
the town's global variable `does_NAME`, as `kind:after:pressed:key:talk`, times in seconds (see `phone_word`).
"""

from __future__ import annotations

from collections.abc import Iterable

from ivrc.simulate.call import State
from ivrc.testbed.conf import AMI_SECRET, AMI_USER

_MEDIA = "disallow=all\nallow=ulaw\ndirect_media=no\ntimers=no\ntransport=udp\nrtp_symmetric=no\ndtmf_mode=rfc4733\n"
_T38 = "t38_udptl=yes\nt38_udptl_ec=redundancy\n"
# What the office's Asterisk tells of: all that a call's account is made of, and no more (it is read while calls run).
_TOLD = (
    "Event: Newchannel", "Event: Newstate", "Event: Newexten", "Event: DialBegin", "Event: DialEnd",
    "Event: BridgeEnter", "Event: BridgeLeave", "Event: Hangup", "Event: MusicOnHold", "EventName: STREAM_",
    "EventName: LINKEDID_END", "Variable: IVRC_WEIGHT", "Variable: RECORD_STATUS", "Variable: VMSTATUS",
    "Variable: FAXSTATUS", "Event: Originate", "Event: QueueMemberPenalty",
)  # fmt: skip
_TOWN_TOLD = ("Event: Newchannel", "Event: Hangup", "Event: Originate")


def manager_conf(port: int, told: Iterable[str]) -> str:
    """`manager.conf` of one whose events are these and no others."""
    filters = "".join(f"eventfilter={each}\n" for each in told)
    return (
        f"[general]\nenabled=yes\nbindaddr=127.0.0.1\nport={port}\ntimestampevents=yes\n"
        f"[{AMI_USER}]\nsecret={AMI_SECRET}\nread=all\nwrite=all\nwritetimeout=5000\n{filters}"
    )


def office_manager(port: int) -> str:
    """The manager of the office's Asterisk."""
    return manager_conf(port, _TOLD)


def town_manager(port: int) -> str:
    """The manager of the town's."""
    return manager_conf(port, _TOWN_TOLD)


def office_pjsip(port: int, town_port: int, phones: Iterable[str], trunks: Iterable[str]) -> str:
    """`pjsip.conf` of the office: phones that register without a password, trunks into the town."""
    parts = [
        "[global]\ntype=global\nendpoint_identifier_order=username,ip\n",
        f"[udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:{port}\n",
        f"[incoming]\ntype=endpoint\ncontext=ivrc-incoming\ntrust_id_inbound=yes\n{_T38}{_MEDIA}",
        "[incoming]\ntype=identify\nendpoint=incoming\nmatch=127.0.0.1\n",
        # Whatever address is called: it is in the town.
        f"[ivrc-sip]\ntype=endpoint\ncontext=ivrc-incoming\noutbound_proxy=sip:127.0.0.1:{town_port}\\;lr\n{_MEDIA}",
    ]
    for name in trunks:
        parts.append(f"[{name}]\ntype=endpoint\ncontext=ivrc-incoming\naors={name}\nsend_pai=yes\n{_MEDIA}")
        parts.append(f"[{name}]\ntype=aor\ncontact=sip:127.0.0.1:{town_port}\nqualify_frequency=0\n")
    for name in phones:
        parts.append(f"[{name}]\ntype=endpoint\ncontext=nowhere\naors={name}\n{_MEDIA}")
        parts.append(f"[{name}]\ntype=aor\nmax_contacts=1\nremove_existing=yes\nqualify_frequency=0\n")
    return "\n".join(parts)


def town_pjsip(port: int, office_port: int) -> str:
    """`pjsip.conf` of the town: a line to and from the office, and one for fax machines that have T.38."""
    line = f"type=endpoint\ncontext=phones\naors=office\nsend_pai=yes\ntrust_id_outbound=yes\n{_MEDIA}"
    return (
        "[global]\ntype=global\nendpoint_identifier_order=ip\n"
        f"[udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:{port}\n"
        f"[office]\n{line}[office-t38]\n{_T38}{line}"
        f"[office]\ntype=aor\ncontact=sip:127.0.0.1:{office_port}\nqualify_frequency=0\n"
        "[office]\ntype=identify\nendpoint=office\nmatch=127.0.0.1\n"
    )


# A caller sends a little silence, for Asterisk waits up to half a second for audio when it answers. `FAX_STAYS`:
# a fax machine stays on the line.
TOWN_DIALPLAN = """[general]
static=yes
[phones]
exten => _[+0-9a-zA-Z]!,1,Set(does=${GLOBAL(does_${FILTER(0-9a-zA-Z_,${EXTEN})})})
 same => n,Set(kind=${CUT(does,:,1)})
 same => n,Set(after=${CUT(does,:,2)})
 same => n,Set(pressed=${CUT(does,:,3)})
 same => n,Set(key=${CUT(does,:,4)})
 same => n,Set(talk=${CUT(does,:,5)})
 same => n,GotoIf($["${kind}" = "busy"]?busy)
 same => n,GotoIf($["${kind}" = "offline"]?offline)
 same => n,ExecIf($["${after}" != "0"]?Ringing())
 same => n,GotoIf($["${kind}" = "refuses"]?refuses)
 same => n,GotoIf($["${kind}" = "answers"]?answers)
 same => n,Wait(7200)
 same => n(refuses),Wait(${after})
 same => n(busy),Hangup(17)
 same => n(offline),Hangup(20)
 same => n(answers),Wait(${after})
 same => n,Answer(0)
 same => n,GotoIf($["${pressed}" = "never"]?stay)
 same => n,Wait(${pressed})
 same => n,SendDTMF(${key})
 same => n(stay),Wait(${talk})
exten => h,1,NoOp()
[caller]
exten => s,1,Playback(silence/1)
 same => n,Wait(7200)
exten => talk,1,Playback(noise)
 same => n(quiet),Playback(silence/10)
 same => n,Goto(quiet)
exten => quiet,1,Playback(silence/10)
 same => n,Goto(1)
exten => says,1,Playback(vm-goodbye&silence/3)
 same => n,Goto(1)
exten => fax,1,SendFAX(${FAX_PAGES},f)
 same => n,GotoIf($["${FAXSTATUS}-${FAX_STAYS}" = "SUCCESS-yes"]?quiet,1)
 same => n,Hangup()
exten => h,1,NoOp()
"""


def phone_word(state: State, confirms: bool) -> str:
    """What a phone does, as the town's dialplan reads it. `confirms`: whoever picks up is asked to press 1."""
    pressed, key = (state.declines, 2) if state.accepts is None else (state.accepts, 1)
    when = "never" if pressed is None or not confirms else f"{max(0, pressed) / 1000:g}"
    return f"{state.kind}:{state.after / 1000:g}:{when}:{key}:7200"


def variable_of(phone: str) -> str:
    """The town's variable for a phone: an endpoint, a number, the user of a SIP address."""
    return "does_" + "".join(char for char in phone if char.isascii() and (char.isalnum() or char == "_"))
