"""The commands as a shell runs them, on input that is odd: an exit code, a clear word on stderr, no traceback."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEADER = b"date,cost\n"
FIVE = b"".join(b"2026-01-0%d,%d\n" % (day, day % 2) for day in range(1, 6))
COMMAND = "from opsrail_finops.cli import app; app()"


def run(*arguments: str, given: bytes = b"") -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments], input=given, capture_output=True, check=False, timeout=240
    )
    assert b"Traceback" not in done.stderr
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize(
    "given",
    [
        HEADER + FIVE,
        (HEADER + FIVE).replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + HEADER + FIVE,
        b'"date","cost"\n"2026-01-01","1"\n',
        HEADER + b"2026-01-05,1\n2026-01-01,0\n2026-01-01,1\n\n",
        HEADER + b"2026-01-01,9e20\n2026-01-02,-9e20\n",
        HEADER + b"2026-01-01,1\n",
    ],
    ids=["five points", "crlf", "bom", "quoted", "unsorted and repeated", "huge", "one point"],
)
def test_odd_costs_that_are_taken(given: bytes) -> None:
    code, out, said = run("forecast", "--horizon", "3", given=given)
    assert (code, len(out.splitlines())) == (0, 4)
    assert "month end 2026-01" in said


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (b"", "empty"),
        (HEADER, "no row with a cost"),
        (HEADER + b"2026-01-01,1\n2026-01-02,lots\n2026-01-03,1\n", "row 3, column cost: 'lots'"),
        (HEADER + b'2026-01-01,1\n2026-01-02,"1\n2026-01-03,1\n', "not CSV"),
        (gzip.compress(HEADER + FIVE), "not UTF-8 text; is it compressed"),
        ((HEADER + FIVE).decode().encode("utf-16"), "or UTF-16?"),
        (HEADER + b"2026-01-01,1e99\n", "row 2, column cost"),
    ],
    ids=["empty", "header only", "a bad line", "an open quote", "gzip", "utf-16", "beyond all bounds"],
)
def test_odd_costs_that_are_refused(given: bytes, expected: str) -> None:
    code, out, said = run("forecast", given=given)
    assert (code, out) == (2, "")
    assert expected in said


def test_a_folder_a_missing_file_a_pipe_and_no_file(tmp_path: Path) -> None:
    assert run("totals", str(tmp_path))[0] == 2
    assert run("totals", str(tmp_path / "nosuch.csv"))[0] == 2
    assert run("totals")[0] == 2
    os.mkfifo(tmp_path / "pipe")
    code, _, said = run("totals", str(tmp_path / "pipe"))
    assert (code, "is no file on a disk" in said) == (2, True)
