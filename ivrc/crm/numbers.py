"""Phone numbers however they are written, as E.164, so that two are the same or are not.

Numbers are compared whole, after both are E.164: never by a part of their digits. `country` (ISO, as in the office's
settings) says how numbers without a country code are meant; without a country these are no numbers.

The library of all countries' numbering plans takes 60 ms to load and 70 µs a number; plain Russian, Kazakh and North
American numbers do not need it.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any

from ivrc.named import NamedTuple

LONGEST = 200
"""Characters of a written number; a longer text is none."""

# What may stand before an extension. A comma is the pause of a dialled string.
_EXTENSION = re.compile(
    r"""(?ix) (?: ;\s*ext= | \bдобавочный | \bдоб | \bвнутренний | \bвнутр | \bвн | \bextension | \bextn?
        | \bx | (?<=\d)x | \bтоновый | \# | ,+ | ;+ | (?<=\d)[pw]+ ) [\s.:№]* (\d{1,8}) [\s)\]]* $"""
)
# The usual: digits, spaces and punctuation of ASCII; and texts in which no sign must be folded.
# (Possessive, as a long text of blanks would be tried in every way to part it.)
_USUAL = re.compile(r" *+\+?[0-9 ().\-]++")
_UNFOLDED = re.compile(r"[\x00-\x7f\u0400-\u045f№]*")
_SCHEME = re.compile(r"(?i)\s*(?:tel|callto|sips?|whatsapp)\s*:")
_NUMBER = re.compile(r"[+(]{0,2}\d[\d\s().\-/\u2010-\u2015\u2212·]*")
_BETWEEN = re.compile(r"(\s*(?:[;,\n\r/|]|\bи\b|\bили\b|\bor\b|\band\b)\s*)")
_BLANKS = re.compile(r"[^\S\n\r]{2,}+")
_NO_DIGIT = re.compile(r"\D+")
_SEVEN = re.compile(r"7[3-9]\d{9}")
_ONE = re.compile(r"1[2-9]\d{2}[2-9]\d{6}")
_LEAST_DIGITS = 7


class Number(NamedTuple):
    """A number as E.164 (`+74951234567`), and the extension written after it, or ""."""

    e164: str
    extension: str = ""


class Variants(NamedTuple):
    """One number as CRMs may have it: for asking, not for comparing."""

    e164: str
    digits: str
    """E.164 without the plus."""
    national: str
    """As dialled inside its country, digits only: with the trunk prefix, `84951234567`."""
    significant: str
    """Without the country code and the trunk prefix: `4951234567`."""
    last10: str


def normal(text: str, country: str | None) -> str | None:
    """E.164 of a written number; None if it is no outside number."""
    number = parse(text, country)
    return number.e164 if number else None


@lru_cache(maxsize=8192)
def parse(text: str, country: str | None) -> Number | None:
    """A written number, with its extension; None if it is no outside number (an internal one, too short, a text)."""
    if len(text) > LONGEST:
        return None
    plain, extension = (text, "") if _USUAL.fullmatch(text) else _without_extension(_folded(text))
    core = _core(plain)
    if core is None:
        return None
    e164 = _international(core, country) if core.startswith("+") else _national(core, country)
    return Number(e164, extension) if e164 else None


def same(one: str, other: str, country: str | None) -> bool:
    """Whether two written numbers are one line; extensions do not matter."""
    first = normal(one, country)
    return first is not None and first == normal(other, country)


def split(text: str) -> list[str]:
    """The numbers written into one field: at commas and the like, where each part is long enough for one."""
    text = text[: LONGEST * 20]
    if _USUAL.fullmatch(text):
        return [text.strip()] if text.strip() else []
    # Long runs of blanks cost the square of their length.
    pieces = _BETWEEN.split(_BLANKS.sub(" ", text))
    parts = [pieces[0]]
    for separator, part in zip(pieces[1::2], pieces[2::2], strict=True):
        if len(_NO_DIGIT.sub("", part)) >= _LEAST_DIGITS:
            parts.append(part)
        else:
            # An extension, or the rest of a number written in an unusual way.
            parts[-1] += separator + part
    return [part.strip() for part in parts if part.strip()]


@lru_cache(maxsize=1024)
def variants(e164: str) -> Variants:
    """The ways in which a CRM may have a number that `normal` made."""
    digits = e164.lstrip("+")
    if _SEVEN.fullmatch(digits):
        return Variants(e164, digits, "8" + digits[1:], digits[1:], digits[-10:])
    if _ONE.fullmatch(digits):
        return Variants(e164, digits, digits[1:], digits[1:], digits[-10:])
    library = _library()
    try:
        number = library.parse(e164, None)
    except library.NumberParseException:
        return Variants(e164, digits, digits, digits, digits[-10:])
    significant = str(library.national_significant_number(number))
    national = _NO_DIGIT.sub("", library.format_number(number, library.PhoneNumberFormat.NATIONAL))
    return Variants(e164, digits, national, significant, digits[-10:])


def _folded(text: str) -> str:
    """Digits of every script as 0-9, full-width signs as plain ones, invisible marks dropped."""
    if _UNFOLDED.fullmatch(text):
        return text
    return "".join(
        str(unicodedata.decimal(sign)) if sign.isdecimal() else sign
        for sign in unicodedata.normalize("NFKC", text)
        if unicodedata.category(sign) != "Cf"
    )


def _without_extension(text: str) -> tuple[str, str]:
    """A text without the scheme of an address and without an extension, and that extension."""
    scheme = _SCHEME.match(text)
    if scheme:
        text = text[scheme.end() :].partition("@")[0]
    cut = _EXTENSION.search(text)
    if cut and len(_NO_DIGIT.sub("", text[: cut.start()])) >= _LEAST_DIGITS:
        return text[: cut.start()], cut[1]
    return text, ""


def _core(text: str) -> str | None:
    """The digits of the one number in a text, with `+` if it has one; None if there is no one number."""
    found = [match[0] for match in _NUMBER.finditer(text)]
    long = [part for part in found if len(_NO_DIGIT.sub("", part)) >= _LEAST_DIGITS]
    if len(long) != 1:
        return None
    digits = _NO_DIGIT.sub("", long[0])
    return f"+{digits}" if "+" in long[0][:2] else digits


def _international(core: str, country: str | None) -> str | None:
    digits = core[1:]
    if digits.startswith("00"):
        return _international("+" + digits[2:], country)
    if _SEVEN.fullmatch(digits) or _ONE.fullmatch(digits):
        return core
    # `+8 495 123-45-67`: a national number whose writer, or whose trunk, put a plus before it. As a number of Vietnam
    # it would be possible too; the office's own country is the likelier.
    home = _home(digits, country)
    return home or _asked(core, None)


def _national(core: str, country: str | None) -> str | None:
    if core.startswith("00"):
        return _international("+" + core[2:], country)
    if country in ("RU", "KZ"):
        if len(core) == 11 and core[0] in "78" and _SEVEN.fullmatch("7" + core[1:]):
            return "+7" + core[1:]
        if len(core) == 10 and _SEVEN.fullmatch("7" + core):
            return "+7" + core
    if country is None:
        return None
    if known := _asked(core, country):
        return known
    # A country code without its plus, as some trunks and many people write it: only if it is a number in use.
    return _asked("+" + core, None, valid=True)


def _home(digits: str, country: str | None) -> str | None:
    """A national number with its trunk prefix, written after a plus, in a country whose prefix is 0 or 8."""
    if country is None or digits[0] not in "08":
        return None
    if country in ("RU", "KZ"):
        return "+7" + digits[1:] if digits[0] == "8" and _SEVEN.fullmatch("7" + digits[1:]) else None
    library = _library()
    if library.ndd_prefix_for_region(country, True) != digits[0]:
        return None
    return _asked(digits, country, valid=True)


def _asked(text: str, country: str | None, *, valid: bool = False) -> str | None:
    """E.164 by the library: a number of a possible length, or if wanted in a range that is in use."""
    library = _library()
    try:
        number = library.parse(text, country)
    except library.NumberParseException:
        return None
    if library.is_possible_number_with_reason(number) != library.ValidationResult.IS_POSSIBLE:
        return None
    if valid and not library.is_valid_number(number):
        return None
    return str(library.format_number(number, library.PhoneNumberFormat.E164))


def _library() -> Any:
    import phonenumbers

    return phonenumbers
