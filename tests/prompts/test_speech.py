"""Text becomes speech by an engine that is given text which stays text."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivrc.prompts import Fit, Speech, render
from ivrc.prompts.speech import plain, voice_for
from tests.prompts.audio import TONE, error_of, pitch, samples_of

np = pytest.importorskip("numpy")


FAKE = """
import json, os, sys, wave, math, struct
me = os.path.dirname(os.path.abspath(__file__))
args = sys.argv[1:]
if "--version" in args:
    print("eSpeak NG text-to-speech: " + open(me + "/version").read() + "  Data at: /somewhere"); sys.exit()
text = sys.stdin.buffer.read()
with open(me + "/log", "a") as log:
    log.write(json.dumps([args, text.decode()]) + "\\n")
voice, out = args[args.index("-v") + 1], args[args.index("-w") + 1]
if voice == "xx":
    sys.stderr.write("Error: The specified espeak-ng voice does not exist.\\n"); sys.exit(1)
if voice == "yy":
    sys.stderr.write("first\\nout of memory\\n"); sys.exit(3)
with wave.open(out, "wb") as w:
    w.setnchannels(1); w.setsampwidth(2); w.setframerate(22050)
    wave_ = (int(9999 * math.sin(i * 6.2831853 * 440 / 22050)) for i in range(22050))
    w.writeframes(b"".join(struct.pack("<h", sample) for sample in wave_))
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with an espeak-ng of our own: `version` may be changed, `log` shows what it was given."""
    from ivrc.prompts import speech

    home = tmp_path / "fake engine"
    home.mkdir()
    (home / "espeak.py").write_text(FAKE)
    (home / "version").write_text("1.0")
    monkeypatch.setenv("IVRC_ESPEAK", shlex.join([sys.executable, str(home / "espeak.py"), "-s", "150"]))
    speech._version.cache_clear()
    yield home
    speech._version.cache_clear()


def calls(fake: Path) -> list[tuple[list[str], str]]:
    """What was asked of the voice: its arguments and the text."""
    import json

    log = fake / "log"
    return [tuple(json.loads(line)) for line in log.read_text().splitlines()] if log.exists() else []


def spoken(text: str, language: str = "ru", fit: Fit | None = None) -> Speech:
    return Speech(text=text, language=language, fit=fit)


def test_speech_is_rendered_once_and_fitted(fake: Path, cache: Path) -> None:
    out = render(spoken("Привет", fit=Fit(2.5, "repeat")), cache=cache)
    assert out["ulaw"].stat().st_size == 20000
    assert pitch(render(spoken("Привет"), cache=cache)["sln16"]) == pytest.approx(TONE, abs=2)
    assert render(spoken("Привет", fit=Fit(2.5, "repeat")), cache=cache) == out
    assert len(calls(fake)) == 2
    args, text = calls(fake)[0]
    assert (args[:4], text) == (["-s", "150", "-v", "ru"], "Привет")


def test_another_text_voice_or_engine_is_spoken_anew(fake: Path, cache: Path) -> None:
    from ivrc.prompts import speech

    first = render(spoken("one"), cache=cache)
    assert render(spoken("two"), cache=cache) != first
    assert render(spoken("one", "en"), cache=cache) != first
    (fake / "version").write_text("2.0")
    speech._version.cache_clear()
    assert render(spoken("one"), cache=cache) != first
    assert [args[3] for args, _ in calls(fake)] == ["ru", "ru", "en-us", "ru"]


def test_the_text_is_data(fake: Path, cache: Path) -> None:
    for text in (
        "--version",
        "-w /tmp/x",
        "[[h@'loU]]",
        "[[[[a",
        "\x01+50s loud",
        "<speak>a</speak>",
        "a\0b",
    ):
        render(spoken(text), cache=cache)
    for args, given in calls(fake):
        assert args[-1] == "--stdin" and "-m" not in args
        assert "[[" not in given
        assert not any(ord(c) < 32 for c in given)
    assert plain("line one\nline two") == "line one\nline two"


@pytest.mark.parametrize("language", ["xx", "", "../en", "-w", "en+f3", "e n", "ru\n", "--path=/x", "рус"])
def test_no_voice(fake: Path, cache: Path, language: str) -> None:
    error = error_of(spoken("hello", language), cache)
    assert error.kind == "no-voice"
    assert all(args[3] == "xx" for args, _ in calls(fake))


def test_voices() -> None:
    assert [voice_for(language) for language in ("ru", "en", "en_GB", "pt-BR")] == [
        "ru",
        "en-us",
        "en-gb",
        "pt-br",
    ]


def test_an_engine_that_fails_is_reported_by_its_last_line(fake: Path, cache: Path) -> None:
    error = error_of(spoken("hello", "yy"), cache)
    assert (error.kind, error.message) == ("no-espeak", "espeak-ng failed: out of memory")


@pytest.mark.parametrize("text", ["", "   ", "...", "\x01"])
def test_nothing_to_say(fake: Path, cache: Path, text: str) -> None:
    assert error_of(spoken(text), cache).kind == "unreadable"
    assert calls(fake) == []


def test_no_espeak(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IVRC_ESPEAK", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    error = error_of(spoken("hello"), cache)
    assert (error.kind, error.hint) == ("no-espeak", "apt-get install espeak-ng")
    for wish in ("/not/there --fast", "'unclosed", shlex.quote(str(tmp_path))):
        monkeypatch.setenv("IVRC_ESPEAK", wish)
        assert error_of(spoken("hello"), cache).kind == "no-espeak"


def test_the_real_engine(cache: Path) -> None:
    for text, language in (("Здравствуйте, вы позвонили в компанию.", "ru"), ("-v de [[ hello", "en")):
        out = render(spoken(text, language), cache=cache)
        assert out["ulaw"].stat().st_size > 6000
        assert np.abs(samples_of(out["sln16"])).max() > 0.1
    fitted = render(spoken("Добрый день", "ru", Fit(8, "repeat")), cache=cache)
    assert [path.stat().st_size for path in fitted.values()] == [64000, 64000, 256000]
    assert error_of(spoken("hello", "zz"), cache / "other").kind == "no-voice"
