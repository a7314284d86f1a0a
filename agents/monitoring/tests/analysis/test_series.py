"""CSV in: what is taken, and what is refused by row and column."""

import pytest

from opsrail_monitoring.analysis.series import SeriesError, read_series


def read(text: str) -> list[tuple[float, float | None]]:
    return [(row.at, row.value) for row in read_series(text.splitlines(keepends=True))]


def test_columns_in_any_order_among_others() -> None:
    assert read("host,Value, timestamp\na,1.5,1970-01-01 00:01:00\n") == [(60.0, 1.5)]


@pytest.mark.parametrize(
    ("stamp", "at"),
    [
        ("1970-01-01T01:00:00+01:00", 0.0),
        ("1970-01-01T00:00:10Z", 10.0),
        ("1682754903", 1682754903.0),
        ("1682754903000", 1682754903.0),
        ("19700102", 86400.0),
        ("12.5", 12.5),
    ],
)
def test_times(stamp: str, at: float) -> None:
    assert read(f"timestamp,value\n{stamp},1\n") == [(at, 1.0)]


@pytest.mark.parametrize("gap", ["", "NaN", "null", "None", " n/a "])
def test_gaps(gap: str) -> None:
    assert read(f"timestamp,value\n0,{gap}\n") == [(0.0, None)]


def test_unsorted_and_repeated_times_stay_and_blank_lines_go() -> None:
    assert [at for at, _ in read("timestamp,value\n5,1\n\n5,1\n3,1\n")] == [5.0, 5.0, 3.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "row 1: empty input"),
        ("timestamp;value\n1;2\n", "row 1: no column timestamp.*commas"),
        ("a,b,c,d,e,f,g\n", "row 1: no column timestamp, only 'a', 'b', 'c', 'd', 'e', …"),
        ("timestamp,value,value\n", "row 1: column value appears 2 times"),
        ("timestamp,value\n0,1\n0,many\n", "row 3, column value: 'many' is not a number"),
        ("timestamp,value\n0,inf\n", "row 2, column value: 'inf' is not a finite number"),
        ("timestamp,value\n0,1_000\n", "row 2, column value"),
        ("timestamp,value\nnoon,1\n", "row 2, column timestamp: 'noon' is neither ISO 8601"),
        ("timestamp,value\n2020-01-01\n", "row 2: 1 of 2 columns"),
    ],
)
def test_refusals_name_row_and_column(text: str, message: str) -> None:
    with pytest.raises(SeriesError, match=message):
        read(text)
