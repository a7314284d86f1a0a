"""Tokens: what holds, what does not; the rest of the refusals stand in test_execution."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from opsrail_sdk import capability
from opsrail_sdk.errors import Refused

KEY = Ed25519PrivateKey.generate()
KEYS = capability.parse_jwks(orjson.dumps({"keys": [capability.public_jwk(KEY.public_key(), "k1")]}))
RUN: dict[str, Any] = {"org_id": "o", "agent": "ci", "action": "build", "input": {"b": 1, "a": [2]}, "run_id": "r"}


def mint(**changes: Any) -> str:
    return capability.mint(KEY, "k1", **{**RUN, "decision_id": "d", "lifetime": timedelta(minutes=1), **changes})


def code_of(token: str, **changes: Any) -> str:
    with pytest.raises(Refused) as caught:
        capability.verify(token, keys=KEYS, **{**RUN, **changes})
    return caught.value.code


def test_a_genuine_token_holds_whatever_the_order_of_keys() -> None:
    claims = capability.verify(mint(), keys=KEYS, **{**RUN, "input": {"a": [2], "b": 1}})
    assert (claims.run_id, claims.agent, claims.action, claims.decision_id) == ("r", "ci", "build", "d")
    assert claims.expires_at - claims.issued_at == timedelta(minutes=1)


def test_clocks_may_differ_by_a_minute_either_way_and_no_more() -> None:
    now = datetime.now(UTC)
    for apart in (timedelta(minutes=-1) - timedelta(seconds=30), timedelta(seconds=55)):
        capability.verify(mint(now=now + apart), keys=KEYS, **RUN)
    assert code_of(mint(now=now - timedelta(minutes=2, seconds=5))) == "capability_expired"
    assert code_of(mint(now=now + timedelta(seconds=90))) == "capability_not_yet_valid"


def test_a_bearer_is_of_one_organisation_and_agent() -> None:
    assert capability.bearer(mint(), keys=KEYS, org_id="o", agent="ci").run_id == "r"
    for changed, code in (({"org_id": "p"}, "capability_wrong_org"), ({"agent": "cd"}, "capability_wrong_audience")):
        with pytest.raises(Refused) as caught:
            capability.bearer(mint(), keys=KEYS, **{"org_id": "o", "agent": "ci", **changed})
        assert caught.value.code == code


def test_an_altered_payload_breaks_the_signature() -> None:
    header, payload, signature = mint().split(".")
    other = mint(run_id="other").split(".")[1]
    assert payload != other
    assert code_of(f"{header}.{other}.{signature}", run_id="other") == "capability_bad_signature"


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_other_algorithms_do_not_count(algorithm: str) -> None:
    claims = jwt.decode(mint(), options={"verify_signature": False})
    secret = KEY.public_key().public_bytes_raw() + b"\0" * 32 if algorithm == "HS256" else None
    token = jwt.encode(claims, secret, algorithm=algorithm, headers={"kid": "k1"})
    assert code_of(token) == "capability_malformed"


@pytest.mark.parametrize("claim", ["exp", "sub", "act", "ih", "dec", "org", "jti"])
def test_a_missing_claim_is_malformed(claim: str) -> None:
    claims = jwt.decode(mint(), options={"verify_signature": False})
    del claims[claim]
    token = jwt.encode(claims, KEY, algorithm="EdDSA", headers={"kid": "k1"})
    assert code_of(token) == "capability_malformed"


def test_another_issuer_is_refused() -> None:
    claims = {**jwt.decode(mint(), options={"verify_signature": False}), "iss": "else"}
    assert code_of(jwt.encode(claims, KEY, algorithm="EdDSA", headers={"kid": "k1"})) == "capability_wrong_issuer"


def test_keys_of_other_kinds_are_passed_over() -> None:
    other = jwt.algorithms.ECAlgorithm.to_jwk(generate_private_key(SECP256R1()).public_key(), as_dict=True)
    body = orjson.dumps(
        {"keys": [{**other, "kid": "ec"}, {"kid": "x"}, capability.public_jwk(KEY.public_key(), "k")]}
    )
    assert set(capability.parse_jwks(body)) == {"k"}


@pytest.mark.parametrize("body", [b"[]", b"{}", b"nonsense"])
def test_what_is_no_jwk_set_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"JWK set|line 1 column 1"):
        capability.parse_jwks(body)
