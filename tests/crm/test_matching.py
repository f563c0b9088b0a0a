"""Which of the contacts found is the caller."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ivrc.crm.contact import Contact, Person
from ivrc.crm.matching import choose

CALLER = "+74951234567"
ANNA = (Person("17"),)


def test_only_whole_numbers_match() -> None:
    near = [Contact("1", phones=("4951234567890", "+14951234567", "1234567", "+7495123456")), Contact("2")]
    assert choose(CALLER, near, "RU") is None


def test_the_phone_that_matches_is_told() -> None:
    match = choose(CALLER, [Contact("1", phones=("+79160000000", "8 (495) 123-45-67"))], "RU")
    assert match is not None
    assert (match.phone, match.others) == ("8 (495) 123-45-67", 0)


def test_two_numbers_in_one_field() -> None:
    match = choose(CALLER, [Contact("1", phones=("8 916 000-00-00, 8 495 123-45-67 доб. 3",))], "RU")
    assert match is not None and match.number.extension == "3"


def test_rule_for_several() -> None:
    nobody = Contact("nobody", phones=("84951234567",))
    switchboard = Contact("switchboard", phones=("84951234567 доб. 3",), responsible=ANNA)
    own = Contact("own", phones=("84951234567",), responsible=ANNA)
    later = Contact("later", phones=("+74951234567",), responsible=ANNA)

    def chosen(*contacts: Contact) -> str:
        match = choose(CALLER, contacts, "RU")
        assert match is not None and match.others == len(contacts) - 1
        return match.contact.crm_id

    assert chosen(nobody, switchboard) == "switchboard"
    assert chosen(switchboard, own) == "own"
    assert chosen(own, later) == "own"
    assert chosen(nobody, switchboard, later, own) == "later"


def test_without_extension_first_within_a_contact() -> None:
    match = choose(CALLER, [Contact("1", phones=("84951234567 доб. 3", "84951234567"))], "RU")
    assert match is not None and match.number.extension == ""


@given(st.lists(st.lists(st.text(max_size=30), max_size=4), max_size=5))
def test_any_text_is_no_reason_to_fail(phones: list[list[str]]) -> None:
    contacts = [Contact(str(place), phones=tuple(each)) for place, each in enumerate(phones)]
    match = choose(CALLER, contacts, "RU")
    assert match is None or match.number.e164 == CALLER


def test_enormous_answers_are_looked_at_in_part() -> None:
    crowd = [Contact(str(each), phones=(f"+7495{each:07d}",) * 200) for each in range(5000)]
    assert choose("+74950004999", crowd, "RU") is None
    assert choose("+74950000999", crowd, "RU") is not None
