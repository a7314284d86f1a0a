import socket

import pytest

from opsrail_cloud.adapters.aws import _told
from opsrail_sdk.contracts.run import ConnectionSecret
from opsrail_sdk.errors import AgentError, InvalidInput, RateLimited, Refused, Unavailable
from opsrail_sdk.testing.harness import AgentHarness


def account(endpoint: str, **settings: str) -> ConnectionSecret:
    return ConnectionSecret(
        id="1",
        kind="aws",
        name="account",
        settings={"endpoint_url": endpoint, "region": "eu-central-1", **settings},
        secrets={"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "secret"},
    )


async def test_who_we_are(cloud: AgentHarness, aws: str) -> None:
    cloud.orchestration.connections["account"] = account(aws)
    answer = await cloud.query("identity", {"connection": "account"})
    assert answer["account"] == "123456789012"
    assert answer["principal"].startswith("arn:aws:sts::123456789012:")
    assert (answer["partition"], answer["region"], answer["assumed_role"]) == ("aws", "eu-central-1", None)


async def test_a_role_is_taken_first(cloud: AgentHarness, aws: str) -> None:
    role = "arn:aws:iam::210987654321:role/audit"
    cloud.orchestration.connections["account"] = account(aws, role_arn=role, external_id="abc")
    answer = await cloud.query("identity", {"connection": "account"})
    assert (answer["principal_type"], answer["account"]) == ("assumed-role", "210987654321")
    assert answer["principal"].endswith(":assumed-role/audit/opsrail-cloud")
    assert answer["assumed_role"] == role


async def test_nobody_answers(cloud: AgentHarness) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        cloud.orchestration.connections["account"] = account(f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(Unavailable, match="EndpointConnectionError"):
            await cloud.query("identity", {"connection": "account"})


async def test_wrong_connections(cloud: AgentHarness) -> None:
    cloud.orchestration.connections["other"] = ConnectionSecret(id="2", kind="docker", name="other")
    with pytest.raises(InvalidInput, match="aws is needed"):
        await cloud.query("identity", {"connection": "other"})
    cloud.orchestration.connections["short"] = account(
        "http://127.0.0.1:1", role_arn="arn:aws:iam::210987654321:role/audit", external_id="x"
    )
    with pytest.raises(InvalidInput, match="ExternalId"):
        await cloud.query("identity", {"connection": "short"})
    cloud.orchestration.connections["odd"] = account("not a url")
    with pytest.raises(InvalidInput, match="endpoint"):
        await cloud.query("identity", {"connection": "odd"})


@pytest.mark.parametrize(
    ("code", "status", "kind", "told"),
    [
        ("ExpiredToken", 400, Refused, "credentials_rejected"),
        ("SignatureDoesNotMatch", 403, Refused, "credentials_rejected"),
        ("Throttling", 400, RateLimited, "rate_limited"),
        ("InternalFailure", 500, Unavailable, "unavailable"),
        ("ValidationError", 400, Refused, "refused"),
    ],
)
def test_what_aws_says_becomes_ours(code: str, status: int, kind: type[AgentError], told: str) -> None:
    from botocore.exceptions import ClientError

    response = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error = _told(ClientError(response, "GetCallerIdentity"))  # type: ignore[arg-type]
    assert (type(error), error.code) == (kind, told)
