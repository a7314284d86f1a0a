"""AWS by boto3. It blocks, so it runs in a thread; it is heavy, so it is imported when first asked.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
"""

import asyncio
from typing import TYPE_CHECKING, Any

from opsrail_cloud.adapters.base import Identity
from opsrail_sdk.contracts.run import ConnectionSecret
from opsrail_sdk.errors import AgentError, InvalidInput, RateLimited, Refused, Unavailable

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_SESSION_NAME = "opsrail-cloud"
_SHORTEST_SESSION_SECONDS = 900
_THROTTLED = frozenset({"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"})
_REJECTED = frozenset(
    {
        "AccessDenied",
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "MissingAuthenticationToken",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)


async def identity(connection: ConnectionSecret | None) -> Identity:
    """Who AWS says we are.

    Raises:
        Refused: AWS does not accept the credentials or the role, or there are none.
        Unavailable, RateLimited: AWS cannot be reached, fails, or asks us to slow down.
    """
    return await asyncio.to_thread(_identity, connection)


def _identity(connection: ConnectionSecret | None) -> Identity:
    from botocore.exceptions import (  # noqa: PLC0415
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        ParamValidationError,
        PartialCredentialsError,
    )

    settings = connection.settings if connection else {}
    role = settings.get("role_arn")
    try:
        session = _session(connection)
        sts = _client(session, settings)
        if role:
            session = _assumed(sts, settings)
            sts = _client(session, settings)
        answer = sts.get_caller_identity()
    except ClientError as error:
        raise _told(error) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise Refused("there are no AWS credentials", code="credentials_missing") from error
    except (ParamValidationError, ValueError) as error:
        raise InvalidInput(f"the connection's settings do not work: {error}") from error
    except BotoCoreError as error:
        raise Unavailable(f"AWS cannot be reached: {type(error).__name__}") from error
    arn = str(answer["Arn"])
    _, partition, _, _, account, resource = arn.split(":", 5)
    return Identity(
        provider="aws",
        account=str(answer.get("Account") or account),
        principal=arn,
        principal_type=resource.partition("/")[0],
        principal_id=str(answer["UserId"]),
        partition=partition,
        region=str(session.region_name),
        assumed_role=role,
    )


def _session(connection: ConnectionSecret | None) -> Any:
    import boto3  # noqa: PLC0415

    if connection is None:
        return boto3.Session(region_name=boto3.Session().region_name or "us-east-1")
    return boto3.Session(
        aws_access_key_id=connection.secrets.get("access_key_id"),
        aws_secret_access_key=connection.secrets.get("secret_access_key"),
        aws_session_token=connection.secrets.get("session_token"),
        region_name=str(connection.settings.get("region") or "us-east-1"),
    )


def _assumed(sts: Any, settings: dict[str, Any]) -> Any:
    import boto3  # noqa: PLC0415

    wish = {
        "RoleArn": settings["role_arn"],
        "RoleSessionName": _SESSION_NAME,
        "DurationSeconds": _SHORTEST_SESSION_SECONDS,
    }
    if settings.get("external_id"):
        wish["ExternalId"] = settings["external_id"]
    given = sts.assume_role(**wish)["Credentials"]
    return boto3.Session(
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
        region_name=str(settings.get("region") or "us-east-1"),
    )


def _client(session: Any, settings: dict[str, Any]) -> Any:
    from botocore.config import Config  # noqa: PLC0415

    patience = Config(connect_timeout=4, read_timeout=8, retries={"max_attempts": 2, "mode": "standard"})
    return session.client("sts", endpoint_url=settings.get("endpoint_url"), config=patience)


def _told(error: "ClientError") -> AgentError:
    told = error.response.get("Error", {})
    code, message = str(told.get("Code", "")), str(told.get("Message", ""))
    if code in _THROTTLED:
        return RateLimited(f"AWS asks us to slow down: {code}")
    if code in _REJECTED:
        return Refused(f"AWS does not accept the credentials: {code}: {message}", code="credentials_rejected")
    if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500) >= 500:
        return Unavailable(f"AWS failed: {code}: {message}")
    return Refused(f"AWS refused: {code}: {message}")
