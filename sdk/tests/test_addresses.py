import ipaddress

import pytest

from opsrail_sdk.addresses import objection, url_objection


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "169.254.1.1", "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254", "0.0.0.0", "224.0.0.1"],
)
def test_metadata_and_nonsense_are_refused_always(address: str) -> None:
    assert objection(ipaddress.ip_address(address), allow_private=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "192.168.0.1", "::1", "fd12::1"])
def test_private_addresses_follow_the_setting(address: str) -> None:
    assert objection(ipaddress.ip_address(address), allow_private=True) is None
    assert objection(ipaddress.ip_address(address), allow_private=False)


async def test_a_name_is_judged_by_what_it_resolves_to() -> None:
    assert await url_objection("http://localhost:1", allow_private=True) is None
    assert await url_objection("http://localhost:1", allow_private=False)
    assert await url_objection("http://Metadata.Google.Internal./x", allow_private=True)
    assert await url_objection("unix:///var/run/docker.sock", allow_private=False) is None
