"""`--watch`: the tests run again whenever a source, a prompt or a file beside them changes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ivrc.loading import SUFFIX

# Looked at so often, in seconds.
INTERVAL = 0.3

Stamps = dict[str, tuple[int, int]]


def stamps(paths: Iterable[Path]) -> Stamps:
    """When files were changed and how long they are: of files, and of all that lies in folders."""
    found: Stamps = {}
    for path in paths:
        for file in _below(path):
            try:
                status = os.stat(file)
            except OSError:
                continue
            found[file] = (status.st_mtime_ns, status.st_size)
    return found


def _below(path: Path) -> Iterator[str]:
    if not path.is_dir():
        yield str(path)
        return
    for base, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (os.path.join(base, name) for name in names if not name.startswith("."))


def watched(paths: list[Path], sources: tuple[Path, ...]) -> list[Path]:
    """What decides the outcome of some paths' tests: these, what they include, and the prompts beside them."""
    folders = {path if path.is_dir() else path.parent for path in paths}
    beside = {source.parent for source in sources}
    inside = [folder for folder in folders | beside if _is_small(folder)]
    return [*paths, *sources, *sorted(inside)]


def _is_small(folder: Path) -> bool:
    """Whether a folder is an office's: somebody's home is not looked through."""
    return folder.is_dir() and any(name.endswith(SUFFIX) for name in os.listdir(folder))


def watch(run: Callable[[], list[Path]], wait: Callable[[float], None] = time.sleep) -> None:
    """Run, and run again at each change, until Ctrl-C. `run` says what is to be watched."""
    try:
        while True:
            before = time.time_ns()
            paths = run()
            known = stamps(paths)
            # What was changed while the tests ran.
            changed = any(changed_at > before for changed_at, _ in known.values())
            while not changed:
                wait(INTERVAL)
                changed = stamps(paths) != known
    except KeyboardInterrupt:
        return
