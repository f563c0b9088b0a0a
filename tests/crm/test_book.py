"""The contact book: reading, importing, the files that people have."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest

from ivrc.crm.book import Book
from ivrc.crm.book_import import ImportFault, read_csv, write_book
from ivrc.crm.contact import Contact, CrmError, CrmRefused, CrmSlow, Person
from ivrc.crm.lookup import Lookup

RUSSIAN = "Код;ФИО;Рабочий телефон;Моб. телефон;Ответственный;Второй ответственный;E-mail\n"


def found(file: Path, number: str) -> list[Contact]:
    async def work() -> list[Contact]:
        book = Book(file)
        try:
            return await book.find(number)
        finally:
            await book.close()

    return asyncio.run(work())


def imported(folder: Path, text: str | bytes, people: str = "", country: str | None = "RU", **options: bool) -> Path:
    (folder / "c.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    table = read_csv(folder / "c.csv", country)
    rows = None
    if people:
        (folder / "p.csv").write_text(people, "utf-8")
        rows = read_csv(folder / "p.csv", country, people=True).rows
    write_book(folder / "book.sqlite", table.rows, rows, **options)
    return folder / "book.sqlite"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
def test_russian_columns_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    text = RUSSIAN + '5;Иван Петров;8 (495) 123-45-67 доб. 3;"8 916 111-22-33, +7 903 000-11-22";17;Борис;x@y.ru\n'
    book = imported(tmp_path, text.encode(encoding))
    contact = Contact(
        "5",
        "Иван Петров",
        ("+74951234567;ext=3", "+79161112233", "+79030001122"),
        (Person("17", "17"), Person("Борис", "Борис")),
    )
    for number in ("+74951234567", "+79161112233", "+79030001122"):
        assert found(book, number) == [contact]
    assert found(book, "+74951234568") == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_and_english_columns(tmp_path: Path, delimiter: str) -> None:
    header = delimiter.join(["id", "name", "phone 1", "phone_2", "Contact owner"])
    book = imported(tmp_path, f"{header}\n{delimiter.join(['1', 'Ann', '+442079460958', '', '17'])}\n")
    assert found(book, "+442079460958") == [Contact("1", "Ann", ("+442079460958",), (Person("17", "17"),))]


def test_people_by_id_and_by_name(tmp_path: Path) -> None:
    people = 'id,name,phone,extension\n17,Anna,"+7 916 123-45-67; 8 903 111 22 33",101\n18,Boris,,\n'
    book = imported(tmp_path, "id,phone,responsible,second\n1,+74951234567,anna,18\n2,+74951234568,Anna,17\n", people)
    anna = Person("17", "Anna", ("+79161234567", "+79031112233"), "101")
    assert found(book, "+74951234568")[0].responsible == (anna, anna)
    # A name is a name only as written.
    assert found(book, "+74951234567")[0].responsible == (Person("anna", "anna"), Person("18", "Boris"))


def test_a_bad_row_is_told_and_the_rest_goes_in(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text(
        "id,name,phone\n"
        "1,one,+74951234561\n"
        "2,two,12\n"
        "3,three,\n"
        '4,"fo\nur","+74951234564, 77"\n'
        "\n"
        "1,again,+74951234566\n"
        "7,seven\n"
        "8,eight,+74951234568,too,many\n"
    )
    table = read_csv(tmp_path / "c.csv", "RU")
    assert [row.id for row in table.rows] == ["1", "4", "8"]
    assert [(told.line, told.left_out) for told in table.told] == [(3, True), (4, True), (8, True), (9, True)]
    assert '"12"' in table.told[0].message and "line 2" in table.told[2].message


def test_half_a_row_is_told(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("id,phone,mobile\n1,+74951234567,77\n")
    table = read_csv(tmp_path / "c.csv", "RU")
    assert [row.id for row in table.rows] == ["1"]
    assert [(told.line, told.left_out) for told in table.told] == [(2, False)]


def test_local_numbers_need_a_country(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("phone\n8 495 123-45-67\n")
    table = read_csv(tmp_path / "c.csv", None)
    assert table.rows == [] and "--country" in table.told[0].message


def test_rows_without_ids_are_the_same_at_the_next_import(tmp_path: Path) -> None:
    text = "name,phone\nAnn,+74951234567\nBob,+74951234567\n"
    imported(tmp_path, text)
    book = imported(tmp_path, text)
    assert [contact.name for contact in found(book, "+74951234567")] == ["Ann", "Bob"]


def test_importing_again_joins_or_replaces(tmp_path: Path) -> None:
    imported(tmp_path, "id,name,phone\n1,one,+74951234561\n2,two,+74951234562\n", "id,name,phone\n17,Anna,\n")
    book = imported(tmp_path, "id,name,phone\n2,new,+74951234569\n3,three,+74951234563\n")
    assert found(book, "+74951234561")[0].name == "one"
    assert found(book, "+74951234562") == []
    assert found(book, "+74951234569")[0].name == "new"
    book = imported(tmp_path, "id,name,phone,owner\n9,nine,+74951234560,Anna\n", replace=True)
    assert found(book, "+74951234561") == []
    assert found(book, "+74951234560")[0].responsible[0].crm_id == "17"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,name\n1,x\n", "no column"),
        ("", "no column"),
        ("\n\n", "no column"),
        (b"phone\n\x98\xff\n", "neither in UTF-8"),
    ],
)
def test_files_that_are_no_contacts(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(ImportFault, match=said):
        imported(tmp_path, text)
    assert not (tmp_path / "book.sqlite").exists()


def test_a_failed_import_leaves_the_book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = imported(tmp_path, "id,phone\n1,+74951234561\n")
    before = book.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ImportFault, match="No space"):
        imported(tmp_path, "id,phone\n2,+74951234562\n")
    assert book.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["book.sqlite", "c.csv"]


def test_no_import_into_what_is_no_book(tmp_path: Path) -> None:
    for content in (b"not a database at all" * 100, b""):
        (tmp_path / "book.sqlite").write_bytes(content)
        with pytest.raises(ImportFault):
            imported(tmp_path, "id,phone\n1,+74951234561\n")
        assert (tmp_path / "book.sqlite").read_bytes() == content


def test_a_reader_sees_the_new_book_at_once(tmp_path: Path) -> None:
    async def work() -> None:
        book = Book(imported(tmp_path, "id,phone\n1,+74951234561\n"))
        assert [each.crm_id for each in await book.find("+74951234561")] == ["1"]
        imported(tmp_path, "id,phone\n2,+74951234561\n", replace=True)
        assert [each.crm_id for each in await book.find("+74951234561")] == ["2"]
        await book.close()

    asyncio.run(work())


def test_a_locked_book_is_slow_and_not_a_hang(tmp_path: Path) -> None:
    file = imported(tmp_path, "id,phone\n1,+74951234561\n")
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    with pytest.raises(CrmSlow, match="locked"):
        found(file, "+74951234561")
    assert time.monotonic() - began < 4
    holder.execute("ROLLBACK")
    holder.close()
    assert len(found(file, "+74951234561")) == 1


def test_no_book_and_no_database(tmp_path: Path) -> None:
    with pytest.raises(CrmRefused, match="ivrc crm import"):
        found(tmp_path / "none.sqlite", "+74951234561")
    (tmp_path / "text").write_text("x" * 5000)
    with pytest.raises(CrmRefused, match="no contact book"):
        found(tmp_path / "text", "+74951234561")
    with pytest.raises(CrmError):
        found(tmp_path, "+74951234561")
    sqlite3.connect(tmp_path / "other.sqlite").executescript("CREATE TABLE t(x)")
    with pytest.raises(CrmRefused, match="no contact book"):
        found(tmp_path / "other.sqlite", "+74951234561")


def test_a_damaged_book_is_an_error_of_ours(tmp_path: Path) -> None:
    file = imported(tmp_path, "id,phone\n" + "".join(f"{n},+7495{n:07d}\n" for n in range(2000)))
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xaa" * (len(content) - 4096)
    file.write_bytes(content)
    with pytest.raises(CrmError):
        found(file, "+74950000005")


def test_the_number_is_data(tmp_path: Path) -> None:
    file = imported(tmp_path, "id,phone\n1,+74951234561\n")
    assert found(file, "' OR 1=1 --") == []


def test_check_counts(tmp_path: Path) -> None:
    file = imported(tmp_path, 'id,phone\n1,"+74951234561, +74951234562"\n', "id,phone\n17,\n")
    assert asyncio.run(Book(file).check()).endswith("1 contact with 2 numbers, 1 person")


def test_a_look_up_in_the_book(tmp_path: Path) -> None:
    async def work() -> None:
        lookup = Lookup(Book(imported(tmp_path, "id,phone,manager\n1,8 495 123-45-67,17\n")), country="RU")
        first = await lookup.find("8 (495) 1234567", seconds=5)
        assert (first.why, first.contact and first.contact.crm_id) == ("found", "1")
        assert (await lookup.find("+74950000000", seconds=5)).why == "unknown"
        await lookup.close()

    asyncio.run(work())


def test_ten_thousand_rows(tmp_path: Path) -> None:
    text = "id,name,phone\n" + "".join(f"{n},c{n},8 (916) {n:07d}\n" for n in range(10_000))
    book = imported(tmp_path, text)
    assert found(book, "+79160009999")[0].crm_id == "9999"
