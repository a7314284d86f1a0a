"""The two commands as people run them: standard input to standard output."""

import gzip
import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from bench.generators import call_graph
from opsrail_monitoring.cli import app as monitoring
from opsrail_monitoring.incidents_cli import app as incidents

SCORE = [sys.executable, "-c", "from opsrail_monitoring.cli import app; app()", "score"]


def test_score_answers_each_row_before_the_next_is_sent() -> None:
    with subprocess.Popen(SCORE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write("timestamp,value\n")
        for row in range(3):
            process.stdin.write(f"2024-01-01 00:0{row}:00,{row}\n")
            process.stdin.flush()
            assert 0.0 <= float(process.stdout.readline()) <= 1.0
        process.stdin.close()
        assert process.wait() == 0


def test_score_as_json_tells_band_and_reason() -> None:
    rows = "".join(f"{row},{50 + row % 3}\n" for row in range(400)) + "400,900\n"
    result = CliRunner().invoke(monitoring, ["score", "--json"], input=f"timestamp,value\n{rows}")
    last = json.loads(result.stdout.splitlines()[-1])
    assert last["score"] > 0.5
    assert last["reason"].startswith("spike: 900")
    assert last["expected"][0] < 50 < last["expected"][1]


def test_score_refuses_what_it_cannot_read_after_scoring_what_it_could() -> None:
    result = CliRunner().invoke(monitoring, ["score"], input="timestamp,value\n1,1\n2,x\n")
    assert result.exit_code == 2
    assert result.stdout.splitlines() == ["0.000000"]
    assert result.stderr == "error: row 3, column value: 'x' is not a number\n"


def test_score_refuses_bytes_that_are_not_text() -> None:
    result = CliRunner().invoke(monitoring, ["score"], input=b"timestamp,value\n1,\xff\xfe\n")
    assert result.exit_code == 2
    assert "not UTF-8" in result.stderr


@pytest.mark.parametrize(
    ("given", "rows"),
    [
        (b"timestamp,value\n", 0),
        (b"timestamp,value\r\n0,1\r\n1,2\r\n", 2),
        (b"\xef\xbb\xbftimestamp,value\n0,1\n", 1),
        (b'"value","host","timestamp"\n"1","a,b","0"\n"2","c\nd","1"\n', 2),
        (b"timestamp,value\n5,1\n3,1\n3,2\n\n-0,3\n", 4),
        (b"timestamp,value\n0,1e99\n1,-1e99\n2,1e-300\n", 3),
        (b"timestamp,value\n2026-01-01T00:00:00+02:00,1\n2026-01-01 00:00:00Z,NaN\n1767225600000,3\n", 3),
    ],
    ids=["header only", "crlf", "bom", "quoted", "unsorted and repeated", "huge", "mixed zones"],
)
def test_odd_series_that_are_scored(given: bytes, rows: int) -> None:
    for arguments in ([], ["--json"]):
        done = subprocess.run([*SCORE, *arguments], input=given, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert len(done.stdout.splitlines()) == rows


@pytest.mark.parametrize(
    ("given", "rows", "said"),
    [
        (b"", 0, b"row 1: empty input"),
        (gzip.compress(b"timestamp,value\n0,1\n"), 0, b"not UTF-8 text; is it compressed"),
        (b"\n\n", 0, b"row 1: empty input"),
        ("timestamp,value\n0,1\n".encode("utf-16"), 0, b"or UTF-16?"),
        (b"Zeit,Wert\n0,1\n", 0, b"no column timestamp, only 'zeit', 'wert'"),
        (b"timestamp,value\n1767225600000000,1\n", 0, b"row 2, column timestamp"),
        (b"timestamp;value\n0;1\n", 0, b"row 1: no column timestamp"),
        (b"timestamp,value\n0,1\n1,many\n2,1\n", 1, b"row 3, column value: 'many' is not a number"),
        (b'timestamp,value\n0,1\n1,"2\n2,1\n', 1, b"not CSV"),
        (b"timestamp,value\n0,1e308\n", 0, b"row 2, column value"),
    ],
    ids=[
        "empty",
        "gzip",
        "blank lines",
        "utf-16",
        "foreign",
        "microseconds",
        "semicolons",
        "a bad line",
        "an open quote",
        "beyond all bounds",
    ],
)
def test_odd_series_that_are_refused(given: bytes, rows: int, said: bytes) -> None:
    done = subprocess.run(SCORE, input=given, capture_output=True, check=False)
    assert (done.returncode, len(done.stdout.splitlines())) == (2, rows)
    assert said in done.stderr
    assert b"Traceback" not in done.stderr


def test_rank_causes_prints_node_score_and_why() -> None:
    case = call_graph.make(7)
    result = CliRunner().invoke(incidents, ["rank-causes"], input=json.dumps(case.document))
    ranked = json.loads(result.stdout)
    assert result.exit_code == 0
    assert set(ranked[0]) == {"node", "score", "why"}
    assert ranked[0]["node"] in case.causes


def test_rank_causes_refuses_what_is_not_a_case() -> None:
    for text, message in (
        ("", "not JSON"),
        ("{", "line 1, column 2"),
        ("[]", "the document: expected an object"),
        ("[" * 100_000, "sane depth"),
        (b"\x1f\x8b", "UTF-8"),
        (f'{{"target": {"9" * 5000}}}', "thousands of digits"),
    ):
        result = CliRunner().invoke(incidents, ["rank-causes"], input=text)
        assert result.exit_code == 2
        assert message in result.stderr


def test_importing_the_commands_does_not_import_numpy() -> None:
    code = "import sys, opsrail_monitoring.cli, opsrail_monitoring.incidents_cli; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
