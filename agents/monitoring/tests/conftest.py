"""A real Prometheus with known samples, and the running agent."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3]))  # for tests.simulators, whichever way pytest is started

import httpx
import psutil
import pytest

from opsrail.embedded.servers import Endpoints
from opsrail_monitoring.agent import agent
from opsrail_sdk.contracts.run import ConnectionSecret
from opsrail_sdk.testing.harness import AgentHarness
from tests.simulators.prometheus import PrometheusSimulator

START = 1_767_225_600
"""2026-01-01T00:00:00Z. ``load_seconds`` has a sample each minute for an hour, none from minute 20 to 29."""
_PATIENCE_SECONDS = 120


def samples() -> str:
    """OpenMetrics: https://prometheus.io/docs/specs/om/open_metrics_spec/"""
    lines = ["# TYPE load_seconds gauge"]
    lines += [
        f'load_seconds{{host="a"}} {minute} {START + minute * 60}' for minute in range(61) if not 20 <= minute < 30
    ]
    lines += ["# TYPE odd gauge"]
    lines += [f"odd {value} {START + minute * 60}" for minute, value in enumerate(("1", "NaN", "+Inf", "-Inf", "2"))]
    lines += ["# TYPE jobs_waiting gauge"]
    lines += [
        f"jobs_waiting {200 if minute == 400 else 20 + minute * 7919 % 13 / 4} {START + minute * 60}"
        for minute in range(481)
    ]
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Prometheus that holds ``samples``."""
    if not (shutil.which("prometheus") and shutil.which("promtool")):
        reason = "needs prometheus and promtool (Debian package prometheus)"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "samples.om").write_text(samples())
    (folder / "config.yml").write_text("global: {}\n")
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(folder / "samples.om"), str(folder / "data")],
        check=True,
        capture_output=True,
    )
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'config.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--storage.tsdb.retention.time=100y",
                "--web.listen-address=127.0.0.1:0",
                "--query.lookback-delta=30s",
            ],
            stderr=log,
            stdout=log,
        )
    try:
        yield _address(process)
    finally:
        process.kill()
        process.wait()


def _address(process: subprocess.Popen[bytes]) -> str:
    """Where it listens, once it is ready."""
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < give_up:
        for link in psutil.Process(process.pid).net_connections("tcp"):
            if link.status == psutil.CONN_LISTEN:
                with contextlib.suppress(httpx.HTTPError):
                    address = f"http://127.0.0.1:{link.laddr.port}"
                    if httpx.get(f"{address}/-/ready").status_code == 200:
                        return address
        time.sleep(0.05)
    raise AssertionError("prometheus did not start")


@pytest.fixture
def broken() -> Iterator[PrometheusSimulator]:
    with PrometheusSimulator() as simulator:
        yield simulator


@pytest.fixture
async def monitoring(endpoints: Endpoints, broken: PrometheusSimulator) -> AsyncIterator[AgentHarness]:
    """The agent, with the simulator as connection ``broken``."""
    async with AgentHarness(agent, endpoints.nats_url) as harness:
        harness.orchestration.connections["broken"] = ConnectionSecret(
            id="2", kind="prometheus", name="broken", settings={"url": broken.url}, secrets={"token": "t0ken"}
        )
        yield harness


@pytest.fixture
def metrics(monitoring: AgentHarness, prometheus: str) -> AgentHarness:
    """The agent, with the real Prometheus as connection ``metrics``."""
    monitoring.orchestration.connections["metrics"] = ConnectionSecret(
        id="1", kind="prometheus", name="metrics", settings={"url": prometheus}
    )
    return monitoring
