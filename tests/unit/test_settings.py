"""Settings: what their texts come to."""

from __future__ import annotations

import pytest

from tests.support import codes_of, compile_text, office_of


@pytest.mark.parametrize(
    ("written", "folder"),
    [
        ("audio", "audio"),
        ("./audio", "audio"),
        ("audio/", "audio"),
        ("./.audio", ".audio"),
        (".audio/./ru//x/", ".audio/ru/x"),
        (".audio.", ".audio."),
    ],
)
def test_folder_of_the_prompts(written: str, folder: str) -> None:
    assert office_of(f'settings {{ prompts "{written}" }}\n').prompts == folder


@pytest.mark.parametrize("written", ["", ".", "./", " ", "..", "./..", "a/../..", "/audio", "a\0b", "a\rb", "\x1b[0m"])
def test_folder_that_prompts_cannot_lie_in(written: str) -> None:
    assert codes_of(f'settings {{ prompts "{written}" }}\nscenario main {{ play "x" }}\n') == ["IVR209"]


@pytest.mark.parametrize(
    "zone",
    ["localtime", "posixrules", "Factory", "posix/Europe/Moscow", "right/Europe/Moscow", "right/UTC", "tzdata.zi"],
)
def test_file_beside_the_zones_is_no_zone(zone: str) -> None:
    (found,) = compile_text(f'settings {{ timezone "{zone}" }}\n').diagnostics
    assert (found.code, found.message) == ("IVR209", f"there is no time zone `{zone}`")
    assert found.help
    assert not any(word in found.help for word in ("posix", "right/", "localtime", "Factory"))


@pytest.mark.parametrize("zone", ["Europe/Moscow", "UTC", "Etc/GMT+3", "America/Argentina/Buenos_Aires"])
def test_zone(zone: str) -> None:
    assert office_of(f'settings {{ timezone "{zone}" }}\n').timezone == zone


@pytest.mark.parametrize("domain", ["a.example", "a.example.", "A.Example."])
@pytest.mark.parametrize("host", ["a.example", "a.example.", "A.EXAMPLE"])
def test_own_domain_is_one_with_the_roots_dot_or_without(domain: str, host: str) -> None:
    text = f'settings {{ domain "{domain}" }}\nscenario main {{ call sip "x@{host}" }}\n'
    assert codes_of(text) == ["IVR406"]
