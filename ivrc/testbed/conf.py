"""The settings of an isolated Asterisk: modules, SIP endpoints, tones, events."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ivrc.testbed.ports import RTP_RANGE

ENDPOINT_HEADER = "X-Testbed-Endpoint"  # a SIPp caller says with it which endpoint it is
AMI_USER = AMI_SECRET = "testbed"


@dataclass(frozen=True)
class PhoneSpec:
    """A phone's endpoint: reachable at a fixed contact, without one (offline), or registering by digest."""

    name: str
    online: bool = True
    registers: bool = False  # user and password are the name
    context: str = "ivrc-internal"
    mailbox: str = ""  # whose lamp it has, as `101@ivrc-lab`


# bridge_native_rtp is left out on purpose: it passes keys between two phones unseen by the manager. So is what needs a
# library or a set-up that a test machine has no use for: func_curl, func_enum, func_srv, func_speex, func_iconv.
# Without a suffix; those that a version does not have are left out by looking at its module folder.
_MODULES = """
res_timing_timerfd res_sorcery_config res_sorcery_memory res_sorcery_memory_cache res_sorcery_astdb
res_pjproject res_pjsip res_pjsip_session res_pjsip_sdp_rtp res_pjsip_endpoint_identifier_user
res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_anonymous res_pjsip_authenticator_digest
res_pjsip_outbound_authenticator_digest res_pjsip_registrar res_pjsip_caller_id res_pjsip_diversion
res_pjsip_dtmf_info res_pjsip_header_funcs res_pjsip_nat res_pjsip_pubsub
res_pjsip_refer res_pjsip_rfc3326 res_pjsip_t38 res_pjsip_logger res_pjsip_path
res_pjsip_outbound_registration res_pjsip_mwi res_pjsip_mwi_body_generator
res_pjsip_outbound_publish res_pjsip_exten_state res_pjsip_dialog_info_body_generator
res_http_websocket res_rtp_asterisk chan_pjsip
func_pjsip_endpoint func_pjsip_aor func_pjsip_contact
bridge_simple bridge_softmix bridge_builtin_features bridge_builtin_interval_features
bridge_holding
codec_ulaw codec_alaw codec_gsm codec_resample codec_g722 codec_a_mu
format_wav format_gsm format_pcm format_sln format_wav_gsm format_g722
pbx_config pbx_spool
res_musiconhold res_agi res_speech res_mwi_devstate res_fax res_fax_spandsp res_limit
res_parking res_stasis res_stasis_device_state
app_dial app_playback app_playtones app_record app_read app_readexten app_queue app_voicemail app_stack
app_verbose app_originate app_mixmonitor app_senddtmf app_echo app_milliwatt app_exec app_db app_transfer
app_waitforsilence app_waitforring app_waituntil app_amd app_followme app_userevent app_cdr
app_celgenuserevent app_sayunixtime app_say app_directed_pickup app_softhangup app_while app_if
app_channelredirect app_chanspy app_controlplayback app_dumpchan app_page app_confbridge app_bridgewait
app_privacy app_talkdetect app_system app_authenticate app_directory app_forkcdr
func_base64 func_blacklist func_callerid func_cdr func_channel func_config
func_cut func_db func_devstate func_dialgroup func_dialplan func_env func_extstate
func_global func_groupcount func_hangupcause func_holdintercept func_jitterbuffer func_json
func_lock func_logic func_math func_md5 func_module func_periodic_hook func_pitchshift func_presencestate
func_rand func_realtime func_scramble func_sha1 func_shell func_sorcery func_sprintf
func_strings func_sysinfo func_talkdetect func_timeout func_uri func_uuid
func_version func_vmcount func_volume
cdr_csv cel_manager
"""

_TONES = """[general]
country=us
[us]
description=United States / North America
ringcadence=2000,4000
dial=350+440
busy=480+620/500,0/500
ring=440+480/2000,0/4000
congestion=480+620/250,0/250
callwaiting=440/300,0/10000
dialrecall=!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,350+440
record=1400/500,0/15000
info=!950/330,!1400/330,!1800/330,0
stutter=!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,350+440
[ru]
description=Russian Federation
ringcadence=1000,4000
dial=425
busy=425/350,0/350
ring=425/1000,0/4000
congestion=425/175,0/175
callwaiting=425/200,0/5000
record=1400/400,0/15000
info=!950/330,!1400/330,!1800/330,0
dialrecall=425/400,0/40
stutter=!425/100,!0/100,!425/100,!0/100,425
"""

_MEDIA = (
    "disallow=all\nallow=ulaw,alaw,g722\ndirect_media=no\ntimers=no\ntransport=udp\nrtp_symmetric=no\n"
    "t38_udptl=yes\nt38_udptl_ec=redundancy\n"
)


# Without settings of its own cel_custom refuses to load; from version 22 on it needs the other.
_WITH_SETTINGS = {
    "cel_custom.conf": "res_cdrel_custom cel_custom",
    "cel_odbc.conf": "res_odbc_transaction res_odbc cel_odbc",
}


def render_modules(folder: Path, given: Iterable[str] = ()) -> str:
    """`modules.conf`: only what is listed and there, nothing by itself; `given`: settings files beside our own."""
    listed = [*_MODULES.split(), *(name for file in given for name in _WITH_SETTINGS.get(file, "").split())]
    there = [name for name in listed if (folder / f"{name}.so").exists()]
    return "[modules]\nautoload=no\n" + "".join(f"load={name}.so\n" for name in there)


def render_pjsip(
    sip_port: int, context: str, phones: Iterable[PhoneSpec], contacts: Mapping[str, int], provider_port: int
) -> str:
    """`pjsip.conf`: the trunks, the provider, one endpoint per phone; contacts are name -> SIPp's port."""
    parts = [
        "[global]\ntype=global\nendpoint_identifier_order=header,username,ip,anonymous\nuser_agent=testbed\n",
        f"[udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:{sip_port}\n",
        _endpoint("trunk", context, "dtmf_mode=rfc4733\ntrust_id_inbound=yes\n", identified=True),
        _endpoint("trunkinfo", context, "dtmf_mode=info\ntrust_id_inbound=yes\n", identified=True),
        _endpoint("anonymous", context, "dtmf_mode=rfc4733\n"),
        _endpoint("provider", context, "dtmf_mode=rfc4733\naors=provider\nsend_pai=yes\n"),
        f"[provider]\ntype=aor\ncontact=sip:127.0.0.1:{provider_port}\n",
        _endpoint("ivrc-sip", context, "dtmf_mode=rfc4733\n"),
    ]
    parts += [_phone(phone, contacts[phone.name]) for phone in phones]
    return "\n".join([*parts, "#tryinclude pjsip_extra.conf\n"])


def _endpoint(name: str, context: str, more: str, identified: bool = False) -> str:
    text = f"[{name}]\ntype=endpoint\ncontext={context}\n{_MEDIA}{more}"
    if identified:
        text += f"[{name}-id]\ntype=identify\nendpoint={name}\nmatch_header={ENDPOINT_HEADER}: {name}\n"
    return text


def _phone(phone: PhoneSpec, port: int) -> str:
    name = phone.name
    more = f"dtmf_mode=rfc4733\naors={name}\ncallerid={name} <{name}>\n"
    aor = f"[{name}]\ntype=aor\nmax_contacts=1\nremove_existing=yes\nqualify_frequency=0\n"
    if phone.mailbox:
        more += f"mailboxes={phone.mailbox}\n"
    if phone.registers:
        more += f"auth={name}\n"
        aor += f"[{name}]\ntype=auth\nauth_type=userpass\nusername={name}\npassword={name}\n"
    elif phone.online:
        aor += f"contact=sip:{name}@127.0.0.1:{port}\n"
    return _endpoint(name, phone.context, more, identified=not phone.registers) + aor


def render_fixed(ami_port: int) -> dict[str, str]:
    """The settings that are the same for every instance but for the manager's port."""
    return {
        "logger.conf": "[general]\ndateformat=%F %T.%3q\nappendhostname=no\n"
        "[logfiles]\nfull => notice,warning,error,verbose(3)\n",
        "manager.conf": f"[general]\nenabled=yes\nbindaddr=127.0.0.1\nport={ami_port}\ntimestampevents=yes\n"
        f"[{AMI_USER}]\nsecret={AMI_SECRET}\ndeny=0.0.0.0/0.0.0.0\npermit=127.0.0.1/255.255.255.255\n"
        "read=all\nwrite=all\nwritetimeout=5000\n",
        # strictrtp=no: keys come from a socket of their own (see rtp_keys.py)
        "rtp.conf": f"[general]\nrtpstart={RTP_RANGE[0]}\nrtpend={RTP_RANGE[1]}\nstrictrtp=no\nicesupport=no\n",
        "indications.conf": _TONES,
        "cel.conf": "[general]\nenable=yes\napps=all\nevents=ALL\n[manager]\nenabled=yes\n",
        "cdr.conf": "[general]\nenable=yes\nunanswered=yes\n[csv]\nusegmtime=yes\nloguniqueid=yes\n",
        "musiconhold.conf": "[default]\nmode=files\ndirectory=moh\n",
        "queues.conf": "[general]\npersistentmembers=no\n",
        "voicemail.conf": "[general]\nformat=wav\nattach=no\nminsecs=1\nmaxsilence=0\nmaxsecs=60\n[default]\n",
        "extensions.conf": "[general]\nstatic=yes\n",
        **dict.fromkeys(_EMPTY.split(), "; empty\n"),
    }


# What an administrator has before the files of ivrc's are included.
OWN_SETTINGS = {
    "extensions.conf": "[general]\nstatic=yes\n",
    "queues.conf": "[general]\npersistentmembers=no\n",
    "voicemail.conf": "[general]\nformat=wav\nattach=no\nmaxsilence=10\nmailcmd=/bin/false\n",
}

# Asterisk logs a warning or an error for each of these when the file is not there.
_EMPTY = (
    "features.conf acl.conf ccss.conf udptl.conf res_fax.conf res_parking.conf followme.conf amd.conf "
    "confbridge.conf http.conf codecs.conf pjproject.conf stasis.conf cli.conf cli_aliases.conf "
    "cli_permissions.conf extconfig.conf sorcery.conf dsp.conf enum.conf dnsmgr.conf "
    "smdi.conf adsi.conf res_stun_monitor.conf"
)
