"""Outside places where keys and secrets live: moto over HTTP for AWS, and simulators."""

from collections.abc import Iterator

import boto3
import pytest

from tests.simulators.vault import VaultSimulator


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """An AWS over HTTP, in a thread of its own."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def aws(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Credentials, region and address as boto3 finds them by itself."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    boto3.setup_default_session()
    return moto_url


@pytest.fixture
def vault() -> Iterator[VaultSimulator]:
    with VaultSimulator() as simulator:
        yield simulator
