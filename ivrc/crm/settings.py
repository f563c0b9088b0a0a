"""ivrc.toml: what the helper listens on, and which CRM each office asks.

`load` reads it whole or raises SettingsError: unknown keys, wrong types, secrets that are missing or written in the
open are all found at the start, with the key's path and line.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import msgspec

from ivrc.crm.durations import Duration

FILE = "ivrc.toml"
T = TypeVar("T")


class SettingsError(Exception):
    """Settings that cannot be used. `line` counts from 1, 0 where no line is to blame; `key` as in `crm.cache.keep`."""

    def __init__(self, message: str, *, file: Path | None = None, line: int = 0, key: str = "") -> None:
        where = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        super().__init__(where + (f"{key}: " if key else "") + message)
        self.message = message
        self.file = file
        self.line = line
        self.key = key


class Secret:
    """A password or token. Its text is in `reveal()` only, so that no log shows it by accident."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


class MaybeSecret(Secret):
    """A text that may be written in the open where it has no secret in it, as an address or a header has not always.

    `is_open`: it stands in ivrc.toml itself.
    """

    __slots__ = ("is_open",)

    def __init__(self, text: str, is_open: bool = False) -> None:
        super().__init__(text)
        self.is_open = is_open


class Strict(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The base of every table of ivrc.toml: unknown keys are errors. Classes say `frozen=True` again, for mypy."""


class AgiSettings(Strict, frozen=True):
    """[agi]: the helper. An empty `status` means no page for health and metrics."""

    listen: str = "127.0.0.1:4573"
    status: str = "127.0.0.1:4574"
    manifest: Path = Path("build/manifest.json")
    deadline: Duration = Duration(2.0)
    connections: int = 500
    log_numbers: Literal["masked", "full"] = "masked"


class CacheSettings(Strict, frozen=True):
    """[crm.cache]: how long answers are kept, how many, and how much older they may be while the CRM is down."""

    keep: Duration = Duration(300.0)
    keep_unknown: Duration = Duration(60.0)
    size: int = 10_000
    stale: Duration = Duration(0.0)


class BreakerSettings(Strict, frozen=True):
    """[crm.breaker]: after so many failures in a row the CRM is left alone for the pause, then tried once."""

    failures: int = 5
    pause: Duration = Duration(10.0)


class PresenceSettings(Strict, frozen=True):
    """[crm.presence]: whose word counts on who is at work, and what a busy desk means."""

    asterisk: bool = True
    crm: bool = True
    busy: Literal["mobile", "ring", "pass"] = "mobile"


class CrmSettings(Strict, frozen=True):
    """A [crm] table: `options` are the keys of the kind, in the kind's own class."""

    kind: str = "book"
    options: Any = None
    cache: CacheSettings = CacheSettings()
    breaker: BreakerSettings = BreakerSettings()
    presence: PresenceSettings = PresenceSettings()


class Settings(Strict, frozen=True):
    """All of ivrc.toml. `crm` is None when there is no [crm]."""

    file: Path
    agi: AgiSettings = AgiSettings()
    crm: CrmSettings | None = None
    offices: dict[str, CrmSettings] = msgspec.field(default_factory=dict)

    def crm_of(self, office: str) -> CrmSettings | None:
        """The CRM that an office asks: its own, or the common one; None when there is neither."""
        return self.offices.get(office, self.crm)


def locate(given: Path | str | None = None) -> Path:
    """The settings file: the one given, $IVRC_CONFIG, or ivrc.toml in the current folder; SettingsError if none."""
    named = given or os.environ.get("IVRC_CONFIG")
    path = Path(named) if named else Path(FILE)
    if not path.is_file():
        hint = "" if named else " in this folder; name it by --config or $IVRC_CONFIG"
        raise SettingsError(f"there is no file {path}{hint}")
    return path


def load(path: Path) -> Settings:
    """Read and check a settings file, its secrets too."""
    return read(path, lambda data: _settings(data, path))


def read(path: Path, meaning: Callable[[dict[str, Any]], T]) -> T:
    """What a settings file comes to; SettingsError, with the file and the line, if it is wrong."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as fault:
        raise SettingsError(f"cannot be read: {fault.strerror}", file=path) from None
    except UnicodeDecodeError:
        raise SettingsError("is not written in UTF-8", file=path) from None
    try:
        return meaning(tomllib.loads(text))
    except tomllib.TOMLDecodeError as fault:
        line = re.search(r"at line (\d+)", str(fault))
        raise SettingsError(f"is no TOML: {fault}", file=path, line=int(line[1]) if line else 0) from None
    except SettingsError as fault:
        raise SettingsError(fault.message, file=path, line=_line_of(text, fault.key), key=fault.key) from None


def parse_crm(table: dict[str, Any], *, folder: Path, key: str = "crm") -> CrmSettings:
    """A [crm] table that is given as plain data; `folder` is where relative paths begin."""
    from ivrc.crm.kinds import settings_class

    common = {"cache": CacheSettings, "breaker": BreakerSettings, "presence": PresenceSettings}
    kind = table.get("kind", "book")
    if not isinstance(kind, str):
        raise SettingsError("the kind is a text", key=f"{key}.kind")
    own = {name: value for name, value in table.items() if name != "kind" and name not in common}
    options = convert(own, settings_class(kind, key=f"{key}.kind"), folder=folder, key=key, also=[*common, "kind"])
    _positive(options, key)
    parts = {
        name: _positive(convert(table[name], cls, folder=folder, key=f"{key}.{name}"), f"{key}.{name}")
        for name, cls in common.items()
        if name in table
    }
    return CrmSettings(kind=kind, options=options, **parts)


def convert(data: Any, cls: Any, *, folder: Path, key: str, also: list[str] | None = None) -> Any:
    """Plain data as a class of settings; SettingsError with the key's path. `also`: other keys to suggest."""
    if not isinstance(data, dict):
        raise SettingsError("this is a table", key=key)
    _known(data, cls, key, also or [])
    try:
        return msgspec.convert(data, cls, dec_hook=lambda wanted, value: _special(wanted, value, folder))
    except msgspec.ValidationError as fault:
        message, _, at = str(fault).partition(" - at `$")
        where = key + at.rstrip("`").replace("[...]", "")
        if missing := re.match(r"Object missing required field `(.*)`", message):
            raise SettingsError(f'"{missing[1]}" is missing', key=where) from None
        raise SettingsError(_among_words(message, cls, at) or _plain(message), key=where) from None


def _settings(data: dict[str, Any], path: Path) -> Settings:
    _among(data, ["agi", "crm", "deploy", "history", "office"], "")
    folder = path.absolute().parent
    agi = _positive(convert(data.get("agi", {}), AgiSettings, folder=folder, key="agi"), "agi")
    if "manifest" not in data.get("agi", {}):
        agi = msgspec.structs.replace(agi, manifest=folder / agi.manifest)
    crm = None
    if "crm" in data:
        crm = parse_crm(_table(data["crm"], "crm"), folder=folder)
    offices = {}
    for name, table in _table(data.get("office", {}), "office").items():
        key = f"office.{name}"
        _among(_table(table, key), ["crm"], key)
        if "crm" in table:
            offices[name] = parse_crm(_table(table["crm"], f"{key}.crm"), folder=folder, key=f"{key}.crm")
    return Settings(file=path, agi=agi, crm=crm, offices=offices)


def _table(value: Any, key: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError("this is a table", key=key)
    return value


_OFF_AT_ZERO = ("keep", "keep_unknown", "size", "stale", "pause", "rate", "burst", "keep_people")


def _positive(settings: Any, key: str) -> Any:
    """Numbers below zero never make sense here; zero only where something is switched off by it."""
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        least = 0 if name in _OFF_AT_ZERO else 1e-3
        if isinstance(value, int | float) and not isinstance(value, bool) and not value >= least:
            raise SettingsError("this must be more than zero" if least else "this cannot be less", key=f"{key}.{name}")
    return settings


def _known(data: dict[str, Any], cls: Any, key: str, also: list[str]) -> None:
    """Unknown keys, in tables inside too."""
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(cls)}
    _among(data, [*fields, *also], key)
    for name, value in data.items():
        inner = fields.get(name)
        if isinstance(value, dict) and isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            _known(value, inner, f"{key}.{name}", [])


def _among(data: dict[str, Any], known: list[str], key: str) -> None:
    for name in data:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f'did you mean "{near[0]}"?' if near else f"there are {', '.join(sorted(known))}"
            raise SettingsError(f"this key is not known; {hint}", key=f"{key}.{name}".lstrip("."))


def _special(wanted: Any, value: Any, folder: Path) -> Any:
    """What msgspec does not know by itself: durations, paths, secrets."""
    if wanted is Duration:
        return Duration.parse(value)
    if wanted is Path:
        if not isinstance(value, str) or not value:
            raise ValueError("this is the path of a file")
        return folder / Path(value).expanduser()
    if wanted is MaybeSecret and isinstance(value, str):
        return MaybeSecret(value, is_open=True)
    return wanted(_secret(value, folder))


def _secret(value: Any, folder: Path) -> str:
    if not isinstance(value, dict) or len(value) != 1 or not isinstance(next(iter(value.values())), str):
        raise ValueError('a secret is not written here: name where it is, { env = "NAME" } or { file = "path" }')
    kind, name = next(iter(value.items()))
    if kind == "env":
        text = os.environ.get(name, "")
        if not text:
            raise ValueError(f"the environment has no {name}")
    elif kind == "file":
        try:
            text = (folder / Path(name).expanduser()).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise ValueError(f"the secret's file {name} cannot be read") from None
        if not text:
            raise ValueError(f"the secret's file {name} is empty")
    else:
        raise ValueError(f'a secret is {{ env = "NAME" }} or {{ file = "path" }}, not {kind}')
    return text


def _among_words(message: str, cls: Any, at: str) -> str:
    """What to say of a word that is not among those that a key takes; "" for other complaints."""
    wrong = re.fullmatch(r"Invalid enum value (.*)", message)
    wanted = {field.encode_name: get_args(field.type) for field in msgspec.structs.fields(cls)}.get(at.strip(".`"))
    return f"this must be {' or '.join(map(str, wanted))}, not {wrong[1]}" if wrong and wanted else ""


def _plain(message: str) -> str:
    """msgspec's complaint in the words of TOML."""
    said = re.fullmatch(r"Expected `(.*)`, got `(.*)`", message)
    words = {"str": "a text", "int": "a whole number", "float": "a number", "bool": "true or false", "array": "a list"}
    if not said:
        return message
    wanted = " or ".join(words.get(part, part) for part in said[1].split(" | ") if part != "null")
    got = words.get(said[2], {"object": "a table"}.get(said[2], said[2]))
    return f"this must be {wanted}, not {got}"


def _line_of(text: str, key: str) -> int:
    """The line where a key stands, or its table's; 0 when neither is found."""
    path = key.split(".") if key else []
    table: list[str] = []
    best = (0, 0)
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", line):
            table = here = _parts(header[1])
        elif item := re.match(r"""\s*([\w\-."' ]+?)\s*=""", line):
            here = [*table, *_parts(item[1])]
        else:
            continue
        if here == path[: len(here)] and len(here) > best[0]:
            best = (len(here), number)
    return best[1]


def _parts(written: str) -> list[str]:
    return [part.strip().strip("\"'") for part in written.split(".")]
