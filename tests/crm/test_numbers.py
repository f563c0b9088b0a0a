"""Numbers however they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivrc.crm.numbers import LONGEST, normal, parse, same, split, variants

MOSCOW = "+74951234567"


@pytest.mark.parametrize(
    "written",
    [
        "+74951234567",
        "84951234567",
        "74951234567",
        "4951234567",
        "8 (495) 123-45-67",
        "+7 (8) 495 123-45-67",
        "+7 8 495 123 45 67",
        "8-495-123-45-67",
        "+7\u00a0495\u00a0123\u201145\u201167",
        "００７４９５１２３４５６７",
        "٧٤٩٥١٢٣٤٥٦٧",
        "tel:+7-495-123-45-67",
        "007 495 1234567",
        "8 10 7 495 123 45 67",
        "тел. 8 495 123-45-67 (офис)",
        "\u202a+7 495 123-45-67\u202c",
        # A trunk or a person puts a plus before the national number; +84 would be Vietnam.
        "+8 495 123-45-67",
    ],
)
def test_one_number_however_written(written: str) -> None:
    assert normal(written, "RU") == MOSCOW


@pytest.mark.parametrize(
    ("written", "extension"),
    [
        ("+7 495 123-45-67 доб. 12", "12"),
        ("84951234567 доб.12", "12"),
        ("8(495)1234567 вн. 7", "7"),
        ("+74951234567 ext 5", "5"),
        ("+74951234567 ext. 105", "105"),
        ("+74951234567x105", "105"),
        ("+74951234567#12", "12"),
        ("tel:+74951234567;ext=12", "12"),
        ("84951234567,,12", "12"),
        ("84951234567p12", "12"),
        ("+7 495 123-45-67 (доб. 12)", "12"),
        ("+7 495 123-45-67", ""),
    ],
)
def test_extension_is_told_apart(written: str, extension: str) -> None:
    number = parse(written, "RU")
    assert number is not None
    assert number == (MOSCOW, extension)


@pytest.mark.parametrize(
    "written",
    ["", " ", "101", "112", "12-34", "123-45-67", "anonymous", "+", "+7", "доб. 12", "+7495123456", "\0"],
)
def test_what_is_no_outside_number(written: str) -> None:
    assert normal(written, "RU") is None


@pytest.mark.parametrize("written", ["8" * 40, "+74951234567 +74957654321", "1" * (LONGEST + 1), "${EXTEN}"])
def test_too_long_or_two_is_none(written: str) -> None:
    assert normal(written, "RU") is None


def test_other_countries() -> None:
    assert normal("+44 (0)20 7946 0958", "RU") == "+442079460958"
    assert normal("020 7946 0958", "GB") == "+442079460958"
    assert normal("+0 20 7946 0958", "GB") == "+442079460958"
    assert normal("4915112345678", "RU") == "+4915112345678"
    assert normal("(212) 555-0100", "US") == "+12125550100"
    assert normal("+39 06 698 12345", "RU") == "+390669812345"
    assert normal("+86 138 0013 8000", "RU") == "+8613800138000"
    # Without a country only what has its code after a plus.
    assert normal("8 495 123-45-67", None) is None
    assert normal("7 495 123-45-67", None) is None
    assert normal("+7 495 123-45-67", None) == MOSCOW
    # Abroad, +84 is Vietnam.
    assert normal("+84951234567", "GB") == "+84951234567"


def test_same_is_never_a_part() -> None:
    assert same("8 495 123-45-67", "+7 (495) 1234567 доб. 3", "RU")
    assert not same("+74951234567", "+14951234567", "RU")
    assert not same("1234567", "1234567", "RU")
    assert not same("+74951234567", "+34951234567", "RU")


def test_split() -> None:
    assert split("8 916 123-45-67, +7 495 765-43-21") == ["8 916 123-45-67", "+7 495 765-43-21"]
    assert split("8 916 123-45-67\n8 495 765-43-21") == ["8 916 123-45-67", "8 495 765-43-21"]
    assert split("84951234567,,12; 89161234567") == ["84951234567,,12", "89161234567"]
    assert split("tel:+74951234567;ext=12") == ["tel:+74951234567;ext=12"]
    assert split(" ") == []


def test_variants() -> None:
    assert variants(MOSCOW) == (MOSCOW, "74951234567", "84951234567", "4951234567", "4951234567")
    assert variants("+442079460958") == ("+442079460958", "442079460958", "02079460958", "2079460958", "2079460958")
    assert variants("+12125550100").national == "2125550100"


@given(st.text(max_size=60), st.sampled_from(["RU", "US", "GB", "KZ", None]))
def test_any_text_is_a_number_or_none(text: str, country: str | None) -> None:
    number = parse(text, country)
    if number is not None:
        assert number.e164[0] == "+" and number.e164[1:].isascii() and number.e164[1:].isdigit()
        assert number.extension == "" or (number.extension.isascii() and number.extension.isdigit())
        assert normal(number.e164, country) == number.e164
    for part in split(text):
        parse(part, country)


@given(st.from_regex(r"[348][0-9]{2}[2-9][0-9]{6}|9[0-9]{9}", fullmatch=True), st.data())
def test_punctuation_changes_nothing(digits: str, data: st.DataObject) -> None:
    written = data.draw(st.sampled_from(["+7", "8", "7", "8 (", "+7 ("])) + digits[:3]
    for digit in digits[3:]:
        written += data.draw(st.sampled_from(["", " ", "-", "\u00a0", ") ", "."])) + digit
    assert normal(written, "RU") == "+7" + digits
