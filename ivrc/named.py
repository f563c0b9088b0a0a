"""NamedTuple, cheaper to define: a compilation of a small office defines sixty and is over in a moment.

`typing.NamedTuple` compiles every annotation written as a string, which is most of the cost of a class.
For type checkers this is `typing.NamedTuple` itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from collections import namedtuple

    _OF_THE_CLASS = frozenset(
        {"__module__", "__qualname__", "__annotations__", "__firstlineno__", "__static_attributes__"}
    )

    class _Meta(type):
        def __new__(cls, name, bases, namespace):
            if not bases:
                return super().__new__(cls, name, bases, namespace)
            fields = list(namespace["__annotations__"]) if "__annotations__" in namespace else []
            defaults = [namespace[field] for field in fields if field in namespace]
            made = namedtuple(name, fields, defaults=defaults, module=namespace["__module__"])
            for key, value in namespace.items():
                if key not in _OF_THE_CLASS and key not in fields:
                    setattr(made, key, value)
            return made

    class NamedTuple(metaclass=_Meta):
        """The base to name in a class statement."""


__all__ = ["NamedTuple"]
