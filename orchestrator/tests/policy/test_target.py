"""What an input is taken to act on, and that nobody talks it out of being production."""

from typing import Any

import pytest

from opsrail.policy.claims import Claims
from opsrail.policy.target import target_of


@pytest.mark.parametrize(
    ("given", "kind", "name", "environment"),
    [
        ({}, "none", "", ""),
        ({"repository": "acme/shop", "ref": "refs/heads/main"}, "repository", "acme/shop", ""),
        ({"cluster": "eu", "namespace": "pay", "service": "api"}, "service", "eu/pay/api", ""),
        ({"service": "api", "environment": "Prod"}, "service", "api", "production"),
        ({"service": "api", "env": "stg"}, "service", "api", "staging"),
        ({"service": "api", "stage": "blue"}, "service", "api", "blue"),
        ({"namespace": "pay-prod", "deployment": "api"}, "service", "pay-prod/api", "production"),
        ({"cluster": "nonprod-1"}, "cluster", "nonprod-1", ""),
        ({"cluster": "pre-prod"}, "cluster", "pre-prod", ""),
        ({"target": "db-7"}, "target", "db-7", ""),
        (
            {"target": {"kind": "instance", "name": "i-1", "tags": [{"Key": "env", "Value": "prod"}]}},
            "instance",
            "i-1",
            "production",
        ),
        ({"account_id": 12, "instance_id": "i-1"}, "instance", "12/i-1", ""),
        ({"service": ["a", "b"], "environment": {"x": 1}}, "none", "", ""),
    ],
)
def test_common_keys_name_the_target(given: dict[str, Any], kind: str, name: str, environment: str) -> None:
    found = target_of(given)
    assert (found.kind, found.name, found.environment) == (kind, name, environment)


@pytest.mark.parametrize(
    ("given", "claimed"),
    [
        ({"environment": "staging"}, "production"),
        ({"environment": "staging", "cluster": "prod-eu"}, None),
        ({"cluster": "prod-eu"}, "staging"),
        ({"environment": "staging", "labels": {"env": "live"}}, None),
    ],
)
def test_it_is_production_where_anything_says_so(given: dict[str, Any], claimed: str | None) -> None:
    assert target_of({"service": "api", **given}, Claims(environment=claimed)).production


def test_the_input_wins_over_a_claim_and_a_claim_over_nothing() -> None:
    assert target_of({"environment": "staging"}, Claims(environment="test")).environment == "staging"
    assert target_of({"service": "api"}, Claims(environment="dev")).environment == "development"


@pytest.mark.parametrize(
    ("given", "protected"),
    [
        ({"tags": ["protected"]}, True),
        ({"tags": {"Protected": "true"}}, True),
        ({"labels": {"opsrail.io/protected": ""}}, True),
        ({"tags": [{"Key": "do-not-touch", "Value": "yes"}]}, True),
        ({"protected": True}, True),
        ({"tags": {"protected": "false"}}, False),
        ({"protected": "maybe", "tags": 7, "labels": [None, 3]}, False),
    ],
)
def test_protected_is_read_from_labels_and_input(given: dict[str, Any], protected: bool) -> None:
    assert target_of(given).protected is protected


def test_a_caller_can_protect_but_not_unprotect() -> None:
    assert target_of({}, Claims(protected=True)).protected
    assert target_of({"tags": ["protected"]}, Claims(protected=False)).protected
