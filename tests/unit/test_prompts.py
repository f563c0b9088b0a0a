"""Prompts: found only inside their folder, converted to exact lengths, cached, named safely, spoken."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivrc.prompts import (
    Fit,
    PromptError,
    Recording,
    Speech,
    deployed_name,
    duration,
    find_prompt,
    near_names,
    render,
    speech_name,
)
from ivrc.prompts import cache as prompt_cache
from ivrc.prompts import find as finder
from ivrc.prompts.formats import RAW, SEARCH_ORDER
from ivrc.prompts.speech import plain, voice_for
from tests.support import can_speak

np = pytest.importorskip("numpy")
sf = pytest.importorskip("soundfile")
pytest.importorskip("soxr")

TONE = 440.0


def tone(rate: int, seconds: float = 1.0, hertz: float = TONE, level: float = 0.5) -> np.ndarray:
    return level * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


def write(path: Path, rate: int = 8000, samples: np.ndarray | None = None, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(str(path), tone(rate) if samples is None else samples, rate, **options)
    return path


def samples_of(path: Path) -> np.ndarray:
    """Full scale = 1.0, from one of the three rendered files."""
    rate, subtype = {"ulaw": (8000, "ULAW"), "alaw": (8000, "ALAW"), "sln16": (16000, "PCM_16")}[path.suffix[1:]]
    options = {"endian": "LITTLE"} if subtype == "PCM_16" else {}
    return sf.read(str(path), samplerate=rate, channels=1, format="RAW", subtype=subtype, **options)[0]


def pitch(path: Path) -> float:
    """Hertz of the strongest tone in a rendered file."""
    samples = samples_of(path)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
    return float(np.argmax(spectrum)) * (16000 if path.suffix == ".sln16" else 8000) / samples.size


def recording(path: Path, seconds: float | None = None, fill: str = "repeat") -> Recording:
    return Recording(path=path, fit=None if seconds is None else Fit(seconds, fill))


def error_of(source: Recording | Speech, cache: Path) -> PromptError:
    with pytest.raises(PromptError) as caught:
        render(source, cache=cache)
    assert caught.value.message and "\n" not in caught.value.message
    assert str(cache.parent) not in caught.value.message, "a machine's path in a message"
    left = sorted(cache.glob("*")) if cache.exists() else []
    assert not left, "a refused prompt left something in the cache"
    return caught.value


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


# --- every input format -----------------------------------------------------------------------------

CONTAINERS = [
    ("a.wav", 8000, {"subtype": "PCM_16"}),
    ("a.wav", 44100, {"subtype": "PCM_24"}),
    ("a.wav", 48000, {"subtype": "FLOAT"}),
    ("a.wav", 8000, {"subtype": "ULAW"}),
    ("a.wav49", 8000, {"format": "WAV", "subtype": "GSM610"}),
    ("a.wav", 11025, {"subtype": "PCM_U8"}),
    ("a.mp3", 44100, {}),
    ("a.ogg", 44100, {"subtype": "VORBIS"}),
    ("a.opus", 48000, {"format": "OGG", "subtype": "OPUS"}),
    ("a.flac", 22050, {}),
    ("a.aiff", 44100, {}),
    ("a.au", 16000, {}),
    ("a.caf", 32000, {}),
    ("a.mp3", 16000, {"format": "WAV"}),  # a wrong extension does not matter where the content says it
    ("a.ulaw", 8000, {"format": "WAV"}),
]
HEADERLESS = [(f"a.{extension}", raw.rate, {"format": "RAW", "subtype": raw.subtype}) for extension, raw in RAW.items()]


@pytest.mark.parametrize(("name", "rate", "options"), CONTAINERS + HEADERLESS)
def test_a_tone_survives_from_every_format(
    name: str, rate: int, options: dict[str, object], tmp_path: Path, cache: Path
) -> None:
    out = render(recording(write(tmp_path / name, rate, **options)), cache=cache)
    assert list(out) == ["ulaw", "alaw", "sln16"]
    for path in out.values():
        assert pitch(path) == pytest.approx(TONE, abs=3)
        middle = samples_of(path)[2000:-2000]
        assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.06)
    assert out["ulaw"].stat().st_size == out["alaw"].stat().st_size
    assert out["sln16"].stat().st_size == 4 * out["ulaw"].stat().st_size
    assert out["ulaw"].stat().st_size == pytest.approx(8000, abs=400)  # codecs pad to whole frames


def test_sixteen_bits_at_their_own_rate_are_not_touched(tmp_path: Path, cache: Path) -> None:
    data = np.random.default_rng(7).integers(-32768, 32767, 16000, dtype=np.int16, endpoint=True)
    out = render(recording(write(tmp_path / "a.wav", 16000, data)), cache=cache)
    assert out["sln16"].read_bytes() == data.astype("<i2").tobytes()


@pytest.mark.parametrize(("extension", "silence"), [("ulaw", 0xFF), ("alaw", 0xD5)])
def test_telephone_files_come_out_as_they_went_in(extension: str, silence: int, tmp_path: Path, cache: Path) -> None:
    data = bytes([silence] * 10) + bytes(b for b in range(256) if b != 0x7F) * 4  # 0x7F is u-law's second zero
    source = tmp_path / f"a.{extension}"
    source.write_bytes(data)
    assert render(recording(source), cache=cache)[extension].read_bytes() == data


def test_both_g711_laws_are_within_their_quantisation_of_the_wide_file(tmp_path: Path, cache: Path) -> None:
    data = tone(8000, 1.0, 300) * np.linspace(0, 1.9, 8000)
    out = render(recording(write(tmp_path / "a.wav", 8000, data, subtype="PCM_16")), cache=cache)
    for law in ("ulaw", "alaw"):
        assert np.all(np.abs(samples_of(out[law]) - data) <= np.abs(data) / 16 + 0.001)


# --- mixing, level ----------------------------------------------------------------------------------


def test_stereo_is_mixed_not_halved_to_one_side(tmp_path: Path, cache: Path) -> None:
    both = np.stack([tone(44100, hertz=500), tone(44100, hertz=1500)], axis=1)
    out = render(recording(write(tmp_path / "a.wav", 44100, both)), cache=cache)
    spectrum = np.abs(np.fft.rfft(samples_of(out["sln16"])))
    assert spectrum[500] == pytest.approx(spectrum[1500], rel=0.02)
    assert spectrum[500] > 50 * spectrum[1000]


def test_what_exceeds_full_scale_is_turned_down_and_never_wraps(tmp_path: Path, cache: Path) -> None:
    loud = write(tmp_path / "a.wav", 44100, tone(44100, level=3.0), subtype="FLOAT")
    out = render(recording(loud), cache=cache)
    for path in out.values():
        samples = samples_of(path)
        spectrum = np.abs(np.fft.rfft(samples))
        assert np.abs(samples).max() > 0.95
        assert spectrum[int(TONE) * 3] < spectrum[int(TONE)] / 50, "clipped: a third harmonic"


def test_nothing_above_the_telephone_band_folds_back(tmp_path: Path, cache: Path) -> None:
    out = render(recording(write(tmp_path / "a.wav", 44100, tone(44100, hertz=6000))), cache=cache)
    assert pitch(out["sln16"]) == pytest.approx(6000, abs=2)
    assert np.abs(samples_of(out["ulaw"])[500:-500]).max() < 0.01


# --- exact lengths ----------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("seconds", [0.3, 8, 2.5])
@pytest.mark.parametrize("fill", ["repeat", "silence"])
def test_the_length_is_exact_to_the_sample(rate: int, seconds: float, fill: str, tmp_path: Path, cache: Path) -> None:
    out = render(recording(write(tmp_path / "a.wav", rate), seconds, fill), cache=cache)
    assert {extension: path.stat().st_size for extension, path in out.items()} == {
        "ulaw": round(seconds * 8000),
        "alaw": round(seconds * 8000),
        "sln16": round(seconds * 32000),
    }


@pytest.mark.parametrize(("rate", "length"), [(8000, 8000), (44100, 44100), (44100, 44107), (22050, 10001)])
def test_a_short_recording_starts_anew_exactly_where_it_ends(
    rate: int, length: int, tmp_path: Path, cache: Path
) -> None:
    source = write(tmp_path / "a.wav", rate, tone(rate, 2)[:length])
    once = render(recording(source), cache=cache)
    long = render(recording(source, 3.7), cache=cache)
    for extension, path in long.items():
        unit = once[extension].read_bytes()
        assert path.read_bytes() == (unit * 10)[: path.stat().st_size]


def test_a_long_recording_is_cut_and_a_short_one_padded(tmp_path: Path, cache: Path) -> None:
    source = write(tmp_path / "a.wav", 8000, tone(8000, 2))
    whole = render(recording(source), cache=cache)["ulaw"].read_bytes()
    assert render(recording(source, 0.5), cache=cache)["ulaw"].read_bytes() == whole[:4000]
    padded = render(recording(source, 3, "silence"), cache=cache)
    assert padded["ulaw"].read_bytes() == whole + b"\xff" * 8000
    assert padded["sln16"].read_bytes()[64000:] == bytes(32000)


@pytest.mark.parametrize("seconds", [0, -1, 3601, float("nan"), float("inf")])
def test_impossible_lengths_are_refused(seconds: float, tmp_path: Path, cache: Path) -> None:
    assert error_of(recording(write(tmp_path / "a.wav"), seconds), cache).kind == "unreadable"


def test_duration(tmp_path: Path, cache: Path) -> None:
    assert duration(write(tmp_path / "a.wav", 44100, tone(44100, 1.5)), cache=cache) == 1.5
    assert duration(write(tmp_path / "a.flac", 48000, tone(48000, 0.25)), cache=cache) == 0.25
    assert duration(write(tmp_path / "a.mp3", 44100, tone(44100, 2)), cache=cache) == pytest.approx(2, abs=0.06)


# --- what is no prompt ------------------------------------------------------------------------------


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


TEXT = "This is a letter, not a recording. Это письмо.\n".encode() * 400
ASCII = b"This is a letter, not a recording.\n" * 400


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.wav", TEXT),
        ("a.mp3", TEXT),
        ("a.ogg", TEXT),
        ("a.gsm", TEXT),
        ("a.ulaw", ASCII),
        ("a.sln", ASCII),
        ("a.wav", b""),
        ("a.ulaw", b""),
        ("a.mp3", bytes(5000)),
        ("a.wav", b"RIFF"),
        (
            "a.wav",
            b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\0\0\0\0",
        ),
        ("a.m4a", b"\0\0\0\x20ftypM4A " + bytes(range(256)) * 8),
        ("a.g722", bytes(range(256)) * 30),
    ],
)
def test_what_is_no_audio_is_refused(name: str, data: bytes, tmp_path: Path, cache: Path) -> None:
    error = error_of(recording(put(tmp_path / name, data)), cache)
    assert error.kind == "unreadable"
    assert error.message.startswith(name)


@pytest.mark.parametrize("name", ["a.mp3", "a.wav", "a.ogg", "a.flac", "a.aiff", "a.au"])
@pytest.mark.parametrize("part", [0.3, 0.5, 0.9])
def test_a_file_cut_short_is_refused(
    name: str, part: float, tmp_path: Path, cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = write(tmp_path / name, 44100, tone(44100, 10)).read_bytes()
    error = error_of(recording(put(tmp_path / name, data[: int(len(data) * part)])), cache)
    assert error.kind == "unreadable"
    assert error.hint
    assert capfd.readouterr() == ("", ""), "a library wrote to the terminal"


def test_a_wav_written_to_a_pipe_does_not_know_its_size_and_is_whole(tmp_path: Path, cache: Path) -> None:
    data = bytearray(write(tmp_path / "a.wav").read_bytes())
    for unknown in (0xFFFFFFFF, 0x7FFFF000):
        data[40:44] = unknown.to_bytes(4, "little")
        assert render(recording(put(tmp_path / "b.wav", bytes(data))), cache=cache)["ulaw"].stat().st_size == 8000


def test_no_damaged_file_gets_past_as_anything_but_a_prompt_error(tmp_path: Path, cache: Path) -> None:
    rng = np.random.default_rng(3)
    for name in ("a.mp3", "a.wav", "a.ogg", "a.flac", "a.aiff"):
        whole = write(tmp_path / name, 44100, tone(44100, 0.3)).read_bytes()
        for _ in range(15):
            data = bytearray(whole)
            for at in rng.integers(0, min(len(data), 600), 6):
                data[at] = rng.integers(0, 256)
            try:
                out = render(recording(put(tmp_path / name, bytes(data))), cache=cache)
            except PromptError:
                continue
            assert out["sln16"].stat().st_size == 4 * out["ulaw"].stat().st_size > 0


def test_float_nonsense_is_refused(tmp_path: Path, cache: Path) -> None:
    for nonsense in (np.nan, np.inf, 1e30):
        data = tone(8000)
        data[100] = nonsense
        source = write(tmp_path / "a.wav", 8000, data, subtype="FLOAT")
        assert error_of(recording(source), cache).kind == "unreadable"


def test_longer_than_an_hour_is_refused_before_it_is_read(tmp_path: Path, cache: Path) -> None:
    source = tmp_path / "a.ulaw"
    with source.open("wb") as file:
        file.truncate(2 * 3600 * 8000)
    started = time.monotonic()
    assert "hour" in error_of(recording(source), cache).message
    assert time.monotonic() - started < 2


def test_folder_pipe_socket_and_missing(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's name must be short
    (tmp_path / "d.wav").mkdir()
    os.mkfifo(tmp_path / "p.wav")
    assert "folder" in error_of(recording(tmp_path / "d.wav"), cache).message
    assert error_of(recording(tmp_path / "p.wav"), cache).kind == "unreadable"
    assert error_of(recording(tmp_path / "no.wav"), cache).kind == "missing"
    assert error_of(recording(tmp_path / "d.wav" / "x" / "no.wav"), cache).kind == "missing"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.wav")
        assert error_of(recording(tmp_path / "s.wav"), cache).kind == "unreadable"


def test_a_file_without_permission_is_unreadable(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "a.wav")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:  # root may read everything
        patched.setattr(Path, "open", refuse)
        error = error_of(recording(source), cache)
    assert (error.kind, error.message) == ("unreadable", "a.wav cannot be read: permission denied")


# --- finding ----------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    base = tmp_path / "prompts"
    for name in (
        "welcome.wav",
        "ru/welcome.mp3",
        "ru/menus/main.ogg",
        "closed.gsm",
        "Closed-Late.WAV",
        "v1.2.wav",
        "ru/приветствие.wav",
        "both.mp3",
        "both.wav",
        "both.ulaw",
        "notes.txt",
        "en/hello.wav",
    ):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_bytes(b"x")
    (base / "folder.wav").mkdir()
    (tmp_path / "secret.wav").write_bytes(b"x")
    return base


@pytest.mark.parametrize(
    ("name", "language", "found"),
    [
        ("welcome", "ru", "ru/welcome.mp3"),
        ("welcome", "en", "welcome.wav"),
        ("welcome", "", "welcome.wav"),
        ("welcome.wav", "ru", "welcome.wav"),
        ("welcome.mp3", "ru", "ru/welcome.mp3"),
        ("welcome.mp3", "en", None),
        ("menus/main", "ru", "ru/menus/main.ogg"),
        ("ru/menus/main", "en", "ru/menus/main.ogg"),
        ("menus/main", "en", None),
        ("closed", "ru", "closed.gsm"),
        ("Closed-Late", "ru", "Closed-Late.WAV"),
        ("closed-late", "ru", None),
        ("Welcome", "en", None),
        ("v1.2", "en", "v1.2.wav"),
        ("приветствие", "ru", "ru/приветствие.wav"),
        ("both", "en", "both.wav"),
        ("both.ulaw", "en", "both.ulaw"),
        ("notes", "en", None),
        ("notes.txt", "en", None),
        ("folder", "en", None),
        ("nothing", "en", None),
    ],
)
def test_find(folder: Path, name: str, language: str, found: str | None) -> None:
    assert find_prompt(folder, name, language) == (None if found is None else folder / found)


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "../secret.wav",
        "ru/../../secret",
        "",
        ".",
        "..",
        "/",
        "ru//welcome",
        "./welcome",
        "welcome/",
        "welcome\0",
        "welcome.wav\0.txt",
        "..\\secret",
        "ru\\welcome",
        "*",
        "wel*",
        "~/welcome",
        "a" * 5000,
        "a/" * 2000,
        "\ud800",
        "C:welcome",
        "welcome\n",
    ],
)
@pytest.mark.parametrize("language", ["ru", "..", "../..", "/", "", ".", "ru/menus", "\0"])
def test_hostile_names_find_nothing_and_raise_nothing(folder: Path, name: str, language: str) -> None:
    assert find_prompt(folder, name, language) is None
    near_names(folder, name, language)
    deployed_name(name)


def test_an_absolute_name_and_a_hostile_language_stay_inside(folder: Path) -> None:
    assert find_prompt(folder, str(folder / "welcome.wav"), "ru") is None
    assert find_prompt(folder, "secret", "..") is None
    assert find_prompt(folder, "welcome", "ru/menus") == folder / "welcome.wav"


def test_links_are_followed_inside_and_nowhere_else(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.wav").write_bytes(b"x")
    (folder / "leak.wav").symlink_to(tmp_path / "secret.wav")
    (folder / "leakdir").symlink_to(tmp_path / "outside")
    (folder / "loop.wav").symlink_to("loop.wav")
    (folder / "gone.wav").symlink_to("not-there.wav")
    (folder / "alias.wav").symlink_to("ru/welcome.mp3")
    for name in ("leak", "leak.wav", "leakdir/x", "loop", "gone"):
        assert find_prompt(folder, name, "ru") is None
        assert name not in near_names(folder, name + "x", "ru")
    assert find_prompt(folder, "alias", "ru") == folder / "alias.wav"
    (tmp_path / "link").symlink_to(folder)  # the folder itself may be reached through a link
    assert find_prompt(tmp_path / "link", "alias", "ru") == tmp_path / "link" / "alias.wav"


def test_a_decomposed_file_name_is_the_same_name(folder: Path) -> None:
    (folder / "и\u0306од.wav").write_bytes(b"x")  # as a Mac writes "йод"
    assert find_prompt(folder, "йод", "ru") == folder / "и\u0306од.wav"
    assert deployed_name("йод") == deployed_name("и\u0306од") == "йод"


def test_of_two_candidates_the_documented_order_decides(tmp_path: Path) -> None:
    for extension in reversed(SEARCH_ORDER):
        (tmp_path / f"a.{extension}").write_bytes(b"x")
        assert find_prompt(tmp_path, "a", "en") == tmp_path / f"a.{extension}"


def test_a_folder_listing_is_remembered_until_the_folder_changes(folder: Path) -> None:
    old = time.time() - 100
    os.utime(folder, (old, old))
    assert find_prompt(folder, "later", "en") is None
    assert str(folder) in finder._listings
    (folder / "later.wav").write_bytes(b"x")
    assert find_prompt(folder, "later", "en") == folder / "later.wav"
    (folder / "later.wav").unlink()
    assert find_prompt(folder, "later", "en") is None


def test_a_missing_folder_has_nothing(tmp_path: Path) -> None:
    assert find_prompt(tmp_path / "no", "welcome", "ru") is None
    assert near_names(tmp_path / "no", "welcome", "ru") == []


@pytest.mark.parametrize(
    ("name", "language", "first"),
    [
        ("wellcome", "ru", "welcome"),
        ("Welcome", "ru", "welcome"),
        ("welcom.mp3", "ru", "welcome"),
        ("closed-late", "ru", "Closed-Late"),
        ("main", "ru", "menus/main"),
        ("menu/main", "ru", "menus/main"),
        ("menus\\main", "ru", "menus/main"),
        ("приветсвие", "ru", "приветствие"),
        ("hello", "ru", "en/hello"),
    ],
)
def test_near_names(folder: Path, name: str, language: str, first: str) -> None:
    near = near_names(folder, name, language)
    assert near[0] == first
    assert len(near) <= 3
    assert all(find_prompt(folder, candidate, language) for candidate in near)


def test_nothing_near(folder: Path) -> None:
    assert near_names(folder, "zzzzqqqq", "ru") == []


# --- names on Asterisk ------------------------------------------------------------------------------


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


# --- cache ------------------------------------------------------------------------------------------


@pytest.fixture
def no_conversion(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("converted again")

    monkeypatch.setattr("ivrc.prompts.rendering._convert_and_store", fail)


def test_the_second_time_nothing_is_converted_wherever_the_file_lies(
    tmp_path: Path, cache: Path, request: pytest.FixtureRequest
) -> None:
    source = write(tmp_path / "a.wav")
    first = render(recording(source, 2), cache=cache)
    request.getfixturevalue("no_conversion")
    assert render(recording(source, 2), cache=cache) == first
    (tmp_path / "b.wav").write_bytes(source.read_bytes())
    assert render(recording(tmp_path / "b.wav", 2.00001), cache=cache) == first


def test_other_content_fit_or_raw_extension_is_another_entry(tmp_path: Path, cache: Path) -> None:
    source = write(tmp_path / "a.wav")
    data = np.random.default_rng(1).bytes(8000)
    entries = [
        render(recording(source), cache=cache),
        render(recording(source, 2), cache=cache),
        render(recording(source, 2, "silence"), cache=cache),
        render(recording(write(tmp_path / "a.wav", samples=tone(8000, 1, 500))), cache=cache),
        render(recording(put(tmp_path / "r.ulaw", data)), cache=cache),
        render(recording(put(tmp_path / "r.alaw", data)), cache=cache),
    ]
    assert len({str(entry["ulaw"]) for entry in entries}) == len({e["sln16"].read_bytes() for e in entries}) == 6


def test_a_cached_compile_imports_no_audio_library(tmp_path: Path, cache: Path) -> None:
    source = write(tmp_path / "a.wav")
    render(recording(source), cache=cache)
    duration(source, cache=cache)
    code = """
import sys
from pathlib import Path
from ivrc.prompts import *
source, cache = Path(sys.argv[1]), Path(sys.argv[2])
find_prompt(source.parent, "a", "en"); deployed_name("a"); speech_name("a", "en")
near_names(source.parent, "b", "en")
render(Recording(path=source, fit=None), cache=cache)
assert duration(source, cache=cache) == 1.0
loaded = {"numpy", "soundfile", "soxr", "subprocess", "tempfile"} & set(sys.modules)
others = {m for m in sys.modules if m.startswith("ivrc.") and not m.startswith("ivrc.prompts")}
print(sorted(loaded), sorted(others))
"""
    done = subprocess.run([sys.executable, "-c", code, source, cache], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[] []\n", "")


def test_without_the_audio_extra_the_error_says_what_to_install(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "a.wav")
    monkeypatch.setitem(sys.modules, "soxr", None)
    error = error_of(recording(source), cache)
    assert error.kind == "no-audio-extra"
    assert "ivrc[audio]" in error.hint


@pytest.mark.parametrize("damage", ["truncate", "empty", "remove", "flip", "manifest", "no-manifest", "folder"])
@pytest.mark.parametrize("extension", ["ulaw", "alaw", "sln16"])
def test_a_damaged_cache_is_rebuilt(damage: str, extension: str, tmp_path: Path, cache: Path) -> None:
    source = recording(write(tmp_path / "a.wav"), 2)
    files = render(source, cache=cache)
    good = {extension: path.read_bytes() for extension, path in files.items()}
    victim = files[extension]
    if damage == "truncate":
        os.truncate(victim, 1000)
    elif damage == "empty":
        os.truncate(victim, 0)
    elif damage == "flip":
        victim.write_bytes(b"\0" * 5 + good[extension][5:])
    elif damage in ("remove", "folder"):
        victim.unlink()
    elif damage == "manifest":
        victim.with_suffix(".ok").write_bytes(b"\xff nonsense")
    else:
        victim.with_suffix(".ok").unlink()
    if damage == "folder":
        victim.mkdir()
        with pytest.raises(OSError):
            render(source, cache=cache)
        victim.rmdir()
    again = render(source, cache=cache)
    assert {extension: path.read_bytes() for extension, path in again.items()} == good


def test_a_damaged_cached_duration_is_measured_again(tmp_path: Path, cache: Path) -> None:
    source = write(tmp_path / "a.wav")
    assert duration(source, cache=cache) == 1.0
    for kept in cache.glob("*.seconds"):
        kept.write_text("9.0")
    assert duration(source, cache=cache) == 1.0


def test_a_full_disk_is_an_error_and_leaves_no_half_file(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = recording(write(tmp_path / "a.wav"))

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            render(source, cache=cache)
    assert list(cache.iterdir()) == []
    assert render(source, cache=cache)["ulaw"].stat().st_size == 8000


def test_a_crash_between_files_is_not_taken_for_a_result(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = recording(write(tmp_path / "a.wav"))
    written: list[str] = []
    whole_write = prompt_cache._write

    def die_at_the_third(path: Path, data: bytes) -> None:
        written.append(path.suffix)
        if len(written) == 3:
            raise KeyboardInterrupt
        whole_write(path, data)

    with monkeypatch.context() as patched:
        patched.setattr(prompt_cache, "_write", die_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            render(source, cache=cache)
    assert render(source, cache=cache)["sln16"].stat().st_size == 32000


def test_many_at_once_give_one_whole_result(tmp_path: Path, cache: Path) -> None:
    sources = [recording(write(tmp_path / f"a{i % 2}.{e}", 44100), 2) for i, e in enumerate(["mp3", "wav", "flac"])]
    results: list[dict[str, bytes]] = []
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for source in sources:
                results.append({e: p.read_bytes() for e, p in render(source, cache=cache).items()})
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    code = (
        "import sys; from pathlib import Path; from ivrc.prompts import *\n"
        "for path in map(Path, sys.argv[2:]):\n"
        "    render(Recording(path=path, fit=Fit(2, 'repeat')), cache=Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, str(cache), *(str(source.path) for source in sources)]
    others = [subprocess.Popen(command) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [other.wait() for other in others] == [0, 0]
    assert not failures
    assert len(results) == 24
    assert all({e: len(d) for e, d in r.items()} == {"ulaw": 16000, "alaw": 16000, "sln16": 64000} for r in results)
    assert len({r["sln16"] for r in results}) == 3
    assert not [path for path in cache.iterdir() if path.name.startswith(".")]


def test_the_bytes_are_the_same_in_another_cache(tmp_path: Path) -> None:
    source = recording(write(tmp_path / "a.mp3", 44100), 3)
    one, two = (render(source, cache=tmp_path / name) for name in ("one", "two"))
    assert {p.name: p.read_bytes() for p in one.values()} == {p.name: p.read_bytes() for p in two.values()}


# --- speech -----------------------------------------------------------------------------------------

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


def calls(fake: Path) -> list[list[object]]:
    import json

    log = fake / "log"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


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


@pytest.mark.skipif(not can_speak(), reason="nothing here can speak")
def test_the_real_engine(cache: Path) -> None:
    for text, language in (("Здравствуйте, вы позвонили в компанию.", "ru"), ("-v de [[ hello", "en")):
        out = render(spoken(text, language), cache=cache)
        assert out["ulaw"].stat().st_size > 6000
        assert np.abs(samples_of(out["sln16"])).max() > 0.1
    fitted = render(spoken("Добрый день", "ru", Fit(8, "repeat")), cache=cache)
    assert [path.stat().st_size for path in fitted.values()] == [64000, 64000, 256000]
    assert error_of(spoken("hello", "zz"), cache / "other").kind == "no-voice"


def test_full_disk_says_which_file_it_had_no_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(OSError, match="No space left") as caught:
        prompt_cache.store(tmp_path, "key", {"ulaw": b"x"})
    assert caught.value.filename == str(tmp_path / "key.ulaw")
