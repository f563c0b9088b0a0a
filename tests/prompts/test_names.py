"""Names that prompts have on Asterisk: safe, and never the same for two."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ivrc.prompts import deployed_name, speech_name


@pytest.mark.parametrize("name", ["welcome", "menus/main", "v1.2", "a_b-c", "приветствие", "歓迎", "हिन्दी", "ñandú"])
def test_harmless_names_are_kept(name: str) -> None:
    assert deployed_name(name) == name


HOSTILE = [
    "a&b",
    "a|b",
    "a,b",
    "a;b",
    'a"b',
    "a\\b",
    "${EXTEN}",
    "$[1+1]",
    "a(b)",
    "a b",
    "a\nb",
    "a\0b",
    "a:b",
    "a?b",
    "../a",
    "..",
    ".",
    "",
    "/etc/passwd",
    "a//b",
    "a/",
    "a/../b",
    ".hidden",
    "a/.hidden",
    "a" * 300,
    "я" * 300,
    "a/" * 200,
    "x" * 121,
    "a²",
    "a\u200bb",
    "a\u202eb",
    "\ud800",
    "welcome.wav",
    "welcome.mp3",
    "welcome.MP3",
    "a.wav.wav",
    "a_b.gsm",
    "😀",
    "🎵",
    "a=b",
    "a%b",
    "a{b}",
    "a*b",
    "a!b",
    "a#b",
    "a@b",
    "a'b",
    "a<b>",
    "_",
    "_b",
]


def test_hostile_names_become_safe_and_never_meet() -> None:
    known = ["welcome", "a", "a_b", "b", "a_", "_EXTEN_", "x" * 120, "a/b", "__", "_hidden"]
    names = HOSTILE + known
    deployed = [deployed_name(name) for name in names]
    deployed += [deployed_name(name) for name in deployed if deployed_name(name) != name]
    assert len({name.casefold() for name in deployed}) == len(deployed)
    for name in deployed:
        assert all(c.isalnum() or c in "_-./" for c in name)
        assert all(part and not part.startswith(".") for part in name.split("/"))
        assert len(name.encode()) < 140


def test_speech_names() -> None:
    name = speech_name("Здравствуйте! Вы позвонили в компанию «Акме», подождите.", "ru")
    assert name.startswith("say-здравствуйте-вы-позвонили-в-")
    assert speech_name("Hello, world", "en") != speech_name("Hello  world", "en")
    assert speech_name("Hello", "en") != speech_name("Hello", "de")
    assert speech_name("Hello", "en").startswith("say-hello-")
    assert speech_name("?!", "en").startswith("say-")
    hostile = speech_name('${SHELL(x)} & a|b; "c" ../../etc', "en")
    assert all(c.isalnum() or c in "_-" for c in hostile)
    assert deployed_name(name) != name, "a file may not take a spoken text's name"


def test_names_are_the_same_under_any_hash_seed() -> None:
    code = "from ivrc.prompts import *; print(ascii([deployed_name('a&b'), speech_name('a b', 'ru')]))"
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(runs) == 1
