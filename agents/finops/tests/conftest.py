"""The running agent, allowed to read one folder, and a small bill in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opsrail.embedded.servers import Endpoints
from opsrail_finops.agent import agent
from opsrail_sdk.testing.harness import AgentHarness

BILL = """ChargePeriodStart,ServiceName,BilledCost,EffectiveCost,BillingCurrency
2026-01-01 00:00:00,Compute,0.1,0.10,USD
2026-01-01T23:30:00Z,Compute,0.2,NULL,USD
2026-01-02T00:30:00+01:00,Compute,0.00000000001,,USD
2026-01-02T00:00:00Z,Storage,-0.3,1E-3,USD
2026-01-02T00:00:00Z,Storage,5,5,EUR
2026-01-02T00:00:00Z,NULL,1,1,USD
"""
"""Two zones, exponents, a credit, two currencies, an absent service. The third row's UTC day is January 1."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "bills"
    folder.mkdir()
    (folder / "bill.csv").write_text(BILL)
    return folder


@pytest.fixture
async def finops(endpoints: Endpoints, root: Path) -> AsyncIterator[AgentHarness]:
    async with AgentHarness(agent, endpoints.nats_url, config={"roots": [str(root)]}) as harness:
        yield harness
