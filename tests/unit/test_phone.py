"""Phone numbers: what people write, and how countries write them."""

from __future__ import annotations

import pytest

from ivrc.phone import NumberError, known_country, parse_number, plan_of, plus_eight

WRITTEN = [
    ("+7 495 123-45-67", None, "+74951234567"),
    ("+74951234567", "RU", "+74951234567"),
    ("  +7 (495) 123 45 67 ", None, "+74951234567"),
    ("+7.495.123.45.67", None, "+74951234567"),
    ("+7 495 123–45–67", None, "+74951234567"),
    ("+7\u00a0495\u00a0123\u201145\u201167", None, "+74951234567"),
    ("8 (495) 123-45-67", "RU", "+74951234567"),
    ("495 123 45 67", "RU", "+74951234567"),
    ("8 10 49 30 123456", "RU", "+4930123456"),
    ("8-800-555-35-35", "RU", "+78005553535"),
    ("+7 727 123 45 67", "RU", "+77271234567"),
    ("(212) 555-0100", "US", "+12125550100"),
    ("1 212 555 0100", "US", "+12125550100"),
    ("011 44 20 7946 0018", "US", "+442079460018"),
    ("020 7946 0018", "GB", "+442079460018"),
    ("00 33 1 99 00 12 34", "GB", "+33199001234"),
    ("+44 20 7946 0018", None, "+442079460018"),
    ("01 99 00 12 34", "FR", "+33199001234"),
    ("030 123456", "DE", "+4930123456"),
    ("00 49 30 123456", "DE", "+4930123456"),
    ("06 698 12345", "IT", "+3906 698 12345".replace(" ", "")),
    ("03-1234-5678", "JP", "+81312345678"),
    ("11 2345-6789", "BR", "+551123456789"),
    ("044 123 45 67", "UA", "+380441234567"),
    ("8 029 123 45 67", "BY", "+375291234567"),
    ("+800 1234 5678", None, "+80012345678"),
    ("+870 773 111 632", None, "+870773111632"),
    ("+1 876 555 0100", None, "+18765550100"),
]


@pytest.mark.parametrize(("written", "country", "e164"), WRITTEN)
def test_number_is_read(written: str, country: str | None, e164: str) -> None:
    assert parse_number(written, country) == e164


JUNK = [
    "",
    " ",
    "+",
    "-",
    "()",
    "abc",
    "+7 495 CALL-NOW",
    "+7 495 123-45-67 ext 5",
    "+7 495 123-45-67;ext=5",
    "tel:+74951234567",
    "+7 495 123-45-6",
    "+7 495 123-45-678",
    "+0 123",
    "+999 1234567",
    "++7 495 123-45-67",
    "7+495 123-45-67",
    "+7 495 123-45-67,20",
    "${EXTEN}",
    "1" * 100,
    "+" + "1" * 100,
    "112",
    "123-45-67",
    "+٧٤٩٥١٢٣٤٥٦٧",
    "+７４９５１２３４５６７",
]


@pytest.mark.parametrize("country", [None, "RU"])
@pytest.mark.parametrize("written", JUNK)
def test_junk_is_no_number(written: str, country: str | None) -> None:
    with pytest.raises(NumberError):
        parse_number(written, country)


def test_local_number_asks_for_a_country() -> None:
    with pytest.raises(NumberError) as caught:
        parse_number("8 495 123-45-67", None)
    assert caught.value.needs_country


def test_every_number_is_ascii_digits() -> None:
    assert all(parse_number(w, c)[1:].isascii() and parse_number(w, c)[1:].isdigit() for w, c, _ in WRITTEN)


@pytest.mark.parametrize("country", ["RU", "US", "GB", "KZ", "DE", "SM", "VA", "GG"])
def test_countries_are_known(country: str) -> None:
    assert known_country(country)


@pytest.mark.parametrize("country", ["", "ru", "XX", "RUS", "001", "Russia", "R", "ZZ"])
def test_other_words_are_no_countries(country: str) -> None:
    assert not known_country(country)


@pytest.mark.parametrize(
    ("country", "code", "trunk", "international"),
    [("RU", "7", "8", "810"), ("US", "1", "1", "011"), ("DE", "49", "0", "00"), ("ES", "34", "", "00")],
)
def test_numbering_plan(country: str, code: str, trunk: str, international: str) -> None:
    plan = plan_of(country)
    assert (plan.calling_code, plan.trunk_prefix, plan.international_prefix) == (code, trunk, international)


def test_plan_has_the_lengths_of_national_numbers() -> None:
    assert 10 in plan_of("RU").lengths
    assert all(length > 0 for length in plan_of("DE").lengths)


@pytest.mark.parametrize("country", ["RU", "KZ"])
@pytest.mark.parametrize("text", ["+8 495 123-45-67", "+84951234567", "+8(495)1234567", " +8-495-123-45-67"])
def test_plus_eight_that_another_country_has_is_that_number_and_suspect(text: str, country: str) -> None:
    assert parse_number(text, country) == "+84951234567"
    assert "write `+7 495 123-45-67` or `8 495 123-45-67`" in plus_eight(text, country)


@pytest.mark.parametrize("text", ["+8 800 555-35-35", "+8 916 123-45-67", "+8(383)1234567", "+89161234567"])
def test_plus_eight_that_no_country_has_is_no_number(text: str) -> None:
    with pytest.raises(NumberError) as caught:
        parse_number(text, "RU")
    assert "write `+7 " in caught.value.hint


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("+84 95 123 45 67", "RU"),
        ("+84 951234567", "RU"),
        ("+8 495 123-45-67", "VN"),
        ("+8 495 123-45-67", None),
        ("+7 495 123-45-67", "RU"),
        ("8 495 123-45-67", "RU"),
        ("+880 2 1234567", "RU"),
        ("+86 10 6552 9988", "RU"),
        ("+81 3 1234 5678", "RU"),
    ],
)
def test_number_that_nobody_would_suspect(text: str, country: str | None) -> None:
    assert plus_eight(text, country) == ""
