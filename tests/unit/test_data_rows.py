"""Every row is checked, and a broken one is named with its file and line."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from rec_models.data import tables
from rec_models.data.prepare import prepare
from rec_models.data.problems import InvalidData
from rec_models.data.reading import read_folder

MILLISECONDS = "these are milliseconds or finer: divide them"
ITEMS = "item_id,title,price\nx,Lamp,1\ny,Shade,2\n"


def folder_with(folder: Path, interactions: str, items: str | None = None, settings: str | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "interactions.csv").write_text(interactions)
    if items is not None:
        (folder / "items.csv").write_text(items)
    if settings is not None:
        (folder / "dataset.yaml").write_text(settings)
    return folder


def problems(folder: Path) -> list[str]:
    return [str(row) for row in read_folder(folder).problems.first()]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("a,x,abc,1", "timestamp: expected seconds since 1970, got 'abc'"),
        ("a,x,,1", "timestamp: expected seconds since 1970, got ''"),
        ("a,x,inf,1", "timestamp: expected seconds since 1970, got 'inf'"),
        ("a,x,-1,1", "timestamp: expected seconds since 1970, not negative, got '-1'"),
        ("a,x,1700000000000,1", f"timestamp: expected seconds since 1970 ({MILLISECONDS}), got '1700000000000'"),
        ("a,x,9000000000,1", "timestamp: expected seconds since 1970, before the year 2100, got '9000000000'"),
        ("a,x,1,nan", "quantity: expected a finite number, got 'nan'"),
        ("a,x,1,many", "quantity: expected a finite number, got 'many'"),
        ("a,x,1,-2", "quantity: expected a quantity above 0 (leave returns and cancellations out), got '-2'"),
        ("a,q,1,1", "item_id: expected the id of an item of the items file, got 'q'"),
        ("a,x,1", "expected 4 fields as in the header, got 3"),
        ("a,x,1,1,1", "expected 4 fields as in the header, got 5"),
        ("", "expected 4 fields as in the header, got an empty line"),
        ('a,"x,1,1', "expected fields in closed quotes, got a row that cannot be read (unexpected end of data)"),
    ],
)
def test_a_broken_row_is_named_with_file_and_line(tmp_path: Path, row: str, problem: str) -> None:
    rows = f"user_id,item_id,timestamp,quantity\na,x,1,1\n{row}\n" + ("b,y,2,1\n" if '"' not in row else "")
    assert problems(folder_with(tmp_path / "data", rows, ITEMS)) == [f"interactions.csv:3: {problem}"]


@pytest.mark.parametrize("bad", ["", " a", "a\tb", "a" * 201])
def test_an_identifier_that_could_not_be_asked_for_is_refused(tmp_path: Path, bad: str) -> None:
    found = problems(folder_with(tmp_path / "data", f"user_id,item_id,timestamp\na,x,1\n{bad},x,2\n"))
    assert found[0].startswith("interactions.csv:3: user_id: expected an identifier of 1 to 200 characters")
    many = "a,x,1\n" * 20
    found = problems(folder_with(tmp_path / "many", f"user_id,item_id,timestamp\n{many}{bad},x,2\n"))
    assert found[0].startswith("interactions.csv:22: user_id: expected an identifier")


def test_ratings_need_stars_and_types_a_name(tmp_path: Path) -> None:
    rows = "user_id,item_id,timestamp,type,value\na,x,1,rating,\na,y,2,,1\na,z,3,rating,-1\n"
    assert problems(folder_with(tmp_path / "data", rows)) == [
        "interactions.csv:2: value: expected a rating's stars, got ''",
        "interactions.csv:3: type: expected the type of the interaction (rating, purchase, view, ...), got ''",
        "interactions.csv:4: value: expected stars, not negative, got '-1'",
    ]


def test_an_item_twice_is_named_with_its_first_line(tmp_path: Path) -> None:
    found = problems(folder_with(tmp_path / "data", "user_id,item_id,timestamp\na,x,1\n", ITEMS + "x,Other,3\n"))
    assert found == ["items.csv:4: item_id: expected every identifier once, got 'x' again (first in line 2)"]


def test_one_word_in_a_column_of_numbers_is_a_broken_row(tmp_path: Path) -> None:
    items = "item_id,title,price\n" + "".join(f"i{n},Item,{n}\n" for n in range(100)) + "x,Lamp,cheap\n"
    found = problems(folder_with(tmp_path / "data", "user_id,item_id,timestamp\na,x,1\n", items))
    assert found == ["items.csv:102: price: expected a finite number, got 'cheap'"]


def test_lines_are_counted_through_quoted_line_breaks(tmp_path: Path) -> None:
    items = 'item_id,title,price\nx,"two\nlines",1\ny,Shade,2\n" z",Other,3\n'
    found = problems(folder_with(tmp_path / "data", "user_id,item_id,timestamp\na,x,1\n", items))
    assert found[0].startswith("items.csv:5: item_id: expected an identifier")


def test_rows_of_parquet_are_counted_from_one(tmp_path: Path) -> None:
    pl.DataFrame({"user_id": ["a", None], "item_id": ["x", "x"], "timestamp": [1.0, 2.0]}).write_parquet(tmp_path / "interactions.parquet")
    assert problems(tmp_path)[0].startswith("interactions.parquet:2: user_id: expected an identifier")


def test_the_first_problem_is_told_with_the_count_of_the_others_and_nothing_is_written(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "data", "user_id,item_id,timestamp\n" + "a,x,abc\n" * 30)
    with pytest.raises(InvalidData, match=r"interactions.csv:2: timestamp: .*'abc' \(and 29 more\); nothing was written"):
        prepare(folder, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_broken_data_leaves_what_was_prepared_before(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "data", "user_id,item_id,timestamp\na,x,1\n")
    prepare(folder, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    folder_with(folder, "user_id,item_id,timestamp\na,x,1\na,y\n")
    with pytest.raises(InvalidData):
        prepare(folder, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_the_quick_and_the_exact_way_of_reading_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"u{n},i{n % 7},{n}" for n in range(1000)]
    plain, quoted = tmp_path / "plain.csv", tmp_path / "quoted.csv"
    plain.write_text("\n".join(["user_id,item_id,timestamp", *lines]))
    quoted.write_text("\n".join(["user_id,item_id,timestamp", '"u0",i0,0', *lines[1:]]))
    monkeypatch.setattr(tables, "CHUNK_BYTES", 100)
    monkeypatch.setattr(tables, "CHUNK_ROWS", 64)
    quick, exact = tables.read_table(plain)[0], tables.read_table(quoted)[0]
    assert quick.frame.equals(exact.frame)
    assert [quick.line(row) for row in (0, 999)] == [exact.line(row) for row in (0, 999)] == [2, 1001]
    plain.write_text(plain.read_text() + "\nlast,one\n")
    assert [row.line for row in tables.read_table(plain)[1]] == [1002]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("interactions.csv", b"", "got an empty file"),
        ("interactions.csv", b"user_id,item_id,timestamp\n", "got none below the header"),
        ("interactions.csv", b"user_id,item_id,timestamp\na,x,1\nb,\xff,2\n", "interactions.csv:3: expected text in UTF-8"),
        ("interactions.csv", b"user_id,item_id,item_id\na,x,1\n", "expected every column once, got 'item_id' twice"),
        ("interactions.csv", b"user_id,,timestamp\na,x,1\n", "expected a name for every column, got none for column 2"),
        ("interactions.csv", b"user_id,item_id,when\na,x,1\n", "expected a column 'timestamp', got user_id, item_id, when; say which"),
        ("interactions.csv.gz", gzip.compress(b"user_id,item_id,timestamp\na,x,1\n")[:-9], "cannot be read"),
        ("interactions.parquet", b"PAR1", "expected a Parquet file"),
        ("other.csv", b"a\n1\n", "expected a file of interactions"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidData) as caught:
        read_folder(tmp_path)
    assert message in str(caught.value)


def test_a_missing_folder_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="expected a folder of data, got nothing there"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(InvalidData, match="got a file"):
        read_folder(folder_with(tmp_path / "data", "a\n") / "interactions.csv")


def test_two_files_that_could_be_meant_are_asked_about(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "data", "user_id,item_id,timestamp\na,x,1\n")
    (folder / "ratings.csv").write_text("user_id,item_id,timestamp\na,x,1\n")
    with pytest.raises(InvalidData, match=r"interactions.csv and ratings.csv could both be the interactions; say which"):
        read_folder(folder)
