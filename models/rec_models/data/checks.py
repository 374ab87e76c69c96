"""The checks that every row passes: identifiers, numbers and times; each names what it expected."""

from __future__ import annotations

import polars as pl

from rec_models.data.problems import Problems
from rec_models.data.tables import Table

LONGEST_ID = 200
YEAR_2100 = 4_102_444_800.0
SURELY_MILLISECONDS = 1e11


def check_identifiers(table: Table, column: str, problems: Problems) -> None:
    """Not empty, at most LONGEST_ID characters, nothing that does not print, no space around it."""
    ids = table.frame[column]
    if ids.n_unique() < len(ids) // 4:
        broken = ids.unique().to_frame().filter(_broken_identifier(column))[column]
        bad = ids.is_in(broken.implode()) if len(broken) else pl.repeat(False, len(ids), eager=True)
    else:
        bad = table.frame.select(_broken_identifier(column))[column]
    expected = f"an identifier of 1 to {LONGEST_ID} characters without control characters or outer spaces"
    problems.add_where(table, bad, column, expected)


def _broken_identifier(column: str) -> pl.Expr:
    text = pl.col(column)
    return (text == "") | (text.str.len_chars() > LONGEST_ID) | text.str.contains(r"\p{Cc}|^\s|\s$")


def checked_times(table: Table, column: str, problems: Problems) -> pl.Series:
    """Seconds since 1970, float64; null where the row is broken."""
    seconds = table.frame[column].cast(pl.Float64, strict=False)
    seconds = seconds.set(~seconds.is_finite(), None)
    problems.add_where(table, seconds.is_null(), column, "seconds since 1970")
    problems.add_where(table, (seconds < 0).fill_null(False), column, "seconds since 1970, not negative")
    milliseconds = (seconds > SURELY_MILLISECONDS).fill_null(False)
    problems.add_where(table, milliseconds, column, "seconds since 1970 (these are milliseconds or finer: divide them)")
    late = (seconds > YEAR_2100).fill_null(False) & ~milliseconds
    problems.add_where(table, late, column, "seconds since 1970, before the year 2100")
    return seconds


def checked_numbers(table: Table, column: str, problems: Problems, *, expected: str = "a finite number") -> pl.Series:
    """Float64; null where the value is empty. Anything else that is no finite number is a problem."""
    numbers = table.frame[column].cast(pl.Float64, strict=False)
    numbers = numbers.set(~numbers.is_finite(), None)
    problems.add_where(table, numbers.is_null() & (table.frame[column] != ""), column, expected)
    return numbers


def check_unique(table: Table, column: str, problems: Problems) -> None:
    """No identifier twice; the second is named with the line of the first."""
    ids = table.frame[column]
    repeated = ~ids.is_first_distinct()
    if not repeated.any():
        return
    first = {value: row for row, value in reversed(list(enumerate(ids)))}
    for row in repeated.arg_true().to_list():
        what = f"{column}: expected every identifier once, got {ids[row]!r} again (first in line {table.line(first[ids[row]])})"
        problems.add(table.name, table.line(row), what)
