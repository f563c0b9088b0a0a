"""Declarations that have changed are told once, where they are declared, and whether callers could notice."""

from __future__ import annotations

import pytest

from tests.changes.support import OPEN, changes_of, source, told
from tests.support import PEOPLE, SETTINGS

STEPS = ("call group sales", "when open { voicemail to vera }")


def office(people: str = SETTINGS + PEOPLE, groups: str = "", more: str = "", steps: tuple[str, ...] = STEPS) -> str:
    text = source(*steps, declarations=OPEN + more, people=people)
    return text.replace("group sales in order { anna, boris }", groups) if groups else text


@pytest.mark.parametrize(
    ("was", "now", "says"),
    [
        ('"PJSIP/anna"', '"PJSIP/anna2"', "employee anna: phones PJSIP/anna2, before PJSIP/anna"),
        ('sip "PJSIP/vera"', 'sip "PJSIP/v" email "v@x.example"', "employee vera: phones PJSIP/v, before PJSIP/vera"),
        ("language ru", "language en", "settings language: now en; before ru"),
        ("provider", "another", ""),
        ('timezone "Europe/Moscow"', 'timezone "Asia/Omsk"', "settings timezone: now Asia/Omsk; before Europe/Moscow"),
    ],
)
def test_what_callers_notice(was: str, now: str, says: str) -> None:
    old = office()
    changes = changes_of(old, old.replace(was, now))
    assert changes.noticed == bool(says)
    if says:
        assert says in changes.text()


@pytest.mark.parametrize(
    ("now", "says"),
    [
        ("in order { boris, anna }", "now in order { boris, anna }; before in order { anna, boris }"),
        ("in order { anna, boris, vera }", "now in order { anna, boris, vera }; before in order { anna, boris }"),
        ("at once { anna, boris }", "now at once { anna, boris }; before in order { anna, boris }"),
        ("random { anna 3%, boris 1% }", "before in order { anna, boris }"),
        ("in order { anna, boris, anna mobile confirm }", "now in order { anna, boris, anna mobile confirm }"),
        ('in order { anna, boris, "+7 812 765-43-21" }', 'now in order { anna, boris, "+78127654321" }'),
    ],
)
def test_groups(now: str, says: str) -> None:
    (only,) = told(office(), office(groups=f"group sales {now}"))
    assert only.startswith("group sales: ")
    assert says in only


def test_weights() -> None:
    def drawn(weights: str) -> str:
        return office(groups=f"group sales random {{ {weights} }}")

    assert told(drawn("anna 40%, boris 60%"), drawn("anna 60%, boris 40%")) != []
    assert told(drawn("anna 50%, boris 50%"), drawn("anna 1%, boris 1%")) == []


def test_a_group_that_nobody_calls() -> None:
    old = office()
    new = old.replace("at once { vera, gleb }", "at once { vera }")
    assert not changes_of(old, new).noticed
    assert told(old, new)[0] == "not noticed by callers:"


def test_an_extension_matters_where_one_can_be_keyed() -> None:
    for steps, noticed in ((STEPS, True), (("wait extension", *STEPS), True), (("fax",), False)):
        old = office(steps=steps)
        changes = changes_of(old, old.replace("extension 101", "extension 109"))
        assert changes.noticed == noticed
        assert "employee anna: extension 109, before 101" in changes.text()


def test_mobiles_are_told_with_their_employee() -> None:
    steps = ("call employee anna then mobile", "call group sales")
    old = office(steps=steps)
    new = old.replace("+7 916 000-00-01", "+7 916 000-00-09")
    assert told(old, new) == ["employee anna: mobile +79160000009, +79160000002, before +79160000001, +79160000002"]


def test_lists_and_switches() -> None:
    steps = ("when caller in vip { hangup }", "when switch night { hangup }")
    more = 'callers vip { "+7 916 123-45-67" "+7 495 *" }\nswitch night toggled by "*28"\n'
    old = office(more=more, steps=steps)
    assert told(old, old.replace('"+7 495 *"', '"+7 496 *"')) == ["callers vip: also +7496*; no longer +7495*"]
    flipped = changes_of(old, old.replace('"*28"', '"*29"'))
    assert not flipped.noticed
    assert "switch night: toggled by *29, before *28" in flipped.text()


def test_renamed_things_are_the_same_things() -> None:
    more = 'callers vip { "+7 916 123-45-67" }\nswitch night toggled by "*28"\nscenario rest { fax }\n'
    steps = ("when caller in vip -> rest", "when switch night -> rest", "wait extension", *STEPS, "reach anyone")
    old = office(more=more, steps=steps)
    new = old
    for name in ("vip", "night", "rest", "open", "sales", "anna", "vera", "main"):
        new = new.replace(f" {name}", f" {name}_2").replace(f"PJSIP/{name}_2", f"PJSIP/{name}")
    changes = changes_of(old, new)
    assert not changes.noticed
    assert "employee anna: is now called anna_2" in changes.text()
    assert "scenario main: is now called main_2" in changes.text()
    assert "group sales: is now called sales_2" in changes.text()


def test_what_no_number_leads_to() -> None:
    more = "scenario idle { fax }\n"
    changed = changes_of(office(more=more), office(more=more.replace("fax", "voicemail")))
    assert not changed.noticed
    assert "scenario idle: changed; no number leads to it" in changed.text()
    assert told(office(more=more), office()) == ["not noticed by callers:", "scenario idle: is gone"]
    assert told(office(), office(more=more)) == ["not noticed by callers:", "scenario idle: is new"]


def test_a_confirm_at_a_mobile_counts_where_the_crm_names_the_number() -> None:
    for steps, noticed in ((("call responsible",), True), (("fax",), False)):
        old = office(steps=steps)
        changes = changes_of(old, old.replace('"+7 916 000-00-02" }', '"+7 916 000-00-02" confirm }'))
        assert changes.noticed == noticed
        assert ("confirm for the CRM's mobiles: also +79160000001" in changes.text()) == noticed


def test_a_confirm_in_a_group_holds_there() -> None:
    old = office(more="group idle in order { anna mobile }\n", steps=("call responsible",))
    assert not changes_of(old, old.replace("anna mobile }", "anna mobile confirm }")).noticed


def test_asterisks_own_words_are_in_the_language() -> None:
    old = office(steps=("wait extension",))
    assert "settings language: now en; before ru" in changes_of(old, old.replace("language ru", "language en")).text()
