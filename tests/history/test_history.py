"""The call history from recorded event logs: what is told, and that nothing is lost or told twice."""

from __future__ import annotations

import json
import random
import sqlite3
import wave
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import given, settings
from hypothesis import strategies as st

from ivrc.history import cel, journey
from ivrc.history.collect import Collector, prune
from ivrc.history.plan import Plan, load_plan
from ivrc.history.schema import metadata, rows, sources
from ivrc.history.settings import HistorySettings
from ivrc.history.store import Filter, Place, Store, StoreError

HERE = Path(__file__).parent
VERSIONS = ["22", "16"]
# A moment soon after the recorded calls: a collector of a later day would give them up in the middle.
RECORDED = 1795430000.0


def recorded(version: str) -> tuple[bytes, Plan]:
    folder = HERE / f"recorded-{version}"
    return (folder / "ivrc.csv").read_bytes(), load_plan(folder / "build")


def events_of(data: bytes) -> list[cel.Event]:
    return [event for line in cel.whole_lines(data) if (event := cel.parse(line))]


class Place_:
    """A history in a folder, fed by a log there."""

    def __init__(self, folder: Path, version: str = "22", **more: Any) -> None:
        self.log = folder / "ivrc.csv"
        (folder / "spool").mkdir(exist_ok=True)
        self.settings = HistorySettings(
            database=str(folder / "history.sqlite"),
            cel=self.log,
            spool=folder / "spool",
            build=HERE / f"recorded-{version}" / "build",
            machine="m",
            **more,
        )
        self.store = Store(self.settings.url)

    def collect(self) -> None:
        Collector(self.settings, self.store, clock=lambda: RECORDED).collect()

    def whole(self) -> list[Any]:
        """Everything in the history but for ids."""
        found = []
        for call in self.store.find(Filter(limit=0)):
            shown = self.store.show(call["id"])
            assert shown is not None
            for name in ("legs", "entries", "media"):
                shown[name] = [{k: v for k, v in each.items() if k not in ("id", "call")} for each in shown[name]]
            shown.pop("id")
            found.append(shown)
        return found


# ── the log ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("version", VERSIONS)
def test_every_recorded_line_is_an_event(version: str) -> None:
    data, _ = recorded(version)
    assert len(events_of(data)) == data.count(b"\n")


def test_callers_name_may_hold_anything() -> None:
    name = 'Ivan "the; [x]\n" Petrov, \\ Пётр'
    values = ["CHAN_START", "", "1.5", name, "+7916", "", "ctx", "s", "PJSIP/a-1", "", "", "1.1", "1.1", "", ""]
    line = ",".join('"' + value.replace('"', '""') + '"' for value in values).encode() + b"\n"
    assert list(cel.whole_lines(line + line[:20])) == [line]
    event = cel.parse(line)
    assert event is not None
    assert event.caller_name == name


@pytest.mark.parametrize("line", [b"\n", b'"a"\n', b"\xff" * 50 + b"\n", b'"' * 15 + b"\n", b'"x",' * 14 + b'"x"\n'])
def test_what_is_no_event_is_skipped(line: bytes) -> None:
    assert cel.parse(line) is None


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_a_complaint(data: bytes) -> None:
    lines = list(cel.whole_lines(data))
    assert b"".join(lines) == data[: sum(map(len, lines))]
    for line in lines:
        cel.parse(line)


@given(st.integers(0, 60_000))
def test_a_log_cut_anywhere_gives_the_lines_before_the_cut(cut: int) -> None:
    data, _ = recorded("22")
    whole = list(cel.whole_lines(data))
    assert whole[: len(list(cel.whole_lines(data[:cut])))] == list(cel.whole_lines(data[:cut]))


# ── the journey ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("version", VERSIONS)
def test_outcomes(tmp_path: Path, version: str) -> None:
    place = Place_(tmp_path, version)
    place.log.write_bytes(recorded(version)[0])
    place.collect()
    found = place.store.find(Filter())
    assert [call["outcome"] for call in found] == ["refused", "message", "talked", "talked"]
    assert found[-1]["answered_by"] == "boris"
    assert {call["complete"] for call in found} == {True}


def test_steps_stand_in_the_words_of_the_source(tmp_path: Path) -> None:
    place = Place_(tmp_path)
    place.log.write_bytes(recorded("22")[0])
    place.collect()
    steps = [(entry["text"], entry["line"]) for entry in place.whole()[-1]["entries"] if entry["kind"] == "step"]
    assert steps == [
        ('number "+7 495 000-00-01" -> main', 11),
        ('play "greeting"', 13),
        ("when open", 13),
        ("call group g for 2s", 13),
    ]


def test_two_of_one_application_in_a_row_are_both_told() -> None:
    """Asterisk tells of the second Dial only in what happens in it."""
    common = {
        "defined": "",
        "caller_name": "",
        "called": "",
        "context": "ivrc-lab-main",
        "exten": "s",
        "peer": "",
        "extra": "",
    }

    def event(kind: str, time: float, channel: str, data: str, unique: str) -> cel.Event:
        app = "Dial" if data else ""
        return cel.Event(
            kind=kind,
            time=time,
            channel=channel,
            app=app,
            data=data,
            uniqueid=unique,
            linkedid="1",
            caller="+7",
            **common,
        )

    plan = Plan(
        "[ivrc-lab-main]\n; one    (a.ivr:1)\nexten => s,1,Dial(PJSIP/a,5,i)\n"
        "; two    (a.ivr:2)\n same => n,Dial(PJSIP/b,5,i)\n"
    )
    found = journey.tell(
        "1",
        [
            event("CHAN_START", 1, "PJSIP/t-1", "", "1"),
            event("APP_START", 2, "PJSIP/t-1", "PJSIP/a,5,i", "1"),
            event("CHAN_START", 2.1, "PJSIP/a-2", "", "2"),
            event("CHAN_START", 7.1, "PJSIP/b-3", "", "3"),
            event("APP_END", 12, "PJSIP/t-1", "PJSIP/b,5,i", "1"),
        ],
        plan,
    )
    assert found is not None
    assert [(entry.text, entry.at) for entry in found.entries if entry.kind == "step"] == [("one", 2), ("two", 7.1)]


# ── nothing is lost, nothing is told twice ──────────────────────────────────────────────────────


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 60_000), max_size=6), st.integers(0, 3))
def test_pieces_restarts_and_repeats_make_no_difference(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], seed: int
) -> None:
    """The log grows in pieces cut anywhere, and the collector is started anew for each."""
    data, _ = recorded("22")
    at_once = Place_(tmp_path_factory.mktemp("once"))
    at_once.log.write_bytes(data)
    at_once.collect()
    by_pieces = Place_(tmp_path_factory.mktemp("pieces"))
    for cut in [*sorted(cuts), len(data)]:
        by_pieces.log.write_bytes(data[:cut])
        by_pieces.collect()
    if seed:
        # The same lines once more, as after a restored backup of the log.
        random.Random(seed)
        by_pieces.store.add("m", str(by_pieces.log), Place("", 0, 0.0), [], Plan())
        by_pieces.collect()
    assert by_pieces.whole() == at_once.whole()


def test_killed_between_any_two_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever call to the store fails, the next run ends where an undisturbed one does."""
    undisturbed = with_files(tmp_path / "a", 3.0)
    expected = json.dumps(undisturbed.whole()).replace(str(tmp_path / "a"), "")
    for name in ["add", "add_media", "settle", "outcome"]:
        place = fed(tmp_path / name, 3.0)

        def killed(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Store, name, killed)
            with pytest.raises(KeyboardInterrupt):
                place.collect()
        place.collect()
        assert json.dumps(place.whole()).replace(str(tmp_path / name), "") == expected, name


def test_rotated_log_is_read_to_its_end_first(tmp_path: Path) -> None:
    data, _ = recorded("22")
    half = data.index(b"\n", len(data) // 2) + 1
    place = Place_(tmp_path)
    place.log.write_bytes(data[: half - 500])
    place.collect()
    place.log.write_bytes(data[:half])
    place.log.rename(tmp_path / "ivrc.csv.1")
    place.log.write_bytes(data[half:])
    place.collect()
    once_folder = tmp_path / "once"
    once_folder.mkdir()
    once = Place_(once_folder)
    once.log.write_bytes(data)
    once.collect()
    assert place.whole() == once.whole()


@pytest.mark.parametrize("share", [0.3, 0.6, 1.0])
def test_old_log_that_is_read_once_more_changes_nothing(tmp_path: Path, share: float) -> None:
    """Its events were dropped; what is left of it may end in the middle of a call."""
    place = with_files(tmp_path, 3.0)
    told = place.whole()
    Collector(place.settings, place.store, clock=lambda: RECORDED + 48 * 3600).collect()
    with place.store.engine.begin() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(rows)).scalar() == 0
        connection.execute(sa.delete(sources))
    for path in (tmp_path / "spool").rglob("*.wav"):
        path.unlink()
    data = place.log.read_bytes()
    place.log.write_bytes(data[: round(len(data) * share)])
    place.collect()
    assert place.whole() == told


# ── files ───────────────────────────────────────────────────────────────────────────────────────


def wav(path: Path, seconds: float, level: int = 8000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(
            b"".join(
                (level if i % 2 else -level).to_bytes(2, "little", signed=True) for i in range(int(8000 * seconds))
            )
        )


def fed(folder: Path, seconds: float, level: int = 8000) -> Place_:
    """A history not collected yet: the recorded log, with the files that it names."""
    folder.mkdir(exist_ok=True)
    place = Place_(folder)
    data = recorded("22")[0].replace(b"/spool/", f"{folder}/spool/".encode())
    place.log.write_bytes(data)
    for event in events_of(data):
        if event.kind.startswith("IVRC_"):
            wav(Path(json.loads(event.extra)["extra"]), seconds, level)
    return place


def with_files(folder: Path, seconds: float, level: int = 8000) -> Place_:
    """The same, collected."""
    place = fed(folder, seconds, level)
    place.collect()
    return place


def test_message_and_recording_are_attached(tmp_path: Path) -> None:
    place = with_files(tmp_path, 3.0)
    call = next(call for call in place.whole() if call["media"])
    assert [(each["kind"], each["seconds"]) for each in call["media"]] == [("recording", 3.0), ("voicemail", 3.0)]
    assert call["words"] == "left a message of 3 s"


@pytest.mark.parametrize(("seconds", "level"), [(0.5, 8000), (5.0, 100)])
def test_empty_ones_are_deleted(tmp_path: Path, seconds: float, level: int) -> None:
    place = with_files(tmp_path, seconds, level)
    assert [call["media"] for call in place.whole()] == [[], [], [], []]
    assert list((tmp_path / "spool").rglob("*.wav")) == []
    assert "the message was empty: dropped" in [e["text"] for call in place.whole() for e in call["entries"]]


@pytest.mark.parametrize("trick", ["/etc/passwd", "{}/../../etc/passwd", "", "\x00", "{}/link.wav"])
def test_no_path_of_the_log_leads_out_of_our_folders(tmp_path: Path, trick: str) -> None:
    place = Place_(tmp_path)
    media = tmp_path / "spool/ivrc"
    media.mkdir(parents=True)
    (media / "link.wav").symlink_to("/etc/hostname")
    path = trick.format(media)
    data = b""
    for line in cel.whole_lines(recorded("22")[0]):
        event = cel.parse(line)
        if event and event.kind == "IVRC_VOICEMAIL":
            event = event._replace(extra=json.dumps({"extra": path}))
            values = [event.kind, event.defined, str(event.time), *event[3:]]
            line = ",".join('"' + str(value).replace('"', '""') + '"' for value in values).encode() + b"\n"
        data += line
    place.log.write_bytes(data)
    place.collect()
    assert all(each["kind"] != "voicemail" for call in place.whole() for each in call["media"])
    assert Path("/etc/passwd").exists()
    assert (media / "link.wav").is_symlink()


def test_prune_by_age_and_size(tmp_path: Path) -> None:
    place = with_files(tmp_path, 3.0)
    now = place.store.find(Filter())[0]["began"] + 1000
    assert prune(place.settings, place.store, now) == (0, 0), "off unless set"
    small = HistorySettings(
        **{**{n: getattr(place.settings, n) for n in place.settings.__struct_fields__}, "media_bytes": 60_000}
    )
    assert prune(small, place.store, now) == (0, 1)
    assert len(list((tmp_path / "spool").rglob("*.wav"))) == 1
    old = HistorySettings(
        **{**{n: getattr(place.settings, n) for n in place.settings.__struct_fields__}, "keep": 500.0}
    )
    assert prune(old, place.store, now) == (4, 1)
    assert place.store.find(Filter()) == []
    assert list((tmp_path / "spool").rglob("*.wav")) == []


# ── the database ────────────────────────────────────────────────────────────────────────────────


def test_migrations_make_what_the_schema_says(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'h.sqlite'}")
    with store.engine.connect() as connection:
        # SQLite keeps the index of texts in tables of its own.
        ours = {"compare_type": True, "include_name": lambda name, *_: not (name or "").startswith("call_text")}
        context = MigrationContext.configure(connection, opts=ours)
        assert compare_metadata(context, metadata) == []
        names = {name for name in sa.inspect(connection).get_table_names() if not name.startswith("call_text")}
        assert names == {*metadata.tables, "alembic_version"}


def test_database_is_written_ahead(tmp_path: Path) -> None:
    Store(f"sqlite:///{tmp_path / 'h.sqlite'}").close()
    assert sqlite3.connect(tmp_path / "h.sqlite").execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_database_that_cannot_be_had(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("this is no database, and long enough to be seen as none by SQLite " * 20)
    with pytest.raises(StoreError):
        Store(f"sqlite:///{tmp_path / 'file'}")
    with pytest.raises(StoreError):
        Store(f"sqlite:///{tmp_path / 'nowhere' / 'h.sqlite'}")


def test_filters(tmp_path: Path) -> None:
    place = Place_(tmp_path)
    place.log.write_bytes(recorded("22")[0])
    place.collect()

    def count(**wanted: Any) -> int:
        return len(place.store.find(Filter(**wanted)))

    began = place.store.find(Filter())[-1]["began"]
    assert count() == 4
    assert count(limit=2) == 2
    assert count(employee="anna") == 3
    assert count(employee="ann") == 0
    assert count(outcome="talked") == 2
    assert count(caller="0003") == 1
    assert count(number="4950000009") == 1
    assert count(search="Anna") == 1
    assert count(search="%") == 0, "a percent sign is a percent sign"
    assert count(since=began + 0.001) == 3
    assert count(until=began + 0.001) == 1
