"""From the name in the source to the file in the prompts folder, never outside of it."""

from __future__ import annotations

import os
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from ivrc.prompts.formats import RANK, split_extension

_MOST_COMPARED = 2000  # names; difflib takes about 10 microseconds for each
_RACY_NS = 2_000_000_000  # a folder changed this recently may change again within the clock's resolution


class _Listing(NamedTuple):
    """Audio files by full name and by stem (best first), and subfolders; keys are NFC, values as on disk."""

    files: dict[str, str]
    stems: dict[str, list[str]]
    folders: dict[str, str]


_listings: dict[str, tuple[int, _Listing]] = {}


def find_prompt(folder: Path, name: str, language: str) -> Path | None:
    """The file called `name` in folder/language or else in folder; None when there is none inside `folder`.

    The extension may be left out; `formats.SEARCH_ORDER` decides between several. A match is exact in case.
    """
    parts = _safe_parts(name)
    if not parts:
        return None
    base = _safe_parts(language)
    for path in (base + parts, parts) if len(base) == 1 else (parts,):
        found = _find_in(folder, path)
        if found is not None:
            return found
    return None


def near_names(folder: Path, name: str, language: str) -> list[str]:
    """Up to three names of existing prompts that `name` may have been meant to be, the likeliest first."""
    from difflib import get_close_matches

    wanted = _folded(split_extension(name)[0])
    by_path: dict[str, str] = {}
    by_last: dict[str, str] = {}
    for candidate in _all_names(folder, language):
        by_path.setdefault(_folded(candidate), candidate)
        by_last.setdefault(_folded(candidate).rpartition("/")[2], candidate)
    last = wanted.replace("\\", "/").rpartition("/")[2]
    close = [by_path[match] for match in get_close_matches(wanted, by_path, n=6)]
    close += [by_last[match] for match in get_close_matches(last, by_last, n=6, cutoff=0.75)]
    alive = (c for c in dict.fromkeys(close) if c != name and find_prompt(folder, c, language) is not None)
    return [candidate for candidate, _ in zip(alive, range(3), strict=False)]


def _safe_parts(name: str) -> list[str]:
    """The components of a relative path; none at all when any of them could lead elsewhere."""
    parts = unicodedata.normalize("NFC", name).split("/")
    if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts):
        return []
    return parts


def _find_in(folder: Path, parts: list[str]) -> Path | None:
    """Walk `parts` by what the folders list, so that no text of the user's becomes a path."""
    at = folder
    for part in parts[:-1]:
        listing = _list(at)
        if part not in listing.folders:
            return None
        at = at / listing.folders[part]
    listing = _list(at)
    exact = listing.files.get(parts[-1])
    for real in ([exact] if exact else []) + listing.stems.get(parts[-1], []):
        if _inside(folder, at / real):
            return at / real
    return None


def _inside(folder: Path, path: Path) -> bool:
    """Whether `path` stays in `folder` after its symbolic links are followed."""
    try:
        return path.resolve(strict=True).is_relative_to(folder.resolve(strict=True))
    except (OSError, RuntimeError):
        return False


def _list(folder: Path) -> _Listing:
    """What is in `folder`, remembered until it changes: thousands of names may be asked of one folder."""
    where = str(folder)
    try:
        changed = os.stat(where).st_mtime_ns
        kept = _listings.get(where)
        if kept is not None and kept[0] == changed:
            return kept[1]
        listing = _read(where)
    except OSError:
        return _Listing({}, {}, {})
    if abs(time.time_ns() - changed) > _RACY_NS:
        _listings[where] = (changed, listing)
    return listing


def _read(where: str) -> _Listing:
    """List a folder; of two spellings that are the same in NFC the first by code point wins."""
    listing = _Listing({}, {}, {})
    with os.scandir(where) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            name = unicodedata.normalize("NFC", entry.name)
            stem, extension = split_extension(name)
            kind = _kind(entry)
            if kind == "folder":
                listing.folders.setdefault(name, entry.name)
            elif extension and kind == "file":
                listing.files.setdefault(name, entry.name)
                listing.stems.setdefault(stem, []).append(entry.name)
    for names in listing.stems.values():
        names.sort(key=lambda n: (RANK[split_extension(n)[1]], n))
    return listing


def _kind(entry: os.DirEntry[str]) -> Literal["file", "folder", "other"]:
    """What the entry, or what it links to, is."""
    try:
        return "folder" if entry.is_dir() else "file" if entry.is_file() else "other"
    except OSError:  # a link to itself
        return "other"


def _all_names(folder: Path, language: str) -> list[str]:
    """Every prompt's name as a user would write it, without extension, sorted."""
    names: set[str] = set()
    for path in _walk(folder):
        stem = split_extension(unicodedata.normalize("NFC", path))[0]
        names.add(stem.removeprefix(f"{language}/") if language else stem)
        if len(names) >= _MOST_COMPARED:
            break
    return sorted(names)


def _walk(folder: Path) -> Iterator[str]:
    """Audio files below `folder`, relative, with "/"; links to folders are not followed."""
    for at, folders, files in os.walk(folder):
        folders.sort()
        inside = Path(at).relative_to(folder)
        for file in sorted(files):
            if split_extension(file)[1]:
                yield (inside / file).as_posix()


def _folded(name: str) -> str:
    """A form in which two names that differ in case only are one."""
    return unicodedata.normalize("NFC", name).casefold()
