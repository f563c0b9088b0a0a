"""What is deployed: parts that are the same for the same content, under names that say so."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from ivrc.deploy.calls import parts_in
from ivrc.deploy.dialplan import Key, differences, read_text
from ivrc.deploy.errors import Busy, FolderError
from ivrc.deploy.local import LocalFolder
from ivrc.deploy.release import Release
from ivrc.deploy.state import Loaded, Set, files_of, mailboxes_left
from ivrc.pipeline import build
from ivrc.releasing import release_of
from tests.dialplan import Dialplan
from tests.support import OFFICE, write_tree

STEPS = 'call group all  reach anyone for 20s  voicemail to anna  voicemail  when office { } play "asterisk:beep"'
SOURCE = (
    OFFICE
    + f"""
group all in order {{ anna, boris }}
hours office {{ mon-fri 09:00-18:00 except holidays RU }}
callers vip {{ "+7 916 123-45-67" }}
number "+7 495 000-00-01" -> main
scenario main {{ when caller in vip {{ }} {STEPS} call employee anna then mobile confirm }}
"""
)


def release(folder: Path, **sources: str) -> Release:
    built = build([write_tree(folder, {f"{name}.ivr": text for name, text in sources.items()})])
    assert built.offices is not None, built.diagnostics
    return release_of(built)


def text_of(found: Release) -> str:
    files = [
        part.files[name] for name in ("entries.conf", "extensions.conf") for part in found.parts if name in part.files
    ]
    return b"".join(piece for pieces in files for piece in pieces).decode()


def test_same_source_has_the_same_marks_and_another_has_others(tmp_path: Path) -> None:
    first = release(tmp_path / "a", office=SOURCE)
    assert release(tmp_path / "b", office=SOURCE).active == first.active
    changed = release(tmp_path / "c", office=SOURCE.replace("for 20s", "for 30s"))
    assert {name for name in first.active if changed.active[name] != first.active[name]} == {"acme"}


def test_one_office_of_two_changes_alone(tmp_path: Path) -> None:
    other = SOURCE.replace("office acme", "office other").replace("000-00-01", "000-00-02")
    first = release(tmp_path / "a", one=SOURCE, two=other)
    changed = release(tmp_path / "b", one=SOURCE, two=other.replace("for 20s", "for 30s"))
    assert {name for name in first.active if changed.active[name] != first.active[name]} == {"other"}


def test_every_name_is_marked_or_an_entry_and_the_whole_holds_together(tmp_path: Path) -> None:
    found = release(tmp_path, office=SOURCE)
    text = text_of(found)
    assert not re.search("[\x01\x02]", text)
    entries = {"ivrc-incoming", "ivrc.numbers-001", "ivrc-acme.internal"}
    plain = {name for name in Dialplan(text).contexts if "~" not in name}
    assert plain == entries
    for name in entries:
        assert all(len(lines) == 1 for lines in Dialplan(text).contexts[name].extensions.values())
    marks = {f"~{part.mark}" for part in found.parts}
    assert set(re.findall(r"~[a-z2-7]{8}\b", text)) == marks
    # Without its marks it is what `ivrc compile` writes.
    closed = re.sub(r"~[a-z2-7]{8}\b", "", text)
    assert Dialplan(closed).check() == []


def test_parts_say_what_they_jump_into(tmp_path: Path) -> None:
    found = release(tmp_path, office=SOURCE)
    office = next(part for part in found.parts if part.name == "acme")
    text = b"".join(office.files["extensions.conf"]).decode()
    used = {part for part in parts_in(text) if part != office.id}
    assert set(office.uses) == used
    assert used <= {part.id for part in found.parts}
    assert {part.partition("~")[0] for part in used} == {
        "ivrc.accept", "ivrc.caller-RU", "ivrc.holidays-RU", "ivrc.mailbox", "ivrc.message",
    }  # fmt: skip


def test_prompt_of_another_content_has_another_name(tmp_path: Path) -> None:
    pytest.importorskip("soundfile")
    from tests.live.lab import tone

    source = OFFICE + 'scenario main { play "welcome"  play "welcome" for 2s }'
    names = []
    for seconds in (0.2, 0.3, 0.2):
        tone(tmp_path / "prompts" / "welcome.wav", seconds)
        found = release(tmp_path, office=source)
        assert len(found.sounds) == 6
        played = set(re.findall(r"Playback\((\S+?)\)", text_of(found)))
        assert played == {path.removeprefix("ru/").rpartition(".")[0] for path in found.sounds}
        names.append(played)
    assert names[0] == names[2]
    assert not names[0] & names[1]


def test_differences_are_told_in_the_sources_words() -> None:
    text = b"""
; scenario main
[ivrc~aaaaaaaa-acme-main]
include => other
; play "a"    (office.ivr:3)
exten => s,1(ask),Playback(a)
 same => n,Set(X=${FILTER(0-9,${Y})})
exten => 101,hint,PJSIP/anna
"""
    held = read_text([text])
    context = "ivrc~aaaaaaaa-acme-main"
    lines = held.contexts[context]
    assert set(lines) == {Key("", "include other"), Key("s", "1"), Key("s", "2"), Key("101", "hint")}
    assert list(differences(context, lines, dict(lines), held.steps)) == []
    changed = {**lines, Key("s", "1"): lines[Key("s", "1")]._replace(arguments="b")}
    (told,) = differences(context, lines, changed, held.steps)
    assert "compiled (ask) Playback(a), but Asterisk holds (ask) Playback(b)" in told
    assert told.endswith('it is of: play "a" (office.ivr:3)')
    more = {**lines, Key("9", "1"): lines[Key("s", "1")]}
    assert len(list(differences(context, lines, more, held.steps))) == 1
    assert list(differences(context, lines, more, held.steps, whole=False)) == []


def test_set_includes_entries_of_what_is_active_and_the_rest_of_all(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path, "/seen")
    files = ("entries.conf", "extensions.conf", "queues.conf", "voicemail.conf")
    wanted = Set(1, 1, active={"acme": "b"}, parts={"acme~a": Loaded(files, left=5.0), "acme~b": Loaded(files)})
    found = {name: b"".join(pieces).decode() for name, pieces in files_of(folder, wanted, b"[x]\n").items()}
    assert re.findall("parts/(.*)\"", found["extensions.conf"]) == [
        "acme~b/entries.conf", "acme~a/extensions.conf", "acme~b/extensions.conf",
    ]  # fmt: skip
    assert len(re.findall('#tryinclude "/seen/parts/', found["queues.conf"])) == 2
    assert re.findall('parts/(.*)"', found["voicemail.conf"]) == ["acme~b/voicemail.conf"]
    assert found["voicemail.conf"].endswith("[x]\n")


def test_mailboxes_that_only_calls_in_progress_need() -> None:
    active = [b"[ivrc-acme]\n101 => ,Anna,,,x\n"]
    left = [b"[ivrc-acme]\n101 => ,Anna Old,,,x\n102 => ,Boris,,,x\n", b"[ivrc-gone]\n7 => ,G,,,x\n"]
    expected = b"[ivrc-acme](+)\n102 => ,Boris,,,x\n[ivrc-gone]\n7 => ,G,,,x\n"
    assert mailboxes_left(active, left) == expected


def test_folder_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)

    async def work() -> None:
        await folder.put("parts/a", {"x": [b"1", b"2"]})
        await folder.point("active", "parts/a")
        assert await folder.read("active/x") == b"12"
        with pytest.raises(FolderError):
            await folder.put("parts/b", {"x": [b"1"], "y": tmp_path / "not there"})
        assert await folder.names("parts") == {"a"}
        await folder.put("parts/b", {"x": [b"3"]})
        await folder.point("active", "parts/b")
        assert (await folder.read("active/x"), await folder.pointed("active")) == (b"3", "parts/b")
        await folder.remove("parts/a")
        await folder.remove("parts/a")
        assert await folder.names("parts") == {"b"}
        assert await folder.read("nothing") is None
        async with folder.lock(0, "anna"):
            with pytest.raises(Busy, match="anna is deploying"):
                async with LocalFolder(tmp_path).lock(0, "boris"):
                    pass
        async with LocalFolder(tmp_path).lock(0, "boris"):
            pass

    asyncio.run(work())
