"""Files of a git revision, laid out in a folder as they were. The `git` on PATH does it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ivrc.loading import SUFFIX, InputError

# The folder of the files, in the folder that is given.
TREE = "tree"


def checked_out(paths: list[Path], revision: str, folder: Path) -> list[Path]:
    """Put what `paths` were at a revision into `folder`/TREE; where each is there. InputError if one was not.

    With them come all sources of the repository, for their includes. Its own work tree and index stay as they are.
    """
    top = _top(paths)
    commit = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", fault="")
    if not commit:
        raise InputError(f"git knows no revision `{revision}` here")
    wanted = [_inside(path, top) for path in paths]
    folders = {os.path.dirname(name) if name.endswith(SUFFIX) else name for name in wanted}
    environment = {"GIT_INDEX_FILE": str(folder / "index")}
    _git(top, "read-tree", commit, **environment)
    specs = [f":(top,glob)**/*{SUFFIX}", *(f":(top,literal){name}" if name else ":(top)" for name in sorted(folders))]
    names = _git(top, "ls-files", "-z", "--", *specs, **environment)
    tree = folder / TREE
    tree.mkdir()
    _git(top, "checkout-index", "-z", "--stdin", f"--prefix={tree}/", given=names + "\0", **environment)
    for name in wanted:
        if not (tree / name).exists():
            raise InputError(f"there is no {name or 'file'} in {revision}")
    return [tree / name for name in wanted]


def _top(paths: list[Path]) -> Path:
    """The repository that holds all the paths."""
    tops = set()
    for path in paths:
        at = path if path.is_dir() else path.absolute().parent
        while not at.is_dir():
            at = at.parent
        tops.add(_git(at, "rev-parse", "--show-toplevel", fault=f"{path} is in no git repository"))
    if len(tops) > 1:
        raise InputError("the paths are in several git repositories: " + ", ".join(sorted(tops)))
    return Path(tops.pop())


def _inside(path: Path, top: Path) -> str:
    """A path from the top of its repository; empty for the top itself."""
    parent = path.absolute().parent.resolve() / path.absolute().name if path.name else path.resolve()
    name = os.path.relpath(os.path.normpath(parent), top.resolve())
    return "" if name == "." else name


def _git(folder: Path, *words: str, given: str = "", fault: str | None = None, **environment: str) -> str:
    """What git prints. InputError if it fails, with its own words or `fault`; an empty `fault`: nothing is printed."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            input=given,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            env={**os.environ, **environment},
            check=False,
        )
    except FileNotFoundError as missing:
        raise InputError("git is not installed") from missing
    if done.returncode == 0:
        return done.stdout.rstrip("\n\0")
    if fault == "":
        return ""
    raise InputError(fault or f"git {words[0]}: {done.stderr.strip()}")
