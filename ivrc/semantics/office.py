"""Settings: the office's name, country, time zone, language and how it dials out."""

from __future__ import annotations

import re
from functools import lru_cache

from ivrc import ast
from ivrc.diagnostics import Label, did_you_mean
from ivrc.model import LOOKUP_SECONDS, MAX_LOOKUP_SECONDS
from ivrc.named import NamedTuple
from ivrc.phone import known_country
from ivrc.semantics.scope import Faults, seconds_of
from ivrc.tokens import Token

DEFAULT_SIP = "PJSIP/ivrc-sip/{address}"
DEFAULT_HELPER = "agi://127.0.0.1:4573"

# Technology/resource as Asterisk's Dial takes it. No sign of dialplan syntax is let through:
# `&` would add a phone, `,` an option, `${` an expression.
# Brackets only around an IPv6 address: one left open would hide the commas after it.
_ENDPOINT = re.compile(r"[A-Za-z][A-Za-z0-9_]*/[\w.@:+*#=~/-]+(?:@\[[0-9A-Fa-f:.]+\](?::[0-9]+)?)?")
# `host:port` of the server, or the path of a program; neither holds a sign that an AGI() line would take for syntax.
_HELPER = re.compile(r"(?:agi://)?([A-Za-z0-9][A-Za-z0-9.-]{0,79}|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?")
_PROGRAM = re.compile(r"/[\w./+-]{1,200}")
# Files of the zones' folder that are no zone: what they mean is the computer's affair, or not civil time.
_NO_ZONE = re.compile(r"(?:localtime|posixrules|Factory)\Z|(?:posix|right)/")
_DOMAIN = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}|\[[0-9a-f:.]{2,45}\]")
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[_-][A-Za-z]{2,8})?")


class Settings(NamedTuple):
    """Checked settings; None is a setting not given."""

    office: Token | None
    name: str
    country: str | None
    timezone: str | None
    language: str
    trunk: str | None
    sip: str
    prompts: str
    helper: str
    lookup_seconds: int
    domains: tuple[str, ...]
    start: int
    end: int


def valid_endpoint(text: str) -> bool:
    """Whether a text is a `Technology/resource` that can stand in a Dial as it is."""
    parts = re.split(r"[/@]", text)
    return _ENDPOINT.fullmatch(text) is not None and all(parts) and len(text) <= 120


@lru_cache(maxsize=1)
def _timezones() -> frozenset[str]:
    import zoneinfo

    return frozenset(name for name in zoneinfo.available_timezones() if not _NO_ZONE.match(name))


def _timezone_exists(name: str) -> bool:
    """Whether a zone exists; the common case needs no list of all zones."""
    import zoneinfo

    if not re.fullmatch(r"[A-Za-z0-9_+\-/]+", name) or _NO_ZONE.match(name):
        return False
    try:
        return zoneinfo.ZoneInfo(name).key == name
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False


def check_settings(blocks: list[ast.Settings], default_name: str, start: int, faults: Faults) -> Settings:
    """The settings of an office, from all its `settings` blocks."""
    given: dict[str, tuple[Token, ...]] = {}
    keys: dict[str, Token] = {}
    for block in blocks:
        for key, values in block.entries:
            if key.text in given:
                first = keys[key.text]
                label = Label(first.start, first.end, "first given here")
                faults.add("IVR207", key, f"the setting `{key.text}` is given twice", "keep one", label)
                continue
            given[key.text], keys[key.text] = values, key

    def value(key: str) -> Token | None:
        return given[key][0] if key in given else None

    office = value("office")
    if "trunk" in given and "{national}" in given["trunk"][0].value and "country" not in given:
        faults.add("IVR208", given["trunk"][0], "`{national}` needs the setting `country`", "as in: country RU")
    trunk, sip = value("trunk"), value("sip")
    return Settings(
        office=office,
        name=_check_name(office, default_name, faults),
        country=_check_country(value("country"), faults),
        timezone=_check_timezone(value("timezone"), faults),
        language=_check_language(value("language"), faults),
        trunk=_check_template(trunk, ("{number}", "{digits}", "{national}"), faults) if trunk else None,
        sip=(_check_template(sip, ("{address}",), faults) if sip else None) or DEFAULT_SIP,
        prompts=_check_folder(value("prompts"), faults),
        helper=_check_helper(value("helper"), faults),
        lookup_seconds=seconds_of(value("lookup"), LOOKUP_SECONDS, faults, MAX_LOOKUP_SECONDS),
        domains=tuple(found for token in given.get("domain", ()) if (found := _check_domain(token, faults))),
        start=office.start if office else blocks[0].start if blocks else start,
        end=office.end if office else blocks[0].start + len("settings") if blocks else start,
    )


def _check_name(token: Token | None, default: str, faults: Faults) -> str:
    if token is None:
        return default
    if not _IDENTIFIER.fullmatch(token.value) or len(token.value) > 30:
        faults.add("IVR209", token, "an office's name is up to 30 letters, digits and `_`", "as in: office acme")
        return default
    return token.value


def _check_country(token: Token | None, faults: Faults) -> str | None:
    if token is None:
        return None
    if not known_country(token.value):
        upper = token.value.upper()
        hint = f"did you mean `{upper}`?" if known_country(upper) else "two letters, as in: country RU"
        faults.add("IVR209", token, f"there is no country `{token.value}`", hint)
        return None
    return token.value


def _check_timezone(token: Token | None, faults: Faults) -> str | None:
    if token is None:
        return None
    if not _timezone_exists(token.value):
        # Asterisk takes an unknown zone for GMT without a word.
        hint = did_you_mean(token.value, sorted(_timezones())) or 'as in: timezone "Europe/Moscow"'
        faults.add("IVR209", token, f"there is no time zone `{token.value}`", hint)
        return None
    return token.value


def _check_language(token: Token | None, faults: Faults) -> str:
    if token is None:
        return "en"
    if not _LANGUAGE.fullmatch(token.value):
        faults.add("IVR209", token, f"`{token.value}` is not a language code", "as in: language ru")
        return "en"
    return token.value


def _check_template(token: Token, fields: tuple[str, ...], faults: Faults) -> str | None:
    text = token.value
    present = [field for field in fields if field in text]
    probe = text
    for field in fields:
        probe = probe.replace(field, "0")
    if len(present) != 1 or text.count(present[0]) != 1:
        wanted = " or ".join(f"`{field}`" for field in fields)
        faults.add("IVR403", token, f"this must hold {wanted} once", 'as in: trunk "PJSIP/{number}@provider"')
        return None
    if not valid_endpoint(probe):
        faults.add("IVR403", token, "Asterisk cannot dial this", 'as in: "PJSIP/{number}@provider"')
        return None
    return text


def _check_folder(token: Token | None, faults: Faults) -> str:
    if token is None:
        return "prompts"
    text = token.value
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if text.startswith("/") or ".." in parts or not text.strip("./ ") or not text.isprintable():
        faults.add("IVR209", token, "the prompts folder lies beside the source or below it", 'as in: prompts "audio"')
        return "prompts"
    return "/".join(parts)


def _check_domain(token: Token, faults: Faults) -> str | None:
    """A domain as it stands in SIP addresses: in ASCII, in small letters, without the root's dot."""
    text = token.value.strip().rstrip(".")
    try:
        name = (text if text.isascii() else text.encode("idna").decode()).casefold()
    except UnicodeError:
        name = ""
    if _DOMAIN.fullmatch(name):
        return name
    faults.add("IVR209", token, "this is no domain", 'as in: domain "acme.example"')
    return None


def _check_helper(token: Token | None, faults: Faults) -> str:
    """`agi://host:port`, or the absolute path of a program that Asterisk runs."""
    if token is None:
        return DEFAULT_HELPER
    if _PROGRAM.fullmatch(token.value):
        return token.value
    match = _HELPER.fullmatch(token.value)
    if match is None or not 0 < int(match[2] or 4573) < 65536:
        hint = 'as in: helper "127.0.0.1:4573", or the path of a program: helper "/usr/local/bin/ivrc"'
        faults.add("IVR209", token, "this is neither host and port nor the path of a program", hint)
        return DEFAULT_HELPER
    return f"agi://{match[1]}:{match[2] or 4573}"
