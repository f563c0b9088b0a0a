"""A call at a terminal: keys are typed while it goes on, Ctrl-C hangs up. Standard library only."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal, TextIO

import click

from ivrc import model as m
from ivrc.simulate import run_in
from ivrc.simulate.call import Call, Message
from ivrc.simulate.journey import Event, Key
from ivrc.simulate.line import Line, Over
from ivrc.simulate.office import Prepared
from ivrc.simulate.telling import Teller, clock
from ivrc.simulate.world import World

_PHONE_KEYS = "0123456789*#"
_HANG_UP = "\x03\x04"
# The line with the clock is drawn so often, in seconds.
_TICK = 0.1
_CLEAR, _DIM, _BOLD, _PLAIN = "\r\x1b[K", "\x1b[2m", "\x1b[1m", "\x1b[0m"


class Keyboard:
    """Keys from a terminal, one at a time."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self, timeout: float) -> str:
        """The next key within `timeout` seconds, or an empty string; the end of the input is Ctrl-D."""
        ready, _, _ = select.select([self._descriptor], [], [], max(timeout, 0))
        if not ready:
            return ""
        return os.read(self._descriptor, 1).decode("ascii", "replace") or "\x04"


class _Terminal(World):
    """The world of a call, with the clock of this one, `speed` times as fast, and a person who presses the keys."""

    def __init__(self, office: Prepared, call: Call, teller: Teller, keyboard: Keyboard, screen: TextIO) -> None:
        super().__init__(office, call)
        self.speed = 1.0
        self._teller = teller
        self._keyboard = keyboard
        self._screen = screen
        self._shown: set[int] = set()
        self._doing = ""
        self._keys_taken = ""

    # ── what goes on, for the line with the clock ──

    def enter(self, line: Line, place: str) -> None:
        """A prompt or a step begins."""
        self._doing = f'hears "{place}"'
        super().enter(line, place)

    def menu(self, line: Line, step: m.Branch, attempt: int) -> None:
        """A menu: its keys are shown."""
        super().menu(line, step, attempt)
        self._keys_taken = "  keys: " + " ".join(key for case in step.cases for key in case.keys)
        self._doing = "is asked for a key"

    def extension(self, line: Line, step: m.WaitExtension) -> None:
        """A wait for an extension."""
        super().extension(line, step)
        self._keys_taken = "  keys: an employee's extension"
        self._doing = "may key an extension"

    def rings(self, line: Line, whos: list[str]) -> None:
        """Phones ring."""
        self._doing = ", ".join(self._teller.who(who) for who in whos) + " rings"

    def talk(self, line: Line, who: str) -> tuple[int, Literal["caller", "answerer"]]:
        """A conversation."""
        self._doing = f"talks with {self._teller.who(who)}"
        return super().talk(line, who)

    def message(self, line: Line) -> Message:
        """A message is recorded."""
        self._doing, self._keys_taken = "speaks to the voicemail", "  keys: #"
        return super().message(line)

    # ── time ──

    def spend(self, line: Line, until: int) -> None:
        """Time passes; keys are shown and lost. Raises Cutoff."""
        self._keys_taken = ""
        while (key := self._wait(line, until)) is not None:
            line.events.append(Key(line.now, key, False, line.start))
        self._prompt_is_over()
        line.advance(until)

    def listen(self, line: Line, until: int) -> str | None:
        """The next key, typed or told beforehand. Raises Cutoff."""
        key = self._wait(line, until)
        self._prompt_is_over()
        if key is None:
            line.advance(until)
        else:
            line.events.append(Key(line.now, key, True, line.start))
        return key

    def _prompt_is_over(self) -> None:
        if self._doing.startswith("hears "):
            self._doing = "hears nothing"

    def _wait(self, line: Line, until: int) -> str | None:
        """Until a key or the time: the key, the clock set to it. Raises Over when the person hangs up."""
        begin, began = line.now, time.monotonic()
        planned = self._keys[0][0] if self._keys else until
        end = min(until, line.deadline, max(planned, begin))
        while True:
            self.show(line)
            now = min(end, begin + round((time.monotonic() - began) * 1000 * self.speed))
            self._clock(now)
            if now >= end:
                break
            typed = self._keyboard.read(min(_TICK, (end - now) / 1000 / self.speed))
            line.now = min(end, begin + round((time.monotonic() - began) * 1000 * self.speed))
            if typed and typed in _HANG_UP:
                raise Over("caller hung up", 16)
            if typed and typed in _PHONE_KEYS:
                return typed
        if self._keys and end == planned and end < until:
            line.now = end
            return self._keys.pop(0)[1]
        return None

    # ── the screen ──

    def show(self, line: Line) -> None:
        """What has happened since the last time."""
        self.show_events(line.events)

    def show_events(self, events: Iterable[Event]) -> None:
        """Those not shown before. (By identity: what lasts is put in its place among the events afterwards.)"""
        for event in events:
            if id(event) not in self._shown:
                self._shown.add(id(event))
                if text := self._teller.line(event):
                    self._screen.write(f"{_CLEAR}{text}\n")

    def _clock(self, now: int) -> None:
        self._screen.write(f"{_CLEAR}{_BOLD}{clock(now)}{_PLAIN}  {self._doing}{_DIM}{self._keys_taken}{_PLAIN}")
        self._screen.flush()


def converse(office: Prepared, call: Call, teller: Teller, speed: float) -> None:
    """One call at the terminal, `speed` times faster than life. UsageError without a terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("-i needs a terminal; give the keys with --press instead")
    click.echo(f"{_DIM}keys 0-9 * #; Ctrl-C hangs up{_PLAIN}")
    with _single_keys(sys.stdin.fileno()):
        world = _Terminal(office, call, teller, Keyboard(sys.stdin.fileno()), sys.stdout)
        world.speed = speed
        journey = run_in(world, call)
    world.show_events(journey.events)
    sys.stdout.write(_CLEAR)
    sys.stdout.flush()


@contextmanager
def _single_keys(descriptor: int) -> Iterator[None]:
    """Keys come one by one, unshown, Ctrl-C as a key; the terminal is left as it was."""
    import termios
    import tty

    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        raw = termios.tcgetattr(descriptor)
        raw[3] &= ~termios.ISIG
        termios.tcsetattr(descriptor, termios.TCSANOW, raw)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
