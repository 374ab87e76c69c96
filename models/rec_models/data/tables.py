"""Reading one file as text: every value a string (empty where missing), every row with the line that it came from."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

FORMATS = (".csv", ".csv.gz", ".parquet", ".dat")
OLD_MOVIELENS = {
    "ratings.dat": ["userId", "movieId", "rating", "timestamp"],
    "movies.dat": ["movieId", "title", "genres"],
    "users.dat": ["userId", "gender", "age", "occupation", "zip"],
    "tags.dat": ["userId", "movieId", "tag", "timestamp"],
}
"""MovieLens 1M and 10M: fields between `::`, no header, UTF-8 or Latin-1. https://files.grouplens.org/datasets/movielens/"""
NEWLINE, COMMA = b"\n,"
CHUNK_BYTES = 1 << 24
CHUNK_ROWS = 200_000


@dataclass(frozen=True, eq=False)
class Table:
    """`lines` is None where row i stands in line i + `first_line`."""

    name: str
    frame: pl.DataFrame
    lines: NDArray[np.int64] | None = None
    first_line: int = 2

    def line(self, row: int) -> int:
        return row + self.first_line if self.lines is None else int(self.lines[row])

    def where(self, keep: pl.Series) -> Table:
        """The rows where `keep` is true; each remembers its line."""
        lines = np.arange(len(self.frame)) + self.first_line if self.lines is None else self.lines
        return Table(self.name, self.frame.filter(keep), lines[keep.to_numpy()], self.first_line)


@dataclass(frozen=True)
class Misshapen:
    """A line that is no row of its file."""

    line: int
    what: str


class Unreadable(Exception):
    """A whole file that cannot be read; the message says which, and what was expected."""


def read_table(path: Path) -> tuple[Table, list[Misshapen]]:
    """The well-formed rows of a file in one of FORMATS, and the lines that are none. Raises Unreadable."""
    if path.name.endswith(".parquet"):
        return _read_parquet(path), []
    content = _content(path)
    if path.name.endswith(".dat"):
        return _read_old_movielens(path, content)
    _check_encoding(path, content)
    header = _header(path, content)
    if b'"' not in content and _all_lines_have(content, len(header)):
        frame = pl.read_csv(content, infer_schema=False, quote_char=None, empty_string_is_null=False)
        return Table(path.name, frame.rename(lambda name: name.strip())), []
    return _read_quoted(path, content, header)


def _content(path: Path) -> bytes:
    try:
        content = gzip.decompress(path.read_bytes()) if path.name.endswith(".gz") else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise Unreadable(f"{path.name}: cannot be read ({error})") from error
    content = content.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n")
    if not content:
        raise Unreadable(f"{path.name}: expected rows, got an empty file")
    return content


def _check_encoding(path: Path, content: bytes) -> None:
    if not content.isascii():
        try:
            content.decode()
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise Unreadable(f"{path.name}:{line}: expected text in UTF-8, got the byte {content[error.start]:#04x}") from error


def _header(path: Path, content: bytes) -> list[str]:
    names = [name.strip() for name in next(csv.reader([content.partition(b"\n")[0].decode()]))]
    if "" in names:
        raise Unreadable(f"{path.name}:1: expected a name for every column, got none for column {names.index('') + 1}")
    for name in names:
        if names.count(name) > 1:
            raise Unreadable(f"{path.name}:1: expected every column once, got {name!r} twice")
    return names


def _all_lines_have(content: bytes, fields: int) -> bool:
    """Whether every line of a file without quotes has this many fields; a chunk of lines at a time."""
    start = 0
    while start < len(content):
        end = content.rfind(b"\n", start, start + CHUNK_BYTES) + 1 if start + CHUNK_BYTES < len(content) else len(content)
        end = end or (content.find(b"\n", start) + 1) or len(content)
        chunk = np.frombuffer(content, np.uint8, end - start, start)
        starts = np.concatenate([[0], np.flatnonzero(chunk[:-1] == NEWLINE) + 1])
        if (np.add.reduceat(chunk == COMMA, starts, dtype=np.int32) != fields - 1).any():
            return False
        start = end
    return True


def _read_quoted(path: Path, content: bytes, header: list[str]) -> tuple[Table, list[Misshapen]]:
    """Slower and exact: quoted fields, line breaks inside them, and lines of a wrong length."""
    misshapen: list[Misshapen] = []
    lines: list[int] = []
    frames = [pl.DataFrame(schema=dict.fromkeys(header, pl.String))]
    rows: list[list[str]] = []
    for line, row in _rows(content, misshapen):
        if len(row) != len(header):
            got = f"{len(row)}" if row else "an empty line"
            misshapen.append(Misshapen(line, f"expected {len(header)} fields as in the header, got {got}"))
            continue
        rows.append(row)
        lines.append(line)
        if len(rows) == CHUNK_ROWS:
            frames.append(pl.DataFrame(rows, schema=frames[0].schema, orient="row"))
            rows = []
    frames.append(pl.DataFrame(rows, schema=frames[0].schema, orient="row"))
    return Table(path.name, pl.concat(frames), np.array(lines, np.int64)), misshapen


def _rows(content: bytes, misshapen: list[Misshapen]) -> Iterator[tuple[int, list[str]]]:
    """Each row below the header with its first line; ends at a quote that breaks the file."""
    reader = csv.reader(io.StringIO(content.decode(), newline=""), strict=True)
    line = 1
    try:
        for row in reader:
            if line > 1:
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        misshapen.append(Misshapen(line, f"expected fields in closed quotes, got a row that cannot be read ({error})"))


def _read_old_movielens(path: Path, content: bytes) -> tuple[Table, list[Misshapen]]:
    names = OLD_MOVIELENS.get(path.name)
    if names is None:
        raise Unreadable(f"{path.name}: expected MovieLens' {', '.join(OLD_MOVIELENS)}; write other files as CSV with a header")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    fields = pl.Series(text.replace("\r\n", "\n").split("\n")).str.split("::")
    right = fields.list.len() == len(names)
    misshapen = [
        Misshapen(line, f"expected {len(names)} fields between '::' ({', '.join(names)}), got {count}")
        for line, count in zip((~right).arg_true() + 1, fields.list.len().filter(~right), strict=True)
    ]
    table = Table(path.name, fields.list.to_struct(fields=names).struct.unnest(), first_line=1)
    return table.where(right) if misshapen else table, misshapen


def _read_parquet(path: Path) -> Table:
    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise Unreadable(f"{path.name}: expected a Parquet file ({str(error).splitlines()[0]})") from error
    return Table(path.name, frame.select(_as_text(name, kind) for name, kind in frame.schema.items()), first_line=1)


def _as_text(name: str, kind: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(kind, pl.List):
        column = column.cast(pl.List(pl.String)).list.join("|")
    elif isinstance(kind, pl.Datetime | pl.Date):
        column = column.cast(pl.Datetime("us")).dt.timestamp("us") / 1e6
    return column.cast(pl.String).fill_null("")
