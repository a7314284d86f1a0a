"""Addresses of outside servers, as an operator writes them."""

import pytest

from opsrail.embedded.addresses import External


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("OPSRAIL_DATABASE_URL", "mysql://ada:secret@db/x"),
        ("OPSRAIL_DATABASE_URL", "host=db password=secret"),
        ("OPSRAIL_MIGRATION_URL", "postgres://ada:secret@db/x"),
        ("OPSRAIL_REDIS_URL", "secret@cache:6379"),
        ("OPSRAIL_NATS_URL", "http://secret@bus:4222"),
        ("OPSRAIL_NATS_URL", "nats://one:4222, nats://secret@two:4222"),
        ("OPSRAIL_AGENT_NATS_URL", "nats://secret@bus :4222"),
    ],
)
def test_what_is_no_address_is_named_and_not_repeated(variable: str, url: str) -> None:
    with pytest.raises(ValueError, match=variable) as refused:
        External.from_environment({variable: url})
    assert "secret" not in str(refused.value)


def test_addresses_are_taken_as_they_are() -> None:
    given = {
        "OPSRAIL_DATABASE_URL": "postgresql://ada:pass@one,two/x?target_session_attrs=read-write",
        "OPSRAIL_REDIS_URL": "rediss://:pass@cache/1",
        "OPSRAIL_NATS_URL": "nats://one:4222,tls://two:4222",
        "OPSRAIL_AGENT_NATS_URL": "",
    }
    external = External.from_environment(given)
    assert [external.database_url, external.redis_url, external.nats_url] == list(given.values())[:3]
    assert external.agent_nats_url is None


def test_a_file_that_is_not_there_is_one_line() -> None:
    with pytest.raises(ValueError, match=r"^OPSRAIL_TLS_CA: there is no file /none$"):
        External.from_environment({"OPSRAIL_TLS_CA": "/none"})
