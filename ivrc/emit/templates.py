"""The Jinja environment; templates loop over what emit made ready and decide nothing."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache

from jinja2 import Environment, FileSystemBytecodeCache, FunctionLoader, StrictUndefined, Template
from jinja2.bccache import Bucket

from ivrc.resources import cache_folder, read_resource


class _Cache(FileSystemBytecodeCache):
    """Compiled templates; where there is no room for them they are compiled at each start."""

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a template's bytecode if that can be."""
        with suppress(OSError):
            super().dump_bytecode(bucket)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    folder = cache_folder()
    return Environment(
        bytecode_cache=_Cache(str(folder), "template-%s") if folder else None,
        loader=FunctionLoader(lambda name: read_resource("templates", name)),
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def template(name: str) -> Template:
    """A template of the templates folder."""
    return _environment().get_template(name)
