"""Phone numbers: what people write to E.164, and how a country's trunks write them.

Facts about countries come from the phonenumbers library, imported when first needed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from ivrc.facts import PHONES
from ivrc.named import NamedTuple


class NumberError(ValueError):
    """A text that is no phone number; `needs_country` if it would be one with a country set; `hint`: what to do."""

    def __init__(self, message: str, needs_country: bool = False, hint: str = "") -> None:
        super().__init__(message)
        self.needs_country = needs_country
        self.hint = hint


class Plan(NamedTuple):
    """A country's numbering plan: `lengths` are the possible lengths of national numbers, in digits."""

    calling_code: str
    trunk_prefix: str
    international_prefix: str
    lengths: tuple[int, ...]


# Letters, and anything else that no one writes inside a phone number.
_ALLOWED = re.compile(r"[+]?[0-9\s().\-/\u2010-\u2015\u00a0]*")
_NOT_DIGITS = re.compile(r"[^0-9]+")
# `+8 495 …` for +7 495 … or 8 495 …: all digits of a Russian or Kazakh number, and no separator after what is a
# country code (+84 Vietnam, +880 Bangladesh).
_PLUS_EIGHT = re.compile(r"8[34789][0-9]{9}")
_CODE_APART = re.compile(r"\+8[0-9]{1,2}[^0-9]")
_BEHIND_EIGHT = ("RU", "KZ")


def parse_number(text: str, country: str | None) -> str:
    """A written number as E.164 (`+74951234567`); NumberError if it is none, or local without a country."""
    stripped = text.strip()
    if not stripped or not _ALLOWED.fullmatch(stripped) or not re.search(r"[0-9]", stripped):
        raise NumberError("a phone number is digits, with `+` before a country code")
    digits = _NOT_DIGITS.sub("", stripped)
    if stripped.startswith("+"):
        hint = plus_eight(stripped, country)
        if hint and not _is_valid(digits):
            raise NumberError("+8 is no country's code", hint=hint)
        return _international(digits)
    if country is None:
        raise NumberError("a number without `+` needs the setting `country`", needs_country=True)
    return _national(digits, country)


def plus_eight(text: str, country: str | None) -> str:
    """What to write for a number that begins with `+8` where `+7` or `8` must have been meant; or an empty string."""
    digits = _NOT_DIGITS.sub("", text)
    if country not in _BEHIND_EIGHT or not text.strip().startswith("+"):
        return ""
    if not _PLUS_EIGHT.fullmatch(digits) or _CODE_APART.match(text.strip()):
        return ""
    shown = f"{digits[1:4]} {digits[4:7]}-{digits[7:9]}-{digits[9:]}"
    return f"+8 {shown} is not Russia: write `+7 {shown}` or `8 {shown}`"


def _is_valid(digits: str) -> bool:
    """Whether international digits are a number that its country gives out."""
    return bool(PHONES.get(("valid", digits), lambda: _ask_valid(digits)))


def _ask_valid(digits: str) -> bool:
    import phonenumbers

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse("+" + digits))
    except phonenumbers.NumberParseException:
        return False


def _international(digits: str) -> str:
    for length in (1, 2, 3):
        lengths = _lengths_of(digits[:length])
        if lengths:
            if len(digits) - length not in lengths:
                raise NumberError(f"+{digits[:length]} numbers do not have {len(digits) - length} digits after it")
            return "+" + digits
    raise NumberError(f"no country has the code that +{digits[:3]} begins with")


def _national(digits: str, country: str) -> str:
    number, fault = PHONES.get(("national", digits, country), lambda: _ask_national(digits, country))
    if fault:
        raise NumberError(fault)
    return str(number)


def _ask_national(digits: str, country: str) -> tuple[str, str]:
    """(E.164, "") or ("", what is wrong)."""
    import phonenumbers

    try:
        number = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return "", f"this is no phone number in {country}"
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return "", f"this is no phone number in {country}: it has the wrong number of digits"
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)), ""


@lru_cache(maxsize=512)
def _lengths_of(calling_code: str) -> tuple[int, ...]:
    """The possible lengths of national numbers under a calling code; none if there is no such code."""
    return tuple(PHONES.get(("lengths", calling_code), lambda: _ask_lengths(calling_code)))


def _ask_lengths(calling_code: str) -> tuple[int, ...]:
    from phonenumbers.data import _COUNTRY_CODE_TO_REGION_CODE as regions
    from phonenumbers.phonemetadata import PhoneMetadata

    lengths: set[int] = set()
    code = int(calling_code) if calling_code.isdigit() and not calling_code.startswith("0") else 0
    for region in regions.get(code, ()):
        if region == "001":
            lengths |= _possible(PhoneMetadata.metadata_for_nongeo_region(code, None))
        else:
            lengths |= _possible(PhoneMetadata.metadata_for_region(region, None))
    return tuple(sorted(lengths))


def _possible(data: Any) -> set[int]:
    """The possible lengths in a region's metadata; the library marks "none" by a negative length."""
    return {length for length in data.general_desc.possible_length if length > 0} if data else set()


def known_country(country: str) -> bool:
    """Whether a two-letter country has a numbering plan."""
    return bool(PHONES.get(("country", country), lambda: _ask_country(country)))


def _ask_country(country: str) -> bool:
    from phonenumbers.data import _AVAILABLE_REGION_CODES as regions

    return country in regions


@lru_cache(maxsize=64)
def plan_of(country: str) -> Plan:
    """The numbering plan of a country that `known_country` knows."""
    return Plan(*PHONES.get(("plan", country), lambda: _ask_plan(country)))


def _ask_plan(country: str) -> tuple[str, str, str, tuple[int, ...]]:
    from phonenumbers.phonemetadata import PhoneMetadata

    data: Any = PhoneMetadata.metadata_for_region(country, None)
    international = data.preferred_international_prefix or data.international_prefix or ""
    international = international.replace("~", "")
    return (
        str(data.country_code),
        data.national_prefix or "",
        international if international.isdigit() else "",
        tuple(sorted(_possible(data))),
    )
