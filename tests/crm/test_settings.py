"""ivrc.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivrc.crm import kinds
from ivrc.crm.durations import Duration
from ivrc.crm.settings import CrmSettings, SettingsError, load, locate


def written(folder: Path, text: str) -> Path:
    file = folder / "ivrc.toml"
    file.write_text(text, "utf-8")
    return file


def fault(folder: Path, text: str) -> str:
    with pytest.raises(SettingsError) as raised:
        load(written(folder, text))
    message = str(raised.value)
    assert message.startswith(str(folder / "ivrc.toml"))
    return message.removeprefix(str(folder / "ivrc.toml"))


def test_nothing_is_needed(tmp_path: Path) -> None:
    settings = load(written(tmp_path, ""))
    assert settings.crm is None and settings.crm_of("acme") is None
    assert settings.agi.deadline == 2.0
    assert settings.agi.manifest == tmp_path / "build/manifest.json"


def test_a_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "s3cret")
    (tmp_path / "other").write_text("from a file\n")
    settings = load(
        written(
            tmp_path,
            """
            [agi]
            listen = "0.0.0.0:4573"
            manifest = "out/manifest.json"
            deadline = "1500ms"
            [crm]
            file = "contacts.sqlite"
            [crm.cache]
            keep = "10m"
            size = 5
            [crm.presence]
            busy = "pass"
            [office.acme.crm]
            kind = "http"
            url = { env = "SHOP_TOKEN" }
            headers = { Authorization = { file = "other" }, X-Plain = "x" }
            paths = { phones = "phone" }
            """,
        )
    )
    assert settings.agi.deadline == 1.5
    assert settings.agi.manifest == tmp_path / "out/manifest.json"
    common = settings.crm_of("elsewhere")
    assert common is not None and common.kind == "book"
    assert common.options.file == tmp_path / "contacts.sqlite"
    assert (common.cache.keep, common.cache.size, common.presence.busy) == (600.0, 5, "pass")
    own = settings.crm_of("acme")
    assert own is not None and own.kind == "http"
    assert own.options.headers["Authorization"].reveal() == "from a file"
    assert "s3cret" not in repr(own) and "s3cret" not in str(settings)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[crn]\n", ':1: crn: this key is not known; did you mean "crm"?'),
        ("\n[crm]\nfiel = 'x'", ':3: crm.fiel: this key is not known; did you mean "file"?'),
        ("[crm]\n[crm.cache]\nkep = '5m'", ':3: crm.cache.kep: this key is not known; did you mean "keep"?'),
        ("[crm]\nchace = {}", ':2: crm.chace: this key is not known; did you mean "cache"?'),
        ("[crm]\n[crm.cache]\nkeep = 5", ':3: crm.cache.keep: 5 is no duration: write "250ms"'),
        ("[crm]\n[crm.cache]\nkeep = '5 minutes'", ":3: crm.cache.keep: '5 minutes' is no duration"),
        ("[crm]\n[crm.breaker]\nfailures = 0", ":3: crm.breaker.failures: this must be more than zero"),
        ("[crm]\n[crm.breaker]\nfailures = 'x'", ":3: crm.breaker.failures: this must be a whole number, not a text"),
        (
            "[crm]\n[crm.presence]\nbusy = 'wait'",
            ":3: crm.presence.busy: this must be mobile or ring or pass, not 'wait'",
        ),
        ("[agi]\nconnections = -1", ":2: agi.connections: this must be more than zero"),
        ("[agi]\nlog_numbers = true", ":2: agi.log_numbers: "),
        ("agi = 1", ":1: agi: this is a table"),
        ("[crm]\nkind = 'bitrx24'", ':2: crm.kind: no kind of CRM is called "bitrx24"; did you mean "bitrix24"?'),
        ("[crm]\nkind = 'Kommo'", ':2: crm.kind: no kind of CRM is called "Kommo"; did you mean "amocrm"?'),
        ("[crm]\nkind = 'sql'\nquery='x'\nurl = { env = 'IVRC_NOT_SET' }", ":4: crm.url: the environment has no IVRC_"),
        ("[crm]\nkind = 'sql'\nquery='x'\nurl='a'\npassword = 'pw'", ":5: crm.password: a secret is not written here"),
        (
            "[crm]\nkind = 'sql'\nquery='x'\nurl='a'\npassword = {file='none'}",
            ":5: crm.password: the secret's file none",
        ),
        ("[crm]\nkind = 'sql'\nquery='x'\nurl='a'\npassword = {evn='none'}", ":5: crm.password: a secret is"),
        ("[crm]\nkind = 'sql'\nurl='a'", ':1: crm: "query" is missing'),
        ("[office.acme]\ncrn = {}", ':2: office.acme.crn: this key is not known; did you mean "crm"?'),
        ("[office.acme.crm]\nfile = 3", ":2: office.acme.crm.file: this is the path of a file"),
        (
            "[crm]\nkind = 'sql'\nquery='x'\nurl='a'\nconnections = -1",
            ":5: crm.connections: this must be more than zero",
        ),
        ("[crm]\nkind = 'sql'\nquery='x'\nurl='a'\ntimeout = '0s'", ":5: crm.timeout: this must be more than zero"),
        ("[crm]\nkind = 'bitrix24'\nrate = nan", ":3: crm.rate: this cannot be less"),
        ("[crm]\nkind =", ": is no TOML: "),
        ("[crm]\nkind = =\n", ":2: is no TOML: "),
    ],
)
def test_faults_name_the_line_and_the_key(tmp_path: Path, text: str, said: str) -> None:
    assert fault(tmp_path, text).startswith(said)


def test_a_password_in_the_open_is_never_repeated(tmp_path: Path) -> None:
    text = "[crm]\nkind = 'sql'\nquery = 'x'\nurl = 'a'\npassword = 'hunter2'"
    assert "hunter2" not in fault(tmp_path, text)


def test_not_utf8(tmp_path: Path) -> None:
    file = tmp_path / "ivrc.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="UTF-8"):
        load(file)
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path / "none.toml")


def test_locate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IVRC_CONFIG", raising=False)
    with pytest.raises(SettingsError, match="--config"):
        locate()
    file = written(tmp_path, "")
    assert locate().absolute() == file
    monkeypatch.setenv("IVRC_CONFIG", str(tmp_path / "elsewhere.toml"))
    with pytest.raises(SettingsError, match="elsewhere"):
        locate()
    assert locate(file) == file


@pytest.mark.parametrize(("text", "seconds"), [("250ms", 0.25), ("2s", 2), ("1.5s", 1.5), ("5m", 300), ("1h", 3600)])
def test_durations(text: str, seconds: float) -> None:
    assert Duration.parse(text) == seconds


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError("No module named 'sqlalchemy'", name="sqlalchemy")

    monkeypatch.setattr(kinds, "import_module", absent)
    with pytest.raises(SettingsError, match=r"pip install 'ivrc\[agi,sql\]'"):
        kinds.make(CrmSettings(kind="sql"))
