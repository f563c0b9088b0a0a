"""Generated sources: offices as people write them; all sounds are Asterisk's own, so no prompt is converted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

PEOPLE = 20
OFFICE_LINES = 60

# {n}: the scenario, {t}: the next one, {e} and {f}: employees, {g}: a group, {d}: the end of a phone number.
_SHAPES = (
    """\
scenario s{n} {{
    play "asterisk:hello-world" for {p}s
    wait extension for 5s playing "asterisk:vm-extension"
    when open {{
        branch playing "asterisk:vm-options" for 7s retries 1 {{
            1 {{ call group g{g} for 20s }}
            2 -> s{t}
        }}
    }} else {{ play "asterisk:vm-goodbye" }}
}}
""",
    """\
scenario s{n} {{
    play "asterisk:hello-world" for {p}s
    when caller in known {{ call employee e{e} for 15s then mobile for 30s }}
    branch playing "asterisk:vm-options" for 5s {{
        1, 2 {{ call employee e{f} for 20s }}
        nothing {{ call number "+7 812 {d}" for 30s }}
    }}
    call group g{g} for 25s
    play "asterisk:vm-goodbye"
}}
""",
    """\
scenario s{n} {{
    wait extension for 8s playing "asterisk:hello-world"
    when duty {{
        call group g{g} for {p}s
        call employee e{e} for 20s then mobile for 25s confirm
        call number "+7 921 {d}" for 30s confirm   # whoever is on duty
    }}
    play "asterisk:vm-goodbye" for 4s
    hangup
}}
""",
)


def scenario(number: int, last: int, people: int = PEOPLE, groups: int = 4) -> str:
    """A scenario of ten lines."""
    digits = f"{number // 10000 + 100}-{number // 100 % 100:02}-{number % 100:02}"
    shape = _SHAPES[number % len(_SHAPES)]
    return shape.format(
        n=number, t=min(number + 1, last), p=number % 9 + 3, e=number % people, f=(number + 3) % people,
        g=number % groups, d=digits,
    )  # fmt: skip


def _settings(office: str) -> Iterator[str]:
    yield f"settings {{\n    office   {office}\n    country  RU\n"
    yield '    timezone "Europe/Moscow"\n    language en\n    trunk    "PJSIP/{number}@provider"\n}\n\n'


def _employees(count: int, prefix: str = "") -> Iterator[str]:
    for index in range(count):
        yield f'employee e{index} {{ name "Employee {index}"  extension {100 + index}  sip "PJSIP/{prefix}e{index}"'
        yield f'  mobile "+7 916 000-00-{index:02}" }}\n'


_HOURS = "hours open { mon-fri 09:00-18:00  sat 10:00-14:00 }\nhours duty { mon-sun 18:00-22:00 }\n"
_KNOWN = 'callers known { "+7 916 123-45-67"  "+7 812 *" }\n\n'


def _head(office: str) -> Iterator[str]:
    yield from _settings(office)
    yield from _employees(PEOPLE)
    yield "\ngroup g0 in order { e0, e1, e2 }\ngroup g1 at once { e3, e4, e5 }\n"
    yield "group g2 random { e6 40%  e7 30%  e8 30% }\ngroup g3 in order { e9, e10, g1 }\n\n"
    yield _HOURS + _KNOWN


def write_scenarios(path: Path, count: int) -> None:
    """One office with so many scenarios of ten lines, and a number for each hundredth."""
    with path.open("w") as file:
        file.writelines(_head("bench"))
        file.writelines(f'number "+7 495 {index:03}-00-00" -> s{index * 100}\n' for index in range(-(-count // 100)))
        file.write("\n")
        file.writelines(scenario(index, count - 1) + "\n" for index in range(count))


def number_of(index: int) -> str:
    """A mobile number as people write it."""
    return f"+7 9{index // 10**7:02} {index // 10000 % 1000:03}-{index // 100 % 100:02}-{index % 100:02}"


def write_numbers(path: Path, count: int, spread: int = 100) -> None:
    """One office with so many numbers, spread over a hundred scenarios."""
    with path.open("w") as file:
        file.writelines(_head("bench"))
        file.writelines(f'number "{number_of(index)}" -> s{index % spread}\n' for index in range(count))
        file.write("\n")
        file.writelines(scenario(index, spread - 1) + "\n" for index in range(spread))


def small_office(index: int, change: int = 0) -> str:
    """An office of 60 lines; another `change` is another text."""
    return "".join(_small_office(index, change))


def _small_office(index: int, change: int) -> Iterator[str]:
    yield from _settings(f"firm{index}")
    yield from _employees(8, f"f{index}")
    yield "\ngroup g0 in order { e0, e1, e2 }\ngroup g1 at once { e3, e4, e5 }\n\n"
    yield _HOURS + _KNOWN
    yield f'number "+7 495 {index // 10000:03}-{index // 100 % 100:02}-{index % 100:02}" -> s0\n\n'
    for each in range(3):
        yield "\n" + scenario(each, 2, 8, 2)
    yield f"# Change {change}.\n"


def write_folder(folder: Path, count: int) -> None:
    """A folder of so many offices of 60 lines."""
    folder.mkdir()
    for index in range(count):
        (folder / f"firm{index}.ivr").write_text(small_office(index))


def write_joined(path: Path, folder: Path) -> None:
    """The text of all offices of a folder, in one file."""
    with path.open("w") as file:
        for part in sorted(folder.glob("*.ivr")):
            file.write(part.read_text())
