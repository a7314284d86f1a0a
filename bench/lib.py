"""What the benches share: tables with ratios, result files, and ``wrk`` as load generator.

Absolute figures belong to the machine; ratios of things measured in turn on it are what a bench is read for.
"""

import os
import platform
import re
import shutil
import statistics
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from opsrail.hooks.signatures import hub_signature

RESULTS = Path(__file__).parent / "results"


class Missing(RuntimeError):
    """A program that a bench needs is not installed; the message says how to get it."""


def program(name: str, package: str) -> str:
    """Path of a program.

    Raises:
        Missing: it is not installed.
    """
    found = shutil.which(name)
    if found is None:
        raise Missing(f"{name} is not installed; on Debian: apt-get install {package}")
    return found


def table(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows under the names of their columns."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[_cell(row.get(name)) for name in columns] for row in rows]
    widths = [max(len(line[index]) for line in [columns, *cells]) for index in range(len(columns))]
    print(f"\n{title}")
    for line in (columns, ["-" * width for width in widths], *cells):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)


def _processor_times() -> list[int]:
    """Ticks since the start of the machine, as the first line of ``/proc/stat`` has them; empty elsewhere."""
    try:
        return [int(part) for part in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    except OSError:
        return []


_BEGAN = _processor_times()
_STEAL = 7


def _stolen_since(before: Sequence[int]) -> float | None:
    """The share of the processors that the host kept to itself: where it is more than nothing, so are the times."""
    spent = [now - then for now, then in zip(_processor_times(), before, strict=True)]
    return round(spent[_STEAL] / max(1, sum(spent[: _STEAL + 1])), 3) if spent else None


def report(name: str, results: Any) -> None:
    """Write ``bench/results/NAME.json``, with the machine that it was measured on."""
    RESULTS.mkdir(exist_ok=True)
    document = {
        "bench": name,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpus": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
            "load_average": os.getloadavg(),
            "stolen": _stolen_since(_BEGAN),
        },
        "results": results,
    }
    path = RESULTS / f"{name}.json"
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))
    print(f"\n→ {path.relative_to(RESULTS.parent.parent)}")


def interleaved(contestants: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Median of each contestant, measured in turn, so that a slow minute of the machine hits all of them."""
    measured: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, measure in contestants.items():
            measured[name].append(measure())
    return {name: statistics.median(values) for name, values in measured.items()}


@dataclass(frozen=True)
class Shot:
    """One request that ``wrk`` repeats."""

    path: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Answered:
    """What ``wrk`` measured; latencies in milliseconds."""

    per_second: float
    p50: float
    p99: float


def signed_shot(path: str, body: bytes, secret: str, **headers: str) -> Shot:
    """A webhook delivery with its ``X-Hub-Signature-256``."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    signature = hub_signature(body, secret.encode())
    return Shot(path, body, {"Content-Type": "application/json", "X-Hub-Signature-256": signature, **named})


def wrk(
    base_url: str,
    shots: Sequence[Shot],
    *,
    seconds: float,
    connections: int = 32,
    threads: int = 1,
    pause_ms: int = 0,
) -> Answered:
    """Send ``shots`` in turn over kept-alive connections.

    Raises:
        Missing: wrk is not installed.
        RuntimeError: an answer was no success.
    """
    with _script(shots, pause_ms) as script:
        command = [
            *(program("wrk", "wrk"), "--latency", "-t", str(threads), "-c", str(connections)),
            *("-d", f"{max(1, round(seconds))}s", "--timeout", "20s", "-s", str(script), base_url),
        ]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    broken = re.search(r"Socket errors: (.*)", output)
    if refused or broken:
        raise RuntimeError(f"{base_url}: {(refused or broken).group(0)}")  # type: ignore[union-attr]
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert rate, output
    return Answered(float(rate.group(1)), _percentile(output, 50), _percentile(output, 99))


def _percentile(output: str, share: int) -> float:
    found = re.search(rf"{share}%\s+([\d.]+)(us|ms|s)", output)
    assert found, output
    return float(found.group(1)) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found.group(2)]


@contextmanager
def _script(shots: Sequence[Shot], pause_ms: int) -> Iterator[Path]:
    """Requests are formatted beforehand, a line each, so that the load generator takes little of the machine."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        requests = Path(folder) / "requests"
        requests.write_bytes(b"".join(_raw(shot).replace(b"\r\n", b"\x01") + b"\n" for shot in shots))
        lines = [
            "local requests, turn = {}, 0",
            "function init(args)",
            f'  for line in io.lines("{requests}") do requests[#requests + 1] = line:gsub("\\1", "\\r\\n") end',
            "end",
            "function request()",
            "  turn = turn % #requests + 1",
            "  return requests[turn]",
            "end",
        ]
        if pause_ms:
            lines.append(f"function delay() return {pause_ms} end")
        script = Path(folder) / "requests.lua"
        script.write_text("\n".join(lines))
        yield script


def _raw(shot: Shot) -> bytes:
    headers = {"Host": "bench", "Content-Length": str(len(shot.body)), **shot.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {shot.path} HTTP/1.1\r\n{head}\r\n".encode() + shot.body


class Load:
    """Hooks to a running stack, over a connection of the kind ``cloudevents``, that no agent listens to."""

    CONNECTIONS = 64
    DELIVERIES = 30_000
    """Different ones, sent in turn; they come again only after that many."""

    def __init__(self, url: str, connection: Mapping[str, Any]) -> None:
        self._url = url
        path = f"/v1/hooks/{connection['id']}"
        secret = connection["secret"]
        self._shots = [signed_shot(path, orjson.dumps(_load_event()), secret) for _ in range(self.DELIVERIES)]

    def peak(self, seconds: float = 5) -> float:
        """Most requests per second."""
        return wrk(self._url, self._shots, seconds=seconds, connections=self.CONNECTIONS).per_second

    @contextmanager
    def steady(self, per_second: float) -> Iterator[None]:
        """About that many requests per second for as long as the block runs."""
        pause = max(1, round(self.CONNECTIONS / per_second * 1000))
        with _script(self._shots, pause) as script:
            command = [program("wrk", "wrk"), "-t", "1", "-c", str(self.CONNECTIONS), "-d", "1h", "-s", str(script)]
            process = subprocess.Popen([*command, self._url], stdout=subprocess.DEVNULL)
            try:
                yield
            finally:
                process.terminate()
                process.wait()


def _load_event() -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "/bench/load",
        "type": "io.opsrail.bench.load.v1",
        "time": datetime.now(UTC).isoformat(),
        "data": {"text": "x" * 200},
    }


@contextmanager
def server(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process for as long as the block runs."""
    process = subprocess.Popen(command, env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def wait_for(probe: Callable[[], Any], patience: float = 20) -> None:
    """Return once ``probe`` raises no more."""
    deadline = time.monotonic() + patience
    while True:
        try:
            probe()
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
